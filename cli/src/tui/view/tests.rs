//! Screens as they look.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};

use super::Theme;
use crate::client::Error;
use crate::tui::ask::{Answer, Kind, Log, Runs};
use crate::tui::fixtures::{Stage, dag, dag_run, paused, shown, task, tasks, unreachable};
use crate::tui::keys::Key;

fn terminal(stage: &Stage, is_colored: bool) -> Terminal<TestBackend> {
    let size = stage.state.size;
    let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).expect("a terminal");
    terminal.draw(|frame| super::draw(&stage.state, Theme { is_colored }, frame)).expect("a frame");
    terminal
}

/// What is on the screen.
pub(in crate::tui) fn draw(stage: &Stage) -> String {
    let terminal = terminal(stage, true);
    let buffer = terminal.backend().buffer();
    let area = buffer.area;
    let mut lines = Vec::new();
    for y in 0..area.height {
        let (mut line, mut x) = (String::new(), 0);
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // What follows a wide character belongs to it.
            x += u16::try_from(crate::tui::text::width(symbol)).unwrap_or(1).max(1);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn dags(width: u16, height: u16) -> Stage {
    let runs = vec![
        dag_run("etl_daily", "e", "running"),
        dag_run("한글_보고서", "d", "failed"),
        dag_run("etl_daily", "c", "failed"),
        dag_run("etl_daily", "b", "success"),
    ];
    let mut broken = dag("with_a_name_that_is_much_longer_than_there_is_room_for_in_a_narrow_terminal");
    broken.has_import_errors = true;
    Stage::with_dags(width, height, vec![dag("etl_daily"), paused("report"), broken, dag("한글_보고서")], runs)
}

#[test]
fn dags_on_an_ordinary_terminal() {
    insta::assert_snapshot!(draw(&dags(80, 24)), @"
     flowctl  DAGs                                       http://flowctl.example.org
     DAG                          SCHEDULE   NEXT RUN    RECENT    LAST RUN
     etl_daily                    0 7 * * *  in 19h 00m       ✓✕▸  ▸ running 2m 00s
     report                       0 7 * * *  paused                –
     with_a_name_that_is_much_l…  0 7 * * *  in 19h 00m            –
     한글_보고서                  0 7 * * *  in 19h 00m         ✕  ✕ failed 59s ago













    ────────────────────────────────────────────────────────────────────────────────
     next run 2026-01-02 07:00:00Z · at 07:00


     ? keys  q quit  Enter runs  t trigger  p pause  / filter
    ");
}

#[test]
fn dags_on_a_small_terminal() {
    let mut stage = dags(60, 15);
    stage.press(Key::Down);
    insta::assert_snapshot!(draw(&stage), @"
     flowctl  DAGs                   http://flowctl.example.org
     DAG                 NEXT RUN    RECENT    LAST RUN
     etl_daily           in 19h 00m       ✓✕▸  ▸ running 2m 00s
     report              paused                –
     with_a_name_that_…  in 19h 00m            –
     한글_보고서         in 19h 00m         ✕  ✕ failed 59s ago





    ────────────────────────────────────────────────────────────
     paused (3 runs failed one after the other): no run of it
     is created or started; `p` activates it …
     ? keys  q quit  Enter runs  t trigger  p pause  / filter
    ");
}

#[test]
fn dags_on_a_wide_terminal() {
    let mut stage = dags(160, 12);
    stage.press(Key::End);
    insta::assert_snapshot!(draw(&stage), @"
     flowctl  DAGs                                                                                                                       http://flowctl.example.org
     DAG                                                                          SCHEDULE   NEXT RUN    RECENT    LAST RUN
     etl_daily                                                                    0 7 * * *  in 19h 00m       ✓✕▸  ▸ running 2m 00s
     report                                                                       0 7 * * *  paused                –
     with_a_name_that_is_much_longer_than_there_is_room_for_in_a_narrow_terminal  0 7 * * *  in 19h 00m            –
     한글_보고서                                                                  0 7 * * *  in 19h 00m         ✕  ✕ failed 59s ago


    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     next run 2026-01-02 07:00:00Z · at 07:00

     ? keys  q quit  Enter runs  t trigger  p pause  / filter
    ");
}

#[test]
fn a_filter_is_typed_in_the_status_line_where_the_cursor_is() {
    let mut stage = dags(60, 12);
    stage.type_text("/etl");
    insta::assert_snapshot!(draw(&stage), @"
     flowctl  DAGs                   http://flowctl.example.org
     DAG        NEXT RUN    RECENT    LAST RUN
     etl_daily  in 19h 00m       ✓✕▸  ▸ running 2m 00s





    ────────────────────────────────────────────────────────────
     next run 2026-01-02 07:00:00Z · at 07:00

     filter: etl
    ");
    let mut terminal = terminal(&stage, true);
    assert_eq!(terminal.get_cursor_position().expect("a cursor"), Position::new(12, 11));
}

#[test]
fn runs_on_an_ordinary_terminal() {
    let runs = vec![
        dag_run("etl", "manual__2026-01-01T00:00:00.123456+00:00", "queued"),
        dag_run("etl", "scheduled__2026-01-01T00:00:00+00:00", "running"),
        dag_run("etl", "한글", "failed"),
    ];
    let mut stage = Stage::with_runs(80, 16, Vec::new());
    stage.wait(3000);
    let waiting = Some((runs[0].dag_run_id.clone(), "`max_active_runs` (1): 1 of its runs is running".to_owned()));
    stage.answer(Answer::Runs(Box::new(Runs { dag: dag("etl"), runs, total: 312, waiting })));
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl                                       http://flowctl.example.org
     next run 2026-01-02 07:00:00Z · 0 7 * * * · 312 runs
     RUN                          STATE      TYPE    LOGICAL DATE          DURATION
     manual__2026-01-01T00:00:0…  … queued   manual  2026-01-01 00:00:00Z  –
     scheduled__2026-01-01T00:0…  ▸ running  manual  2026-01-01 00:00:00Z  2m 03s
     한글                         ✕ failed   manual  2026-01-01 00:00:00Z  1m 01s






    ────────────────────────────────────────────────────────────────────────────────
     `max_active_runs` (1): 1 of its runs is running
     queued 2026-01-01 11:58:00Z · started –
     ? keys  q back  Enter open  t trigger  x cancel  c clear failed  m mark
    ");
}

#[test]
fn a_run_is_the_tree_with_why_each_task_waits() {
    let mut stage = Stage::with_run(80, 24, shown("running", tasks()));
    stage.press(Key::End);
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a                                   http://flowctl.example.org
     ▸ running  2m 00s · 2026-01-01 00:00:00Z · manual  1✕ 1· 1▸ 2✓
     TASK             STATE        TRY     DURATION  WHY
     ├─ start         ✓ success    1 of 2  2.5s
     ├─ extract
     │  ├─ orders     ▸ running    2 of 2  1m 30s
     │  └─ cities
     │     ├─ one[0]  ✓ success    1 of 2  2.5s
     │     └─ one[1]  ✕ failed     1 of 2  2.5s
     └─ load          · none       –       –         it waits for `extract.orders`…









    ────────────────────────────────────────────────────────────────────────────────
     it waits for `extract.orders` (running)
     load · pool default_pool · started 2026-01-01 11:58:30Z

     ? keys  q back  Enter log  c clear  m mark  x cancel run  C clear failed
    ");
}

#[test]
fn a_run_on_a_small_terminal_leaves_out_columns_and_says_the_rest_below() {
    let mut run = shown("running", tasks());
    run.dag_run.note = Some("첫 실행".to_owned());
    let mut stage = Stage::with_run(60, 15, run);
    stage.press(Key::End);
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a               http://flowctl.example.org
     ▸ running  2m 00s · 2026-01-01 00:00:00Z · manual  1✕ 1· …
     note: 첫 실행
     TASK             STATE        TRY     DURATION
     ├─ start         ✓ success    1 of 2  2.5s
     ├─ extract
     │  ├─ orders     ▸ running    2 of 2  1m 30s
     │  └─ cities
     │     ├─ one[0]  ✓ success    1 of 2  2.5s
     │     └─ one[1]  ✕ failed     1 of 2  2.5s
     └─ load          · none       –       –
    ────────────────────────────────────────────────────────────
     it waits for `extract.orders` (running)
     load · pool default_pool · started 2026-01-01 11:58:30Z
     ? keys  q back  Enter log  c clear  m mark  x cancel run
    ");
}

#[test]
fn a_folded_group_says_how_its_tasks_are() {
    let mut stage = Stage::with_run(80, 14, shown("running", tasks()));
    stage.type_text("j ");
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a                                   http://flowctl.example.org
     ▸ running  2m 00s · 2026-01-01 00:00:00Z · manual  1✕ 1· 1▸ 2✓
     TASK                   STATE        TRY     DURATION  WHY
     ├─ start               ✓ success    1 of 2  2.5s
     ├─ extract  1✕ 1▸ 1✓
     └─ load                · none       –       –         it waits for `extract.o…




    ────────────────────────────────────────────────────────────────────────────────


     ? keys  q back  Enter log  c clear  m mark  x cancel run  C clear failed
    ");
}

#[test]
fn a_log_that_is_looked_through() {
    let lines = ["\u{1b}[32mrows\u{1b}[0m of 2026-01-01", "주문\t한글", "Traceback:\n  no such table", "done"];
    let mut stage = Stage::with_log(60, 15, &lines);
    stage.type_text("t/table");
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a › start       http://flowctl.example.org
     ▸ running  try 2 of 2 · 1m 30s · line 1 of 5
    12:00:00 rows of 2026-01-01
    12:00:00 주문    한글
    12:00:00 Traceback:
    12:00:00   no such table
    12:00:00 done







     search: table
    ");
}

#[test]
fn long_lines_are_wrapped_or_looked_at_from_the_side() {
    let mut stage = Stage::with_log(
        30,
        8,
        &["가나다라마바사아자차카타파하가나다라마바", "0123456789012345678901234567890123456789"],
    );
    stage.press(Key::Char('w'));
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a › start
     ▸ running  try 2 of 2 · 1m …
    가나다라마바사아자차카타파하가
    나다라마바
    012345678901234567890123456789
    0123456789

     ? keys  q back  [ ] try
    ");
    stage.press(Key::Char('w'));
    stage.press(Key::Right);
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a › start
     ▸ running  try 2 of 2 · 1m …
    바사아자차카타파하가나다라마바
    012345678901234567890123456789



     ? keys  q back  [ ] try
    ");
}

#[test]
fn a_task_that_was_not_tried_says_why_instead_of_a_log() {
    let mut stage = Stage::with_run(60, 10, shown("running", vec![task("load", -1, "none")]));
    stage.press(Key::Enter);
    let why = "it waits for `extract.orders` (running)".to_owned();
    let log = Log { instance: task("load", -1, "none"), why, attempt: None, added: Vec::new() };
    stage.answer(Answer::Log(Box::new(log)));
    insta::assert_snapshot!(draw(&stage), @"
    flowctl › etl › a › load        http://flowctl.example.org
    · none  it waits for `extract.orders` (running)
    It has not been tried yet: it waits for `extract.orders`
    (running)





    ? keys  q back  [ ] try  { } element  / search  w wrap
    ");
}

#[test]
fn a_trigger_shows_the_params_and_where_the_json_is_wrong() {
    let mut stage = dags(80, 20);
    stage.type_text("t{\"day\" 1}");
    stage.answer(Answer::Params("day = null, top_k = 10".to_owned()));
    stage.press(Key::Enter);
    insta::assert_snapshot!(draw(&stage), @r#"
     flowctl  DAGs                                       http://flowctl.example.org
     DAG                          SCHEDULE   NEXT RUN    RECENT    LAST RUN
     etl_daily                    0 7 * * *  in 19h 00m       ✓✕▸  ▸ running 2m 00s
     report                       0 7 * * *  paused                –
     wit╭ Trigger ─────────────────────────────────────────────────────────────╮
     한 │ Start a run of `etl_daily`?                                          │ago
        │                                                                      │
        │ conf {"day" 1}                                                       │
        │ params: day = null, top_k = 10                                       │
        │                                                                      │
        │ the conf is not JSON: expected `:` (line 1, column 8)                │
        │   {"day" 1}                                                          │
        │          ^                                                           │
        │                                                                      │
        │ Enter start it   Esc no                                              │
        ╰──────────────────────────────────────────────────────────────────────╯
    ────────────────────────────────────────────────────────────────────────────────
     next run 2026-01-02 07:00:00Z · at 07:00

     ? keys  q quit  Enter runs  t trigger  p pause  / filter
    "#);
}

#[test]
fn a_clear_is_confirmed_with_what_would_start_over() {
    let mut stage = Stage::with_run(80, 20, shown("failed", tasks()));
    stage.press(Key::Char('c'));
    stage.answer(Answer::Preview(["start", "extract.orders", "load"].map(str::to_owned).to_vec()));
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a                                   http://flowctl.example.org
     ✕ failed  1m 01s · 2026-01-01 00:00:00Z · manual  1✕ 1· 1▸ 2✓
     TASK             STATE        TRY     DURATION  WHY
     ├─ start         ✓ success    1 of 2  2.5s
     ├─ extract
     │  ╭ Sure? ───────────────────────────────────────────────────────────────╮
     │  │ Let `start` and what follows it start over?                          │
     │  │                                                                      │
     │  │ 3 would start over: start, extract.orders, load                      │
     └─ │                                                                      │s`…
        │   y  clear them                                                      │
        │   o  only it                                                         │
        │   n  no                                                              │
        ╰──────────────────────────────────────────────────────────────────────╯


    ────────────────────────────────────────────────────────────────────────────────
     start · pool default_pool · started 2026-01-01 11:58:30Z

     ? keys  q back  Enter log  c clear  m mark  x cancel run  C clear failed
    ");
}

#[test]
fn the_keys_of_each_screen_are_listed() {
    let mut stage = Stage::with_log(80, 24, &["a"]);
    stage.press(Key::Char('?'));
    insta::assert_snapshot!(draw(&stage), @"
     flowctl › etl › a › start                           http://flowctl.example.org
     ▸ running  try 2 of 2 · 1m 30s · line 1 of 1, following
    a

        ╭ Keys ────────────────────────────────────────────────────────────────╮
        │           [  ]  the try before, the next one                         │
        │           {  }  the element before, the next one                     │
        │           n  N  the next place that was looked for, the one before   │
        │              f  follow the end                                       │
        │           w  t  wrap lines, show times                               │
        │            ← →  to the side                                          │
        │              /  look for a text                                      │
        │       ↑ ↓  k j  one line                                             │
        │      PgUp PgDn  one screen; Ctrl-U and Ctrl-D half of one            │
        │            g G  first and last; also Home and End                    │
        │              r  look again at once                                   │
        │         q  Esc  back; from the DAGs: quit                            │
        │         Ctrl-C  quit                                                 │
        ╰──────────────────────────────────────────────────────────────────────╯




     ? keys  q back  [ ] try  { } element  / search  w wrap  t times  f follow
    ");
}

#[test]
fn the_status_line_says_that_the_server_is_gone_or_slow_or_does_not_permit_it() {
    let status = |stage: &Stage| draw(stage).lines().last().unwrap_or_default().trim().to_owned();
    let mut stage = dags(110, 12);
    stage.wait(5000);
    stage.wait(3000);
    assert_eq!(status(&stage), "the server has not answered for 3 s …");
    stage.end(Kind::Dags, Err(unreachable()));
    insta::assert_snapshot!(status(&stage), @"✕ trying again since 12:00:08Z: no flowctl server at http://flowctl.example.org (Connection refused)");
    stage.end(Kind::Newest, Err(Error::Forbidden));
    insta::assert_snapshot!(status(&stage), @"✕ not permitted: the role of your account does not allow it");
}

#[test]
fn nothing_that_a_terminal_obeys_gets_there_from_names() {
    let mut odd = dag("a\u{1b}[2Jb\u{7}");
    odd.description = Some("\u{1b}]0;title\u{7}text".to_owned());
    let mut run = dag_run(&odd.dag_id, "r", "ru\u{1b}[5mnning");
    run.dag_run_id = "x\u{202e}y".to_owned();
    let mut stage = Stage::with_dags(80, 12, vec![odd], vec![run.clone()]);
    assert!(!draw(&stage).replace('\n', "").contains(char::is_control));
    assert!(draw(&stage).contains(" ab  "), "{}", draw(&stage));
    stage.press(Key::Enter);
    let found = Runs { dag: dag("etl"), runs: vec![run], total: 1, waiting: None };
    stage.answer(Answer::Runs(Box::new(found)));
    assert!(draw(&stage).contains("x\u{fffd}y"), "{}", draw(&stage));
}

#[test]
fn states_have_the_colours_of_other_commands_and_none_where_none_are_wanted() {
    let stage = Stage::with_run(80, 24, shown("running", tasks()));
    let colors = |is_colored| {
        let terminal = terminal(&stage, is_colored);
        let cells = terminal.backend().buffer().content().to_vec();
        move |sign: &str| cells.iter().find(|cell| cell.symbol() == sign).map(|cell| (cell.fg, cell.bg))
    };
    let colored = colors(true);
    assert_eq!(colored("▸"), Some((Color::Cyan, Color::Reset)));
    assert_eq!(colored("✕"), Some((Color::Red, Color::Reset)));
    assert_eq!(colored("✓"), Some((Color::Green, Color::Reset)));
    let plain = terminal(&stage, false);
    let cells = plain.backend().buffer().content();
    assert!(cells.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)), "what is selected is to be seen");
}
