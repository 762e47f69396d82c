//! Pools in a file: Airflow's form, an object by name.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use api::{BulkAction, BulkBody, BulkResponse, OnExistence, PoolBody, PoolCollection};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::commands::bulk;
use crate::failure::Failure;
use crate::output::print;

/// A pool in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    slots: i32,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    include_deferred: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
}

/// Writes all pools.
pub(super) async fn export(client: &Client, file: &str) -> anyhow::Result<()> {
    let pools = client.all::<PoolCollection>(&["pools"], &[]).await?;
    let entries: BTreeMap<String, Entry> = pools
        .into_iter()
        .map(|pool| {
            let entry = Entry {
                slots: pool.slots,
                description: pool.description,
                include_deferred: pool.include_deferred,
                rate: pool.rate,
            };
            (pool.name, entry)
        })
        .collect();
    let text = serde_json::to_string_pretty(&entries)?;
    if file == "-" {
        return print(&text);
    }
    std::fs::write(file, text + "\n").with_context(|| format!("{file} cannot be written"))?;
    anstream::eprintln!(
        "{} in {file}",
        if entries.len() == 1 { "1 pool".into() } else { format!("{} pools", entries.len()) }
    );
    Ok(())
}

/// Creates and changes what the file says; pools that it does not name stay as they are.
pub(super) async fn import(client: &Client, file: &str) -> anyhow::Result<ExitCode> {
    let entries = parse(&read(file)?, file)?;
    let entities = entries
        .into_iter()
        .map(|(name, entry)| PoolBody {
            name,
            slots: entry.slots,
            description: entry.description,
            include_deferred: entry.include_deferred,
            team_name: None,
            rate: entry.rate,
        })
        .collect();
    let actions = vec![BulkAction::Create { entities, action_on_existence: OnExistence::Overwrite }];
    let response: BulkResponse = client.patch(&["pools"], &BulkBody { actions }).await?;
    Ok(bulk::told(response.create))
}

fn read(file: &str) -> anyhow::Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("stdin cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{file} cannot be read: {error}")).into())
}

fn parse(text: &str, from: &str) -> anyhow::Result<BTreeMap<String, Entry>> {
    let hint = r#"it looks like {"warehouse": {"slots": 4, "description": "the one database"}}"#;
    serde_json::from_str(text)
        .map_err(|error| Failure::usage(format!("{from} does not hold pools: {error}")).hint(hint).into())
}

#[cfg(test)]
mod tests {
    use super::{Entry, parse};

    #[test]
    fn what_airflow_exported_is_understood() {
        let text = r#"{"warehouse": {"slots": 4, "description": "", "include_deferred": false}, "api": {"slots": -1}}"#;
        let entries = parse(text, "pools.json").unwrap();
        let api = Entry { slots: -1, description: None, include_deferred: false, rate: None };
        assert_eq!((entries.len(), &entries["api"]), (2, &api));
    }

    #[test]
    fn what_is_not_pools_is_refused_with_its_place() {
        let error = parse(r#"{"warehouse": {"slots": "four"}}"#, "pools.json").unwrap_err().to_string();
        assert!(error.starts_with("pools.json does not hold pools: invalid type: string \"four\""), "{error}");
        assert!(error.ends_with("line 1 column 30"), "{error}");
    }
}
