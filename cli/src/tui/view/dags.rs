//! The list of DAGs.

use api::{Dag, DagRun};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

use super::table::{self, Cell, Column, Place, plain, styled};
use super::{Canvas, detail, say};
use crate::commands::runs::tree::run_seconds;
use crate::output::{glyph, moment, span};
use crate::tui::ask::RECENT;
use crate::tui::state::Dags;

/// Draws the list.
pub(super) fn draw(canvas: Canvas<'_>, screen: &Dags, buffer: &mut Buffer) {
    let Canvas { state, theme, parts } = canvas;
    let Some(dags) = &screen.dags else { return say("…", theme, parts.body, buffer) };
    if screen.rows.is_empty() {
        let text = match (dags.len(), screen.refused_files) {
            (0, 0) => "There are no DAGs yet: put a DAG file into the DAG folder.".to_owned(),
            (0, refused) => {
                format!("There are no DAGs; {refused} files were refused: `flowctl import-errors list` says why.")
            }
            (all, _) => format!("None of {all} DAGs has this in its id or its tags."),
        };
        return say(&text, theme, parts.body, buffer);
    }
    let kept = || screen.rows.iter().map(|position| &dags[*position]);
    let next: Vec<_> = kept().map(|dag| next_run(dag, state.now)).collect();
    let last: Vec<_> = kept().map(|dag| last_run(screen.recent.get(&dag.dag_id), state.now)).collect();
    let texts: Vec<_> = last.iter().map(|(_, text)| text.as_str()).collect();
    let columns = [
        Column::of("dag", kept().map(|dag| dag.dag_id.as_str()), 16, usize::MAX),
        Column::of("schedule", kept().map(schedule), 9, 28).rank(3),
        Column::of("next run", next.iter().map(String::as_str), 10, 24).rank(1),
        Column { title: "recent", natural: RECENT, least: RECENT, rank: 2 },
        Column::of("last run", texts.iter().copied(), 16, 32),
    ];
    let page = usize::from(parts.body.height);
    let rows = (screen.list.top..screen.rows.len()).take(page).map(|row| {
        let dag = &dags[screen.rows[row]];
        let (run, text) = &last[row];
        let next = if dag.is_paused { styled("paused", theme.state("paused")) } else { plain(&next[row]) };
        let name = if dag.is_paused { styled(&dag.dag_id, theme.dim()) } else { plain(&dag.dag_id) };
        let last = run.map_or_else(|| styled(text, theme.dim()), |run| styled(text, theme.state(&run.state)));
        vec![name, styled(schedule(dag), theme.dim()), next, strip(canvas, screen.recent.get(&dag.dag_id)), last]
    });
    let selected = screen.list.selected.checked_sub(screen.list.top);
    let place = Place { head: parts.head, body: parts.body, selected };
    table::draw(&columns, rows, place, theme, buffer);
    let lines = screen.selected().map(|dag| about(canvas, dag)).unwrap_or_default();
    detail(&lines, theme, parts.detail, buffer);
}

/// What there is to say of a DAG: first of all what keeps it.
fn about(canvas: Canvas<'_>, dag: &Dag) -> Vec<(String, ratatui::style::Style)> {
    let Canvas { theme, .. } = canvas;
    let mut lines = Vec::new();
    if dag.has_import_errors {
        let text = "the newest content of its file was refused, the last good version stays in force: `flowctl import-errors list` says why";
        lines.push((text.to_owned(), theme.error()));
    }
    if dag.is_paused {
        let reason = dag.pause_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        lines.push((format!("paused{reason}: no run of it is created or started; `p` activates it"), theme.warning()));
    }
    if let Some(description) = dag.description.as_deref().filter(|text| !text.is_empty()) {
        lines.push((description.to_owned(), ratatui::style::Style::new()));
    }
    let next = dag.next_dagrun_run_after.filter(|_| !dag.is_paused);
    let when = next.map(|at| format!("next run {}", moment(Some(at)))).into_iter();
    let words = dag.timetable_description.clone().into_iter();
    let tags: Vec<_> = dag.tags.iter().map(|tag| tag.name.as_str()).collect();
    let tags = (!tags.is_empty()).then(|| format!("tags {}", tags.join(", "))).into_iter();
    lines.push((when.chain(words).chain(tags).collect::<Vec<_>>().join(" · "), theme.dim()));
    lines
}

fn schedule(dag: &Dag) -> &str {
    dag.timetable_summary.as_deref().unwrap_or("–")
}

/// `in 3h 05m`.
fn next_run(dag: &Dag, now: Timestamp) -> String {
    let Some(at) = dag.next_dagrun_run_after.filter(|_| !dag.is_paused) else { return "–".to_owned() };
    let seconds = at.duration_since(now).as_secs();
    if seconds <= 0 { "now".to_owned() } else { format!("in {}", whole(seconds)) }
}

/// The newest run, with its state and how long ago that began.
fn last_run(runs: Option<&Vec<DagRun>>, now: Timestamp) -> (Option<&DagRun>, String) {
    let Some(run) = runs.and_then(|runs| runs.first()) else { return (None, "–".to_owned()) };
    let state = format!("{} {}", glyph(&run.state), run.state);
    let since = match run.state.as_str() {
        "running" => run_seconds(run, now).map(|seconds| span(Some(seconds.floor()))),
        _ => run.end_date.or(run.queued_at).map(|at| format!("{} ago", whole(now.duration_since(at).as_secs()))),
    };
    (Some(run), since.map_or_else(|| state.clone(), |since| format!("{state} {since}")))
}

/// As exact as it may be without changing all the time.
fn whole(seconds: i64) -> String {
    match seconds.max(0) {
        short @ 0..60 => format!("{short}s"),
        minutes @ 60..3600 => format!("{}m", minutes / 60),
        #[expect(clippy::cast_precision_loss, reason = "seconds of some years")]
        long => span(Some(long as f64)),
    }
}

/// The signs of the newest runs, the newest at the right.
fn strip(canvas: Canvas<'_>, runs: Option<&Vec<DagRun>>) -> Cell {
    let runs = runs.map(Vec::as_slice).unwrap_or_default();
    let blanks = " ".repeat(RECENT.saturating_sub(runs.len()));
    let signs =
        runs.iter().take(RECENT).rev().map(|run| Span::styled(glyph(&run.state), canvas.theme.state(&run.state)));
    std::iter::once(Span::raw(blanks)).chain(signs).collect()
}
