//! The flags that every command takes.

use std::path::PathBuf;

use clap::Args;

use crate::client::Client;
use crate::credentials;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// Flags of every command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Globals {
    /// Address of the server [default: what `login` or a local standalone left, else `http://127.0.0.1:8080`].
    #[arg(long, global = true, env = "FLOWCTL_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Token for the server [default: what `login` or a local standalone left].
    #[arg(long, global = true, env = "FLOWCTL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// How data is printed [default: table in a terminal, plain otherwise].
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Folder of the settings, the credentials and of a standalone's data [default: ~/.flowctl].
    #[arg(long, global = true, env = "FLOWCTL_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// File of the settings [default: `flowctl.toml` in the home].
    #[arg(long, global = true, env = "FLOWCTL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Globals {
    /// The home; it need not exist.
    pub(crate) fn home(&self) -> anyhow::Result<PathBuf> {
        match (&self.home, std::env::home_dir()) {
            (Some(home), _) => Ok(home.clone()),
            (None, Some(home)) => Ok(home.join(".flowctl")),
            (None, None) => Err(Failure::usage("there is no home directory").hint("name one with --home").into()),
        }
    }

    /// How data is printed.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.output)
    }

    /// A client of the server that flag, environment or credentials name, in this order.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let left = credentials::read(&self.home()?)?;
        // A variable that is set to nothing is as good as none.
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let (server, token) = (given(&self.server), given(&self.token));
        // A token is for the server that gave it.
        let own = left.as_ref().filter(|left| server.as_ref().is_none_or(|server| left.is_for(server)));
        let token = token.or_else(|| own.map(|left| left.token.clone()));
        let server = server.or_else(|| left.map(|left| left.server));
        Client::new(&server.unwrap_or_else(|| credentials::DEFAULT_SERVER.to_owned()), token)
    }
}
