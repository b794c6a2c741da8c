//! `GET /api/openapi.json`: the API as OpenAPI 3.1, made from the route table and the collections as they are now.
//!
//! Start at [`document`]. The records' routes stand once per collection, with schemas from its fields (`collection.rs`);
//! every other documented route stands as the table says.
//!
//! Invariant: only routes that exist are described, and an answer that the server gives fits what is described: answers
//! promise the type of a value, not the limits that its field has today, since stored values may be older than those.

mod collection;

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::route::{Guard, Route};
use crate::schema::{Collection, Schema};

pub(super) use collection::{RECORD, RECORDS};

/// The document. `title` is the application's name.
pub(super) fn document(title: &str, routes: &[Route], schema: &Schema) -> Json {
    let documented = || routes.iter().filter(|route| route.doc.is_some());
    let mut paths = Map::new();
    for route in documented() {
        if matches!(route.pattern, RECORDS | RECORD) {
            for collection in schema.collections().iter().filter(|collection| serves(route, collection)) {
                let path = route.pattern.replace("{collection}", &collection.name);
                add(&mut paths, &path, &route.method, collection::operation(route, collection));
            }
        } else {
            add(&mut paths, &route.pattern.replace("{*", "{"), &route.method, operation(route));
        }
    }
    let groups: BTreeSet<&str> = documented().filter_map(|route| route.doc).map(|doc| doc.group).collect();
    let tags: Vec<Json> = groups.into_iter().map(|name| json!({ "name": name })).collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": env!("CARGO_PKG_VERSION") },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(schema),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
    })
}

/// A view has no writes.
fn serves(route: &Route, collection: &Collection) -> bool {
    route.method == Method::GET || !collection.is_view()
}

fn add(paths: &mut Map<String, Json>, path: &str, method: &Method, operation: Json) {
    let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
    item[method.as_str().to_ascii_lowercase()] = operation;
}

/// A route about which only the table is known.
fn operation(route: &Route) -> Json {
    let mut operation = head(route, &operation_id(route));
    let parameters: Vec<Json> = parameter_names(route.pattern).map(path_parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation["responses"] = json!({
        "2XX": { "description": "Done.", "content": { "application/json": {} } },
        "4XX": error("What the request lacks, or why it was refused."),
        "5XX": error("A fault of the server, or too much to do."),
    });
    operation
}

/// Group, summary, id and who may call.
fn head(route: &Route, id: &str) -> Json {
    let (group, summary) = route.doc.map_or(("", ""), |doc| (doc.group, doc.summary));
    let mut head = json!({ "operationId": id, "tags": [group], "summary": summary });
    match route.guard {
        Guard::None | Guard::GuestOnly => {}
        Guard::Superuser | Guard::AnyAuth | Guard::SameCollection | Guard::SuperuserOrOwner(_) => {
            head["security"] = json!([{ "token": [] }]);
        }
    }
    head
}

/// `GET /api/collections/{id}` → `get_api_collections_id`.
fn operation_id(route: &Route) -> String {
    let mut id = route.method.as_str().to_ascii_lowercase();
    for part in route.pattern.split('/').filter(|part| !part.is_empty()) {
        id.push('_');
        id.extend(part.chars().map(|c| if c == '-' || c == '.' { '_' } else { c }).filter(|c| !"{*}".contains(*c)));
    }
    id
}

fn parameter_names(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(|name| name.trim_start_matches('*'))
}

fn path_parameter(name: &str) -> Json {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

/// A refusal in the envelope of contract/00 §3.
fn error(description: &str) -> Json {
    let envelope = json!({ "$ref": "#/components/schemas/api.error" });
    json!({ "description": description, "content": { "application/json": { "schema": envelope } } })
}

fn schemas(schema: &Schema) -> Map<String, Json> {
    let mut schemas = Map::new();
    schemas.insert(
        "api.error".to_owned(),
        json!({
            "type": "object",
            "properties": {
                "data": { "type": "object", "description": "Errors by field: code and message, or nested ones." },
                "message": { "type": "string" },
                "status": { "type": "integer" },
            },
            "required": ["data", "message", "status"],
        }),
    );
    for collection in schema.collections() {
        schemas.extend(collection::schemas(collection));
    }
    schemas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    #[test]
    fn an_operation_is_named_after_its_route() {
        let route = Route::get("/api/a-b/{id}/x.json/{*rest}", |_| async { Ok(Response::no_content()) });
        assert_eq!(operation_id(&route), "get_api_a_b_id_x_json_rest");
        assert_eq!(parameter_names(route.pattern).collect::<Vec<_>>(), ["id", "rest"]);
    }
}
