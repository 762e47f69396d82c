//! What every operation may answer, beside what it says of itself: the document gets it here, so that no route forgets it.

use api::HttpError;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};

/// What is asked before the operation itself: who it is, what the role allows, and the database.
pub(super) fn guard(document: &mut OpenApi) {
    for operation in operations(document) {
        operation.security = Some(vec![SecurityRequirement::new("HTTPBearer", Vec::<String>::new())]);
        refuses(operation, 401, "Nobody is logged in");
        refuses(operation, 403, "The role does not allow it");
        refuses(operation, 503, "The database does not answer");
    }
    for operation in document.paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
        refuses(operation, 400, "The Idempotency-Key cannot be read, or the request contradicts itself");
        refuses(operation, 409, "A request with this Idempotency-Key is under way");
        refuses(operation, 413, "The body is too long");
        refuses(
            operation,
            422,
            "The Idempotency-Key stands for another request, or a value does not have the right form",
        );
    }
}

/// What a request may lack that has a path, a query or a body.
pub(super) fn complete(document: &mut OpenApi) {
    for operation in operations(document) {
        let has_parameters = operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
        let has_body = operation.request_body.is_some();
        if has_parameters || has_body {
            refuses(operation, 400, "The request contradicts itself or cannot be read");
            refuses(operation, 422, "A value does not have the right form");
        }
        if has_body {
            refuses(operation, 415, "The body is of a kind that is not taken");
        }
    }
}

/// Adds a refusal, unless the operation has words of its own for that status.
fn refuses(operation: &mut Operation, status: u16, why: &str) {
    operation.responses.responses.entry(status.to_string()).or_insert_with(|| RefOr::T(refusal(why)));
}

fn refusal(why: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name(HttpError::name())));
    ResponseBuilder::new().description(why).content("application/json", body).build()
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|PathItem { get, put, post, delete, patch, .. }| {
        [get, put, post, delete, patch].into_iter().filter_map(Option::as_mut)
    })
}
