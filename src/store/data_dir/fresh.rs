//! What a new directory holds (contract/01 §3–5).

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::store::{Tx, Value};

const TABLES: &str = include_str!("../../../migrations/0001_data.sql");
/// The system collections and `users`, in their order; the options of the two that sign in come from the caller.
const COLLECTIONS: &str = include_str!("../../../migrations/fresh_collections.json");
/// The rows of `_migrations` that PocketBase v0.39 writes, in its order.
const MIGRATIONS: [&str; 8] = [
    "1640988000_aux_init.go",
    "1640988000_init.go",
    "1717233556_v0.23_migrate.go",
    "1717233557_v0.23_migrate2.go",
    "1717233558_v0.23_migrate3.go",
    "1717233559_v0.23_migrate4.go",
    super::adopt::ALERT_TEMPLATES,
    super::adopt::NORMALISED_INDEXES,
];

/// The stored options of the two auth collections of a new directory, as JSON with fresh secrets.
#[derive(Clone)]
pub struct FreshAuthOptions {
    pub superusers: String,
    pub users: String,
}

impl std::fmt::Debug for FreshAuthOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreshAuthOptions(***)")
    }
}

/// Makes the tables and rows; `now` is in the stored form, `now_us` in microseconds.
pub fn install(tx: &dyn Tx, options: &FreshAuthOptions, now: &str, now_us: i64) -> Result<()> {
    tx.execute_script(TABLES)?;
    for (index, file) in MIGRATIONS.iter().enumerate() {
        let applied = now_us + i64::try_from(index).expect("eight");
        tx.execute("INSERT INTO _migrations (file, applied) VALUES (?1, ?2)", &[(*file).into(), applied.into()])?;
    }
    let collections: Vec<Json> = serde_json::from_str(COLLECTIONS).map_err(Error::internal)?;
    for collection in &collections {
        tx.execute(
            "INSERT INTO _collections (id, system, type, name, fields, indexes, listRule, viewRule, createRule,
               updateRule, deleteRule, options, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)",
            &row(collection, options, now),
        )?;
    }
    Ok(())
}

fn row(collection: &Json, options: &FreshAuthOptions, now: &str) -> [Value; 13] {
    let text = |key: &str| Value::from(collection[key].as_str().map(str::to_owned));
    let options = match collection["name"].as_str() {
        Some("_superusers") => &options.superusers,
        Some("users") => &options.users,
        _ => "{}",
    };
    [
        text("id"),
        collection["system"].as_bool().into(),
        text("type"),
        text("name"),
        stored_json(&collection["fields"].to_string()),
        stored_json(&collection["indexes"].to_string()),
        text("listRule"),
        text("viewRule"),
        text("createRule"),
        text("updateRule"),
        text("deleteRule"),
        stored_json(options),
        now.into(),
    ]
}

/// JSON as PocketBase stores it: `< > &` escaped. They stand in strings only, so that the text stays the same JSON.
pub fn stored_json(json: &str) -> Value {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").into()
}
