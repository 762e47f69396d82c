//! Whether a statement on somebody else's database gives something true.

use model::operator::is_true;
use store::waiting::{OtherDatabase, first_value};

use super::{Outside, Seen};
use crate::causes::with_causes;

/// A database that does not answer in this time is asked again later.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn look(outside: &Outside, conn_id: &str, sql: &str) -> Seen {
    let connection = match outside.connection(conn_id).await {
        Ok(connection) => connection,
        Err(seen) => return seen,
    };
    let database = match OtherDatabase::of(&connection) {
        Ok(database) => database,
        Err(error) => return Seen::failed_for_good(format!("connection `{conn_id}`: {error}")),
    };
    match tokio::time::timeout(PATIENCE, first_value(&database, sql)).await {
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
