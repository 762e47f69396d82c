//! The table `variable`.

use serde_json::{Value, json};

use crate::event_log::{By, Event};
use crate::{Error, KeyError, Result, Store};

/// A variable as somebody wants it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewVariable {
    /// Its name.
    pub key: String,
    /// Its text.
    pub value: String,
    /// For people.
    pub description: Option<String>,
}

impl std::fmt::Debug for NewVariable {
    /// Without its value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVariable").field("key", &self.key).finish_non_exhaustive()
    }
}

pub(crate) fn about(key: &str) -> impl FnOnce(KeyError) -> Error {
    let what = format!("variable `{key}`");
    move |source| Error::Key { what, source }
}

impl Store {
    /// The text of a variable.
    pub async fn variable(&self, key: &str) -> Result<Option<String>> {
        let token = sqlx::query_scalar!("-- variable.value\nSELECT value FROM variable WHERE key = $1", key)
            .fetch_optional(self.pool())
            .await?;
        token.map(|token| self.keys().decrypt(&token).map_err(about(key))).transpose()
    }

    /// The names of all variables.
    pub async fn variable_keys(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar!("-- variable.keys\nSELECT key FROM variable ORDER BY key")
            .fetch_all(self.pool())
            .await?)
    }

    /// All variables with their texts, for an export.
    pub async fn variables(&self) -> Result<Vec<NewVariable>> {
        let rows = sqlx::query!("-- variable.all\nSELECT key, value, description FROM variable ORDER BY key")
            .fetch_all(self.pool())
            .await?;
        rows.into_iter()
            .map(|row| {
                let value = self.keys().decrypt(&row.value).map_err(about(&row.key))?;
                Ok(NewVariable { key: row.key, value, description: row.description })
            })
            .collect()
    }

    /// Creates a variable; false when there is one of that name.
    pub async fn create_variable(&self, new: &NewVariable, by: &By) -> Result<bool> {
        let token = self.keys().encrypt(&new.value, by.at).map_err(about(&new.key))?;
        let mut transaction = self.pool().begin().await?;
        let created = sqlx::query!(
            "-- variable.create
             INSERT INTO variable (key, value, description) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
            new.key,
            token,
            new.description
        )
        .execute(&mut *transaction)
        .await?;
        if created.rows_affected() == 1 {
            let event = Event::new("post_variable").object("variable", &new.key);
            event.after(told(new.description.as_deref())).commit(transaction, by).await?;
        }
        Ok(created.rows_affected() == 1)
    }

    /// Makes a variable what is given; false when there is none of that name. Its value stays when none is given.
    pub async fn update_variable(
        &self,
        key: &str,
        value: Option<&str>,
        description: Option<&str>,
        by: &By,
    ) -> Result<bool> {
        let token = value.map(|value| self.keys().encrypt(value, by.at)).transpose().map_err(about(key))?;
        let mut transaction = self.pool().begin().await?;
        let before = lock(&mut transaction, key).await?;
        let Some(before) = before else { return Ok(false) };
        sqlx::query!(
            "-- variable.update
             UPDATE variable SET value = coalesce($2, value), description = $3 WHERE key = $1",
            key,
            token,
            description
        )
        .execute(&mut *transaction)
        .await?;
        let mut after = told(description);
        after["is_value_set"] = value.is_some().into();
        let event = Event::new("patch_variable").object("variable", key).before(told(before.as_deref()));
        event.after(after).commit(transaction, by).await?;
        Ok(true)
    }

    /// Deletes a variable; false when there is none of that name.
    pub async fn delete_variable(&self, key: &str, by: &By) -> Result<bool> {
        let mut transaction = self.pool().begin().await?;
        let Some(before) = lock(&mut transaction, key).await? else { return Ok(false) };
        sqlx::query!("-- variable.delete\nDELETE FROM variable WHERE key = $1", key).execute(&mut *transaction).await?;
        let event = Event::new("delete_variable").object("variable", key).before(told(before.as_deref()));
        event.commit(transaction, by).await?;
        Ok(true)
    }
}

/// The description of a variable that stays as it is until the transaction ends; none: there is none of that name.
async fn lock(transaction: &mut sqlx::PgTransaction<'_>, key: &str) -> Result<Option<Option<String>>> {
    Ok(sqlx::query_scalar!("-- variable.lock\nSELECT description FROM variable WHERE key = $1 FOR UPDATE", key)
        .fetch_optional(&mut **transaction)
        .await?)
}

/// A variable as the event log tells of it.
fn told(description: Option<&str>) -> Value {
    json!({"value": "***", "description": description})
}
