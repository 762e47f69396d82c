//! `/dagTags`.

use super::{Listing, Page, Pattern, ReadError, Statement, and_readable, order_and_cut, total};
use crate::Store;

const SELECT: &str = "-- api.dag_tags\nSELECT t.name";
const COUNT: &str = "-- api.dag_tags_count\nSELECT count(*)";

fn filtered(select: &'static str, readable: Option<&[String]>, name_is: &Pattern) -> Statement {
    let mut statement = Statement::new(select);
    statement.push(" FROM (SELECT DISTINCT unnest(d.tags) AS name FROM dag d WHERE NOT d.is_stale");
    and_readable(&mut statement, "d.dag_id", readable);
    statement.push(") AS t WHERE true");
    name_is.bind(&mut statement, "t.name");
    statement
}

impl Store {
    /// A page of the tags that these DAGs, or all, have, each once.
    pub async fn api_dag_tags(
        &self,
        readable: Option<&[String]>,
        name_is: &Pattern,
        listing: &Listing,
    ) -> Result<Page<String>, ReadError> {
        let mut statement = filtered(SELECT, readable, name_is);
        order_and_cut(&mut statement, listing, &[("name", "t.name")], "t.name")?;
        let rows = statement.build_query_scalar().fetch_all(self.pool()).await?;
        let count = filtered(COUNT, readable, name_is).build_query_scalar().fetch_one(self.pool()).await?;
        Ok(Page { rows, total: total(count) })
    }
}
