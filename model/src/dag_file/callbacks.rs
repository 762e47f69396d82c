//! Notify blocks, wherever they stand, and `deadline`.

use super::keys;
use super::node::{Key, Node, Value};
use super::operator::entries;
use super::problems::{Problems, did_you_mean};
use super::read;
use super::templates::Templates;
use crate::callback::{Callbacks, Deadline, Email, Notify, Since, Slack, Target, Webhook};

/// What HTTP has for a message.
const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "GET", "DELETE"];
/// The connection of a Slack block that names none (Airflow's default).
const SLACK_CONNECTION: &str = "slackwebhook_default";

/// What a block's templates are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Something that happened to a task.
    Task,
    /// Something that happened to a run as a whole.
    Run,
    /// Nothing: it is a task itself.
    Itself,
}

/// A block or a list of them.
pub(super) fn notifies(
    node: &Node,
    what: &str,
    about: About,
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Vec<Notify> {
    let nodes: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        _ => vec![node],
    };
    nodes.into_iter().filter_map(|node| notify(node, what, about, templates, problems)).collect()
}

/// One block.
pub(super) fn notify(
    node: &Node,
    what: &str,
    about: About,
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Notify> {
    let Value::Mapping(own) = &node.value else {
        let expected = "a message such as `{slack: {text: \"…\"}}`, `{webhook: …}` or `{email: …}`";
        problems.wrong_kind(node, what, expected);
        return None;
    };
    let mut block = Block { about, templates, problems };
    let mut read: Vec<(&Key, Option<Notify>)> = Vec::new();
    for (key, node) in own {
        if read::is_to_be_read(key, node, keys::NOTIFY, &format!("`{what}`"), block.problems) {
            read.push((key, block.channel(&key.name, node)));
        }
    }
    if let Some((second, _)) = read.get(1) {
        let message = format!("`{}` and `{}` are two messages; write a list of two", read[0].0.name, second.name);
        problems.error(second.at, message);
    }
    if own.is_empty() {
        problems.error(node.at, format!("`{what}` says nothing: it lacks its `slack`, `webhook` or `email`"));
    }
    read.into_iter().next().and_then(|(_, notify)| notify)
}

struct Block<'b, 'l> {
    about: About,
    templates: &'b mut Templates<'l>,
    problems: &'b mut Problems,
}

impl Block<'_, '_> {
    fn channel(&mut self, name: &str, node: &Node) -> Option<Notify> {
        match name {
            "slack" => self.slack(node).map(Notify::Slack),
            "webhook" => self.webhook(node).map(Notify::Webhook),
            _ => self.email(node).map(Notify::Email),
        }
    }

    fn check(&mut self, node: &Node) {
        self.templates.check_message(node, self.about, self.problems);
    }

    /// A template that is not empty.
    fn filled(&mut self, node: &Node, what: &str) -> Option<String> {
        self.check(node);
        let text = read::text(node, what, self.problems)?;
        if text.trim().is_empty() {
            self.problems.error(node.at, format!("`{what}` is empty"));
            return None;
        }
        Some(text)
    }

    fn url(&mut self, node: &Node) -> Option<Target> {
        let url = self.filled(node, "url")?;
        if !url.starts_with("http://") && !url.starts_with("https://") && !url.starts_with('{') {
            let message = format!("`{url}` is no address; it begins with `http://` or `https://`");
            self.problems.error(node.at, message);
        }
        Some(Target::Url(url))
    }

    fn connection(&mut self, node: &Node) -> Option<Target> {
        self.filled(node, "conn_id").map(Target::Connection)
    }

    /// One of two keys, not both.
    fn only_one(&mut self, given: &mut Option<Target>, key: &Key, target: Option<Target>) {
        if given.is_some() {
            self.problems.error(key.at, "it goes to a `url` or to that of a `conn_id`, not to both");
        }
        *given = target;
    }

    fn slack(&mut self, node: &Node) -> Option<Slack> {
        let (mut to, mut text) = (None, None);
        for (key, node) in entries(node, "text", &[], self.problems)? {
            if !read::is_to_be_read(&key, node, keys::SLACK, "`slack`", self.problems) {
                continue;
            }
            match key.name.as_str() {
                "url" => {
                    let url = self.url(node);
                    self.only_one(&mut to, &key, url);
                }
                "conn_id" => {
                    let connection = self.connection(node);
                    self.only_one(&mut to, &key, connection);
                }
                _ => text = self.filled(node, "text"),
            }
        }
        if self.about == About::Itself && text.is_none() {
            self.problems.error(node.at, "`slack` lacks its `text`");
        }
        Some(Slack { to: to.unwrap_or_else(|| Target::Connection(SLACK_CONNECTION.to_owned())), text })
    }

    fn webhook(&mut self, node: &Node) -> Option<Webhook> {
        let mut to = None;
        let mut webhook = Webhook {
            to: Target::Url(String::new()),
            method: "POST".to_owned(),
            headers: indexmap::IndexMap::new(),
            json: None,
            body: None,
        };
        let mut has_said = None;
        for (key, node) in entries(node, "url", &[], self.problems)? {
            if !read::is_to_be_read(&key, node, keys::WEBHOOK, "`webhook`", self.problems) {
                continue;
            }
            if matches!(key.name.as_str(), "json" | "body") && has_said.replace(key.at).is_some() {
                self.problems.error(key.at, "`webhook` sends a `json` or a `body`, not both");
            }
            match key.name.as_str() {
                "url" => {
                    let url = self.url(node);
                    self.only_one(&mut to, &key, url);
                }
                "conn_id" => {
                    let connection = self.connection(node);
                    self.only_one(&mut to, &key, connection);
                }
                "method" => webhook.method = self.method(node)?,
                "headers" => {
                    self.check(node);
                    webhook.headers = read::environment(node, "headers", self.problems);
                }
                "json" => {
                    self.check(node);
                    webhook.json = Some(node.to_json());
                }
                _ => {
                    self.check(node);
                    webhook.body = read::text(node, "body", self.problems);
                }
            }
        }
        let Some(to) = to else {
            self.problems.error(node.at, "`webhook` lacks its `url`, or a `conn_id` whose address it is");
            return None;
        };
        Some(Webhook { to, ..webhook })
    }

    fn method(&mut self, node: &Node) -> Option<String> {
        let method = read::text(node, "method", self.problems)?.to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            let message = format!("`{method}` is not a method; use one of {}", listed(&METHODS));
            self.problems.error(node.at, message);
        }
        Some(method)
    }

    fn email(&mut self, node: &Node) -> Option<Email> {
        let mut email = Email { to: Vec::new(), cc: Vec::new(), subject: None, body: None, html: false };
        // `email: [a@example.com, b@example.com]`
        if let Value::List(_) = &node.value {
            email.to = self.addresses(node, "email");
            return Some(email);
        }
        for (key, node) in entries(node, "to", &[], self.problems)? {
            if !read::is_to_be_read(&key, node, keys::EMAIL, "`email`", self.problems) {
                continue;
            }
            match key.name.as_str() {
                "to" => email.to = self.addresses(node, "to"),
                "cc" => email.cc = self.addresses(node, "cc"),
                "subject" => email.subject = self.filled(node, "subject"),
                "html" => email.html = read::flag(node, "html", self.problems).unwrap_or(false),
                _ => email.body = self.filled(node, "body"),
            }
        }
        if email.to.is_empty() {
            self.problems.error(node.at, "`email` lacks whom it goes `to`");
        }
        if self.about == About::Itself && email.body.is_none() {
            self.problems.error(node.at, "`email` lacks its `body`");
        }
        Some(email)
    }

    fn addresses(&mut self, node: &Node, what: &str) -> Vec<String> {
        self.check(node);
        let mut addresses = Vec::new();
        for (address, node) in read::texts(node, what, self.problems) {
            let is_address = |address: &str| {
                let mut parts = address.trim().trim_end_matches('>').rsplitn(2, '@');
                let domain = parts.next().unwrap_or_default();
                parts.next().is_some_and(|user| !user.is_empty()) && !domain.is_empty() && !domain.contains(' ')
            };
            if !address.contains('{') && !address.split([',', ';']).all(is_address) {
                self.problems.error(node.at, format!("`{address}` is not an e-mail address"));
            }
            addresses.push(address);
        }
        addresses
    }
}

/// `deadline`.
pub(super) fn deadline(
    node: &Node,
    about: About,
    templates: &mut Templates<'_>,
    problems: &mut Problems,
) -> Option<Deadline> {
    let (mut after, mut by, mut then) = (None, None, Vec::new());
    let (mut has_after, mut has_by) = (false, false);
    let Value::Mapping(own) = &node.value else {
        problems.wrong_kind(node, "deadline", "a mapping such as `{after: start, by: 30m, then: […]}`");
        return None;
    };
    for (key, node) in own {
        if !read::is_to_be_read(key, node, keys::DEADLINE, "`deadline`", problems) {
            continue;
        }
        match key.name.as_str() {
            "after" => {
                has_after = true;
                after = since(node, problems);
            }
            "by" => {
                has_by = true;
                by = read::duration(node, "by", problems);
                if by.is_some_and(crate::duration::Duration::is_zero) {
                    problems.error(node.at, "`by` must be longer than nothing");
                }
            }
            _ => then = notifies(node, "then", about, templates, problems),
        }
    }
    if !has_after {
        problems.error(node.at, "`deadline` lacks `after`: `logical_date`, `queued_at` or `start`");
    }
    if !has_by {
        problems.error(node.at, "`deadline` lacks `by`: how long after that, for instance `30m`");
    }
    Some(Deadline { after: after?, by: by?, then })
}

fn since(node: &Node, problems: &mut Problems) -> Option<Since> {
    let text = read::text(node, "after", problems)?;
    let known = Since::ALL.map(Since::as_str);
    let found = Since::ALL.into_iter().find(|since| since.as_str() == text);
    if found.is_none() {
        let help = did_you_mean(&text, known.into_iter()).or_else(|| Some(format!("use one of {}", listed(&known))));
        problems.error_with_help(node.at, format!("`{text}` is nothing that a deadline is counted from"), help);
    }
    found
}

/// Keeps the blocks of one of the four keys.
pub(super) fn set(callbacks: &mut Callbacks, key: &str, blocks: Vec<Notify>) {
    match key {
        "on_success" => callbacks.on_success = blocks,
        "on_failure" => callbacks.on_failure = blocks,
        "on_retry" => callbacks.on_retry = blocks,
        _ => callbacks.on_skipped = blocks,
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
