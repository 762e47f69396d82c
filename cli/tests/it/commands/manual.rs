//! What is made from the definitions of the commands.

use std::process::{Command, Stdio};

use super::run;

fn flowctl(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    run(command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()), "").done()
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = flowctl(&["completions", shell]);
        assert!(script.contains("flowctl") && script.contains("import-errors"), "{shell}");
    }
}

#[test]
fn each_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    assert_eq!(flowctl(&["man", "--dir", path]), "");
    for page in ["flowctl.1", "flowctl-dags-trigger.1", "flowctl-runs-show.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).expect(page);
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(flowctl(&["man"]).contains(".TH flowctl 1"));
}

#[test]
fn no_command_lacks_help() {
    let help = flowctl(&["help", "dags", "trigger"]);
    for word in ["--conf", "--logical-date", "--wait", "--logs", "--note", "--run-id", "FLOWCTL_SERVER"] {
        assert!(help.contains(word), "{word}");
    }
    assert!(flowctl(&["help", "runs", "show"]).contains("`latest` or `-` for the newest run"));
}
