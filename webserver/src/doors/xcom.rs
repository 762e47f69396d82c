//! Values that people push in the name of tasks.

use serde_json::Value;
use store::xcom::{XComChange, XComError, XComPlace};

use super::{ActionError, Doors, LoggedIn};

/// Why an XCom was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XComRefusal {
    /// One of its name is there.
    Exists,
    /// There is none of its name.
    Missing,
    /// It cannot be kept, in words.
    Invalid(String),
    /// For a reason that has nothing to do with XComs.
    Other(ActionError),
}

/// Characters of a key at most (Airflow's).
const MAX_KEY: usize = 512;

impl Doors {
    /// Pushes a value.
    pub async fn create_xcom(&self, who: &LoggedIn, place: &XComPlace, value: &Value) -> Result<(), XComRefusal> {
        self.change_xcom(who, place, XComChange::Create(&value.to_string())).await
    }

    /// Changes a value.
    pub async fn update_xcom(&self, who: &LoggedIn, place: &XComPlace, value: &Value) -> Result<(), XComRefusal> {
        self.change_xcom(who, place, XComChange::Update(&value.to_string())).await
    }

    /// Deletes a value.
    pub async fn delete_xcom(&self, who: &LoggedIn, place: &XComPlace) -> Result<(), XComRefusal> {
        self.change_xcom(who, place, XComChange::Delete).await
    }

    async fn change_xcom(&self, who: &LoggedIn, place: &XComPlace, change: XComChange<'_>) -> Result<(), XComRefusal> {
        if place.key.is_empty() || place.key.contains('\0') || place.key.chars().count() > MAX_KEY {
            return Err(XComRefusal::Invalid(format!("key: must be 1 to {MAX_KEY} characters without a NUL")));
        }
        self.store.change_xcom(place, change, &self.by(who)).await.map_err(|error| match error {
            XComError::Exists(_) => XComRefusal::Exists,
            XComError::Missing(_) => XComRefusal::Missing,
            error @ XComError::Choice => XComRefusal::Invalid(error.to_string()),
            XComError::Store(error) => XComRefusal::Other(error.into()),
        })
    }
}
