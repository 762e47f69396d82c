//! Variables and connections. Reading them is for ops and admins too, as in Airflow.
//!
//! One request may create, change and delete several, and one form creates or changes: so what each needs is asked here,
//! beside what its route needs.

use model::connection::{Connection, check_id};
use store::variable::NewVariable;

use super::{ActionError, Doors, LoggedIn};
use crate::access::Permission;

/// Airflow's bound.
const MAX_KEY: usize = 250;

fn check_key(key: &str) -> Result<(), ActionError> {
    if key.trim().is_empty() || key.chars().count() > MAX_KEY || key.chars().any(char::is_control) {
        let message = format!("a variable needs a name of at most {MAX_KEY} characters, without line ends");
        return Err(ActionError::Invalid(message));
    }
    Ok(())
}

fn checked(conn_id: &str, connection: Connection) -> Result<Connection, ActionError> {
    let invalid = |error: model::connection::ConnectionError| ActionError::Invalid(error.to_string());
    check_id(conn_id).map_err(invalid)?;
    let connection = connection.checked().map_err(invalid)?;
    let texts = [&connection.description, &connection.host, &connection.login, &connection.schema];
    if texts.into_iter().flatten().chain([&connection.conn_type]).any(|text| text.contains('\0')) {
        return Err(ActionError::Invalid("no field of a connection can contain a NUL character".to_owned()));
    }
    Ok(connection)
}

impl Doors {
    /// The names of all variables.
    pub async fn variable_keys(&self) -> Result<Vec<String>, ActionError> {
        Ok(self.store.variable_keys().await?)
    }

    /// Creates a variable.
    pub async fn create_variable(&self, who: &LoggedIn, new: &NewVariable) -> Result<(), ActionError> {
        who.may(Permission::VariableCreate)?;
        check_key(&new.key)?;
        if self.store.create_variable(new, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Exists(format!("The Variable with key: `{}` already exists", new.key)))
    }

    /// Makes a variable what is given; its value stays when none is given.
    pub async fn update_variable(
        &self,
        who: &LoggedIn,
        key: &str,
        value: Option<&str>,
        description: Option<&str>,
    ) -> Result<(), ActionError> {
        who.may(Permission::VariableEdit)?;
        if self.store.update_variable(key, value, description, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no variable `{key}`")))
    }

    /// Deletes a variable.
    pub async fn delete_variable(&self, who: &LoggedIn, key: &str) -> Result<(), ActionError> {
        who.may(Permission::VariableDelete)?;
        if self.store.delete_variable(key, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no variable `{key}`")))
    }

    /// The ids of all connections.
    pub async fn connection_ids(&self) -> Result<Vec<String>, ActionError> {
        Ok(self.store.connection_ids().await?)
    }

    /// Creates a connection.
    pub async fn create_connection(&self, who: &LoggedIn, id: &str, new: Connection) -> Result<(), ActionError> {
        who.may(Permission::ConnectionCreate)?;
        let new = checked(id, new)?;
        if self.store.create_connection(id, &new, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Exists(format!("there is already a connection `{id}`")))
    }

    /// Makes a connection what is given.
    pub async fn update_connection(&self, who: &LoggedIn, id: &str, new: Connection) -> Result<(), ActionError> {
        who.may(Permission::ConnectionEdit)?;
        let new = checked(id, new)?;
        if self.store.update_connection(id, &new, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no connection `{id}`")))
    }

    /// Deletes a connection.
    pub async fn delete_connection(&self, who: &LoggedIn, id: &str) -> Result<(), ActionError> {
        who.may(Permission::ConnectionDelete)?;
        if self.store.delete_connection(id, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no connection `{id}`")))
    }
}
