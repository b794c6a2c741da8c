//! Random sequences of schema changes on a table with data: after each the table, the stored row and the API agree, and
//! every value survived or was converted as the contract says (contract/02 §5, §7).

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use support::TestApp;

use super::columns;

const SEQUENCES: u64 = 6;
const CHANGES: usize = 25;
const FIELDS_MAX: usize = 6;
const NAMES: [&str; 8] = ["a", "b", "A2", "select", "oid_", "long_name", "x", "y"];
/// Set to replay one sequence.
const SEED_VARIABLE: &str = "MONOBASE_TEST_SEED";

/// What the test believes of one field.
#[derive(Clone, Debug)]
struct Field {
    id: String,
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Number,
    Bool,
    Json,
    Single,
    Multiple,
}

/// What the test believes of the collection: fields, and the value of each by record and field id.
#[derive(Debug, Default)]
struct Model {
    fields: Vec<Field>,
    records: BTreeMap<String, BTreeMap<String, Value>>,
    made: usize,
}

impl Kind {
    fn zero(self) -> Value {
        match self {
            Kind::Text | Kind::Single => json!(""),
            Kind::Number => json!(0),
            Kind::Bool => json!(false),
            Kind::Json => Value::Null,
            Kind::Multiple => json!([]),
        }
    }

    fn random_value(self, rng: &mut impl Rng) -> Value {
        let texts = ["", "x", "it's \"q\"", "[\"x\"]", "5", "ünï"];
        match self {
            Kind::Text => json!(texts[rng.random_range(0..texts.len())]),
            Kind::Number => json!(rng.random_range(-3..1000)),
            Kind::Bool => json!(rng.random_bool(0.5)),
            Kind::Json => json!({"k": rng.random_range(0..9)}),
            Kind::Single => json!(["", "x", "y", "z"][rng.random_range(0..4)]),
            Kind::Multiple => {
                let all = ["x", "y", "z"];
                json!(all.iter().filter(|_| rng.random_bool(0.5)).collect::<Vec<_>>())
            }
        }
    }
}

impl Field {
    fn to_json(&self) -> Value {
        let mut field = json!({"id": self.id, "name": self.name});
        let (kind, max) = match self.kind {
            Kind::Text => ("text", None),
            Kind::Number => ("number", None),
            Kind::Bool => ("bool", None),
            Kind::Json => ("json", None),
            Kind::Single => ("select", Some(1)),
            Kind::Multiple => ("select", Some(3)),
        };
        field["type"] = json!(kind);
        if let Some(max) = max {
            field["maxSelect"] = json!(max);
            field["values"] = json!(["x", "y", "z"]);
        }
        field
    }
}

impl Model {
    /// A name that no field has in any case.
    fn free_name(&self, rng: &mut impl Rng) -> String {
        loop {
            let name = NAMES[rng.random_range(0..NAMES.len())];
            if !self.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name)) {
                return name.to_owned();
            }
        }
    }

    fn pick(&self, rng: &mut impl Rng) -> Option<usize> {
        (!self.fields.is_empty()).then(|| rng.random_range(0..self.fields.len()))
    }

    /// One random change; several of them make one request.
    fn change(&mut self, rng: &mut impl Rng) {
        match (rng.random_range(0..6), self.pick(rng)) {
            (0 | 1, _) if self.fields.len() < FIELDS_MAX => {
                let kinds = [Kind::Text, Kind::Number, Kind::Bool, Kind::Json, Kind::Single, Kind::Multiple];
                let kind = kinds[rng.random_range(0..kinds.len())];
                self.made += 1;
                let field = Field { id: format!("f{}", self.made), name: self.free_name(rng), kind };
                for record in self.records.values_mut() {
                    record.insert(field.id.clone(), kind.zero());
                }
                self.fields.push(field);
            }
            (2, Some(index)) => {
                let dropped = self.fields.remove(index);
                self.records.values_mut().for_each(|record| drop(record.remove(&dropped.id)));
            }
            (3, Some(index)) => self.fields[index].name = self.free_name(rng),
            (4, Some(index)) => {
                let other = rng.random_range(0..self.fields.len());
                let name = self.fields[index].name.clone();
                self.fields[index].name = std::mem::replace(&mut self.fields[other].name, name);
            }
            (_, Some(index)) => self.convert(index),
            (_, None) => {}
        }
    }

    fn convert(&mut self, index: usize) {
        let field = &mut self.fields[index];
        let convert: fn(&Value) -> Value = match field.kind {
            Kind::Single => {
                field.kind = Kind::Multiple;
                |value| if value == "" { json!([]) } else { json!([value]) }
            }
            Kind::Multiple => {
                field.kind = Kind::Single;
                |value| value.as_array().and_then(|items| items.last()).cloned().unwrap_or(json!(""))
            }
            Kind::Text | Kind::Number | Kind::Bool | Kind::Json => return,
        };
        for record in self.records.values_mut() {
            let value = record.get_mut(&field.id).expect("each record has each field");
            *value = convert(value);
        }
    }

    fn expected(&self, record: &BTreeMap<String, Value>) -> Map<String, Value> {
        self.fields.iter().map(|field| (field.name.clone(), record[&field.id].clone())).collect()
    }
}

#[test]
fn random_changes_keep_table_row_and_api_together_and_every_value() {
    let seeds = match std::env::var(SEED_VARIABLE) {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..SEQUENCES).collect(),
    };
    let app = TestApp::new();
    for seed in seeds {
        println!("{SEED_VARIABLE}={seed}");
        run(&app, seed);
    }
}

fn run(app: &TestApp, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut name = format!("seq{seed}");
    app.create_open_collection(&name, json!([]));
    let mut model = Model::default();
    for step in 0..CHANGES {
        add_record(app, &name, &mut model, &mut rng);
        for _ in 0..rng.random_range(1..4) {
            model.change(&mut rng);
        }
        let mut fields: Vec<Value> = model.fields.iter().map(Field::to_json).collect();
        let id = app.get(&format!("/api/collections/{name}")).superuser().ok()["fields"]
            .as_array()
            .and_then(|fields| fields.iter().find(|field| field["name"] == "id").cloned())
            .expect("every collection has an id");
        fields.insert(0, id);
        let mut change = json!({"fields": fields, "indexes": indexes(&model, &name)});
        if rng.random_bool(0.2) {
            name = format!("seq{seed}_{step}");
            change["name"] = json!(name);
        }
        let target = if change["name"].is_string() { find(app, seed) } else { name.clone() };
        app.update_collection(&target, change);
        assert_agree(app, &name, &model, seed, step);
    }
}

/// The collection's id, which no rename changes.
fn find(app: &TestApp, seed: u64) -> String {
    let page = app.get(&format!("/api/collections?filter=name='seq{seed}'||name~'seq{seed}_%25'")).superuser().ok();
    page["items"][0]["id"].as_str().expect("an id").to_owned()
}

fn indexes(model: &Model, name: &str) -> Vec<String> {
    let first = model.fields.first().map(|field| format!("CREATE INDEX `by_{name}` ON `{name}` (`{}`)", field.name));
    first.into_iter().collect()
}

fn add_record(app: &TestApp, name: &str, model: &mut Model, rng: &mut impl Rng) {
    let values: BTreeMap<String, Value> =
        model.fields.iter().map(|field| (field.id.clone(), field.kind.random_value(rng))).collect();
    let record = app.create(name, Value::Object(model.expected(&values)));
    model.records.insert(record["id"].as_str().expect("an id").to_owned(), values);
}

fn assert_agree(app: &TestApp, name: &str, model: &Model, seed: u64, step: usize) {
    let at = format!("seed {seed}, step {step}");
    let mut wanted: Vec<String> = model.fields.iter().map(|field| field.name.clone()).collect();
    wanted.push("id".to_owned());
    wanted.sort();
    assert_eq!(columns(app, name), wanted, "{at}");
    let shown = app.get(&format!("/api/collections/{name}")).superuser().ok();
    let row = app.rows(&format!("SELECT fields, indexes FROM _collections WHERE name = '{name}'"));
    let stored =
        |column: usize| -> Value { serde_json::from_str(row[0][column].as_str().expect("a text")).expect("JSON") };
    assert_eq!((&stored(0), &stored(1)), (&shown["fields"], &shown["indexes"]), "{at}");
    let page = app.get(&format!("/api/collections/{name}/records?perPage=1000")).ok();
    let items = page["items"].as_array().expect("items");
    assert_eq!(items.len(), model.records.len(), "{at}");
    for item in items {
        let mut item = item.as_object().expect("a record").clone();
        let id = item.remove("id").and_then(|id| id.as_str().map(str::to_owned)).expect("an id");
        item.retain(|key, _| !["collectionId", "collectionName"].contains(&key.as_str()));
        assert_eq!(item, model.expected(&model.records[&id]), "{at}, record {id}");
    }
}
