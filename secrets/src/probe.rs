//! Trying a connection, from where this process runs.

use std::time::Duration;

use model::connection::Connection;
use reqwest::Url;
use store::waiting::OtherDatabase;

use crate::vault::with_causes;

/// What takes longer does not work.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a PostgreSQL, or sends a request: what it said, or why it does not work. Other types cannot be tried.
pub async fn probe(connection: &Connection) -> Result<String, String> {
    let work = async {
        match connection.conn_type.as_str() {
            "postgres" => postgres(connection).await,
            "http" | "https" => http(connection).await,
            other => Err(format!("connections of type `{other}` cannot be tried; `postgres` and `http` can")),
        }
    };
    let late = || Err(format!("nothing answered within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| late())
}

async fn postgres(connection: &Connection) -> Result<String, String> {
    let database = OtherDatabase::of(connection).map_err(|error| error.to_string())?;
    let version = database.probe().await.map_err(|error| with_causes(&error))?;
    Ok(format!("connected to PostgreSQL {version}"))
}

async fn http(connection: &Connection) -> Result<String, String> {
    let url = address(connection)?;
    let http = crate::vault::client()?;
    let mut request = http.get(url);
    if let Some(login) = connection.login.as_deref().filter(|login| !login.is_empty()) {
        request = request.basic_auth(login, connection.password.as_deref());
    }
    let response = request.send().await.map_err(|error| with_causes(&error.without_url()))?;
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        Ok(format!("it answered {status}"))
    } else {
        Err(format!("it answered {status}"))
    }
}

/// Where an HTTP server is, as Airflow's hook has it: the protocol stands in the host, or is the schema, or the type.
pub fn address(connection: &Connection) -> Result<Url, String> {
    let host = connection.host.as_deref().unwrap_or_default();
    let text = if host.contains("://") {
        host.to_owned()
    } else {
        let schema = connection.schema.as_deref().filter(|schema| !schema.is_empty());
        format!("{}://{host}", schema.unwrap_or(&connection.conn_type))
    };
    let mut url = Url::parse(&text).map_err(|_| "its host is not one".to_owned())?;
    if connection.port.is_some() && url.set_port(connection.port).is_err() {
        return Err("its host takes no port".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_airflows_hook() {
        let of = |uri: &str| address(&Connection::from_uri(uri).unwrap()).map(|url| url.to_string());
        assert_eq!(of("http://example.org").as_deref(), Ok("http://example.org/"));
        assert_eq!(of("http://https://example.org:8443").as_deref(), Ok("https://example.org:8443/"));
        assert_eq!(of("http://example.org:8443/https").as_deref(), Ok("https://example.org:8443/"));
        assert_eq!(of("http://"), Err("its host is not one".to_owned()));
    }

    #[tokio::test]
    async fn what_does_not_answer_says_why() {
        let said = probe(&Connection::from_uri("http://u:hunter2@127.0.0.1:1/").unwrap()).await.unwrap_err();
        assert!(said.contains("refused") && !said.contains("hunter2"), "{said}");
        let said = probe(&Connection::from_uri("postgres://u:hunter2@127.0.0.1:1/d").unwrap()).await.unwrap_err();
        assert!(said.contains("refused") && !said.contains("hunter2"), "{said}");
        let said = probe(&Connection::from_uri("ftp://h").unwrap()).await;
        assert_eq!(said, Err("connections of type `ftp` cannot be tried; `postgres` and `http` can".to_owned()));
    }

    #[tokio::test]
    async fn a_server_that_answers_works() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request[..length]).to_lowercase()
        });
        let connection = Connection::from_uri(&format!("http://ada:secret@127.0.0.1:{port}")).unwrap();
        assert_eq!(probe(&connection).await.as_deref(), Ok("it answered 204 No Content"));
        assert!(answering.await.unwrap().contains("authorization: basic ywrhonnly3jlda=="), "who logs in is sent");
    }
}
