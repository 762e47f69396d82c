//! Data on stdout: a table for people, tab-separated lines for programs, or the API's own entries as JSON or YAML.

mod cell;
mod table;
mod words;

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

pub(crate) use cell::{Cell, color, glyph, paint};
pub(crate) use table::{Target, table};
pub(crate) use words::{moment, span};

use crate::client::{Client, Collection, Query};

/// How data is printed: columns with a header, the API's entries as JSON or YAML, or one entry a line with tabs between
/// its values and no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // Documented variants would be spelt out in the help of every command.
    Table,
    Json,
    Yaml,
    Plain,
}

/// Which part of a long list.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// How many entries to print.
    #[arg(long, value_name = "N", default_value_t = u64::from(api::DEFAULT_LIMIT), value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// How many entries to pass over first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: u64,
}

impl Page {
    /// That part of a list that is here as a whole.
    pub(crate) fn cut<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        all.iter().skip(at(self.offset)).take(at(self.limit))
    }

    /// Gets that part of a list, and how many entries there are in all.
    pub(crate) async fn of<C: Collection>(
        &self,
        client: &Client,
        path: &[&str],
        query: &Query<'_>,
    ) -> anyhow::Result<(Vec<C::Entry>, u64)> {
        Ok(client.list::<C>(path, query, self.limit, self.offset).await?)
    }
}

/// A column of a listing.
pub(crate) struct Column<T> {
    /// Its header.
    pub(crate) title: &'static str,
    /// An entry's value in it.
    pub(crate) cell: fn(&T) -> Cell,
}

/// Prints data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// In the format that was asked for, or the one that fits stdout.
    pub(crate) fn new(asked: Option<Format>) -> Self {
        let fitting = if std::io::stdout().is_terminal() { Format::Table } else { Format::Plain };
        Self { format: asked.unwrap_or(fitting) }
    }

    /// The format.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Prints a page of a listing, and on stderr how many entries there are in all.
    pub(crate) fn list<T: Serialize>(self, entries: &[T], columns: &[Column<T>], total: u64) -> anyhow::Result<()> {
        let rows = || entries.iter().map(|entry| columns.iter().map(|column| (column.cell)(entry)).collect());
        match self.format {
            Format::Table if entries.is_empty() => {}
            Format::Table => {
                let titles: Vec<_> = columns.iter().map(|column| column.title).collect();
                print(&table(&titles, rows(), Target::Stdout))?;
            }
            Format::Plain => print_plain(rows())?,
            Format::Json | Format::Yaml => self.data(entries)?,
        }
        anstream::eprintln!("{} of {total}", entries.len());
        Ok(())
    }

    /// Prints one entry: names and values.
    pub(crate) fn entry(self, entry: &impl Serialize, fields: &[(&str, Cell)]) -> anyhow::Result<()> {
        let rows = || fields.iter().map(|(name, value)| vec![Cell::from(*name), value.clone()]);
        match self.format {
            Format::Table => print(&table(&[], rows(), Target::Stdout)),
            Format::Plain => print_plain(rows()),
            Format::Json | Format::Yaml => self.data(entry),
        }
    }

    /// Prints anything as JSON, or as YAML if that was asked for.
    pub(crate) fn data(self, data: impl Serialize) -> anyhow::Result<()> {
        match self.format {
            Format::Yaml => print(serde_saphyr::to_string(&data)?.trim_end()),
            Format::Table | Format::Plain | Format::Json => print(&serde_json::to_string_pretty(&data)?),
        }
    }
}

/// Prints a line or several on stdout. Unlike `println!`, a reader that went away (`| head`) is no panic.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stdout().lock(), "{text}")?)
}

/// Prints rows as tab-separated lines.
pub(crate) fn print_plain(rows: impl IntoIterator<Item = Vec<Cell>>) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    for row in rows {
        // One entry is one line, whatever is in it.
        let values: Vec<_> = row.iter().map(|cell| cell.text.replace(['\t', '\n', '\r'], " ")).collect();
        writeln!(out, "{}", values.join("\t"))?;
    }
    Ok(())
}
