//! From an operator to a process about to be spawned.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use model::attempt::{Attempt, Outcome};
use model::operator::{Bash, Branch, Condition, Operator, Python, ShortCircuit};
use model::rendered;
use model::wait::{Event, Sensor};
use serde_json::{Map, Value};
use tokio::process::{Child, Command};

use crate::config::WorkerConfig;
use crate::direct;
use crate::environment::{self, folder};
use crate::masking::Known;
use crate::python::{self, Call};
use crate::render::{CannotRender, Renderer};
use crate::scratch::Scratch;
use crate::values::Values;

/// A command longer than this goes through a file: Linux takes 128 KiB in one argument.
const MAX_ARGUMENT: usize = 100 * 1024;

/// A process about to be spawned.
pub(crate) struct Launch<'a> {
    operation: Operation,
    attempt: &'a Attempt,
    config: &'a WorkerConfig,
    scratch: &'a Scratch,
    env: Vec<(String, String)>,
    /// What its templates became; none when it has none.
    pub(crate) rendered: Option<Map<String, Value>>,
}

/// What an operator comes to.
struct Operation {
    /// The same without the shell that would do nothing but execute it.
    direct: Option<Command>,
    command: Command,
    program: String,
    cwd: PathBuf,
}

/// Why there is no process: in words, and whether trying again may help.
#[derive(Debug)]
pub(crate) struct NotLaunched {
    pub(crate) reason: String,
    pub(crate) may_retry: bool,
}

impl NotLaunched {
    fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_retry: false }
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        Outcome::Failed { reason: self.reason, exit_code: None, may_retry: self.may_retry }
    }
}

impl From<CannotRender> for NotLaunched {
    fn from(error: CannotRender) -> Self {
        Self { may_retry: error.may_retry(), reason: error.to_string() }
    }
}

/// An input/output error of this machine: the disk may have room again, later.
pub(crate) fn passing(what: &str, error: &io::Error) -> NotLaunched {
    NotLaunched { reason: format!("{what}: {error}"), may_retry: true }
}

/// Renders the operator and says what to spawn.
pub(crate) async fn prepare<'a, V: Values>(
    attempt: &'a Attempt,
    values: &V,
    config: &'a WorkerConfig,
    scratch: &'a Scratch,
    known: &Known,
) -> Result<Launch<'a>, NotLaunched> {
    let mut renderer = Renderer::new(attempt, values, known.clone());
    let mut env = Vec::new();
    renderer.env(&mut env, &attempt.dag.env).await?;
    renderer.env(&mut env, &attempt.task().env).await?;
    let operation = match &attempt.task().operator {
        Operator::Bash(bash) => {
            renderer.env(&mut env, &bash.env).await?;
            bash_command(bash, &mut renderer, attempt, scratch, &env).await?
        }
        Operator::Python(python)
        | Operator::Branch(Branch::Python(python))
        | Operator::ShortCircuit(ShortCircuit { condition: Condition::Python(python), .. })
        | Operator::Sensor(Sensor { event: Event::Python(python), .. }) => {
            python_command(python, &mut renderer, attempt, config, scratch).await?
        }
        Operator::Empty
        | Operator::Branch(Branch::Expression(_))
        | Operator::ShortCircuit(ShortCircuit { condition: Condition::Expression(_), .. })
        | Operator::Sensor(_)
        | Operator::TriggerDag(_)
        | Operator::Approve(_)
        | Operator::Notify(_) => {
            return Err(NotLaunched::for_good("this task needs no process: the scheduler itself finishes it"));
        }
    };
    if let Some(problem) = environment::problem(&env) {
        return Err(NotLaunched::for_good(problem));
    }
    renderer.keep("env", rendered::environment(env.iter().cloned()));
    Ok(Launch { operation, attempt, config, scratch, env, rendered: renderer.rendered() })
}

async fn bash_command<V: Values>(
    bash: &Bash,
    renderer: &mut Renderer<'_, V>,
    attempt: &Attempt,
    scratch: &Scratch,
    env: &[(String, String)],
) -> Result<Operation, NotLaunched> {
    let text = renderer.text("bash", &bash.command).await?;
    renderer.keep("bash", text.as_str());
    let cwd = match &bash.cwd {
        Some(cwd) => {
            let cwd = renderer.text("cwd", cwd).await?;
            renderer.keep("cwd", cwd.as_str());
            folder(attempt).join(cwd)
        }
        None => folder(attempt).to_path_buf(),
    };
    if text.contains('\0') {
        return Err(NotLaunched::for_good("the command contains a NUL character"));
    }
    let direct = direct_command(bash, &text, &cwd, env);
    let mut command = Command::new(&bash.shell);
    if text.len() > MAX_ARGUMENT {
        let file = scratch.file("command");
        std::fs::write(&file, text).map_err(|error| passing("the command cannot be written to a file", &error))?;
        command.arg(file);
    } else {
        command.arg("-c").arg(text);
    }
    Ok(Operation { direct, command, program: bash.shell.clone(), cwd })
}

/// The command without bash, when bash would do nothing but execute it.
fn direct_command(bash: &Bash, text: &str, cwd: &Path, env: &[(String, String)]) -> Option<Command> {
    let variable = |name: &str| {
        let own = env.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        own.or_else(|| std::env::var(name).ok())
    };
    // Bash reads a file first when it is told to, and then any word may mean anything.
    if bash.shell != "bash" || variable("BASH_ENV").is_some() {
        return None;
    }
    let words = direct::words(text)?;
    let (name, arguments) = words.split_first()?;
    let mut command = Command::new(direct::find(name, cwd, &variable("PATH")?)?);
    command.arg0(name).args(arguments);
    Some(command)
}

async fn python_command<V: Values>(
    python: &Python,
    renderer: &mut Renderer<'_, V>,
    attempt: &Attempt,
    config: &WorkerConfig,
    scratch: &Scratch,
) -> Result<Operation, NotLaunched> {
    let call = Call {
        target: &python.call,
        args: renderer.list("args", &python.args).await?,
        kwargs: renderer.map("kwargs", &python.kwargs).await?,
    };
    renderer.keep("args", call.args.clone());
    renderer.keep("kwargs", call.kwargs.clone());
    python::write_request(attempt, &call, scratch)
        .map_err(|error| passing("the scratch folder cannot be written", &error))?;
    let runner = python::runner(config).map_err(|error| passing("the Python runner cannot be written", &error))?;
    let interpreter = python.interpreter.clone().unwrap_or_else(|| python::INTERPRETER.to_owned());
    // A relative path means beside the DAG file; a bare name means PATH.
    let program =
        if interpreter.contains('/') { folder(attempt).join(&interpreter) } else { PathBuf::from(&interpreter) };
    let mut command = Command::new(program);
    command.arg(runner).arg(scratch.path());
    Ok(Operation { direct: None, command, program: interpreter, cwd: folder(attempt).to_path_buf() })
}

impl Launch<'_> {
    /// Starts the process.
    pub(crate) fn spawn(self) -> Result<Child, NotLaunched> {
        let Operation { direct, mut command, program, cwd } = self.operation;
        let furnish = |command: &mut Command| {
            environment::set(command, self.attempt, &self.env, self.config, self.scratch);
            if self.attempt.task().operator.name() != "bash" {
                command.env("FLOWCTL_SOCKET", self.scratch.file(crate::questions::SOCKET));
            }
            command.env("PWD", &cwd).current_dir(&cwd).process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        };
        if let Some(mut direct) = direct {
            furnish(&mut direct);
            if let Ok(child) = direct.spawn() {
                return Ok(child);
            }
        }
        furnish(&mut command);
        command.spawn().map_err(|error| explain(&error, &program, &cwd))
    }
}

fn explain(error: &io::Error, program: &str, cwd: &Path) -> NotLaunched {
    let name = cwd.display();
    match error.kind() {
        _ if !cwd.exists() => NotLaunched::for_good(format!("working directory `{name}` does not exist")),
        _ if !cwd.is_dir() => NotLaunched::for_good(format!("working directory `{name}` is not a folder")),
        io::ErrorKind::NotFound => {
            NotLaunched::for_good(format!("`{program}` was not found: is it installed and on PATH?"))
        }
        io::ErrorKind::PermissionDenied => NotLaunched::for_good(format!("`{program}` may not be executed")),
        io::ErrorKind::ArgumentListTooLong => NotLaunched::for_good("the environment is too large for a process"),
        _ => passing(&format!("`{program}` cannot be started"), error),
    }
}
