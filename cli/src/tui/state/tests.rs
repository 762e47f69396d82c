//! What follows from keys, answers and time.

use proptest::prelude::*;
use ratatui::layout::Size;
use serde_json::json;

use super::{Dialog, Effect, Event, Link, Preview, Screen, Ticket};
use crate::client::Error;
use crate::tui::ask::{Answer, Change, Kind, Name, Request, Runs};
use crate::tui::fixtures::{Stage, dag, dag_run, noon, shown, task, tasks, unreachable};
use crate::tui::keys::Key;

fn dags() -> Stage {
    Stage::with_dags(80, 24, vec![dag("etl"), dag("report"), dag("한글")], Vec::new())
}

fn selected(stage: &Stage) -> &str {
    match stage.state.top() {
        Screen::Dags(dags) => dags.selected().map_or("", |dag| &dag.dag_id),
        Screen::Runs(runs) => runs.selected().map_or("", |run| &run.dag_run_id),
        Screen::Run(run) => run.instance().map_or("", |instance| &instance.task_id),
        Screen::Log(_) => "",
    }
}

fn screen(stage: &Stage) -> &'static str {
    match stage.state.top() {
        Screen::Dags(_) => "dags",
        Screen::Runs(_) => "runs",
        Screen::Run(_) => "run",
        Screen::Log(_) => "log",
    }
}

fn name(task_id: &str, map_index: i32) -> Name {
    Name { dag_id: "etl".to_owned(), run_id: "a".to_owned(), task_id: task_id.to_owned(), map_index }
}

fn change(stage: &Stage) -> Option<&Change> {
    match stage.request(Kind::Change) {
        Some(Request::Change(change)) => Some(change),
        _ => None,
    }
}

#[test]
fn the_first_questions_are_asked_before_anything_is_pressed() {
    let stage = Stage::new(80, 24);
    let kinds: Vec<_> = stage.asked.iter().map(|(_, request)| request.kind()).collect();
    assert_eq!(kinds, [Kind::Dags, Kind::Newest]);
}

#[test]
fn a_kind_is_asked_again_a_second_after_its_answer_while_something_is_unfinished_and_later_otherwise() {
    let mut stage = Stage::with_dags(80, 24, vec![dag("etl")], vec![dag_run("etl", "a", "running")]);
    stage.wait(900);
    assert_eq!(stage.asked, []);
    stage.wait(100);
    assert_eq!(stage.request(Kind::Newest), Some(&Request::Newest));
    stage.answer(Answer::Newest { runs: vec![dag_run("etl", "a", "success")], is_all: true });
    stage.wait(2900);
    assert_eq!(stage.request(Kind::Newest), None);
    stage.wait(100);
    assert_eq!(stage.request(Kind::Newest), Some(&Request::Newest));
}

#[test]
fn a_slow_server_is_asked_once_and_then_left_alone_for_twice_as_long_as_it_took() {
    let mut stage = Stage::new(80, 24);
    for _ in 0..20 {
        stage.wait(250);
        stage.press(Key::Down);
    }
    assert_eq!(stage.asked.len(), 2, "asked once, whatever is pressed");
    stage.answer(Answer::Newest { runs: Vec::new(), is_all: true });
    stage.wait(9_900);
    assert_eq!(stage.request(Kind::Newest), None);
    stage.wait(100);
    assert_eq!(stage.request(Kind::Newest), Some(&Request::Newest));
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_changes_nothing() {
    let mut stage = dags();
    stage.press(Key::Enter);
    let (old, _) = stage.asked[0].clone();
    stage.press(Key::Escape);
    let runs = Runs { dag: dag("etl"), runs: vec![dag_run("etl", "a", "failed")], total: 1, waiting: None };
    stage.event(Event::Answer(old, Ok(Answer::Runs(Box::new(runs)))));
    stage.event(Event::Answer(Ticket(999), Err(Error::Forbidden)));
    assert_eq!((screen(&stage), &stage.state.problem), ("dags", &None));
}

#[test]
fn enter_opens_runs_then_tasks_then_the_log_and_escape_goes_back_to_what_was_selected() {
    let mut stage = dags();
    stage.press(Key::Down);
    assert_eq!(selected(&stage), "report");
    stage.press(Key::Enter);
    let asked = Request::Runs { dag_id: "report".to_owned(), limit: 100, waiting: None };
    assert_eq!(stage.request(Kind::Runs), Some(&asked));
    stage.press(Key::Escape);
    assert_eq!((screen(&stage), selected(&stage)), ("dags", "report"));
    assert_eq!(stage.effects, []);
    stage.press(Key::Char('q'));
    assert_eq!(stage.effects, [Effect::Quit]);

    let mut stage = Stage::with_run(80, 24, shown("running", tasks()));
    stage.press(Key::Enter);
    let asked = Request::Log { name: name("start", -1), chosen: None, attempt: None };
    assert_eq!(stage.request(Kind::Log), Some(&asked));
    for left in ["run", "runs", "dags"] {
        stage.press(Key::Escape);
        assert_eq!(screen(&stage), left);
    }
}

#[test]
fn ctrl_c_quits_everywhere_even_while_something_is_typed_or_asked() {
    for keys in ["", "/x", "t", "?"] {
        let mut stage = dags();
        stage.type_text(keys);
        stage.press(Key::Ctrl('c'));
        assert_eq!(stage.effects, [Effect::Quit], "after {keys:?}");
    }
}

#[test]
fn a_filter_keeps_what_has_all_its_words_and_escape_takes_it_away() {
    let mut stage = dags();
    stage.type_text("/REP");
    assert_eq!(selected(&stage), "report");
    stage.type_text(" nothing");
    assert_eq!(selected(&stage), "");
    stage.press(Key::Enter);
    stage.press(Key::Enter);
    assert_eq!(screen(&stage), "dags", "there is nothing to open");
    stage.press(Key::Escape);
    assert_eq!((screen(&stage), selected(&stage)), ("dags", "etl"));
}

#[test]
fn letters_that_are_typed_into_a_filter_do_nothing_else() {
    let mut stage = dags();
    stage.type_text("/pt?qr");
    assert_eq!((screen(&stage), change(&stage)), ("dags", None));
    assert!(stage.state.dialog.is_none() && stage.effects.is_empty());
}

#[test]
fn what_is_selected_stays_selected_when_other_dags_come_and_go() {
    let mut stage = dags();
    stage.press(Key::Down);
    stage.wait(5000);
    stage.answer(Answer::Dags { dags: vec![dag("a"), dag("b"), dag("report")], refused_files: 0 });
    assert_eq!(selected(&stage), "report");
    stage.wait(5000);
    stage.answer(Answer::Dags { dags: vec![dag("a")], refused_files: 0 });
    assert_eq!(selected(&stage), "a");
    stage.wait(5000);
    stage.answer(Answer::Dags { dags: Vec::new(), refused_files: 0 });
    assert_eq!(selected(&stage), "");
}

#[test]
fn a_newer_run_appears_above_the_selected_one_but_who_looks_at_the_newest_goes_on_doing_so() {
    let mut stage = Stage::with_runs(80, 24, vec![dag_run("etl", "b", "running"), dag_run("etl", "a", "success")]);
    let more = |stage: &mut Stage, ids: &[&str]| {
        stage.wait(3000);
        let runs = ids.iter().map(|id| dag_run("etl", id, "running")).collect();
        stage.answer(Answer::Runs(Box::new(Runs { dag: dag("etl"), runs, total: 3, waiting: None })));
    };
    more(&mut stage, &["c", "b", "a"]);
    assert_eq!(selected(&stage), "c");
    stage.press(Key::Down);
    more(&mut stage, &["d", "c", "b"]);
    assert_eq!(selected(&stage), "b");
}

#[test]
fn more_runs_are_asked_for_when_the_last_one_is_near() {
    let runs: Vec<_> = (0..100).map(|number| dag_run("etl", &format!("r{number}"), "success")).collect();
    let mut stage = Stage::with_runs(80, 24, Vec::new());
    stage.wait(3000);
    stage.answer(Answer::Runs(Box::new(Runs { dag: dag("etl"), runs, total: 250, waiting: None })));
    assert_eq!(stage.request(Kind::Runs), None);
    stage.press(Key::End);
    let asked = Request::Runs { dag_id: "etl".to_owned(), limit: 200, waiting: None };
    assert_eq!(stage.request(Kind::Runs), Some(&asked));
}

#[test]
fn a_queued_run_that_is_selected_is_asked_why_it_waits() {
    let mut stage = Stage::with_runs(80, 24, vec![dag_run("etl", "b", "running"), dag_run("etl", "a", "queued")]);
    stage.press(Key::Down);
    let waiting = Some("a".to_owned());
    let asked = Request::Runs { dag_id: "etl".to_owned(), limit: 100, waiting };
    assert_eq!(stage.request(Kind::Runs), Some(&asked));
}

#[test]
fn p_pauses_at_once_and_a_second_change_waits_for_the_first() {
    let mut stage = dags();
    stage.press(Key::Char('p'));
    let pause = Change::Pause { dag_id: "etl".to_owned(), is_paused: true };
    assert_eq!(change(&stage), Some(&pause));
    stage.press(Key::Char('p'));
    assert!(stage.state.notice.as_ref().is_some_and(|notice| notice.is_error));
    stage.changed("`etl` is paused", None);
    assert_eq!(stage.state.notice.as_ref().map(|notice| notice.text.as_str()), Some("`etl` is paused"));
    assert!(stage.request(Kind::Dags).is_some(), "what is shown is asked for at once");
    stage.wait(8000);
    assert_eq!(stage.state.notice, None);
}

#[test]
fn wrong_json_is_told_in_the_dialog_and_nothing_is_triggered() {
    let mut stage = dags();
    stage.type_text("t{day: 1}");
    stage.press(Key::Enter);
    assert_eq!(change(&stage), None);
    let problem = |stage: &Stage| match &stage.state.dialog {
        Some(Dialog::Trigger(trigger)) => trigger.problem.clone().unwrap_or_default(),
        _ => panic!("the dialog is closed"),
    };
    insta::assert_snapshot!(problem(&stage), @"
    the conf is not JSON: key must be a string (line 1, column 2)
      {day: 1}
       ^
    ");
    stage.press(Key::Backspace);
    assert_eq!(problem(&stage), "");
}

#[test]
fn a_run_is_triggered_with_its_conf_and_then_opened() {
    let mut stage = dags();
    stage.type_text("t");
    stage.event(Event::Paste("{\"day\":\n1}".to_owned()));
    stage.press(Key::Enter);
    let conf = json!({"day": 1}).as_object().expect("an object").clone();
    assert_eq!(change(&stage), Some(&Change::Trigger { dag_id: "etl".to_owned(), conf, at: noon() }));
    stage.press(Key::Enter);
    stage.changed("run `m` is triggered", Some("m"));
    let asked = Request::Run { dag_id: "etl".to_owned(), run_id: "m".to_owned() };
    assert_eq!(stage.request(Kind::Run), Some(&asked));
    assert!(stage.state.dialog.is_none());
    stage.press(Key::Escape);
    assert_eq!(screen(&stage), "runs");
}

#[test]
fn what_the_server_has_against_a_conf_is_told_in_the_dialog() {
    let mut stage = dags();
    stage.press(Key::Char('t'));
    stage.press(Key::Enter);
    let detail = "conf.day: null is not of type string".to_owned();
    stage.end(Kind::Change, Err(Error::Refused { status: 400, detail: detail.clone() }));
    match &stage.state.dialog {
        Some(Dialog::Trigger(trigger)) => assert_eq!((&trigger.problem, trigger.is_sent), (&Some(detail), false)),
        _ => panic!("the dialog is closed"),
    }
}

#[test]
fn who_closed_the_dialog_before_the_run_was_there_stays_where_he_is() {
    let mut stage = dags();
    stage.press(Key::Char('t'));
    stage.press(Key::Enter);
    stage.press(Key::Escape);
    stage.changed("run `m` is triggered", Some("m"));
    assert_eq!(screen(&stage), "dags");
}

#[test]
fn a_run_is_cancelled_only_after_a_yes_and_only_while_it_is_unfinished() {
    let mut stage = Stage::with_runs(80, 24, vec![dag_run("etl", "a", "running")]);
    stage.press(Key::Char('x'));
    stage.press(Key::Enter);
    assert_eq!(change(&stage), None, "Enter alone is no yes");
    stage.press(Key::Char('n'));
    assert!(stage.state.dialog.is_none() && change(&stage).is_none());
    stage.type_text("xy");
    assert_eq!(change(&stage), Some(&Change::CancelRun { dag_id: "etl".to_owned(), run_id: "a".to_owned() }));

    let mut stage = Stage::with_runs(80, 24, vec![dag_run("etl", "a", "success")]);
    stage.press(Key::Char('x'));
    assert!(stage.state.dialog.is_none());
    assert_eq!(
        stage.state.notice.as_ref().map(|notice| notice.text.as_str()),
        Some("run `a` has ended: it is success")
    );
}

#[test]
fn a_clear_says_what_would_start_over_before_it_is_confirmed() {
    let mut stage = Stage::with_run(80, 24, shown("failed", tasks()));
    stage.press(Key::Char('c'));
    let clear = Change::ClearTask { name: name("start", -1), is_alone: false };
    assert_eq!(stage.request(Kind::Preview), Some(&Request::Preview(clear.clone())));
    stage.answer(Answer::Preview(vec!["start".to_owned(), "load".to_owned()]));
    match &stage.state.dialog {
        Some(Dialog::Choice(choice)) => {
            assert_eq!(choice.preview, Some(Preview::Known(vec!["start".to_owned(), "load".to_owned()])));
        }
        _ => panic!("the dialog is closed"),
    }
    stage.wait(60_000);
    assert_eq!(stage.request(Kind::Preview), None, "it is asked once");
    stage.press(Key::Char('y'));
    assert_eq!(change(&stage), Some(&clear));
}

#[test]
fn a_task_is_marked_with_the_state_that_is_chosen() {
    let mut stage = Stage::with_run(80, 24, shown("running", tasks()));
    stage.type_text("jjjjmk");
    assert_eq!(change(&stage), Some(&Change::MarkTask { name: name("extract.cities.one", 0), state: "skipped" }));
}

#[test]
fn a_group_is_folded_and_cannot_be_cleared_as_a_whole() {
    let mut stage = Stage::with_run(80, 24, shown("running", tasks()));
    let lines = |stage: &Stage| match stage.state.top() {
        Screen::Run(run) => run.twigs.len(),
        _ => 0,
    };
    assert_eq!(lines(&stage), 7);
    stage.press(Key::Down);
    stage.press(Key::Enter);
    assert_eq!(lines(&stage), 3);
    stage.press(Key::Char('c'));
    assert!(stage.state.dialog.is_none());
    stage.press(Key::Right);
    assert_eq!(lines(&stage), 7);
}

#[test]
fn a_server_that_is_lost_is_told_and_asked_again_until_it_is_back() {
    let mut stage = dags();
    stage.wait(5000);
    stage.end(Kind::Newest, Err(unreachable()));
    let Link::Down { cause, .. } = &stage.state.link else { panic!("it is down") };
    assert_eq!(cause, "no flowctl server at http://flowctl.example.org (Connection refused)");
    assert_eq!(stage.effects, []);
    stage.wait(1000);
    stage.answer(Answer::Newest { runs: Vec::new(), is_all: true });
    assert_eq!(stage.state.link, Link::Up);
}

#[test]
fn a_server_that_never_answered_ends_it_as_it_does_other_commands() {
    let mut stage = Stage::new(80, 24);
    stage.end(Kind::Dags, Err(unreachable()));
    assert_eq!(stage.effects, [Effect::Fail(unreachable())]);
}

#[test]
fn credentials_that_are_refused_end_it_whenever_that_is() {
    let mut stage = dags();
    stage.wait(5000);
    let refused = Error::LoginRequired {
        server: "http://flowctl.example.org".to_owned(),
        had_token: true,
        detail: "expired".to_owned(),
    };
    stage.end(Kind::Dags, Err(refused.clone()));
    assert_eq!(stage.effects, [Effect::Fail(refused)]);
}

#[test]
fn what_is_not_permitted_is_told_and_what_was_seen_stays() {
    let mut stage = dags();
    stage.press(Key::Char('p'));
    stage.end(Kind::Change, Err(Error::Forbidden));
    let notice = stage.state.notice.clone().expect("a message");
    assert_eq!(notice.text, "not permitted: the role of your account does not allow it");
    stage.wait(5000);
    stage.end(Kind::Dags, Err(Error::Forbidden));
    assert_eq!(
        stage.state.problem.as_ref().map(|(_, text)| text.as_str()),
        Some("not permitted: the role of your account does not allow it")
    );
    stage.answer(Answer::Newest { runs: Vec::new(), is_all: true });
    assert!(stage.state.problem.is_some(), "another answer does not take it away");
    assert_eq!((selected(&stage), &stage.effects), ("etl", &Vec::new()));
}

#[test]
fn an_airflow_that_cannot_cancel_says_what_it_can() {
    let mut stage = Stage::with_runs(80, 24, vec![dag_run("etl", "a", "running")]);
    stage.type_text("xy");
    stage.end(Kind::Change, Err(Error::NoOperation { server: "http://airflow".to_owned() }));
    let notice = stage.state.notice.clone().expect("a message");
    assert!(notice.text.ends_with("; `m` marks it, which an Airflow can"), "{}", notice.text);
}

#[test]
fn runs_of_a_dag_that_are_not_among_the_newest_are_asked_for_one_dag_at_a_time() {
    let mut stage = Stage::new(80, 24);
    stage.answer(Answer::Dags { dags: vec![dag("etl"), dag("report")], refused_files: 0 });
    let busy: Vec<_> = (0..8).map(|number| dag_run("etl", &format!("r{number}"), "success")).collect();
    stage.answer(Answer::Newest { runs: busy, is_all: false });
    assert_eq!(stage.request(Kind::Recent), Some(&Request::Recent { dag_id: "report".to_owned() }));
    stage.answer(Answer::Recent { dag_id: "report".to_owned(), runs: vec![dag_run("report", "old", "failed")] });
    assert_eq!(stage.request(Kind::Recent), None);
    stage.wait(30_000);
    assert_eq!(stage.request(Kind::Recent), Some(&Request::Recent { dag_id: "report".to_owned() }));
}

#[test]
fn a_log_grows_at_its_end_until_somebody_scrolls_up() {
    let lines: Vec<_> = (0..50).map(|number| format!("line {number}")).collect();
    let mut stage = Stage::with_log(80, 24, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let top = |stage: &Stage| match stage.state.top() {
        Screen::Log(log) => (log.top, log.lines.len()),
        _ => panic!("no log"),
    };
    assert_eq!(top(&stage), (29, 50));
    stage.log(2, &["more"]);
    assert_eq!(top(&stage), (30, 51));
    stage.press(Key::Up);
    stage.log(2, &["and more"]);
    assert_eq!(top(&stage), (29, 52));
    stage.press(Key::End);
    stage.log(2, &["and more"]);
    assert_eq!(top(&stage), (32, 53));
}

#[test]
fn a_log_that_is_longer_than_one_answer_is_read_on_without_a_pause() {
    let mut stage = Stage::with_log(80, 24, &["a"]);
    assert!(stage.request(Kind::Log).is_some());
    stage.log(2, &[]);
    assert_eq!(stage.request(Kind::Log), None);
    stage.wait(1000);
    assert!(stage.request(Kind::Log).is_some());
}

#[test]
fn a_try_is_chosen_and_the_newest_one_is_followed_by_the_next() {
    let mut stage = Stage::with_log(80, 24, &["second"]);
    stage.press(Key::Char('['));
    let asked = Request::Log { name: name("start", -1), chosen: Some(1), attempt: None };
    assert_eq!(stage.request(Kind::Log), Some(&asked));
    stage.log(1, &["first"]);
    stage.press(Key::Char('['));
    assert_eq!(
        stage.state.notice.as_ref().map(|notice| notice.text.as_str()),
        Some("there is no try before the first")
    );
    stage.press(Key::Char(']'));
    stage.log(2, &["second"]);
    stage.log(3, &["third"]);
    match stage.state.top() {
        Screen::Log(log) => {
            assert_eq!(log.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["third"]);
        }
        _ => panic!("no log"),
    }
}

#[test]
fn elements_of_a_mapped_task_follow_one_another() {
    let elements = vec![task("one", 0, "success"), task("one", 1, "failed"), task("two", -1, "success")];
    let mut stage = Stage::with_run(80, 24, shown("running", elements));
    stage.press(Key::Enter);
    stage.press(Key::Char('}'));
    let asked = Request::Log { name: name("one", 1), chosen: None, attempt: None };
    assert_eq!(stage.request(Kind::Log), Some(&asked));
    stage.press(Key::Char('}'));
    assert_eq!(stage.state.notice.as_ref().map(|notice| notice.text.as_str()), Some("it has 2 elements"));
}

#[test]
fn a_text_is_found_forwards_and_backwards_and_around_the_end() {
    let lines: Vec<_> = (0..100).map(|number| if number % 40 == 10 { "Error here" } else { "fine" }).collect();
    let mut stage = Stage::with_log(80, 24, &lines);
    let found = |stage: &Stage| match stage.state.top() {
        Screen::Log(log) => (log.found, log.found.is_some_and(|line| (log.top..log.top + 21).contains(&line))),
        _ => panic!("no log"),
    };
    stage.type_text("/error");
    assert_eq!(found(&stage), (Some(90), true));
    stage.press(Key::Enter);
    stage.press(Key::Char('n'));
    assert_eq!(found(&stage), (Some(10), true));
    stage.press(Key::Char('n'));
    assert_eq!(found(&stage), (Some(50), true));
    stage.press(Key::Char('N'));
    assert_eq!(found(&stage), (Some(10), true));
    stage.press(Key::Escape);
    assert_eq!((screen(&stage), found(&stage)), ("log", (None, false)));
    stage.type_text("/ERROR");
    assert_eq!(found(&stage), (None, false), "capital letters count when there are any");
}

#[test]
fn what_was_asked_for_a_dialog_that_was_closed_does_not_come_up_in_the_next_one() {
    let mut stage = Stage::with_run(80, 24, shown("failed", tasks()));
    stage.press(Key::Char('c'));
    let (old, _) = stage.asked[0].clone();
    stage.press(Key::Escape);
    stage.press(Key::End);
    stage.press(Key::Char('c'));
    stage.event(Event::Answer(old, Ok(Answer::Preview(vec!["start".to_owned()]))));
    let clear = Change::ClearTask { name: name("load", -1), is_alone: false };
    assert_eq!(stage.request(Kind::Preview), Some(&Request::Preview(clear)));
    match &stage.state.dialog {
        Some(Dialog::Choice(choice)) => assert_eq!(choice.preview, Some(Preview::Asked)),
        _ => panic!("the dialog is closed"),
    }
}

#[test]
fn a_run_that_is_started_leaves_the_dialog_of_another_dag_alone() {
    let mut stage = dags();
    stage.press(Key::Char('t'));
    stage.press(Key::Enter);
    stage.press(Key::Escape);
    stage.press(Key::Down);
    stage.type_text("t{}");
    stage.changed("run `m` is triggered", Some("m"));
    assert_eq!(screen(&stage), "dags");
    match &stage.state.dialog {
        Some(Dialog::Trigger(trigger)) => assert_eq!((trigger.dag_id.as_str(), trigger.conf.value()), ("report", "{}")),
        _ => panic!("the dialog is closed"),
    }
}

#[test]
fn a_dag_whose_runs_are_not_permitted_does_not_keep_others_from_being_asked() {
    let mut stage = Stage::new(80, 24);
    stage.answer(Answer::Dags { dags: vec![dag("a"), dag("b")], refused_files: 0 });
    stage.answer(Answer::Newest { runs: vec![dag_run("c", "r", "success")], is_all: false });
    assert_eq!(stage.request(Kind::Recent), Some(&Request::Recent { dag_id: "a".to_owned() }));
    stage.end(Kind::Recent, Err(Error::Forbidden));
    stage.wait(5000);
    assert_eq!(stage.request(Kind::Recent), Some(&Request::Recent { dag_id: "b".to_owned() }));
    assert_eq!(stage.state.problem, None);
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        "[a-zA-Z/?{}\\[\\] 한]".prop_map(|text| Key::Char(text.chars().next().unwrap_or('j'))),
        prop::sample::select(vec![
            Key::Enter,
            Key::Escape,
            Key::Backspace,
            Key::Delete,
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::PageUp,
            Key::PageDown,
            Key::Home,
            Key::End,
            Key::Ctrl('d'),
            Key::Ctrl('u'),
        ]),
    ]
}

/// An answer to a question, as a server might give it.
fn reply(stage: &mut Stage) {
    let Some((_, request)) = stage.asked.first().cloned() else { return };
    match request {
        Request::Dags => stage.answer(Answer::Dags { dags: vec![dag("etl"), dag("한글")], refused_files: 1 }),
        Request::Newest => stage.answer(Answer::Newest { runs: vec![dag_run("etl", "a", "running")], is_all: false }),
        Request::Recent { dag_id } => stage.answer(Answer::Recent { dag_id, runs: Vec::new() }),
        Request::Runs { .. } => {
            let runs = vec![dag_run("etl", "a", "queued"), dag_run("etl", "b", "failed")];
            stage.answer(Answer::Runs(Box::new(Runs { dag: dag("etl"), runs, total: 2, waiting: None })));
        }
        Request::Run { .. } => stage.answer(Answer::Run(Box::new(shown("running", tasks())))),
        Request::Log { .. } => stage.log(2, &["한글 로그\tline", "\u{1b}[31mred", "x".repeat(300).as_str(), ""]),
        Request::Params { .. } => stage.answer(Answer::Params("day = null".to_owned())),
        Request::Preview(_) => stage.answer(Answer::Preview(vec!["한글".to_owned()])),
        Request::Change(_) => stage.end(Kind::Change, Err(Error::Forbidden)),
    }
}

proptest! {
    #[test]
    fn no_keys_on_no_size_of_terminal_break_it_or_make_two_requests_of_a_kind(
        keys in prop::collection::vec((any_key(), 0..3_u8), 0..60),
        sizes in prop::collection::vec((0..120_u16, 0..40_u16), 1..4),
    ) {
        let (width, height) = sizes[0];
        let mut stage = Stage::new(width, height);
        for (position, (key, replies)) in keys.iter().enumerate() {
            stage.press(*key);
            (0..*replies).for_each(|_| reply(&mut stage));
            if position % 7 == 3 {
                let (width, height) = sizes[position % sizes.len()];
                stage.event(Event::Resize(Size::new(width, height)));
                stage.wait(700);
            }
            crate::tui::view::tests::draw(&stage);
        }
    }
}
