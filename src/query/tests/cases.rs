//! The list cases of `tests/data/filter-cases.json`, by SQL and by memory. `tests/api/filter_cases.rs` runs all of them
//! through the front door.

use serde_json::{Value as Json, json};

use super::world::{World, collection, record, superuser};
use crate::query::{Caller, Part, Purpose, Request};

pub fn case_data() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/filter-cases.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn case_world(data: &Json) -> World {
    let mut collections: Vec<_> = data["collections"].as_array().unwrap().iter().map(collection).collect();
    // What a view's fields are is inferred elsewhere.
    let view = collections.iter_mut().find(|collection| collection.is_view()).unwrap();
    *view = collection(&json!({"id": "fc_vbadges", "name": "vbadges", "type": "view", "listRule": "",
        "viewQuery": match &view.kind { crate::schema::CollectionKind::View { query } => query.as_str(), _ => "" },
        "fields": [{"name": "id", "type": "text", "primaryKey": true}, {"name": "title", "type": "text"},
            {"name": "author", "type": "relation", "collectionId": "fc_authors", "maxSelect": 1},
            {"name": "level", "type": "number"}, {"name": "label", "type": "text"}, {"name": "calc", "type": "json"}]}));
    let mut records = Vec::new();
    for (name, rows) in data["rows"].as_object().unwrap() {
        let collection = collections.iter().find(|collection| *collection.name == **name).unwrap();
        for row in rows.as_array().unwrap() {
            let mut row = row.clone();
            let id = row["id"].clone();
            for after in data["afterRows"].as_array().unwrap() {
                if after["collection"] == **name && after["id"] == id {
                    row.as_object_mut().unwrap().extend(after["body"].as_object().unwrap().clone());
                }
            }
            if collection.is_auth() {
                row["password"] = json!("12345678");
                row["tokenKey"] = json!(format!("key{id}"));
            }
            records.push(record(collection, &row));
        }
    }
    World::new(collections, &records)
}

fn request_of(world: &World, case: &Json) -> Request {
    let caller = match case["as"].as_str() {
        Some("user") => world.caller("members", "u1"),
        Some("super") => superuser(),
        _ => Caller::Guest,
    };
    let mut request = Request::of(caller);
    request.headers.push(("user_agent".to_owned(), "test".to_owned()));
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        request.headers.push((name.to_lowercase().replace('-', "_"), value.as_str().unwrap().to_owned()));
    }
    let pairs = case["query"].as_str().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (name, value) in pairs {
        if request.query_value(name).is_none() {
            request.query.push((name.to_owned(), value.to_owned()));
        }
    }
    request
}

#[test]
fn list_cases_give_their_ids_by_sql_and_by_memory() {
    let data = case_data();
    let world = case_world(&data);
    let mut failures = Vec::new();
    let mut count = 0;
    for case in data["cases"].as_array().unwrap() {
        let mode = case["mode"].as_str().unwrap();
        if !matches!(mode, "filter" | "listRule") {
            continue;
        }
        count += 1;
        if let Err(failure) = run(&world, case, mode) {
            failures.push(format!("{} {} {}: {failure}", case["n"], case["as"], case["filter"]));
        }
    }
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
}

fn run(world: &World, case: &Json, mode: &str) -> Result<(), String> {
    let collection = world.collection(case["collection"].as_str().unwrap());
    let filter = case["filter"].as_str().unwrap();
    let sort = case["sort"].as_str().unwrap_or_default();
    let mut request = request_of(world, case);
    request.query.push(("filter".to_owned(), filter.to_owned()));
    let own_rule = collection.rules.list.as_deref().unwrap_or_default();
    let is_super = request.caller.is_superuser();
    let parts: &[Part<'_>] = match (mode, is_super) {
        ("filter", false) => &[Part::Rule(own_rule), Part::Filter(filter)],
        ("filter", true) => &[Part::Filter(filter)],
        (_, false) => &[Part::Rule(filter)],
        (_, true) => &[],
    };
    let wanted = case["status"].as_u64().unwrap();
    if case["ruleRejected"] == true {
        let checked = crate::query::check_rule(&world.schema, collection, filter);
        return if checked.is_err() { Ok(()) } else { Err("the rule was accepted".to_owned()) };
    }
    for purpose in [Purpose::List, Purpose::One] {
        let compiled = match world.compile(collection, parts, sort, &request, purpose) {
            Err(error) if wanted == 200 => return Err(format!("refused: {error}")),
            Err(_) => return Ok(()),
            Ok(_) if wanted != 200 => return Err("was accepted".to_owned()),
            Ok(compiled) => compiled,
        };
        let mut ids = world.run(collection, &compiled)?;
        let mut expected: Vec<String> =
            case["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        if case["ordered"] != true {
            ids.sort();
            expected.sort();
        }
        if ids != expected {
            return Err(format!("{purpose:?} gave {ids:?}, not {expected:?}: {}", compiled.where_sql()));
        }
        // What a sort steps to restricts the SQL alone.
        if sort.is_empty() {
            let mut remembered = world.remember(collection, parts, &request).map_err(|error| error.to_string())?;
            if let Some(ids) = &mut remembered {
                ids.sort();
            }
            if remembered.as_ref() != Some(&expected) {
                return Err(format!("memory gave {remembered:?}, not {expected:?}"));
            }
        }
    }
    Ok(())
}
