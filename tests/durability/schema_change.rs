//! SIGKILL in the middle of schema changes: the old schema stands whole, or the new one does.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use support::TestApp;

const ROUNDS: u32 = 12;
const ROWS: u32 = 3_000;
/// How long changes run before the kill: a change of this table takes some ten milliseconds.
const ROUND_MS: std::ops::Range<u64> = 1..150;

#[test]
fn a_killed_schema_change_leaves_one_whole_schema() {
    let seed =
        std::env::var("MONOBASE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a seed"));
    println!("MONOBASE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut app = TestApp::new();
    let made = app.create_open_collection("t", fields(Form::Single));
    let id = made["id"].as_str().expect("an id").to_owned();
    app.execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO t (id, s, extra) SELECT printf('r%014d', i), CASE i % 3 WHEN 0 THEN '' ELSE 'x' END, i FROM n"
    ));
    for round in 0..ROUNDS {
        change_until_killed(&mut app, &id, Duration::from_millis(random.random_range(ROUND_MS)));
        app.start();
        assert_whole(&app, &id, round);
    }
}

/// The two schemas that each change goes between: names, the number of values and the indexes differ.
#[derive(Clone, Copy)]
enum Form {
    Single,
    Multiple,
}

fn fields(form: Form) -> Value {
    let (name, max) = match form {
        Form::Single => ("extra", 1),
        Form::Multiple => ("other", 2),
    };
    json!([
        {"id": "s", "name": "s", "type": "select", "maxSelect": max, "values": ["x", "y"]},
        {"id": "e", "name": name, "type": "number"},
    ])
}

fn change(form: Form) -> Value {
    match form {
        Form::Single => json!({"name": "t", "fields": fields(form), "indexes": []}),
        Form::Multiple => {
            json!({"name": "u", "fields": fields(form), "indexes": ["CREATE INDEX by_other ON u (other)"]})
        }
    }
}

fn change_until_killed(app: &mut TestApp, id: &str, lifetime: Duration) {
    let shared = &*app;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let path = format!("/api/collections/{id}");
            for form in [Form::Multiple, Form::Single].into_iter().cycle() {
                if shared.patch(&path).superuser().json(change(form)).try_send().is_err() {
                    return;
                }
            }
        });
        std::thread::sleep(lifetime);
        shared.server().signal("KILL");
    });
    app.kill();
}

fn assert_whole(app: &TestApp, id: &str, round: u32) {
    let collection = app.get(&format!("/api/collections/{id}")).superuser().ok();
    let name = collection["name"].as_str().expect("a name");
    let (field, empty, full) = match name {
        "t" => ("extra", json!(""), json!("x")),
        _ => ("other", json!([]), json!(["x"])),
    };
    let named: BTreeSet<&str> =
        collection["fields"].as_array().expect("fields").iter().map(|f| f["name"].as_str().expect("a name")).collect();
    let columns = app.rows(&format!("SELECT name FROM pragma_table_info('{name}')"));
    let columns: BTreeSet<&str> = columns.iter().map(|row| row[0].as_str().expect("a name")).collect();
    assert_eq!((&columns, &named), (&BTreeSet::from(["id", "s", field]), &columns), "round {round}");
    let tables = app.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('t', 'u')");
    assert_eq!(tables, [json!([1])], "round {round}");
    let indexes = app.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'by_other'")[0][0].clone();
    assert_eq!(indexes, json!(u32::from(name == "u")), "round {round}");
    let sum = app.rows(&format!("SELECT count(*), sum({field}) FROM {name}"));
    assert_eq!(sum, [json!([ROWS, ROWS * (ROWS + 1) / 2])], "round {round}");
    let page = app.get(&format!("/api/collections/{name}/records?sort={field}&perPage=300")).ok();
    for (item, number) in page["items"].as_array().expect("items").iter().zip(1_u32..) {
        let expected = if number % 3 == 0 { &empty } else { &full };
        assert_eq!((&item["s"], &item[field]), (expected, &json!(number)), "round {round}");
    }
}
