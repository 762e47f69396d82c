//! Addresses of HTTP connections.

/// The variables that a connection may stand in.
pub(crate) fn variables(conn_id: &str) -> [String; 2] {
    let name = conn_id.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    [format!("FLOWCTL_CONN_{name}"), format!("AIRFLOW_CONN_{name}")]
}

/// The address of an HTTP connection: as it stands, or as Airflow writes one of Slack
/// (`slackwebhook://:TOKEN@hooks.slack.com/services`).
pub(crate) fn address(conn_id: &str, uri: Option<String>) -> Result<String, String> {
    let Some(uri) = uri else {
        let names = variables(conn_id).join(" or ");
        return Err(format!(
            "there is no connection `{conn_id}`: `flowctl connections add` makes one, or set {names} to its https:// address"
        ));
    };
    let uri = uri.trim();
    if uri.starts_with("https://") || uri.starts_with("http://") {
        return Ok(uri.to_owned());
    }
    let of_slack =
        uri.split_once("://").filter(|(kind, _)| matches!(*kind, "slack" | "slackwebhook" | "slack_incoming_webhook"));
    let parts = of_slack.and_then(|(_, rest)| rest.split_once('@'));
    let Some((credentials, host)) = parts else {
        return Err(format!("connection `{conn_id}` has no https:// address"));
    };
    let token = credentials.split_once(':').map_or(credentials, |(_, token)| token);
    let host = if host.is_empty() { "hooks.slack.com/services" } else { host };
    let (host, token) = (unescaped(host), unescaped(token));
    let base = host.strip_prefix("https://").unwrap_or(&host).trim_end_matches('/').to_owned();
    Ok(format!("https://{base}/{}", token.trim_start_matches('/')))
}

/// `%2F` is `/`.
fn unescaped(text: &str) -> String {
    text.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":")
}

#[cfg(test)]
mod tests {
    use super::{address, variables};

    #[test]
    fn a_connection_is_a_variable_named_after_it() {
        assert_eq!(variables("my-slack")[0], "FLOWCTL_CONN_MY_SLACK");
        let missing = address("my-slack", None).unwrap_err();
        assert!(missing.contains("FLOWCTL_CONN_MY_SLACK or AIRFLOW_CONN_MY_SLACK"), "{missing}");
    }

    #[test]
    fn an_address_stands_as_it_is_or_as_airflow_writes_one_of_slack() {
        let of = |uri: &str| address("c", Some(uri.to_owned()));
        assert_eq!(of("https://h/x?y"), Ok("https://h/x?y".to_owned()));
        let slack = "https://hooks.slack.com/services/T0/B0/X".to_owned();
        assert_eq!(of("slackwebhook://:T0%2FB0%2FX@hooks.slack.com%2Fservices"), Ok(slack.clone()));
        assert_eq!(of("slackwebhook://:T0/B0/X@"), Ok(slack));
        assert_eq!(of("postgres://u:secret@h/d"), Err("connection `c` has no https:// address".to_owned()));
    }
}
