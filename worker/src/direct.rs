//! Commands that need no shell.
//!
//! `bash -c './extract --day 2026-01-01'` does nothing but look the program up and become it, and that takes as long as
//! a short program itself. A command of plain words is therefore executed directly, as bash would. Whatever could mean
//! anything else to bash (a quote, a variable, a pattern, a builtin, a keyword), and whatever does not start, goes
//! through bash, so that meaning and messages are bash's.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What `compgen -b; compgen -k` of bash 5.2 lists, but for `true` and `false`, whose programs do the same, and for
/// what is not a plain word anyway.
const OF_BASH: [&str; 75] = [
    ".",
    ":",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// The words of a command that means the same without a shell.
pub(crate) fn words(command: &str) -> Option<Vec<&str>> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || " -_./:,+%@=".contains(character);
    if !command.chars().all(is_plain) {
        return None;
    }
    let words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).collect();
    let program = words.first()?;
    // `NAME=value program` sets a variable.
    let is_shells = program.contains('=') || OF_BASH.contains(program);
    (!is_shells).then_some(words)
}

/// What bash would execute in the folder `cwd`: the name itself when it has a slash, else the first in `path`.
pub(crate) fn find(program: &str, cwd: &Path, path: &str) -> Option<PathBuf> {
    let may_be_executed = |path: &PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return may_be_executed(&cwd.join(program)).then(|| PathBuf::from(program));
    }
    // An empty or relative folder means something else in each place: bash knows.
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    if folders.iter().any(|folder| folder.is_relative()) {
        return None;
    }
    folders.into_iter().map(|folder| folder.join(program)).find(may_be_executed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_need_no_shell() {
        assert_eq!(
            words("./extract.sh --day=2026-01-01  a/b:c 50%"),
            Some(vec!["./extract.sh", "--day=2026-01-01", "a/b:c", "50%"])
        );
        assert_eq!(words(" true "), Some(vec!["true"]));
    }

    #[test]
    fn what_means_something_to_bash_goes_through_bash() {
        let commands = [
            "",
            "  ",
            "a | b",
            "a; b",
            "a && b",
            "a > f",
            "echo hello",
            "cd /tmp",
            "A=1 a",
            "a $B",
            "a \"b\"",
            "a 'b'",
            "a *",
            "a ~",
            "a [b]",
            "a {b,c}",
            "a # b",
            "a\nb",
            "a\tb",
            "a \\b",
            "! a",
            "time a",
            "exit 7",
            ". a",
            ": a",
            "unset a",
            "a `b`",
            "안녕",
        ];
        for command in commands {
            assert_eq!(words(command), None, "{command}");
        }
    }

    #[test]
    fn a_program_is_found_where_bash_finds_it() {
        assert_eq!(find("sh", Path::new("/"), "/nowhere:/bin"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("sh", Path::new("/"), ":/bin"), None, "an empty folder is the working directory");
        assert_eq!(find("./sh", Path::new("/bin"), ""), Some(PathBuf::from("./sh")));
        assert_eq!(find("no_such_program", Path::new("/"), "/bin"), None);
        assert_eq!(find("./passwd", Path::new("/etc"), ""), None, "not executable");
    }
}
