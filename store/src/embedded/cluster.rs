//! One cluster: created, started, stopped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::binaries::Binaries;
use super::owner::Owner;
use super::server;

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No binaries anywhere.
    #[error(
        "no PostgreSQL 14 or newer is installed: install it (Debian: `apt-get install postgresql`), name its bin \
         directory in FLOWCTL_POSTGRES_BIN, or use a server of yours with FLOWCTL_DATABASE_URL"
    )]
    NoBinaries,
    /// None where they were said to be.
    #[error("FLOWCTL_POSTGRES_BIN is {}, where there is no PostgreSQL 14 or newer", .0.display())]
    BadBinaries(PathBuf),
    /// Root, and nobody to hand the database to.
    #[error("PostgreSQL does not run as root, and there is neither a user `postgres` nor a user `nobody`")]
    NoUser,
    /// A directory cannot be made.
    #[error("{} cannot be prepared: {source}", .directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data directory belongs to another version.
    #[error(
        "the database in {} was made by PostgreSQL {found}, and the one installed here is {installed}: install \
         version {found} or name its bin directory in FLOWCTL_POSTGRES_BIN", .directory.display()
    )]
    OtherVersion {
        /// The data directory.
        directory: PathBuf,
        /// Its version.
        found: String,
        /// Ours.
        installed: u32,
    },
    /// Another flowctl is using the home.
    #[error("another flowctl (process {pid}) is running with the home {}: stop it, or use another --home", .home.display())]
    InUse {
        /// The home.
        home: PathBuf,
        /// Its process id, as it wrote it down.
        pid: String,
    },
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        output: String,
    },
    /// It runs, and refuses.
    #[error("the embedded database refuses: {0}")]
    Refuses(#[from] sqlx::Error),
}

/// Longest path of a Unix socket, with room for PostgreSQL's file name in the directory.
const MAX_SOCKET_DIRECTORY: usize = 107 - "/.s.PGSQL.5432.lock".len();

/// A cluster in a directory of its own: `data`, `socket` and `log` below it.
#[derive(Debug, Clone)]
pub struct Cluster {
    binaries: Binaries,
    owner: Owner,
    base: PathBuf,
    socket: PathBuf,
    /// The socket is not below `base`, whose path is too long for one, but where anybody may write.
    socket_is_outside: bool,
    settings: Vec<String>,
}

impl Cluster {
    /// The cluster below `base`, which need not exist yet. `settings` are `name=value`.
    pub fn new(binaries: Binaries, base: PathBuf, settings: &[&str]) -> Result<Self, ClusterError> {
        let inside = base.join("socket");
        let socket_is_outside = inside.as_os_str().len() > MAX_SOCKET_DIRECTORY;
        let socket = if socket_is_outside {
            std::env::temp_dir().join(format!("flowctl-{}", short_hash(&base)))
        } else {
            inside
        };
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        Ok(Self { binaries, owner: Owner::choose()?, base, socket, socket_is_outside, settings })
    }

    /// Where it is to be when the home cannot be reached by the user that PostgreSQL runs as.
    pub(super) fn base_for(home: &Path) -> Result<PathBuf, ClusterError> {
        let inside = home.join("postgres");
        if Owner::choose()?.may_pass(home) {
            return Ok(inside);
        }
        Ok(Path::new("/var/lib/flowctl").join(short_hash(home)).join("postgres"))
    }

    /// Starts it, creating it first if it is not there; one that already runs (because the flowctl that started it was
    /// killed) is taken over as it is.
    pub fn start(&self) -> Result<(), ClusterError> {
        self.check_version()?;
        self.owner.create_private(&self.base)?;
        if self.socket_is_outside {
            self.owner.create_private_among_strangers(&self.socket)?;
        } else {
            self.owner.create_private(&self.socket)?;
        }
        if !self.exists() {
            self.create()?;
        }
        if server::settle(&self.data(), &self.socket)? {
            return Ok(());
        }
        server::forget(&self.data(), &self.socket)
            .map_err(|source| ClusterError::Directory { directory: self.data(), source })?;
        let mut options = format!("-k {} -c listen_addresses=''", quoted(&self.socket));
        for setting in &self.settings {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let log = self.base.join("log");
        let mut command = self.owner.command(&self.binaries.directory.join("pg_ctl"));
        command.arg("start").arg("-w").arg("-D").arg(self.data()).arg("-l").arg(&log).arg("-o").arg(options);
        // Not through pipes: the server inherits them and would keep them open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if run_status(&mut command)? {
            return Ok(());
        }
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(5).collect();
        let output = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(ClusterError::Program { program: format!("postgres (its log is {})", log.display()), output })
    }

    /// Stops it, letting running statements fail and everything committed be kept.
    pub fn stop(&self) -> Result<(), ClusterError> {
        run(self.pg_ctl("stop").arg("-w").arg("-m").arg("fast"))
    }

    /// Stops it as a crash does: nothing is finished, and the next start recovers from the write-ahead log.
    pub fn stop_at_once(&self) -> Result<(), ClusterError> {
        run(self.pg_ctl("stop").arg("-w").arg("-m").arg("immediate"))
    }

    /// Whether its server runs and takes connections.
    pub fn is_running(&self) -> bool {
        server::is_listening(&self.socket)
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let socket = self.socket.to_string_lossy();
        let encoded: String = socket
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        format!("postgres://flowctl@localhost/{database}?host={encoded}")
    }

    fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    fn exists(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }

    fn check_version(&self) -> Result<(), ClusterError> {
        let Ok(found) = std::fs::read_to_string(self.data().join("PG_VERSION")) else { return Ok(()) };
        let found = found.trim().to_owned();
        if found == self.binaries.major.to_string() {
            return Ok(());
        }
        Err(ClusterError::OtherVersion { directory: self.data(), found, installed: self.binaries.major })
    }

    /// In a directory that gets its name when it is complete, so that a crash in the middle leaves nothing half.
    fn create(&self) -> Result<(), ClusterError> {
        let unfinished = self.base.join("data.unfinished");
        let failed = |source| ClusterError::Directory { directory: self.data(), source };
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(failed)?;
        }
        let mut command = self.owner.command(&self.binaries.directory.join("initdb"));
        command.arg("-D").arg(&unfinished).args(["-U", "flowctl", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        run(&mut command)?;
        std::fs::rename(&unfinished, self.data()).map_err(failed)
    }

    fn pg_ctl(&self, verb: &str) -> Command {
        let mut command = self.owner.command(&self.binaries.directory.join("pg_ctl"));
        command.arg(verb).arg("-D").arg(self.data()).stdin(Stdio::null());
        command
    }
}

fn run(command: &mut Command) -> Result<(), ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ClusterError::Program { program: program.clone(), output: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Err(ClusterError::Program { program, output: text.trim().to_owned() })
}

fn run_status(command: &mut Command) -> Result<bool, ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| ClusterError::Program { program, output: error.to_string() })?;
    Ok(status.success())
}

/// A directory as a value of `unix_socket_directories`, a list with double quotes, in the shell that `pg_ctl` uses.
fn quoted(directory: &Path) -> String {
    let in_list = directory.display().to_string().replace('"', "\"\"");
    format!("'\"{}\"'", in_list.replace('\'', r"'\''"))
}

/// Enough of a hash of a path to tell homes apart in a directory name.
pub(crate) fn short_hash(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let hash = Sha256::digest(path.as_os_str().as_bytes());
    hash.iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
