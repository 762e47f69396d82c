//! A run: the tree that `runs show` draws.

use std::collections::BTreeMap;

use api::TaskInstance;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Span;

use super::table::{self, Cell, Column, Place, fitted, plain, styled};
use super::{Canvas, detail, say};
use crate::commands::runs::Shown;
use crate::commands::runs::tree::{self, Of, Twig, element};
use crate::output::{glyph, moment, span};
use crate::tui::state::Run;
use crate::tui::text::{clean, width};

/// Draws the tree.
pub(super) fn draw(canvas: Canvas<'_>, screen: &Run, buffer: &mut Buffer) {
    let Canvas { theme, parts, .. } = canvas;
    let Some(shown) = &screen.shown else { return say("…", theme, parts.body, buffer) };
    for (line, y) in facts(canvas, shown).iter().zip(parts.facts.top()..parts.facts.bottom()) {
        let room = usize::from(parts.facts.width.saturating_sub(2));
        buffer.set_line(parts.facts.x + 1, y, &fitted(line, room), parts.facts.width);
    }
    if screen.twigs.is_empty() {
        let text = match shown.task_instances.len() {
            0 => "It has no task instances yet.".to_owned(),
            all => format!("None of {all} task instances has this in its id or its state."),
        };
        return say(&text, theme, parts.body, buffer);
    }
    let longest = screen.twigs.iter().map(|twig| width(&twig.label) + group_width(twig, shown)).max();
    let states = shown.task_instances.iter().map(|instance| 2 + tree::state(instance).len()).max().unwrap_or_default();
    let columns = [
        Column { title: "task", natural: longest.unwrap_or_default().max(4), least: 16, rank: 0 },
        Column { title: "state", natural: states.max(11), least: 11, rank: 0 },
        Column { title: "try", natural: 6, least: 6, rank: 2 },
        Column { title: "duration", natural: 8, least: 8, rank: 1 },
        Column { title: "why", natural: usize::from(parts.body.width), least: 12, rank: 3 },
    ];
    let page = usize::from(parts.body.height);
    let rows = screen.twigs.iter().skip(screen.list.top).take(page).map(|twig| row(canvas, shown, twig));
    let selected = screen.list.selected.checked_sub(screen.list.top);
    let place = Place { head: parts.head, body: parts.body, selected };
    table::draw(&columns, rows, place, theme, buffer);
    let lines = screen.instance().map(|instance| about(canvas, screen, instance));
    detail(&lines.unwrap_or_default(), theme, parts.detail, buffer);
}

/// State and times of the run, then what there is to say of it.
fn facts(canvas: Canvas<'_>, shown: &Shown) -> Vec<Vec<Span<'static>>> {
    let Canvas { state, theme, .. } = canvas;
    let run = &shown.dag_run;
    let took = span(tree::run_seconds(run, state.now));
    let rest = format!("  {took} · {} · {}", moment(run.logical_date), clean(&run.run_type));
    let counted: Vec<_> = (0..shown.task_instances.len()).collect();
    let mut first = vec![theme.named_state(&run.state), Span::raw(rest), Span::raw("  ")];
    first.extend(counts(canvas, shown, &counted));
    let remarks = tree::remarks(shown).into_iter().map(|(name, text)| {
        let style = if name == "note" { Style::new() } else { theme.warning() };
        vec![Span::styled(format!("{name}: {}", clean(&text)), style)]
    });
    std::iter::once(first).chain(remarks).collect()
}

/// `3✓ 1✕`: how many task instances are in which state.
fn counts(canvas: Canvas<'_>, shown: &Shown, positions: &[usize]) -> Vec<Span<'static>> {
    let counted = count(shown, positions);
    counted
        .into_iter()
        .map(|(state, count)| Span::styled(format!("{count}{} ", glyph(state)), canvas.theme.state(state)))
        .collect()
}

fn count<'a>(shown: &'a Shown, positions: &[usize]) -> BTreeMap<&'a str, usize> {
    let mut counted = BTreeMap::new();
    for instance in positions.iter().filter_map(|position| shown.task_instances.get(*position)) {
        *counted.entry(tree::state(instance)).or_insert(0) += 1;
    }
    counted
}

/// How much a folded group says beside its name.
fn group_width(twig: &Twig, shown: &Shown) -> usize {
    match &twig.of {
        Of::Group { is_folded: true, below, .. } => {
            2 + count(shown, below).values().map(|count| count.to_string().len() + 2).sum::<usize>()
        }
        Of::Group { .. } | Of::Instance(_) => 0,
    }
}

fn row(canvas: Canvas<'_>, shown: &Shown, twig: &Twig) -> Vec<Cell> {
    let Canvas { state, theme, .. } = canvas;
    let mut label = plain(&twig.label);
    match &twig.of {
        Of::Group { is_folded, below, .. } => {
            if *is_folded {
                label.push(Span::styled("  ", theme.dim()));
                label.extend(counts(canvas, shown, below));
            }
            vec![label]
        }
        Of::Instance(position) => {
            let Some(instance) = shown.task_instances.get(*position) else { return vec![label] };
            let name = tree::state(instance);
            vec![
                label,
                vec![theme.named_state(name)],
                plain(&tree::tries(instance)),
                plain(&span(tree::seconds(instance, state.now))),
                styled(tree::why(&shown.waiting, instance), theme.dim()),
            ]
        }
    }
}

/// What there is to say of a task instance: first of all why it waits.
fn about(canvas: Canvas<'_>, screen: &Run, instance: &TaskInstance) -> Vec<(String, Style)> {
    let theme = canvas.theme;
    let mut lines: Vec<_> = screen.why().map(|why| (why.to_owned(), theme.warning())).into_iter().collect();
    lines.extend(instance.note.iter().map(|note| (format!("note: {note}"), Style::new())));
    let mut words = vec![element(&instance.task_id, instance.map_index)];
    words.extend(instance.operator.clone());
    words.push(format!("pool {}", instance.pool));
    words.extend(instance.start_date.map(|at| format!("started {}", moment(Some(at)))));
    words.extend(instance.end_date.map(|at| format!("ended {}", moment(Some(at)))));
    lines.push((words.join(" · "), theme.dim()));
    lines
}
