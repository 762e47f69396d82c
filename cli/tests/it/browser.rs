//! The web UI in a real browser, against the real binary.

use serde_json::json;
use store::account::Account;
use store::testing::tester;

use crate::chromium::Chromium;
use crate::system::{PASSWORD, System};

async fn system_with_browser() -> (System, Chromium) {
    let system = System::with_test_database().await;
    let browser = Chromium::logged_in(system.url(), PASSWORD).await;
    (system, browser)
}

/// A command that waits until the test makes the file `name` in the home.
fn wait_for(system: &System, name: &str) -> String {
    format!("while [ ! -e {} ]; do sleep 0.02; done", system.home().join(name).display())
}

fn make(system: &System, name: &str) {
    std::fs::write(system.home().join(name), "").expect("the file that a task waits for");
}

#[tokio::test]
async fn a_login_leads_back_to_the_page_that_was_asked_for() {
    let system = System::with_test_database().await;
    let browser = Chromium::start(system.url()).await;
    browser.open("/import-errors?from=somewhere").await;
    assert_eq!(browser.value("location.pathname").await, "/login");
    browser.log_in("admin", "wrong").await;
    browser.until_text("[role=alert]", "wrong").await;
    assert_eq!(browser.value("document.querySelector('#username').value").await, "admin");
    browser.fill("#password", PASSWORD).await;
    browser.click("form button.primary").await;
    browser.until("the page", "location.href.endsWith('/import-errors?from=somewhere')").await;
    browser.click("form[action='/logout'] button").await;
    browser.until("the login", "location.pathname === '/login'").await;
    browser.open("/").await;
    assert_eq!(browser.value("location.pathname").await, "/login");
    browser.close().await;
}

#[tokio::test]
async fn the_empty_list_says_what_to_do_and_a_new_file_is_listed_by_itself() {
    let (system, browser) = system_with_browser().await;
    browser.until_text("#dags", "Drop a YAML file").await;
    assert!(browser.text("#dags").await.contains(&system.dags().display().to_string()));
    let example = browser.text("#example").await;
    browser.mark().await;
    system.write_dag("hello.yaml", &example);
    browser.until_text("#dag-hello", "@daily").await;
    browser.click("#dag-hello .switch").await;
    browser.until_text("#dag-hello", "paused").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_run_triggered_from_the_form_goes_live_to_success() {
    let (system, browser) = system_with_browser().await;
    let gate = wait_for(&system, "gate");
    let dag = format!(
        "params:\n  city: {{type: string}}\n  n: {{type: integer, default: 1, maximum: 5}}\ntasks:\n  - id: greet\n    \
         bash: '{gate}'\n  - id: after\n    empty: {{}}\n    depends_on: greet\n"
    );
    system.write_dag("greet.yaml", &dag);
    browser.click("#dag-greet .act a").await;
    browser.fill("#p-n", "9").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("[role=alert]", "2 fields").await;
    browser.until_text("#d-n .bad", "maximum of 5").await;
    browser.until_text("#d-city .bad", "required").await;
    browser.fill("#p-n", "5").await;
    browser.fill("#p-city", "서울 🎉").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("#head .badge", "running").await;
    browser.until_text("#task-after", "waits for `greet`").await;
    assert!(browser.text("main").await.contains("서울 🎉"));
    browser.mark().await;
    browser.value("getSelection().selectAllChildren(document.querySelector('h1'))").await;
    make(&system, "gate");
    browser.until_text("#head .badge", "success").await;
    browser.until_text("#task-after .badge", "success").await;
    browser.until("the graph in green", "document.querySelectorAll('#graph a.s-success').length === 2").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    assert_eq!(browser.value("getSelection().toString()").await, json!(browser.text("h1").await));
    browser.close().await;
}

#[tokio::test]
async fn a_failed_task_shows_its_log_and_why_and_runs_again_when_it_is_cleared() {
    let (system, browser) = system_with_browser().await;
    let file = system.home().join("repaired");
    let bash = format!("printf \"\\033[31mcannot\\033[0m <go> on\\\\n\" >&2; test -e {} || exit 3", file.display());
    system.write_dag("fragile.yaml", &format!("tasks:\n  - id: step\n    bash: '{bash}'\n"));
    browser.click("#dag-fragile .act a").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("#head .badge", "failed").await;
    browser.until_text("#task-step", "exit code 3").await;
    browser.click("#task-step a.name").await;
    browser.until_text("#head .note", "exit code 3").await;
    browser.until_text("[data-log] .stderr", "cannot <go> on").await;
    assert_eq!(browser.text("[data-log] .a31").await, "cannot");
    make(&system, "repaired");
    browser.click("#clear").await;
    browser.until_text("#affected", "1 task instance would start over").await;
    browser.click("input[name=only_running]").await;
    browser.until_text("#affected", "Nothing would start over").await;
    browser.click("input[name=only_running]").await;
    browser.until_text("#affected", "1 task instance would start over").await;
    browser.click("#affected button.primary").await;
    browser.until("the task's page", "location.pathname.includes('/tasks/')").await;
    browser.mark().await;
    browser.until_text("#head .badge", "success").await;
    browser.until("a tab for each try", "document.querySelectorAll('.tries a').length === 2").await;
    browser
        .until("the log of the second try", "document.querySelector('[data-log]').dataset.log.includes('try=2')")
        .await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.click(".tries a").await;
    browser.until("the first try", "location.search === '?try=1'").await;
    browser.until_text("[data-log]", "cannot <go> on").await;
    browser.close().await;
}

#[tokio::test]
async fn a_log_is_followed_while_it_grows() {
    let (system, browser) = system_with_browser().await;
    let bash = format!("echo one; {}; echo two; {}", wait_for(&system, "second"), wait_for(&system, "end"));
    system.write_dag("talks.yaml", &format!("tasks:\n  - id: talk\n    bash: '{bash}'\n"));
    browser.click("#dag-talks .act a").await;
    browser.click("form.panel button.primary").await;
    browser.click("#task-talk a.name").await;
    browser.until_text("[data-log]", "one").await;
    assert!(!browser.text("[data-log]").await.contains("two"));
    browser.mark().await;
    make(&system, "second");
    browser.until_text("[data-log]", "two").await;
    browser.until_text("#head .badge", "running").await;
    make(&system, "end");
    browser.until_text("#head .badge", "success").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn an_import_error_shows_the_line_with_a_caret_until_the_file_is_right() {
    let (system, browser) = system_with_browser().await;
    system.write_dag("broken.yaml", "tasks:\n  - id: a\n    bahs: echo\n");
    browser.until_text("#nav .count", "1").await;
    browser.click("#nav a[href='/import-errors']").await;
    browser.until_text("#errors", "unknown key `bahs`").await;
    browser.until_text("#errors", "did you mean `bash`?").await;
    let snippets = browser.value("[...document.querySelectorAll('.snippet')].map(pre => pre.textContent)").await;
    let snippets = snippets.as_array().cloned().unwrap_or_default();
    let has_caret =
        |text: &str| text.contains("3 |     bahs: echo\n") && text.lines().any(|line| line == "  |     ^^^^");
    assert!(snippets.iter().filter_map(|text| text.as_str()).any(has_caret), "{snippets:?}");
    browser.mark().await;
    system.write_dag("broken.yaml", "tasks:\n  - id: a\n    bash: echo\n");
    browser.until_text("#errors", "Every file was read").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_page_goes_on_by_itself_after_the_server_was_killed_and_started_again() {
    let mut system = System::on_test_database().await;
    system.start().await;
    let browser = Chromium::logged_in(system.url(), PASSWORD).await;
    system.write_dag("before.yaml", "tasks:\n  - {id: a, empty: {}}\n");
    browser.until_text("#dags", "before").await;
    browser.mark().await;
    system.keep_address();
    system.kill9();
    browser.until("a sign", "!document.querySelector('[data-offline]').hidden").await;
    browser.until_text("[data-offline]", "no connection").await;
    system.write_dag("after.yaml", "tasks:\n  - {id: a, empty: {}}\n");
    system.start().await;
    browser.until_text("#dags", "after").await;
    browser.until("no sign", "document.querySelector('[data-offline]').hidden").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn a_viewer_sees_everything_and_is_told_why_nothing_can_be_changed() {
    let system = System::with_test_database().await;
    let hash = webserver::doors::hash_password(PASSWORD).expect("a hash");
    let account = Account { username: "vera".to_owned(), password_hash: hash, role: "viewer".to_owned() };
    system.store().await.create_account(&account, &tester()).await.expect("an account");
    system.write_dag("some.yaml", "schedule: '@daily'\nstart_date: 2026-01-01\ntasks:\n  - {id: a, bash: exit 1}\n");
    let browser = Chromium::start(system.url()).await;
    browser.open("/login").await;
    browser.log_in("vera", PASSWORD).await;
    browser.until_text("#dag-some", "@daily").await;
    let is_locked = |css: &str| {
        format!(
            "[...document.querySelectorAll({})].every(button => button.disabled && button.title.includes('viewer'))",
            json!(css)
        )
    };
    browser.until("nothing to press", &is_locked("main button")).await;
    browser.click("#dag-some a.name").await;
    browser.until_text("#runs .badge", "failed").await;
    browser.until("nothing to press", &is_locked("main button")).await;
    browser.click("#runs a.name").await;
    browser.until_text("#task-a .badge", "failed").await;
    browser.until("nothing to press", &is_locked("main form button")).await;
    browser.click("#task-a a.name").await;
    browser.until_text("#head .badge", "failed").await;
    browser.until("nothing to press", &is_locked("main form button")).await;
    browser.open("/dags/some/trigger").await;
    browser.until_text(".status", "403").await;
    browser.until_text("[data-problem]", "vera is a viewer").await;
    browser.close().await;
}

#[tokio::test]
async fn a_run_that_has_not_started_shows_its_tasks_and_what_it_waits_for() {
    let (system, browser) = system_with_browser().await;
    system.write_dag("some.yaml", "is_paused_upon_creation: true\ntasks:\n  - {id: a, bash: echo}\n");
    browser.click("#dag-some .act a").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("#head .badge", "queued").await;
    browser.until_text("#head .note", "paused").await;
    browser.until_text("#task-a .badge", "no status").await;
    browser.until_text("#task-a", "paused").await;
    browser.click("#task-a a.name").await;
    browser.until_text("#head .note", "paused").await;
    browser.open("/dags/some?tab=grid").await;
    browser.until("a cell of the task", "!!document.querySelector('#grid td a.s-none')").await;
    browser.mark().await;
    browser.click("#head .switch").await;
    browser.until("a success", "!!document.querySelector('#grid td a.s-success')").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn the_theme_is_switched_and_remembered() {
    let (_system, browser) = system_with_browser().await;
    let background = "getComputedStyle(document.body).backgroundColor";
    browser.click("[data-theme-toggle]").await;
    assert_eq!(browser.value("document.documentElement.dataset.theme").await, "light");
    let light = browser.value(background).await;
    browser.click("[data-theme-toggle]").await;
    assert_eq!(browser.value("document.documentElement.dataset.theme").await, "dark");
    let dark = browser.value(background).await;
    assert_ne!(light, dark);
    browser.reload().await;
    assert_eq!(browser.value(background).await, dark);
    browser.open("/no-such-page").await;
    assert_eq!(browser.value(background).await, dark);
    browser.close().await;
}

#[tokio::test]
async fn a_button_of_a_question_that_somebody_else_answers_never_becomes_another_questions() {
    let (system, browser) = system_with_browser().await;
    for dag_id in ["first", "second"] {
        system.write_dag(&format!("{dag_id}.yaml"), "tasks:\n  - {id: ask, approve: \"Ship it?\"}\n");
        browser.click(&format!("#dag-{dag_id} .act a")).await;
        browser.click("form.panel button.primary").await;
        browser.until_text("#task-ask .badge", "awaiting").await;
        browser.open("/").await;
    }
    browser.open("/approvals").await;
    browser.until("two questions", "document.querySelectorAll('#approvals form[action*=ask]').length === 4").await;
    browser.mark().await;
    browser
        .value("(window.own = [...document.querySelectorAll('#approvals form[action*=first] button')]).length")
        .await;
    let answered = system.command(&["approvals", "answer", "first", "latest", "ask", "Approve"]).output().unwrap();
    assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));
    browser.until("one question", "document.querySelectorAll('#approvals form[action*=ask]').length === 2").await;
    assert!(browser.is_marked().await, "the page was loaded again");
    let (gone, left) = ("own.every(button => !button.isConnected)", "own.length");
    assert_eq!(browser.value(&format!("[{gone}, {left}]")).await, json!([true, 2]));
    browser.close().await;
}

#[tokio::test]
async fn no_page_shows_an_error_in_the_console_or_breaks_the_content_security_policy() {
    let (system, browser) = system_with_browser().await;
    system.write_dag("bad.yaml", "tasks: 1\n");
    let dag = "doc_md: '# About'\nparams:\n  day: {type: string, format: date, default: '2026-01-01'}\n  full: false\n\
               tasks:\n  - group: g\n    tasks:\n      - {id: a, bash: echo 5}\n  - {id: b, empty: {}, depends_on: g}\n";
    system.write_dag("some.yaml", dag);
    browser.click("#dag-some .act a").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("#head .badge", "success").await;
    let run = browser.value("location.pathname").await.as_str().unwrap_or_default().to_owned();
    let (task, clear) = (format!("{run}/tasks/g.a"), format!("{run}/clear"));
    let pages = [
        ("/", "#dags"),
        ("/dags/some", "#runs"),
        ("/dags/some?tab=graph", "#graph svg"),
        ("/dags/some?tab=grid", "#grid td a"),
        ("/dags/some?tab=details", ".doc h1"),
        ("/dags/some?tab=code", "#L1"),
        ("/dags/some?tab=versions", "main table"),
        ("/dags/some?tab=versions&base=1", "main .panel"),
        ("/dags/some?tab=backfills", "#backfills h2"),
        (&clear, "#affected tbody tr"),
        ("/dags/some/trigger", "#p-day"),
        (&run, "#graph svg"),
        (&task, "[data-log] div"),
        ("/import-errors", ".snippet"),
        ("/dags/missing", "[data-problem]"),
        ("/missing", "[data-problem]"),
        ("/dags/some?offset=many", "[data-problem]"),
    ];
    for (path, element) in pages {
        browser.open(path).await;
        browser
            .until(path, &format!("document.readyState === 'complete' && !!document.querySelector('{element}')"))
            .await;
        assert_eq!(browser.value("document.querySelectorAll('main').length").await, 1, "{path}");
        let is_wide = browser.value("document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(is_wide, false, "{path} is wider than the window");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_task_is_marked_and_disabled_and_past_dates_are_filled_from_the_pages() {
    let (system, browser) = system_with_browser().await;
    system
        .write_dag("daily.yaml", "schedule: '@daily'\nstart_date: 2026-01-01\ntasks:\n  - {id: step, bash: exit 3}\n");
    browser.click("#dag-daily .act a").await;
    browser.click("form.panel button.primary").await;
    browser.until_text("#head .badge", "failed").await;
    browser.click("#task-step a.name").await;
    browser.click("#mark-success button").await;
    browser.confirm().await;
    browser.until_text("#head .badge", "success").await;
    browser.until_text("#head .note", "marked success by admin").await;
    browser.click("#disable button").await;
    browser.confirm().await;
    browser.until_text("#head", "Disabled until further notice by admin").await;

    browser.open("/dags/daily?tab=backfills").await;
    browser.value("document.querySelector('#from_date').value = '2026-01-02T00:00'").await;
    browser.value("document.querySelector('#to_date').value = '2026-01-04T00:00'").await;
    browser.click("form.narrow button.primary").await;
    browser.until_text("#backfills", "completed").await;
    browser.until_text("#backfills", "3 of 3").await;
    browser.close().await;
}
