//! Who is calling, without asking the database each time: the records and keys of recent tokens, bounded, dropped at
//! the commit that changes them. The HMAC is checked every time.
//!
//! Invariant: a request that begins after a change of the record, its collection or its key was answered never sees the
//! former one. Each entry remembers the number of its slot, taken before its record was read; the writer moves the
//! number at commit, before it answers. So a record that was read just before a change can't be cached after it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::crypto::jwt::TokenSecret;
use crate::error::Result;
use crate::query::{AuthRecord, Caller};
use crate::rows::find_record;
use crate::schema::{FieldValue, Record, Schema};
use crate::store::{Change, Conn, Event, Store, Subscriber};

use super::tokens::{TokenKind, read_token, secret_of};

/// Memory of all entries together. At some 600 bytes a record that is 14,000 callers.
const CACHE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// What an entry takes beside its record's texts: the entry itself, its place in the cache, the key.
const ENTRY_BYTES: u64 = 400;
/// Entries that the cache makes room for at first; it grows with the weight.
const ENTRIES_EXPECTED: usize = 1024;
/// Records share a number with others of the same hash: a change then drops their entries too, which costs a look-up.
const SLOTS: usize = 1024;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    collection: Box<str>,
    record: Box<str>,
}

/// A key that isn't owned; hashes as [`Key`] does.
#[derive(Hash)]
struct KeyRef<'a> {
    collection: &'a str,
    record: &'a str,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.collection == &*key.collection && self.record == &*key.record
    }
}

#[derive(Clone, Debug)]
struct Entry {
    record: Arc<Record>,
    secret: TokenSecret,
    /// The number of its slot before the record was read.
    slot_number: u64,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Key, Entry> for ByBytes {
    fn weight(&self, key: &Key, entry: &Entry) -> u64 {
        let values: usize = entry.record.values().iter().map(bytes_of).sum();
        ENTRY_BYTES + (key.collection.len() + key.record.len() + values) as u64
    }
}

fn bytes_of(value: &FieldValue) -> usize {
    let held = match value {
        FieldValue::Text(text) => text.capacity(),
        FieldValue::List(texts) => texts.iter().map(|text| size_of::<String>() + text.capacity()).sum(),
        FieldValue::Json(text) => text.as_ref().map_or(0, |text| text.len()),
        FieldValue::Number(_) | FieldValue::Bool(_) | FieldValue::Point { .. } => 0,
    };
    size_of::<FieldValue>() + held
}

/// The cache. A [`Subscriber`] of the store.
#[derive(Debug)]
pub struct AuthCache {
    entries: Cache<Key, Entry, ByBytes>,
    slot_numbers: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for AuthCache {
    fn default() -> Self {
        Self::new()
    }
}

impl AuthCache {
    pub fn new() -> Self {
        Self {
            entries: Cache::with_weighter(ENTRIES_EXPECTED, CACHE_BYTES_MAX, ByBytes),
            slot_numbers: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Whom an auth token stands for; anything that isn't a valid auth token is a guest's (contract/10 §6). Reads the
    /// record by its key, on this thread, if it isn't cached.
    ///
    /// # Errors
    /// Those of the read: a caller that can't be looked up isn't a guest.
    pub fn authenticate(&self, store: &Store, schema: &Schema, token: &str, now: Timestamp) -> Result<Caller> {
        let Ok(read) = read_token(token, TokenKind::Auth, now) else { return Ok(Caller::Guest) };
        let key = KeyRef { collection: &read.claims.collection_id, record: &read.claims.id };
        let Some(entry) = self.find(store, schema, &key)? else { return Ok(Caller::Guest) };
        if !read.is_signed_with(&entry.secret) {
            return Ok(Caller::Guest);
        }
        let is_superuser = entry.record.collection().is_superusers();
        let record = AuthRecord { record: entry.record };
        Ok(if is_superuser { Caller::Superuser(record) } else { Caller::Record(record) })
    }

    fn find(&self, store: &Store, schema: &Schema, key: &KeyRef<'_>) -> Result<Option<Entry>> {
        let Some(collection) = schema.find_by_id(key.collection).filter(|found| found.is_auth()) else {
            return Ok(None);
        };
        let slot_number = self.slot(key).load(Ordering::Acquire);
        if let Some(entry) = self.entries.get(key) {
            // A changed collection is another value: its secret or fields may differ.
            if entry.slot_number == slot_number && Arc::ptr_eq(entry.record.collection(), collection) {
                return Ok(Some(entry));
            }
        }
        let Some(record) = store.read_once_here(|conn| find_record(conn, collection, key.record))? else {
            return Ok(None);
        };
        let Ok(secret) = secret_of(&record, TokenKind::Auth) else { return Ok(None) };
        let entry = Entry { record: Arc::new(record), secret, slot_number };
        self.entries.insert(Key { collection: key.collection.into(), record: key.record.into() }, entry.clone());
        Ok(Some(entry))
    }

    fn slot(&self, key: &KeyRef<'_>) -> &AtomicU64 {
        &self.slot_numbers[self.hasher.hash_one(key) as usize % SLOTS]
    }

    fn drop_record(&self, change: &Change) {
        let key = KeyRef { collection: &change.collection_id, record: &change.record_id };
        self.slot(&key).fetch_add(1, Ordering::AcqRel);
        self.entries.remove(&key);
    }

    fn drop_all(&self) {
        for number in &self.slot_numbers {
            number.fetch_add(1, Ordering::AcqRel);
        }
        self.entries.clear();
    }
}

impl Subscriber for AuthCache {
    fn on_commit(&self, _conn: &dyn Conn, events: &[Event]) {
        for event in events {
            match event {
                Event::Change(change) => self.drop_record(change),
                Event::SchemaChanged | Event::ForeignWrite => self.drop_all(),
                Event::SettingsChanged | Event::OutboxFilled { .. } => {}
            }
        }
    }
}
