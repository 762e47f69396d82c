//! `/dagTags`.

use super::{Listing, Page, ReadError, Statement, and_begins, and_matches, order_and_cut, total};
use crate::Store;

const SELECT: &str = "-- api.dag_tags
    SELECT t.name FROM (SELECT DISTINCT unnest(d.tags) AS name FROM dag d WHERE NOT d.is_stale) AS t WHERE true";
const COUNT: &str = "-- api.dag_tags_count
    SELECT count(*) FROM (SELECT DISTINCT unnest(d.tags) AS name FROM dag d WHERE NOT d.is_stale) AS t WHERE true";

fn filtered(select: &'static str, pattern: Option<&str>, prefix: Option<&str>) -> Statement {
    let mut statement = Statement::new(select);
    and_matches(&mut statement, "t.name", pattern);
    and_begins(&mut statement, "t.name", prefix);
    statement
}

impl Store {
    /// A page of the tags that DAGs have, each once.
    pub async fn api_dag_tags(
        &self,
        pattern: Option<&str>,
        prefix: Option<&str>,
        listing: &Listing,
    ) -> Result<Page<String>, ReadError> {
        let mut statement = filtered(SELECT, pattern, prefix);
        order_and_cut(&mut statement, listing, &[("name", "t.name")], "t.name")?;
        let rows = statement.build_query_scalar().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, pattern, prefix).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }
}
