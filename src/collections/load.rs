//! From the table of collections to the snapshot that requests work with, and anew after each commit that changed it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;

use crate::error::{Error, Result};
use crate::schema::{Collection, KnownFields, Rules, Schema, SharedSchema, StoredCollection};
use crate::store::{Begun, Cell, Conn, Event, Store, Subscriber};

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
    collections: HashMap<Arc<str>, SeenRow, RandomState>,
}

/// The hash of a stored row and what it was read as.
#[derive(Debug)]
struct SeenRow {
    hash: u64,
    collection: Arc<Collection>,
}

/// The collections on their way from the table.
#[must_use]
pub struct Loading {
    shared: Arc<SharedSchema>,
    begun: Begun<()>,
}

impl Loading {
    /// The snapshot, kept true from now on. Blocks.
    ///
    /// # Errors
    /// A row that can't be read is named: the database was written by something newer, or is damaged.
    pub fn wait(self) -> Result<Arc<SharedSchema>> {
        self.begun.wait()?;
        Ok(self.shared)
    }
}

impl SchemaLoader {
    /// Begins to load the collections, on the store's writer, and follows the commits.
    pub fn begin(store: &Store) -> Result<Loading> {
        let loader = Arc::new(Self { shared: Arc::default(), seen: Mutex::default() });
        let shared = loader.shared.clone();
        store.subscribe(loader.clone());
        Ok(Loading { shared, begun: store.begin_read_seldom(move |conn| loader.reload(conn))? })
    }

    /// Reads the collections again and swaps the snapshot if one came, went, or changed.
    fn reload(&self, conn: &dyn Conn) -> Result<()> {
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
        let (mut fields, mut collections, mut unreadable) = (KnownFields::default(), Vec::new(), None);
        let mut seen = HashMap::default();
        conn.each_row(&select(conn), &[], &mut |row| {
            let cells: [Cell<'_>; WIDTH] = std::array::from_fn(|column| row.cell(column));
            let hash = hash_row(&self.hasher, &cells);
            let same = self.collections.get(cells[0].as_text()).filter(|seen| seen.hash == hash);
            let collection = match same.map(|same| same.collection.clone()) {
                Some(collection) => collection,
                None => match Collection::from_stored(read_row(&cells), &mut fields) {
                    Ok(collection) => Arc::new(collection),
                    Err(error) => {
                        unreadable = Some(error);
                        return Ok(ControlFlow::Break(()));
                    }
                },
            };
            seen.insert(collection.id.clone(), SeenRow { hash, collection: collection.clone() });
            collections.push(collection);
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(error) = unreadable {
            return Err(Error::internal(error));
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
fn read_row<'a>(cells: &[Cell<'a>; WIDTH]) -> StoredCollection<'a> {
    let text = |column: usize| Cow::Borrowed(cell_text(cells[column]));
    let rule = |column: usize| (!cells[column].is_null()).then(|| cell_text(cells[column]).to_owned());
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
