//! Who may do what: one table of permissions ([`Permission`]) and one of routes ([`ROUTES`]), and the guard in front of
//! everything that reads both.
//!
//! 1. The router has matched a path; the guard looks up its line. A route without a line is refused.
//! 2. Open routes pass. For all others the token of the header or the cookie must be of an account.
//! 3. The account's role has the line's permission, or a grant gives it for the DAG that the path names; for a list the
//!    request carries which DAGs it may tell of (`doors::Scope`).

pub(crate) mod form;
mod guard;
mod permission;
mod role;
mod route;
mod routes;

pub(crate) use guard::{Guard, bearer, guard};
pub use permission::Permission;
pub use role::Role;
pub use route::{Needs, ROUTES, Route};
pub(crate) use routes::Routes;
