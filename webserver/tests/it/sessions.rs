//! Sessions of browsers: cookies, forms, headers.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use crate::world::{Answer, ETL, World};

async fn form(world: &World, path: &str, cookie: Option<&str>, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// The cookie of this name that an answer sets, with its attributes.
fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    let mut set = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().expect("a cookie"));
    set.find(|set| set.starts_with(&format!("{name}="))).map(str::to_owned)
}

fn pair(set: &str) -> &str {
    set.split(';').next().expect("a cookie")
}

/// Loads the login form: the cookie that it belongs to, and its token.
async fn login_form(world: &World, headers: &[(&str, &str)]) -> (String, String) {
    let page = world.ask(Method::GET, "/login", None, headers).await;
    let (_, rest) = page.text.split_once("name=\"form_token\" value=\"").expect("a form with its token");
    let cookie = set_cookie(&page, "flowctl_login").expect("a cookie");
    (cookie, rest.split('"').next().expect("a token").to_owned())
}

/// Logs in as a browser does: the cookie, and all attributes of it.
async fn log_in(world: &World, old: Option<&str>, headers: &[(&str, &str)]) -> (String, String) {
    let (cookie, token) = login_form(world, headers).await;
    let cookies = format!("{}; {}", pair(&cookie), old.unwrap_or("a=b"));
    let body = format!("username=admin&password=secret&form_token={token}");
    let answer = form(world, "/login", Some(&cookies), &body, headers).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(set_cookie(&answer, "flowctl_login").expect("a cookie").contains("Max-Age=0"), "of one login");
    let set = set_cookie(&answer, "flowctl_session").expect("a session");
    (pair(&set).to_owned(), set)
}

/// The token of the forms of a page.
async fn form_token(world: &World, cookie: &str) -> String {
    let page = world.ask(Method::GET, "/tokens", None, &[("cookie", cookie)]).await;
    let (_, rest) = page.text.split_once("name=\"form_token\" value=\"").expect("a form with its token");
    rest.split('"').next().expect("a token").to_owned()
}

#[tokio::test]
async fn a_cookie_is_for_this_site_only_and_over_https_where_that_is_used() {
    let world = World::create().await;
    let (_, set) = log_in(&world, None, &[]).await;
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Secure"), "{set}");
    let https = [("x-forwarded-proto", "https")];
    let (_, set) = log_in(&world, None, &https).await;
    assert!(set.contains("Secure"), "{set}");
    let (set, _) = login_form(&world, &https).await;
    assert!(["HttpOnly", "SameSite=Lax", "Secure", "Path=/login"].iter().all(|part| set.contains(part)), "{set}");
}

#[tokio::test]
async fn a_login_form_that_this_browser_did_not_load_is_refused_and_shown_again() {
    let world = World::create().await;
    let ((mine, _), (_, foreign)) = (login_form(&world, &[]).await, login_form(&world, &[]).await);
    for (cookie, token) in [(None, ""), (Some(pair(&mine)), ""), (Some(pair(&mine)), &*foreign), (None, &*foreign)] {
        let body = format!("username=admin&password=secret&next=/pools&form_token={token}");
        let answer = form(&world, "/login", cookie, &body, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{cookie:?} {token}");
        assert!(set_cookie(&answer, "flowctl_session").is_none());
        for part in ["this one keeps no cookies", "value=\"admin\"", "value=\"/pools\""] {
            assert!(answer.text.contains(part), "{part} in {}", answer.text);
        }
        // The browser that has a form's cookie keeps it: another tab may show the form too.
        assert_eq!(set_cookie(&answer, "flowctl_login").is_none(), cookie.is_some());
    }
}

#[tokio::test]
async fn a_login_begins_a_new_session_and_ends_the_one_before() {
    let world = World::create().await;
    let (old, _) = log_in(&world, None, &[]).await;
    let (new, _) = log_in(&world, Some(&old), &[]).await;
    assert_ne!(old, new);
    let page = async |cookie: &str| world.ask(Method::GET, "/pools", None, &[("cookie", cookie)]).await.status;
    assert_eq!((page(&old).await, page(&new).await), (StatusCode::SEE_OTHER, StatusCode::OK));
}

#[tokio::test]
async fn a_form_without_the_token_of_its_session_is_refused_and_changes_nothing() {
    let world = World::create().await;
    world.dag(ETL).await;
    let ((mine, _), (other, _)) = (log_in(&world, None, &[]).await, log_in(&world, None, &[]).await);
    let (token, foreign) = (form_token(&world, &mine).await, form_token(&world, &other).await);
    for body in ["is_paused=true".to_owned(), format!("is_paused=true&form_token={foreign}")] {
        let answer = form(&world, "/dags/etl/pause", Some(&mine), &body, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("This form is not of your session"), "{}", answer.text);
        assert_eq!(world.get("/dags/etl").await.expect(200)["is_paused"], false);
    }
    let body = format!("is_paused=true&form_token={token}");
    assert_eq!(form(&world, "/dags/etl/pause", Some(&mine), &body, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.get("/dags/etl").await.expect(200)["is_paused"], true);
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_whatever_it_carries() {
    let world = World::create().await;
    let (cookie, _) = log_in(&world, None, &[]).await;
    let body = format!("form_token={}", form_token(&world, &cookie).await);
    let from = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    assert_eq!(form(&world, "/logout", Some(&cookie), &body, &from).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_form_that_changes_something_carries_the_token() {
    let templates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).expect("the templates");
    for template in templates {
        let path = template.expect("a template").path();
        let text = std::fs::read_to_string(&path).expect("a template");
        for (place, _) in text.match_indices("method=\"post\"") {
            let rest = &text[place..];
            let after = &rest[rest.find('>').expect("the end of the tag") + 1..];
            let has_token =
                ["{{ shell.form_token()|safe }}", "{{ form_token|safe }}"].iter().any(|token| after.starts_with(token));
            assert!(has_token, "{}: {after:.60}", path.display());
        }
        assert!(
            !text.contains("onclick=") && !text.contains("style=\"") && !text.contains("<style"),
            "{}",
            path.display()
        );
        assert!(
            !text.replace("<script src=", "").replace("<script type=\"module\" src=", "").contains("<script"),
            "{}",
            path.display()
        );
    }
}

#[tokio::test]
async fn logging_out_everywhere_ends_sessions_and_logins_but_no_personal_token() {
    let world = World::create().await;
    let ((one, _), (two, _)) = (log_in(&world, None, &[]).await, log_in(&world, None, &[]).await);
    let made = world.post("/tokens", serde_json::json!({"name": "ci"})).await.expect(201);
    let body = format!("form_token={}", form_token(&world, &one).await);
    assert_eq!(form(&world, "/logout/everywhere", Some(&one), &body, &[]).await.status, StatusCode::SEE_OTHER);
    for cookie in [&one, &two] {
        let page = world.ask(Method::GET, "/pools", None, &[("cookie", cookie)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
    }
    world.get("/dags").await.refused(401);
    let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
    world.ask(Method::GET, "/api/v2/dags", None, &[("authorization", &bearer)]).await.expect(200);
}

#[tokio::test]
async fn a_new_token_is_shown_once() {
    let world = World::create().await;
    let (cookie, _) = log_in(&world, None, &[]).await;
    let body = format!("name=ci&role=viewer&days=3&form_token={}", form_token(&world, &cookie).await);
    let made = form(&world, "/tokens", Some(&cookie), &body, &[]).await;
    let (_, rest) = made.text.split_once("data-made>").expect("the token");
    let token = rest.split('<').next().expect("the token").to_owned();
    assert_eq!(made.headers["cache-control"], "no-store");
    let page = world.ask(Method::GET, "/tokens", None, &[("cookie", &cookie)]).await;
    assert!(page.text.contains(">ci<") && !page.text.contains(&token), "{}", page.text);
    let bearer = format!("Bearer {token}");
    world.ask(Method::GET, "/api/v2/dags", None, &[("authorization", &bearer)]).await.expect(200);
}

#[tokio::test]
async fn pages_and_api_say_what_a_browser_may_do_with_them() {
    let world = World::create().await;
    for path in ["/login", "/docs", "/api/v2/version", "/nothing"] {
        let answer = world.ask(Method::GET, path, None, &[]).await;
        let header = |name: &str| answer.headers[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(
            (header("x-content-type-options").as_str(), header("referrer-policy").as_str()),
            ("nosniff", "same-origin")
        );
    }
}

#[tokio::test]
async fn admins_manage_accounts_on_a_page_and_the_last_admin_stays() {
    let world = World::create().await;
    let (admin, _) = log_in(&world, None, &[]).await;
    let made = world.submit("/users", &admin, "username=ada&role=viewer").await;
    let (_, rest) = made.text.split_once("data-made>").expect("the password");
    let password = rest.split('<').next().expect("the password").to_owned();
    let ada = async |password: &str| {
        let body = serde_json::json!({"username": "ada", "password": password});
        world.ask(Method::POST, "/auth/token", Some(body), &[]).await.status
    };
    assert_eq!(ada(&password).await, StatusCode::CREATED);
    assert_eq!(world.submit("/users/ada/role", &admin, "role=op").await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.submit("/users/ada/role", &admin, "role=nothing").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.submit("/users/ada/disabled", &admin, "is_disabled=true").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ada(&password).await, StatusCode::UNAUTHORIZED);
    let page = world.ask(Method::GET, "/users", None, &[("cookie", &admin)]).await;
    assert!(page.text.contains("disabled</span>") && !page.text.contains(&password), "{}", page.text);
    for (path, fields) in [("role", "role=viewer"), ("disabled", "is_disabled=true"), ("delete", "a=b")] {
        let refused = world.submit(&format!("/users/admin/{path}"), &admin, fields).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{path}");
        assert!(refused.text.contains("is the only administrator"), "{}", refused.text);
    }
    assert_eq!(world.submit("/users/ada/delete", &admin, "a=b").await.status, StatusCode::SEE_OTHER);
}
