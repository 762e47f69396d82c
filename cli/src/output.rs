//! Data on stdout: a table for people, tab-separated lines for programs, or the API's own entries as JSON or YAML.

use std::io::{IsTerminal, Write};

use anstyle::AnsiColor;
use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use serde::Serialize;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns with a header.
    Table,
    /// The API's entries.
    Json,
    /// The API's entries.
    Yaml,
    /// One entry a line, values separated by tabs, no header.
    Plain,
}

/// Which part of a long list.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// How many entries to print.
    #[arg(long, default_value_t = api::DEFAULT_LIMIT)]
    pub(crate) limit: u32,
    /// How many entries to pass over first.
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: u32,
}

impl Page {
    /// As the API takes it.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        vec![("limit", self.limit.to_string()), ("offset", self.offset.to_string())]
    }
}

/// A value with a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    color: Option<AnsiColor>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), color: None }
    }
}

impl Cell {
    /// A text in the colour of a state.
    pub(crate) fn state(state: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), color: color(state) }
    }
}

/// The colour of a state, a run's, a task instance's or a part's of the deployment.
pub(crate) fn color(state: &str) -> Option<AnsiColor> {
    match state {
        "success" | "healthy" => Some(AnsiColor::Green),
        "failed" | "upstream_failed" | "unhealthy" | "lost" | "cancelled" => Some(AnsiColor::Red),
        "running" | "restarting" => Some(AnsiColor::Cyan),
        "up_for_retry" | "up_for_reschedule" | "paused" => Some(AnsiColor::Yellow),
        "skipped" => Some(AnsiColor::Magenta),
        _ => None,
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
            Format::Table => print_table(&columns.iter().map(|column| column.title).collect::<Vec<_>>(), rows())?,
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
            Format::Table => print_table(&[], rows()),
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

/// `2026-01-31 07:00:00Z`; a dash for none.
pub(crate) fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

fn print_plain(rows: impl Iterator<Item = Vec<Cell>>) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    for row in rows {
        // One entry is one line, whatever is in it.
        let values: Vec<_> = row.iter().map(|cell| cell.text.replace(['\t', '\n', '\r'], " ")).collect();
        writeln!(out, "{}", values.join("\t"))?;
    }
    Ok(())
}

fn print_table(titles: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !titles.is_empty() {
        table.set_header(titles.iter().map(|title| title.to_uppercase()));
    }
    let is_colored = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    table.add_rows(rows.map(|row| row.into_iter().map(|cell| table_cell(cell, is_colored)).collect::<Vec<_>>()));
    print(&table.trim_fmt())
}

fn table_cell(cell: Cell, is_colored: bool) -> comfy_table::Cell {
    use comfy_table::Color;
    let shown = comfy_table::Cell::new(cell.text);
    let Some(color) = cell.color.filter(|_| is_colored) else { return shown };
    shown.fg(match color {
        AnsiColor::Green => Color::Green,
        AnsiColor::Red => Color::Red,
        AnsiColor::Cyan => Color::Cyan,
        AnsiColor::Yellow => Color::Yellow,
        _ => Color::Magenta,
    })
}
