//! Removing what no row names any more (contract/13 §6): by rows of the outbox, which follow a commit, by the list of
//! uploads that didn't become a record, and by a sweep that finds what a crash left.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Storage;
use super::error::StorageError;
use super::file_store::{FileStore, Listed};
use super::key::{FileKey, collection_prefix, record_prefix};
use crate::error::{Error, Result};
use crate::schema::{Collection, SharedSchema};
use crate::store::{Conn, ConnExt, Store, StoreError, Tx, Value, outbox};

/// The kind of outbox row that [`Remover::carry_out`] takes.
pub const OUTBOX_KIND: &str = "files.remove";
/// A file that no row names and that is younger may be on its way into one, on another node.
const SWEEP_AGE_MIN: Duration = Duration::from_secs(24 * 3600);
/// Names in one row of the outbox.
const NAMES_MAX: usize = 1000;

/// What may be removed: the named files of a record, or all of a record or a collection that no row names.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    Names(&'a str, &'a [String]),
    Record(&'a str),
    Collection,
}

/// The payload of an outbox row.
#[derive(Debug, Serialize, Deserialize)]
struct Removal {
    collection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

/// Queues a removal that follows the commit of `tx`. `now_ms` is Unix milliseconds.
///
/// Whatever is named by a row when it is carried out stays, so a wider scope than needed does no harm.
pub fn queue_removal(tx: &dyn Tx, collection_id: &str, scope: Scope<'_>, now_ms: i64) -> Result<(), StoreError> {
    let put = |record: Option<&str>, names: &[String]| {
        let removal =
            Removal { collection: collection_id.to_owned(), record: record.map(str::to_owned), names: names.to_vec() };
        let payload = serde_json::to_string(&removal).expect("texts can be written");
        outbox::put(tx, OUTBOX_KIND, &payload, now_ms).map(|_| ())
    };
    match scope {
        Scope::Names(record, names) => names.chunks(NAMES_MAX).try_for_each(|names| put(Some(record), names)),
        Scope::Record(record) => put(Some(record), &[]),
        Scope::Collection => put(None, &[]),
    }
}

/// Files that were written for a record that may not have been: looked at by [`Remover::clear_abandoned`].
#[derive(Clone, Debug, Default)]
pub(super) struct Abandoned(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    keys: Mutex<Vec<FileKey>>,
    added: Notify,
}

impl Abandoned {
    pub fn add(&self, keys: impl IntoIterator<Item = FileKey>) {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
        self.0.added.notify_one();
    }

    fn take(&self) -> Vec<FileKey> {
        std::mem::take(&mut *self.0.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Removes files. Cheap to clone.
#[derive(Clone)]
pub struct Remover {
    storage: Storage,
    store: Store,
    schema: Arc<SharedSchema>,
}

impl Remover {
    pub fn new(storage: Storage, store: Store, schema: Arc<SharedSchema>) -> Self {
        Self { storage, store, schema }
    }

    /// Does what the row `id` of the outbox asks for. May be repeated.
    ///
    /// # Errors
    /// What the store or the database fails with: the row stays for another try.
    pub async fn carry_out(&self, id: &str, payload: &str) -> Result<()> {
        let result = self.remove(payload).await;
        self.storage.settled.add(id);
        result
    }

    async fn remove(&self, payload: &str) -> Result<()> {
        let removal: Removal = serde_json::from_str(payload).map_err(Error::internal)?;
        let prefix = match &removal.record {
            Some(record) if !removal.names.is_empty() => {
                let keys = removal.names.iter().filter_map(|name| FileKey::new(&removal.collection, record, name));
                return self.remove_unnamed(keys.collect()).await;
            }
            Some(record) => record_prefix(&removal.collection, record),
            None => collection_prefix(&removal.collection),
        };
        match prefix {
            Some(prefix) => self.remove_below(prefix, |_| true).await.map(|_| ()),
            None => Ok(()), // ids that can't be paths have no files
        }
    }

    /// Waits for uploads whose record wasn't written, and removes them. Never ends.
    pub async fn clear_abandoned(&self) {
        loop {
            self.storage.abandoned.0.added.notified().await;
            let keys = self.storage.abandoned.take();
            if let Err(error) = self.remove_unnamed(keys).await {
                tracing::warn!(%error, "uploads of a refused record not removed; the sweep does it");
            }
        }
    }

    /// Removes what no row names and is older than a day, in the directories of known collections. Gives how many.
    pub async fn sweep(&self) -> Result<u64> {
        self.sweep_older_than(SWEEP_AGE_MIN).await
    }

    async fn sweep_older_than(&self, age: Duration) -> Result<u64> {
        let Some(before) = SystemTime::now().checked_sub(age) else { return Ok(0) };
        self.storage.current().tidy(age).await?;
        let schema = self.schema.current();
        let mut removed = 0;
        for collection in schema.collections().iter().filter(|collection| !collection.is_view()) {
            if let Some(prefix) = collection_prefix(&collection.id) {
                removed += self.remove_below(prefix, |listed| listed.modified <= before).await?;
            }
        }
        Ok(removed)
    }

    /// Removes the files below `prefix` that `may_go` lets go and no row names.
    async fn remove_below(&self, prefix: String, may_go: impl Fn(&Listed) -> bool) -> Result<u64> {
        let mut pages = self.storage.current().list(prefix);
        let mut removed = 0;
        while let Some(page) = pages.next().await {
            let page = page?;
            let keys = page.iter().filter(|listed| may_go(listed)).filter_map(|listed| FileKey::parse(&listed.path));
            let keys = self.unnamed(keys.collect()).await?;
            let store = self.storage.current();
            for key in &keys {
                store.remove(key).await?;
            }
            removed += keys.len() as u64;
        }
        Ok(removed)
    }

    /// Removes those of the files that no row names, with their thumbs.
    async fn remove_unnamed(&self, keys: Vec<FileKey>) -> Result<()> {
        for key in self.unnamed(keys).await? {
            remove_with_thumbs(&*self.storage.current(), &key).await?;
        }
        Ok(())
    }

    /// Those of the keys that may be removed.
    ///
    /// The order matters: a file that isn't in flight any more was committed before, so the rows read afterwards tell.
    async fn unnamed(&self, keys: Vec<FileKey>) -> Result<Vec<FileKey>> {
        let settled = keys.into_iter().filter(|key| !self.storage.in_flight.contains(&key.original()));
        let settled: Vec<FileKey> = settled.collect();
        if settled.is_empty() {
            return Ok(settled);
        }
        let schema = self.schema.current();
        self.store
            .read(move |conn| {
                let mut named: HashMap<(String, String), HashSet<String>> = HashMap::new();
                let mut unnamed = Vec::new();
                for key in settled {
                    let record = (key.collection_id().to_owned(), key.record_id().to_owned());
                    let names = match named.get(&record) {
                        Some(names) => names,
                        None => {
                            let names = match schema.find_by_id(&record.0) {
                                Some(collection) => names_of(conn, collection, &record.1)?,
                                None => HashSet::new(),
                            };
                            named.entry(record).or_insert(names)
                        }
                    };
                    if !names.contains(key.name()) {
                        unnamed.push(key);
                    }
                }
                Ok(unnamed)
            })
            .await
    }
}

/// Removes a file and its thumbs.
async fn remove_with_thumbs(store: &dyn FileStore, key: &FileKey) -> Result<(), StorageError> {
    store.remove(key).await?;
    let mut pages = store.list(key.thumbs_prefix());
    while let Some(page) = pages.next().await {
        for thumb in page?.iter().filter_map(|listed| FileKey::parse(&listed.path)) {
            store.remove(&thumb).await?;
        }
    }
    Ok(())
}

/// The names of files that the row of a record holds; none without such a row.
fn names_of(conn: &dyn Conn, collection: &Collection, record_id: &str) -> Result<HashSet<String>> {
    let dialect = conn.dialect();
    let fields: Vec<_> = collection.fields.iter().filter(|field| field.is_file()).collect();
    if fields.is_empty() || collection.is_view() {
        return Ok(HashSet::new());
    }
    let columns: Vec<String> = fields.iter().map(|field| dialect.quote(&field.name)).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = ?",
        columns.join(", "),
        dialect.quote(&collection.name),
        dialect.quote("id")
    );
    let names = conn.find_row(&sql, &[Value::from(record_id)], |row| {
        let values = fields.iter().enumerate().map(|(column, field)| field.value_of(row.cell(column)));
        values.flat_map(|value| value.items().to_vec()).collect()
    })?;
    Ok(names.unwrap_or_default())
}
