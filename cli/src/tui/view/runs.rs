//! The runs of a DAG.

use api::DagRun;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Span;

use super::table::{self, Column, Place, fitted, plain, styled};
use super::{Canvas, detail, say};
use crate::commands::runs::tree::run_seconds;
use crate::output::{moment, span};
use crate::tui::state::Runs;
use crate::tui::text::clean;

/// Draws the list.
pub(super) fn draw(canvas: Canvas<'_>, screen: &Runs, buffer: &mut Buffer) {
    let Canvas { state, theme, parts } = canvas;
    let facts = fitted(&facts(canvas, screen), usize::from(parts.facts.width.saturating_sub(2)));
    if parts.facts.height > 0 {
        buffer.set_line(parts.facts.x + 1, parts.facts.y, &facts, parts.facts.width);
    }
    let Some(runs) = &screen.runs else { return say("…", theme, parts.body, buffer) };
    if screen.rows.is_empty() {
        let text = match runs.len() {
            0 => "It has no run yet: `t` starts one.".to_owned(),
            all => format!("None of {all} runs has this in its id, its state or its type."),
        };
        return say(&text, theme, parts.body, buffer);
    }
    let kept: Vec<_> = screen.rows.iter().map(|position| &runs[*position]).collect();
    let dates: Vec<_> = kept.iter().map(|run| moment(run.logical_date)).collect();
    let times: Vec<_> = kept.iter().map(|run| span(run_seconds(run, state.now))).collect();
    let columns = [
        Column::of("run", kept.iter().map(|run| run.dag_run_id.as_str()), 16, usize::MAX),
        Column { title: "state", natural: 9, least: 9, rank: 0 },
        Column::of("type", kept.iter().map(|run| run.run_type.as_str()), 9, 16).rank(2),
        Column::of("logical date", dates.iter().map(String::as_str), 20, 20).rank(1),
        Column::of("duration", times.iter().map(String::as_str), 8, 8),
    ];
    let page = usize::from(parts.body.height);
    let rows = (screen.list.top..kept.len()).take(page).map(|row| {
        let run = kept[row];
        vec![
            plain(&run.dag_run_id),
            vec![theme.named_state(&run.state)],
            styled(&run.run_type, theme.dim()),
            plain(&dates[row]),
            plain(&times[row]),
        ]
    });
    let selected = screen.list.selected.checked_sub(screen.list.top);
    let place = Place { head: parts.head, body: parts.body, selected };
    table::draw(&columns, rows, place, theme, buffer);
    let lines = screen.selected().map(|run| about(canvas, screen, run)).unwrap_or_default();
    detail(&lines, theme, parts.detail, buffer);
}

/// What there is to say of the DAG.
fn facts(canvas: Canvas<'_>, screen: &Runs) -> Vec<Span<'static>> {
    let theme = canvas.theme;
    let Some(dag) = &screen.dag else { return Vec::new() };
    let mut spans = Vec::new();
    if dag.is_paused {
        let reason = dag.pause_reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        spans.push(Span::styled(format!("paused{}", clean(&reason)), theme.state("paused")));
    }
    if let Some(at) = dag.next_dagrun_run_after.filter(|_| !dag.is_paused) {
        spans.push(Span::raw(format!("next run {}", moment(Some(at)))));
    }
    let schedule = dag.timetable_summary.as_deref().map_or("no schedule", |schedule| schedule);
    spans.push(Span::styled(clean(schedule).into_owned(), theme.dim()));
    if screen.runs.is_some() {
        let runs = if screen.total == 1 { "1 run".to_owned() } else { format!("{} runs", screen.total) };
        spans.push(Span::styled(runs, theme.dim()));
    }
    let mut joined = Vec::new();
    for span in spans {
        if !joined.is_empty() {
            joined.push(Span::styled(" · ", theme.dim()));
        }
        joined.push(span);
    }
    joined
}

/// What there is to say of a run: first of all why it waits.
fn about(canvas: Canvas<'_>, screen: &Runs, run: &DagRun) -> Vec<(String, Style)> {
    let theme = canvas.theme;
    let mut lines: Vec<_> = screen.why().map(|why| (why.to_owned(), theme.warning())).into_iter().collect();
    lines.extend(run.note.iter().map(|note| (format!("note: {note}"), Style::new())));
    let mut words = vec![format!("queued {}", moment(run.queued_at)), format!("started {}", moment(run.start_date))];
    words.extend(run.end_date.map(|at| format!("ended {}", moment(Some(at)))));
    words.extend(run.triggering_user_name.as_ref().map(|name| format!("by {name}")));
    let conf = run.conf.as_ref().filter(|conf| !conf.is_empty());
    words.extend(conf.and_then(|conf| serde_json::to_string(conf).ok()).map(|conf| format!("conf {conf}")));
    lines.push((words.join(" · "), theme.dim()));
    lines
}
