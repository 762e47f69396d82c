//! `/docs`: the operations of the OpenAPI document on one page, without scripts.

use std::fmt::Write;

use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, PathItem, RefOr, Required};

/// The page.
pub(super) fn page(document: &OpenApi) -> String {
    let mut rows = String::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            row(&mut rows, method, path, operation);
        }
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>flowctl API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/assets/app.css\">\
         <body><main><h1>REST API {version}</h1><p>{description}</p>\
         <p>The whole document with all bodies: <a href=\"/openapi.json\">/openapi.json</a>.</p>\
         <table><thead><tr><th>Method</th><th>Path</th><th>Does</th><th>Query</th></tr></thead>\
         <tbody>{rows}</tbody></table></main></body></html>",
        version = escape(&document.info.version),
        description = escape(document.info.description.as_deref().unwrap_or_default()),
    )
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}

fn row(rows: &mut String, method: &str, path: &str, operation: &Operation) {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    let names: Vec<_> = parameters
        .map(|parameter| match parameter.required {
            Required::True => format!("<b>{}</b>", escape(&parameter.name)),
            Required::False => escape(&parameter.name),
        })
        .collect();
    let does = operation.summary.as_deref().or(operation.description.as_deref()).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(
        rows,
        "<tr><td>{method}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
        escape(path),
        escape(does),
        names.join(", ")
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
