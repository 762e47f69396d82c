//! Pools.

use model::pool::{DEFAULT_POOL, Pool, Rate, check_name, check_slots, slots_from};
use store::pools::{NewPool, PoolDeletion};

use super::{ActionError, Doors, LoggedIn};
use crate::access::Permission;

/// A pool as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolWish {
    /// Its name.
    pub name: String,
    /// −1 for no bound.
    pub slots: i32,
    /// For people.
    pub description: Option<String>,
    /// Whether deferred task instances hold their slots.
    pub include_deferred: bool,
    /// Such as `10/1m`.
    pub rate: Option<String>,
}

impl PoolWish {
    fn checked(self) -> Result<NewPool, ActionError> {
        let invalid = |error: &dyn std::error::Error| ActionError::Invalid(error.to_string());
        check_name(&self.name).map_err(|error| invalid(&error))?;
        check_slots(self.slots).map_err(|error| invalid(&error))?;
        let rate = self.rate.filter(|rate| !rate.trim().is_empty());
        let rate = rate.map(|rate| rate.parse::<Rate>()).transpose().map_err(|error| invalid(&error))?;
        let description = self.description.map(|text| text.replace('\0', "\u{fffd}"));
        let slots = slots_from(self.slots);
        let pool = Pool { name: self.name, slots, include_deferred: self.include_deferred, rate };
        Ok(NewPool { pool, description })
    }
}

impl Doors {
    /// The names of all pools.
    pub async fn pool_names(&self) -> Result<Vec<String>, ActionError> {
        Ok(self.store.pool_names().await?)
    }

    /// Creates a pool.
    pub async fn create_pool(&self, who: &LoggedIn, wish: PoolWish) -> Result<(), ActionError> {
        who.may(Permission::PoolCreate)?;
        let new = wish.checked()?;
        if self.store.create_pool(&new, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::Exists(format!("there is already a pool `{}`", new.pool.name)))
    }

    /// Makes a pool what is given.
    pub async fn update_pool(&self, who: &LoggedIn, wish: PoolWish) -> Result<(), ActionError> {
        who.may(Permission::PoolEdit)?;
        let new = wish.checked()?;
        if self.store.update_pool(&new, &self.by(who)).await? {
            return Ok(());
        }
        Err(ActionError::NotFound(format!("no pool `{}`", new.pool.name)))
    }

    /// Deletes a pool that nothing uses.
    pub async fn delete_pool(&self, who: &LoggedIn, name: &str) -> Result<(), ActionError> {
        who.may(Permission::PoolDelete)?;
        if name == DEFAULT_POOL {
            return Err(ActionError::Invalid("the default pool cannot be deleted".to_owned()));
        }
        match self.store.delete_pool(name, &self.by(who)).await? {
            PoolDeletion::Deleted => Ok(()),
            PoolDeletion::NotFound => Err(ActionError::NotFound(format!("no pool `{name}`"))),
            PoolDeletion::InUse(dags) => Err(ActionError::Conflict(format!(
                "pool `{name}` is used by the {} `{}`; give their tasks another pool first",
                if dags.len() == 1 { "DAG" } else { "DAGs" },
                dags.join("`, `")
            ))),
        }
    }
}
