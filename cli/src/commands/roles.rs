//! `flowctl roles`: roles of one's own, and permissions for single DAGs and tags.

use std::process::ExitCode;

use api::{Grant, Role, RoleBody, RoleCollection};
use clap::{Args, Subcommand};
use serde::Serialize;
use webserver::access::Permission;

use crate::globals::Globals;
use crate::output::{Cell, Column};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Roles {
    /// All roles with what they are granted.
    List,
    /// Creates a role that may do nothing yet.
    Create {
        /// Its name.
        role: String,
    },
    /// Deletes a role that no account has.
    Delete {
        /// Its name.
        role: String,
    },
    /// Gives a role a permission for a DAG, for the DAGs of a tag, or for everything.
    Grant(Given),
    /// Takes a permission back.
    Revoke(Given),
    /// All permissions, and the weakest role that has each anyway.
    Permissions,
}

/// A permission and what it is for.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// The role's name.
    role: String,
    /// Such as `dag_run.create`; `flowctl roles permissions` shows all.
    permission: String,
    #[command(flatten)]
    reach: Reach,
}

/// What a permission is for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Reach {
    /// For this DAG.
    #[arg(long, value_name = "DAG")]
    dag: Option<String>,
    /// For the DAGs with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// For everything.
    #[arg(long)]
    everything: bool,
}

impl Given {
    fn grant(&self) -> Grant {
        Grant { permission: self.permission.clone(), dag_id: self.reach.dag.clone(), tag: self.reach.tag.clone() }
    }

    fn words(&self) -> String {
        match (&self.reach.dag, &self.reach.tag) {
            (Some(dag), _) => format!("{} for DAG `{dag}`", self.permission),
            (None, Some(tag)) => format!("{} for DAGs with the tag `{tag}`", self.permission),
            (None, None) => format!("{} for everything", self.permission),
        }
    }
}

const COLUMNS: [Column<Role>; 4] = [
    Column { title: "role", cell: |role| role.name.as_str().into() },
    Column { title: "built in", cell: |role| if role.is_built_in { "yes" } else { "no" }.into() },
    Column { title: "accounts", cell: |role| role.accounts.to_string().into() },
    Column { title: "grants", cell: |role| grants(role) },
];

fn grants(role: &Role) -> Cell {
    let words = role.grants.iter().map(|grant| match (&grant.dag_id, &grant.tag) {
        (Some(dag_id), _) => format!("{} dag={dag_id}", grant.permission),
        (None, Some(tag)) => format!("{} tag={tag}", grant.permission),
        (None, None) => grant.permission.clone(),
    });
    words.collect::<Vec<_>>().join(", ").into()
}

#[derive(Debug, Serialize)]
struct Entry {
    permission: &'static str,
    role: &'static str,
    for_dags: bool,
    allows: &'static str,
}

const PERMISSIONS: [Column<Entry>; 4] = [
    Column { title: "permission", cell: |entry| entry.permission.into() },
    Column { title: "least role", cell: |entry| entry.role.into() },
    Column { title: "for DAGs", cell: |entry| if entry.for_dags { "yes" } else { "no" }.into() },
    Column { title: "allows to", cell: |entry| entry.allows.into() },
];

/// Runs one verb.
pub(super) async fn run(globals: &Globals, verb: Roles) -> anyhow::Result<ExitCode> {
    if matches!(verb, Roles::Permissions) {
        return permissions(globals);
    }
    let client = globals.client()?;
    match verb {
        Roles::Permissions => {}
        Roles::List => {
            let found: RoleCollection = client.get(&["roles"], &[]).await?;
            globals.output().list(&found.roles, &COLUMNS, found.total_entries)?;
        }
        Roles::Create { role } => {
            let made: Role = client.post(&["roles"], &RoleBody { name: role }).await?;
            anstream::eprintln!("the role `{}` is created; it may nothing until it is granted something", made.name);
        }
        Roles::Delete { role } => {
            client.delete(&["roles", &role]).await?;
            anstream::eprintln!("the role `{role}` is deleted");
        }
        Roles::Grant(given) => {
            let _: Grant = client.post(&["roles", &given.role, "grants"], &given.grant()).await?;
            anstream::eprintln!("`{}` has {}", given.role, given.words());
        }
        Roles::Revoke(given) => {
            let Grant { permission, dag_id, tag } = given.grant();
            let mut query = vec![("permission", permission)];
            query.extend(dag_id.map(|dag_id| ("dag_id", dag_id)));
            query.extend(tag.map(|tag| ("tag", tag)));
            client.delete_one(&["roles", &given.role, "grants"], &query).await?;
            anstream::eprintln!("`{}` has no longer {}", given.role, given.words());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn permissions(globals: &Globals) -> anyhow::Result<ExitCode> {
    let entry = |permission: &Permission| Entry {
        permission: permission.as_str(),
        role: permission.least_role().as_str(),
        for_dags: permission.is_of_dags(),
        allows: permission.allows(),
    };
    let entries: Vec<_> = Permission::ALL.iter().map(entry).collect();
    globals.output().list(&entries, &PERMISSIONS, u64::try_from(entries.len()).unwrap_or(u64::MAX))?;
    Ok(ExitCode::SUCCESS)
}
