//! `flowctl tui`, as a person uses it.

use nix::sys::termios::LocalFlags;

use super::Site;
use super::proxy::Proxy;
use super::terminal::Terminal;

/// `wait` runs until the file `go` is there; `load` waits for it.
fn held(site: &Site) -> String {
    let go = site.system.home().join("go").display().to_string();
    format!(
        r#"
tasks:
  - group: 추출
    tasks:
      - {{id: wait, bash: 'printf "\033[2Jwaiting\n"; until [ -e {go} ]; do sleep 0.05; done; echo gone'}}
  - {{id: load, bash: echo loaded, depends_on: 추출}}
"#
    )
}

#[tokio::test]
async fn a_person_triggers_a_run_looks_at_its_tasks_and_a_log_and_leaves() {
    let site = Site::start().await;
    site.dag("held", &held(&site)).await;
    let mut terminal = Terminal::open(site.command(&["tui"]));
    terminal.sees("held").await;
    assert!(!terminal.modes().contains(LocalFlags::ECHO), "keys are not echoed");
    terminal.press("t");
    terminal.sees("Start a run of `held`?").await;
    terminal.press("{\r");
    terminal.sees("the conf is not JSON").await;
    terminal.press("\x7f\r");
    // The run that was started is opened.
    terminal.sees("▸ running").await;
    terminal.sees("└─ load").await;
    terminal.sees("추출.wait").await;
    terminal.press("j\r");
    terminal.sees("waiting").await;
    std::fs::write(site.system.home().join("go"), "").expect("a file");
    terminal.sees("gone").await;
    terminal.press("q");
    terminal.sees("2✓").await;
    // The task, its run, the DAG, all of them.
    terminal.press("qq");
    terminal.sees("LAST RUN").await;
    terminal.sees("✓ success").await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, Some(0), "{}", terminal.text());
    let left = terminal.screen();
    let (screen, modes) = (left.screen(), terminal.modes());
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(), "{}", terminal.text());
    assert!(modes.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG), "{modes:?}");
    assert!(!terminal.text().contains("\u{1b}[2Jwaiting"), "what a task prints is not obeyed");
}

#[tokio::test]
async fn a_server_that_goes_away_is_waited_for_and_a_refused_token_ends_it_with_its_exit_code() {
    let mut site = Site::start().await;
    site.dag("one", "tasks: [{id: only, bash: echo seen}]\n").await;
    let proxy = Proxy::before(site.system.url()).await;
    let token = site.token();
    let mut command = site.command(&["tui", "one"]);
    command.env("FLOWCTL_SERVER", proxy.url()).env("FLOWCTL_TOKEN", &token);
    let mut terminal = Terminal::open(command);
    terminal.sees("It has no run yet").await;
    site.system.kill9();
    terminal.sees("trying again").await;
    site.system.start().await;
    proxy.moved(site.system.url());
    terminal.sees("? keys").await;
    // The standalone left a token of its own; the one that is used here is to be revoked.
    let left = serde_json::json!({ "server": site.system.url(), "token": token });
    std::fs::write(site.system.home().join("client.json"), left.to_string()).expect("credentials");
    assert_eq!(site.run(&["logout"]).code, 0);
    assert_eq!(terminal.ended().await, Some(4), "{}", terminal.text());
    let left = terminal.screen();
    assert!(!left.screen().alternate_screen());
    assert!(left.screen().contents().contains("does not accept the token"), "{}", terminal.text());
}

#[tokio::test]
async fn it_needs_a_terminal_and_a_dag_that_exists() {
    let site = Site::start().await;
    let stderr = site.run(&["tui"]).refused(2);
    assert!(stderr.contains("needs a terminal"), "{stderr}");
    let mut terminal = Terminal::open(site.command(&["tui", "nothing"]));
    assert_eq!(terminal.ended().await, Some(3));
    terminal.sees("no DAG `nothing`").await;
}
