//! Collections with rows, in a database and in memory.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::query::{
    Answer, AuthRecord, Base, Caller, Compiled, MemoryScene, NotAtHand, OrderTerm, Outcome, Part, Planner, Purpose,
    Query, QueryError, Request, Row, Rows, Scene, evaluate_parts,
};
use crate::schema::{Collection, CollectionKind, Field, FieldValue, Record, Rules, Schema};
use crate::store::testing::{Scratch, scratch};
use crate::store::{ConnExt, Value};

pub struct World {
    pub store: Scratch,
    pub schema: Arc<Schema>,
    pub planner: Planner,
    pub now: Timestamp,
    tables: HashMap<Arc<str>, Vec<Row>>,
}

/// A collection from its JSON, as far as the language cares; an auth collection gets its system fields.
pub fn collection(object: &Json) -> Arc<Collection> {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let rule = |key: &str| object[key].as_str().map(str::to_owned);
    let mut fields: Vec<Json> = object["fields"].as_array().cloned().unwrap_or_default();
    let kind = match &*text("type") {
        "auth" => {
            for (name, kind) in [
                ("email", "email"),
                ("emailVisibility", "bool"),
                ("verified", "bool"),
                ("password", "password"),
                ("tokenKey", "text"),
            ] {
                let hidden = matches!(name, "password" | "tokenKey");
                fields.push(json!({"name": name, "type": kind, "hidden": hidden, "system": true}));
            }
            CollectionKind::Auth(Box::default())
        }
        "view" => CollectionKind::View { query: text("viewQuery") },
        _ => CollectionKind::Base,
    };
    Arc::new(Collection {
        id: text("id").into(),
        name: text("name").into(),
        kind,
        system: false,
        fields: fields.iter().map(|field| Arc::new(Field::from_json(field.as_object().unwrap()).unwrap())).collect(),
        indexes: object["indexes"].as_array().into_iter().flatten().map(|i| i.as_str().unwrap().to_owned()).collect(),
        rules: Rules {
            list: rule("listRule"),
            view: rule("viewRule"),
            create: rule("createRule"),
            update: rule("updateRule"),
            delete: rule("deleteRule"),
        },
        created: String::new(),
        updated: String::new(),
        unknown_options: Map::new(),
    })
}

/// A record from input.
pub fn record(collection: &Arc<Collection>, input: &Json) -> Record {
    let values = collection.fields.iter().map(|field| match input.get(&field.name) {
        Some(value) => field.normalise(value),
        None => FieldValue::zero(field.shape()),
    });
    Record::new(collection.clone(), values.collect())
}

/// The caller that a record of `_superusers` is.
pub fn superuser() -> Caller {
    let superusers = collection(&json!({"id": "pbc_su", "name": "_superusers", "type": "auth",
        "fields": [{"name": "id", "type": "text", "primaryKey": true}]}));
    let own = record(&superusers, &json!({"id": "su", "email": "a@x.io"}));
    Caller::Superuser(AuthRecord { record: Arc::new(own) })
}

impl World {
    /// A database of these collections, views last, with these records of the tables.
    pub fn new(collections: Vec<Arc<Collection>>, records: &[Record]) -> Self {
        let store = scratch();
        let dialect = store.dialect();
        let mut statements: Vec<(String, Vec<Value>)> = Vec::new();
        for collection in &collections {
            let name = dialect.quote(&collection.name);
            if let CollectionKind::View { query } = &collection.kind {
                statements.push((format!("CREATE VIEW {name} AS SELECT * FROM ({query})"), Vec::new()));
                continue;
            }
            let columns: Vec<String> = collection
                .fields
                .iter()
                .map(|f| format!("{} {}", dialect.quote(&f.name), dialect.column_definition(f.column_type())))
                .collect();
            statements.push((format!("CREATE TABLE {name} ({})", columns.join(", ")), Vec::new()));
            statements.extend(collection.indexes.iter().map(|index| (index.clone(), Vec::new())));
        }
        for record in records {
            let marks: Vec<String> = (1..=record.values().len()).map(|n| dialect.parameter(n)).collect();
            let table = dialect.quote(&record.collection().name);
            let values = record.values().iter().map(FieldValue::to_stored).collect();
            statements.push((format!("INSERT INTO {table} VALUES ({})", marks.join(", ")), values));
        }
        store
            .write_alone_blocking(move |tx| {
                for (sql, params) in &statements {
                    tx.execute(sql, params)?;
                }
                Ok(())
            })
            .unwrap();
        let mut world = Self {
            store,
            schema: Arc::new(Schema::new(collections)),
            planner: Planner::new(),
            now: "2026-11-24T12:34:56.789Z".parse().unwrap(),
            tables: HashMap::new(),
        };
        world.read_tables();
        world
    }

    /// Takes the rows as the database holds them.
    fn read_tables(&mut self) {
        for collection in self.schema.collections() {
            let dialect = self.store.dialect();
            let columns: Vec<String> = collection.fields.iter().map(|f| dialect.quote(&f.name)).collect();
            let sql = format!("SELECT {} FROM {}", columns.join(", "), dialect.quote(&collection.name));
            let width = columns.len();
            let read = |conn: &dyn crate::store::Conn| {
                Ok(conn.list_rows(&sql, &[], |row| (0..width).map(|at| row.cell(at).to_value()).collect::<Row>())?)
            };
            let rows = self.store.read_here(read).unwrap();
            self.tables.insert(collection.id.clone(), rows);
        }
    }

    pub fn collection(&self, name: &str) -> &Arc<Collection> {
        self.schema.find(name).unwrap_or_else(|| panic!("no collection {name}"))
    }

    /// The record of a table as the caller of a request.
    pub fn caller(&self, name: &str, id: &str) -> Caller {
        let collection = self.collection(name);
        let row = self.find(collection, id).unwrap().unwrap();
        let values = collection.fields.iter().zip(row.iter()).map(|(field, cell)| field.value_of(cell.as_cell()));
        let record = Record::new(collection.clone(), values.collect());
        Caller::Record(AuthRecord { record: Arc::new(record) })
    }

    pub fn compile(
        &self,
        collection: &Arc<Collection>,
        parts: &[Part<'_>],
        sort: &str,
        request: &Request,
        purpose: Purpose,
    ) -> Result<Compiled, QueryError> {
        let query = Query { collection, base: Base::Table, parts, sort, purpose };
        self.planner.compile(&query, &self.scene(request))
    }

    pub fn scene<'a>(&'a self, request: &'a Request) -> Scene<'a> {
        Scene { schema: &self.schema, request, now: self.now, dialect: self.store.dialect() }
    }

    /// The ids that a compiled query gives, in its order.
    pub fn run(&self, collection: &Collection, compiled: &Compiled) -> Result<Vec<String>, String> {
        if compiled.outcome() == Outcome::Never {
            return Ok(Vec::new());
        }
        let dialect = self.store.dialect();
        let mut sql =
            format!("SELECT {}.{} FROM {}", dialect.quote(&collection.name), dialect.quote("id"), compiled.from_sql());
        if compiled.outcome() == Outcome::Depends {
            sql += &format!(" WHERE {}", compiled.where_sql());
        }
        let term = |term: &OrderTerm| format!("{}{}", term.sql, if term.descending { " DESC" } else { "" });
        let order: Vec<String> = compiled.order().iter().map(term).collect();
        if !order.is_empty() {
            sql += &format!(" ORDER BY {}", order.join(", "));
        }
        let params = compiled.params();
        self.store
            .read_here(|conn| Ok(conn.list_rows(&sql, params, |row| row.cell(0).as_text().to_owned())?))
            .map_err(|error| format!("{error}: {sql}"))
    }

    /// The ids that the memory evaluator finds, in storage order; `None` if it gave up.
    pub fn remember(
        &self,
        collection: &Arc<Collection>,
        parts: &[Part<'_>],
        request: &Request,
    ) -> Result<Option<Vec<String>>, QueryError> {
        let scene = MemoryScene { schema: &self.schema, request, now: self.now, rows: self };
        let id = collection.field_index("id").unwrap();
        // An empty table has no row to find a fault with.
        let nothing: Row = collection.fields.iter().map(|_| Value::Null).collect();
        evaluate_parts(parts, collection, &nothing, &scene)?;
        let mut ids = Vec::new();
        for row in &self.tables[&collection.id] {
            match evaluate_parts(parts, collection, row, &scene)? {
                Answer::Yes => ids.push(row[id].as_cell().as_text().to_owned()),
                Answer::No => {}
                Answer::NeedsRows => return Ok(None),
            }
        }
        Ok(Some(ids))
    }

    /// What the engine says it will do for a statement.
    pub fn explain(&self, sql: &str, params: &[Value]) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let lines = self
            .store
            .read_here(|conn| Ok(conn.list_rows(&sql, params, |row| row.cell(3).as_text().to_owned())?))
            .unwrap();
        lines.join("\n")
    }
}

impl Rows for World {
    fn find(&self, collection: &Collection, id: &str) -> Result<Option<Row>, NotAtHand> {
        let at = collection.field_index("id").unwrap();
        Ok(self.tables[&collection.id].iter().find(|row| row[at].as_cell().as_text() == id).cloned())
    }

    fn list(&self, collection: &Collection) -> Result<Vec<Row>, NotAtHand> {
        Ok(self.tables[&collection.id].clone())
    }
}
