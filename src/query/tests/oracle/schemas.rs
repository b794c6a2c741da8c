//! Random collections and rows.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::dice::Dice;
use crate::query::Rows;
use crate::query::tests::world::{World, collection, record};
use crate::schema::{Collection, Record, Shape};

const TABLES: [&str; 4] = ["alpha", "beta", "gamma", "users"];
const TEXTS: [&str; 12] =
    ["", "a", "A", "ab", "a%", "a_b", "10", "123", "null", "É", "x\\", "2024-01-15 10:00:00.000Z"];

/// Three tables, users and a view, with relations across, unique indexes and list rules, and a few rows each.
pub fn world(dice: &mut Dice) -> World {
    let mut collections: Vec<Arc<Collection>> = TABLES.iter().map(|name| collection(&table(name, dice))).collect();
    collections.push(collection(&json!({
        "id": "c_seen", "name": "seen", "type": "view", "listRule": "",
        "viewQuery": "SELECT a.id, a.t, b.n, b.t AS other, a.one, (b.n + 1) AS calc, a.tags FROM alpha a LEFT JOIN beta b ON b.id = a.one",
        "fields": [{"name": "id", "type": "text", "primaryKey": true}, {"name": "t", "type": "text"},
            {"name": "n", "type": "number"}, {"name": "other", "type": "text"},
            {"name": "one", "type": "relation", "collectionId": "c_beta", "maxSelect": 1},
            {"name": "calc", "type": "json"}, {"name": "tags", "type": "select", "values": ["r", "g", "b"], "maxSelect": 3}]})));
    let mut records = Vec::new();
    for collection in &collections[..TABLES.len()] {
        let mut taken = Vec::new();
        for number in 1..=dice.below(5) {
            let id = format!("r{number}");
            let mut input = random_values(collection, dice);
            input.insert("id".to_owned(), json!(id));
            // Values of a unique index come once.
            let unique =
                collection.read_indexes().find(|index| index.unique).map(|index| index.columns[0].name.clone());
            if let Some(field) = unique {
                let value = input.get(&field).cloned().unwrap_or_default();
                if taken.contains(&value) {
                    continue;
                }
                taken.push(value);
            }
            records.push(record(collection, &Json::Object(input)));
        }
    }
    World::new(collections, &records)
}

fn table(name: &str, dice: &mut Dice) -> Json {
    let relation = |field: &str, to: &str, most: usize| json!({"name": field, "type": "relation", "collectionId": format!("c_{to}"), "maxSelect": most});
    // Alpha points at beta, so that the view has what to join.
    let first = if name == "alpha" { "beta" } else { TABLES[dice.below(4)] };
    let fields = json!([
        {"name": "id", "type": "text", "primaryKey": true},
        {"name": "t", "type": "text"}, {"name": "n", "type": "number"}, {"name": "ok", "type": "bool"},
        {"name": "at", "type": "date"}, {"name": "j", "type": "json"}, {"name": "p", "type": "geoPoint"},
        {"name": "kind", "type": "select", "values": ["r", "g"], "maxSelect": 1},
        {"name": "tags", "type": "select", "values": ["r", "g", "b"], "maxSelect": 3},
        {"name": "secret", "type": "text", "hidden": true},
        relation("one", first, 1), relation("two", TABLES[dice.below(4)], 1), relation("many", TABLES[dice.below(4)], 4),
    ]);
    let rule = *dice.pick(&[
        Some(""),
        Some(""),
        Some("ok = true"),
        Some("n > 1 || one.t != ''"),
        Some("many.n ?> 0"),
        Some("two = @request.auth.id"),
        Some("@request.auth.id != ''"),
        None,
    ]);
    let indexes = match dice.below(4) {
        0 => json!([format!("CREATE UNIQUE INDEX `u_{name}` ON `{name}` (`one`)")]),
        1 => json!([format!("CREATE UNIQUE INDEX `u_{name}` ON `{name}` (`one`) WHERE `one` = 'r1'")]),
        2 => json!([format!("CREATE INDEX `i_{name}` ON `{name}` (`two`)")]),
        _ => json!([]),
    };
    json!({"id": format!("c_{name}"), "name": name, "type": if name == "users" { "auth" } else { "base" },
        "listRule": rule, "fields": fields, "indexes": indexes})
}

fn id(dice: &mut Dice) -> Json {
    json!(*dice.pick(&["", "r1", "r2", "r3", "r4", "gone"]))
}

fn random_values(collection: &Collection, dice: &mut Dice) -> Map<String, Json> {
    let mut values = Map::new();
    for field in &collection.fields {
        let value = match field.shape() {
            _ if field.relation().is_some() && field.shape() == Shape::Multiple => {
                let count = dice.below(4);
                Json::Array((0..count).map(|_| id(dice)).collect())
            }
            _ if field.relation().is_some() => id(dice),
            Shape::Text => json!(*dice.pick(&TEXTS)),
            Shape::Number => json!(*dice.pick(&[0.0, 1.0, 2.0, 10.0, -5.0, 3.5, 123.0])),
            Shape::Bool => json!(dice.chance(50)),
            Shape::Date => json!(*dice.pick(&[
                "",
                "2024-01-15 10:00:00.000Z",
                "2023-12-31 23:59:59.999Z",
                "2024-02-29 00:00:00.000Z"
            ])),
            Shape::Json => dice
                .pick(&[
                    json!(null),
                    json!({"a": 1, "b": {"c": "x"}, "l": [1, "r1"]}),
                    json!({"a": "1", "b": {"c": ""}}),
                    json!([1, "two"]),
                    json!(5),
                    json!("text"),
                    json!(true),
                    json!(""),
                ])
                .clone(),
            Shape::Point => dice.pick(&[json!({"lon": 0, "lat": 0}), json!({"lon": 23.3, "lat": 42.7})]).clone(),
            Shape::Single => json!(*dice.pick(&["", "r", "g"])),
            Shape::Multiple => dice.pick(&[json!([]), json!(["r"]), json!(["r", "b"]), json!(["g"])]).clone(),
        };
        values.insert(field.name.clone(), value);
    }
    values
}

/// A record that isn't stored.
pub fn random_record(_world: &World, collection: &Arc<Collection>, dice: &mut Dice) -> Record {
    let mut values = random_values(collection, dice);
    values.insert("id".to_owned(), json!("new"));
    record(collection, &Json::Object(values))
}

/// Some of a collection's fields, normalised as a body is, and a key that is no field.
pub fn random_body(_world: &World, collection: &Collection, dice: &mut Dice) -> Map<String, Json> {
    let values = random_values(collection, dice);
    let mut body = Map::new();
    for field in &collection.fields {
        if dice.chance(40) {
            body.insert(field.name.clone(), field.normalise(&values[&field.name]).to_json());
        }
    }
    body.insert("extra".to_owned(), json!({"items": [{"name": "x"}], "n": "10"}));
    body
}

/// The id of some row of a collection.
pub fn some_id(world: &World, collection: &Collection, dice: &mut Dice) -> Option<String> {
    let rows = world.list(collection).unwrap();
    let at = collection.field_index("id").unwrap();
    if rows.is_empty() { None } else { Some(dice.pick(&rows)[at].as_cell().as_text().to_owned()) }
}
