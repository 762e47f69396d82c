//! Whether a statement on somebody else's database gives something true.

use model::operator::is_true;
use store::waiting::{ConnectionUrl, first_value};

use super::Seen;
use crate::causes::with_causes;
use crate::connection;

/// A database that does not answer in this time is asked again later.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn look(conn_id: &str, sql: &str) -> Seen {
    let Some(uri) = connection::uri(conn_id) else {
        let either = connection::variables(conn_id).join(" or ");
        let reason =
            format!("there is no connection `{conn_id}`: set {either} to postgres://user:password@host/database");
        return Seen::failed_for_good(reason);
    };
    let url: ConnectionUrl = match uri.parse() {
        Ok(url) => url,
        Err(error) => return Seen::failed_for_good(format!("connection `{conn_id}`: {error}")),
    };
    match tokio::time::timeout(PATIENCE, first_value(&url, sql)).await {
        Err(_) => Seen::NotYet(format!("the statement took longer than {} s", PATIENCE.as_secs())),
        Ok(Ok(Some(value))) if is_true(&value) => Seen::Met(Vec::new()),
        Ok(Ok(Some(value))) => Seen::NotYet(format!("its value is {value}")),
        Ok(Ok(None)) => Seen::NotYet("it gives no row".to_owned()),
        Ok(Err(error)) if store::is_passing(&error) => {
            Seen::NotYet(format!("the database does not answer: {}", with_causes(&error)))
        }
        Ok(Err(error)) => Seen::failed(format!("the statement failed: {}", with_causes(&error))),
    }
}
