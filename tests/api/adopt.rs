//! `adopt` and what serving a PocketBase directory leaves in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{DataDir, TestApp, run};

/// Exit code and both outputs.
fn adopt(dir: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let elsewhere = tempfile::tempdir().unwrap();
    let output = run(elsewhere.path(), &[&["adopt", dir.to_str().unwrap()], flags].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "it made something elsewhere");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Every file below `dir` with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// A folder as PocketBase has it: `pb_data`, and what a test lays beside it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let base = DataDir::Base.make();
    let around = tempfile::tempdir().unwrap();
    let data = around.path().join("pb_data");
    for (path, bytes) in contents(base.path()) {
        let target = data.join(path.strip_prefix(base.path()).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    (around, data)
}

#[test]
fn a_plain_directory_can_be_served_as_it_is() {
    let (around, data) = folder();
    let before = contents(around.path());
    for dir in [around.path(), &data] {
        let (code, out, error) = adopt(dir, &[]);
        assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
        let last = format!("It can be served as it is: monobase serve --dir {}\n", data.display());
        assert!(out.ends_with(&last), "{out}");
    }
    assert_eq!(contents(around.path()), before);
}

#[test]
fn javascript_is_named_with_file_and_line_and_nothing_is_changed() {
    let (around, data) = folder();
    let write = |name: &str, text: &str| {
        let path = around.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "pb_hooks/main.pb.js",
        "// all\nonRecordCreate((e) => {\n  e.next()\n}, \"posts\")\n\nrouterAdd(\"GET\", \"/x\", h)\n",
    );
    write("pb_hooks/lib.js", "module.exports = {}\n");
    write("pb_migrations/1700000000_more.js", "/// <reference />\nmigrate((app) => {}, (app) => {})\n");
    let before = contents(around.path());
    let (code, out, error) = adopt(around.path(), &[]);
    assert_eq!((code, error.as_str()), (Some(3), ""), "{out}");
    let (root, lines): (_, Vec<&str>) = (around.path().display(), out.lines().skip(1).collect());
    assert_eq!(
        lines,
        [
            format!("{root}/pb_hooks/main.pb.js:2: onRecordCreate: JavaScript hooks don't run"),
            format!("{root}/pb_hooks/main.pb.js:6: routerAdd: JavaScript hooks don't run"),
            format!(
                "{root}/pb_migrations/1700000000_more.js:2: JavaScript migrations don't run: let PocketBase run it first"
            ),
            format!(
                "It can be served (monobase serve --dir {}), but the 3 things named above won't work.",
                data.display()
            ),
        ]
    );
    assert_eq!(contents(around.path()), before);
}

#[test]
fn what_cannot_be_served_is_told_in_a_line() {
    let empty = tempfile::tempdir().unwrap();
    let told = |error: &str| (Some(1), String::new(), format!("Error: {error}\n"));
    let path = empty.path().display();
    assert_eq!(adopt(empty.path(), &[]), told(&format!("{path}: there is no data.db, nor a pb_data with one")));
    fs::write(empty.path().join("data.db"), "this is no database at all, but long enough to be looked at").unwrap();
    let (code, out, error) = adopt(empty.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains(&format!("{path}/data.db is damaged")), "{error}");
}

#[test]
fn serving_and_writing_adds_only_tables_of_our_own() {
    let mut app = TestApp::setup().data(DataDir::Base).start();
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name NOT LIKE '\\_mb\\_%' ESCAPE '\\' \
                  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";
    let collections = "SELECT id, system, type, name, fields, indexes, listRule, viewRule, createRule, updateRule, \
                       deleteRule FROM _collections ORDER BY id";
    let base = open(&support::base_dir().join("data.db"), "immutable=1");
    let (before_schema, before_collections) = (rows(&base, schema), rows(&base, collections));
    let before_users = rows(&base, "SELECT count(*) FROM users")[0][0].as_i64().unwrap();
    let (user, _) = app.create_user("users", "new@example.com");
    app.update("users", user["id"].as_str().unwrap(), json!({"name": "New"}));
    app.stop();
    let served = open(&app.path("data.db"), "mode=ro");
    assert_eq!(rows(&served, schema), before_schema);
    assert_eq!(rows(&served, collections), before_collections);
    assert_eq!(rows(&served, "SELECT count(*) FROM users"), [json!([before_users + 1])]);
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_mb\\_%' ESCAPE '\\'";
    let tables = rows(&served, tables);
    assert!(tables.contains(&json!(["_mb_changes"])) && tables.contains(&json!(["_mb_imports"])), "{tables:?}");
}

/// A database as it lies there. The directory that tests copy is opened without a trace.
fn open(path: &Path, parameter: &str) -> rusqlite::Connection {
    let uri = format!("file:{}?{parameter}", path.display());
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    rusqlite::Connection::open_with_flags(uri, flags).unwrap()
}

fn rows(db: &rusqlite::Connection, sql: &str) -> Vec<Value> {
    use rusqlite::types::ValueRef;
    let mut statement = db.prepare(sql).unwrap();
    let width = statement.column_count();
    let cell = |value: ValueRef<'_>| match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
    };
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|column| Ok(cell(row.get_ref(column)?))).collect();
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}
