//! `GET /api/openapi.json`: the API as OpenAPI 3.1, made from the route table and the collections as they are now.
//!
//! Start at [`document`]. The records' routes stand once per collection, with schemas from its fields (`collection.rs`),
//! those of accounts once per auth collection; every other route stands as the table says. What they take and answer:
//! `forms.rs`.
//!
//! Invariant: only routes that exist are described, and an answer that the server gives fits what is described: answers
//! promise the type of a value, not the limits that its field has today, since stored values may be older than those.

mod collection;
mod forms;

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::route::{Guard, Route};
use crate::schema::{Collection, Schema};

pub(super) use collection::{RECORD, RECORDS};

/// How the patterns of routes over one collection begin.
const OF_COLLECTION: &str = "/api/collections/{collection}/";

/// The document. `title` is the application's name.
pub(super) fn document(title: &str, routes: &[Route], schema: &Schema) -> Json {
    let documented = || routes.iter().filter(|route| route.doc.is_some());
    let mut paths = Map::new();
    for route in documented() {
        match of_collections(route) {
            None => add(&mut paths, &route.pattern.replace("{*", "{"), &route.method, operation(route)),
            Some(describe) => {
                for collection in schema.collections() {
                    let path = route.pattern.replace("{collection}", &collection.name);
                    if let Some(operation) = describe(route, collection) {
                        add(&mut paths, &path, &route.method, operation);
                    }
                }
            }
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

/// How a route is described once per collection, where it is; `None` for a collection that it doesn't serve.
type Describe = fn(&Route, &Collection) -> Option<Json>;

fn of_collections(route: &Route) -> Option<Describe> {
    match route.pattern {
        // A view has no writes.
        RECORDS | RECORD => Some(|route, collection| {
            let is_served = route.method == Method::GET || !collection.is_view();
            is_served.then(|| collection::operation(route, collection))
        }),
        pattern if pattern.starts_with(OF_COLLECTION) && route.doc.is_some_and(|doc| doc.group == "Auth") => {
            Some(|route, collection| collection.is_auth().then(|| account_operation(route, collection)))
        }
        _ => None,
    }
}

fn add(paths: &mut Map<String, Json>, path: &str, method: &Method, operation: Json) {
    let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
    item[method.as_str().to_ascii_lowercase()] = operation;
}

/// A route that stands once.
fn operation(route: &Route) -> Json {
    let mut operation = head(route, &operation_id(route.method.as_str(), route.pattern));
    let parameters: Vec<Json> = parameter_names(route.pattern).map(path_parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(schema) = forms::body(route) {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    let (status, content) = forms::success(route);
    operation["responses"] = json!({
        "4XX": error("What the request lacks, or why it was refused."),
        "5XX": error("A fault of the server, or too much to do."),
    });
    operation["responses"][status] = json!({ "description": "Done.", "content": content });
    operation
}

/// A route of accounts on one auth collection.
fn account_operation(route: &Route, collection: &Collection) -> Json {
    let mut operation = operation(route);
    let act = operation_id("", route.pattern.trim_start_matches(OF_COLLECTION));
    operation["operationId"] = format!("{}_{}", act.trim_start_matches('_'), collection.name).into();
    let is_path = |name: &str| route.pattern.trim_start_matches(OF_COLLECTION).contains(&format!("{{{name}}}"));
    let parameters: Vec<Json> =
        parameter_names(route.pattern).filter(|name| is_path(name)).map(path_parameter).collect();
    operation["parameters"] = parameters.into();
    let ends_with = |end: &str| route.pattern.ends_with(end);
    if ends_with("/auth-refresh") || ends_with("/impersonate/{id}") || route.pattern.contains("/auth-with-") {
        let schema = json!({ "$ref": format!("#/components/schemas/{}.auth", collection.name) });
        let responses = &mut operation["responses"];
        if let Some(responses) = responses.as_object_mut() {
            responses.remove("204");
        }
        responses["200"] = json!({
            "description": "Signed in: the record as its owner sees it, and its token.",
            "content": { "application/json": { "schema": schema } },
        });
        responses["401"] = second_factor();
    }
    operation
}

/// A login that wants another one beside it, or no login.
fn second_factor() -> Json {
    let wanted = json!({ "type": "object", "properties": { "mfaId": { "type": "string" } }, "required": ["mfaId"] });
    let refused = json!({ "$ref": "#/components/schemas/api.error" });
    json!({
        "description": "A second way in is asked for, with this `mfaId`; or the token isn't valid.",
        "content": { "application/json": { "schema": { "anyOf": [wanted, refused] } } },
    })
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

/// `GET`, `/api/collections/{id}` → `get_api_collections_id`.
fn operation_id(method: &str, pattern: &str) -> String {
    let mut id = method.to_ascii_lowercase();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
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
        if collection.is_auth() {
            schemas.insert(format!("{}.auth", collection.name), signed_in(collection));
        }
    }
    schemas
}

/// The answer of a login. `fields` picks among its keys too, so none is required.
fn signed_in(collection: &Collection) -> Json {
    json!({
        "type": "object",
        "properties": {
            "record": { "$ref": format!("#/components/schemas/{}", collection.name) },
            "token": { "type": "string" },
            "meta": { "type": "object", "description": "What an OAuth2 provider said." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_after_its_route() {
        let pattern = "/api/a-b/{id}/x.json/{*rest}";
        assert_eq!(operation_id("GET", pattern), "get_api_a_b_id_x_json_rest");
        assert_eq!(parameter_names(pattern).collect::<Vec<_>>(), ["id", "rest"]);
    }

    #[test]
    fn every_route_of_the_api_is_described() {
        let routes = crate::http::routes::routes();
        let is_told = |pattern: &str| routes.iter().any(|route| route.pattern == pattern && route.doc.is_some());
        let is_api = |pattern: &str| pattern.starts_with("/api/") && !pattern.starts_with("/api/_faults/");
        let patterns = routes.iter().map(|route| route.pattern);
        let hidden: Vec<&str> = patterns.filter(|pattern| is_api(pattern) && !is_told(pattern)).collect();
        assert_eq!(hidden, Vec::<&str>::new());
        let document = document("Test", &routes, &Schema::default());
        for route in routes.iter().filter(|route| route.doc.is_some() && of_collections(route).is_none()) {
            let path = route.pattern.replace("{*", "{");
            let operation = &document["paths"][path][route.method.as_str().to_ascii_lowercase()];
            assert!(operation.is_object(), "{} {}", route.method, route.pattern);
        }
    }
}
