//! From the table of collections to the snapshot that requests work with, and anew after each commit that changed it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::schema::{Collection, Rules, Schema, SharedSchema, StoredCollection};
use crate::store::{Cell, Conn, Event, Subscriber};

use super::parsing::{Batches, Parsing};

/// How many columns [`COLUMNS`] are.
const WIDTH: usize = 14;
/// The columns of a stored row, in the order in which [`read_row`] takes them.
pub(super) const COLUMNS: &str = "id, system, type, name, fields, indexes, listRule, viewRule, createRule, updateRule, \
                                  deleteRule, options, created, updated";

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
        let batches = Batches::default();
        let (hashes, mut collections, parsed) = std::thread::scope(|scope| {
            let mut parsing = Parsing::new(scope, &batches);
            let (mut hashes, mut collections) = (Vec::new(), Vec::new());
            conn.each_row(&select(conn), &[], &mut |row| {
                let cells: [Cell<'_>; WIDTH] = std::array::from_fn(|column| row.cell(column));
                let hash = hash_row(&self.hasher, &cells);
                let known = self.collections.get(cells[0].as_text()).filter(|seen| seen.hash == hash);
                if known.is_none() {
                    parsing.add(hashes.len(), read_row(&cells));
                }
                collections.push(known.map(|seen| seen.collection.clone()));
                hashes.push(hash);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok::<_, Error>((hashes, collections, parsing.finish()?))
        })?;
        for (number, collection) in parsed {
            collections[number] = Some(Arc::new(collection));
        }
        let collections: Vec<Arc<Collection>> =
            collections.into_iter().map(|collection| collection.expect("each row is known or was parsed")).collect();
        let seen = hashes.iter().zip(&collections).map(|(hash, collection)| {
            (collection.id.to_string(), SeenRow { hash: *hash, collection: collection.clone() })
        });
        self.collections = seen.collect();
        Ok(Schema::new(collections))
    }
}

fn select(conn: &dyn Conn) -> String {
    let dialect = conn.dialect();
    format!("SELECT {COLUMNS} FROM {} ORDER BY {}", dialect.quote("_collections"), dialect.insertion_order())
}

/// A row of [`COLUMNS`].
fn read_row(cells: &[Cell<'_>; WIDTH]) -> StoredCollection {
    let text = |column: usize| cell_text(cells[column]).to_owned();
    let rule = |column: usize| (!cells[column].is_null()).then(|| text(column));
    StoredCollection {
        id: text(0),
        system: cells[1].as_int().unwrap_or(0) != 0,
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

fn hash_row(hasher: &RandomState, cells: &[Cell<'_>; WIDTH]) -> u64 {
    let mut state = hasher.build_hasher();
    for cell in cells {
        match *cell {
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
