//! From the table of collections to the snapshot that requests work with, and anew after each commit that changed it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::schema::{Collection, KnownFields, Rules, Schema, SharedSchema, StoredCollection};
use crate::store::{Cell, Conn, ConnExt, Event, Row, Subscriber};

/// The columns of a stored row, in the order in which [`read_row`] takes them.
pub(super) const COLUMNS: &str = "id, system, type, name, fields, indexes, listRule, viewRule, createRule, updateRule, \
                                  deleteRule, options, created, updated";

/// Fewer rows than these aren't worth a thread.
const ROWS_A_THREAD_MIN: usize = 100;

/// Reads all collections. Costs a parse of each row; [`SchemaLoader`] is for reading them again.
///
/// # Errors
/// A row that can't be read is named: the database was written by something newer, or damaged.
pub fn load_schema(conn: &dyn Conn) -> Result<Schema> {
    let rows = conn.list_rows(&select(conn), &[], read_row)?;
    Ok(Schema::new(parse_all(&rows)?))
}

/// Parses stored rows in their order, many of them on all cores: a start waits for it.
fn parse_all<R: Borrow<StoredCollection> + Sync>(rows: &[R]) -> Result<Vec<Arc<Collection>>> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let part_rows = rows.len().div_ceil(cores).max(ROWS_A_THREAD_MIN);
    let parsed: Result<Vec<Vec<_>>> = std::thread::scope(|scope| {
        let mut parts = rows.chunks(part_rows);
        let first = parts.next().unwrap_or_default();
        let others: Vec<_> = parts.map(|part| scope.spawn(|| parse_part(part))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(Error::internal("parsing a collection panicked")))
        };
        std::iter::once(parse_part(first)).chain(others.into_iter().map(join)).collect()
    });
    Ok(parsed?.into_iter().flatten().collect())
}

fn parse_part<R: Borrow<StoredCollection>>(rows: &[R]) -> Result<Vec<Arc<Collection>>> {
    let mut known = KnownFields::default();
    let parse = |row: &R| Collection::from_stored_among(row.borrow(), &mut known).map(Arc::new);
    rows.iter().map(parse).collect::<Result<_, _>>().map_err(Error::internal)
}

/// Keeps the shared snapshot true: reads the collections after a commit that changed them, its own or another
/// process's, and parses only the rows that differ. A collection that didn't change keeps its `Arc`.
#[derive(Debug)]
pub struct SchemaLoader {
    shared: Arc<SharedSchema>,
    seen: Mutex<Seen>,
}

/// The rows of the last load by id.
#[derive(Debug, Default)]
struct Seen {
    hasher: RandomState,
    collections: HashMap<String, SeenRow>,
}

/// The hash of a stored row and what it was read as.
#[derive(Debug)]
struct SeenRow {
    hash: u64,
    collection: Arc<Collection>,
}

impl SchemaLoader {
    /// Loads the collections. The loader then wants to hear the store's events.
    pub fn new(conn: &dyn Conn) -> Result<Self> {
        let mut seen = Seen::default();
        let shared = Arc::new(SharedSchema::new(seen.load(conn)?));
        Ok(Self { shared, seen: Mutex::new(seen) })
    }

    /// The snapshot that this loader keeps.
    pub fn shared(&self) -> Arc<SharedSchema> {
        self.shared.clone()
    }

    /// Reads the collections again and swaps the snapshot if one came, went, or changed.
    pub fn reload(&self, conn: &dyn Conn) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = seen.load(conn)?;
        let current = self.shared.current();
        let same = fresh.collections().len() == current.collections().len()
            && fresh.collections().iter().zip(current.collections()).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            self.shared.replace(fresh);
        }
        Ok(())
    }
}

impl Subscriber for SchemaLoader {
    fn on_commit(&self, conn: &dyn Conn, events: &[Event]) {
        let concerned = events.iter().any(|event| match event {
            Event::SchemaChanged | Event::ForeignWrite => true,
            Event::Change(_) | Event::SettingsChanged | Event::OutboxFilled { .. } => false,
        });
        if concerned && let Err(error) = self.reload(conn) {
            // The old snapshot still serves what it can; a write of ours never leaves an unreadable row.
            tracing::error!(%error, "collections not loaded again");
        }
    }
}

impl Seen {
    fn load(&mut self, conn: &dyn Conn) -> Result<Schema> {
        let rows = conn.list_rows(&select(conn), &[], |row| {
            let hash = hash_row(&self.hasher, row);
            let known = self.collections.get(row.cell(0).as_text()).filter(|seen| seen.hash == hash);
            match known {
                Some(seen) => (hash, Ok(seen.collection.clone())),
                None => (hash, Err(read_row(row))),
            }
        })?;
        let fresh: Vec<&StoredCollection> = rows.iter().filter_map(|(_, row)| row.as_ref().err()).collect();
        let mut fresh = parse_all(&fresh)?.into_iter();
        let mut collections = Vec::with_capacity(rows.len());
        let mut seen = HashMap::with_capacity(rows.len());
        for (hash, row) in &rows {
            let collection =
                row.as_ref().ok().cloned().or_else(|| fresh.next()).expect("each row is known or was parsed");
            seen.insert(collection.id.to_string(), SeenRow { hash: *hash, collection: collection.clone() });
            collections.push(collection);
        }
        self.collections = seen;
        Ok(Schema::new(collections))
    }
}

fn select(conn: &dyn Conn) -> String {
    let dialect = conn.dialect();
    format!("SELECT {COLUMNS} FROM {} ORDER BY {}", dialect.quote("_collections"), dialect.insertion_order())
}

/// A row of [`COLUMNS`].
fn read_row(row: &dyn Row) -> StoredCollection {
    let text = |column| cell_text(row.cell(column)).to_owned();
    let rule = |column| (!row.cell(column).is_null()).then(|| text(column));
    StoredCollection {
        id: text(0),
        system: row.cell(1).as_int().unwrap_or(0) != 0,
        type_name: text(2),
        name: text(3),
        fields: text(4),
        indexes: text(5),
        rules: Rules { list: rule(6), view: rule(7), create: rule(8), update: rule(9), delete: rule(10) },
        options: text(11),
        created: text(12),
        updated: text(13),
    }
}

/// JSON may have been stored as bytes (contract/01 §5).
fn cell_text(cell: Cell<'_>) -> &str {
    match cell {
        Cell::Text(text) => text,
        Cell::Blob(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        Cell::Null | Cell::Int(_) | Cell::Real(_) => "",
    }
}

fn hash_row(hasher: &RandomState, row: &dyn Row) -> u64 {
    let mut state = hasher.build_hasher();
    for column in 0..row.width() {
        match row.cell(column) {
            Cell::Null => state.write_u8(0),
            Cell::Int(number) => state.write_i64(number),
            Cell::Real(number) => state.write_u64(number.to_bits()),
            Cell::Text(text) => {
                state.write_usize(text.len());
                state.write(text.as_bytes());
            }
            Cell::Blob(bytes) => {
                state.write_usize(bytes.len());
                state.write(bytes);
            }
        }
    }
    state.finish()
}
