//! Compiles queries and remembers what it compiled.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::compile::{Base, Compiled, Part, Purpose, Query, Scene};
use super::error::QueryError;
use super::prepare::{Prepared, check_client_texts, client_rights};
use super::resolve::Rights;
use crate::store::{Conn, Event, Subscriber};

/// Queries kept; an expectation, the weight is what binds.
const QUERIES_EXPECTED: usize = 2_000;
/// Bytes that the kept queries may weigh, estimated.
const WEIGHT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What a query weighs beside its texts: its nodes, leaves and plans.
const QUERY_BYTES: u64 = 4 * 1024;

/// Compiles; keeps plans by (collection, expressions, shape), bounded. One per process.
pub struct Planner {
    prepared: Cache<Key, Arc<Prepared>, TextWeighter>,
}

/// What decides how names are looked up.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    collection: Box<str>,
    parts: Box<[(PartKind, Box<str>)]>,
    sort: Box<str>,
    purpose: Purpose,
    is_virtual: bool,
    rights: Rights,
    /// The id of the caller's collection.
    caller: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PartKind {
    Rule,
    Filter,
}

/// The same, borrowed from a query.
struct KeyRef<'a> {
    query: &'a Query<'a>,
    rights: Rights,
    caller: Option<&'a str>,
}

fn kind_and_text<'a>(part: &Part<'a>) -> (PartKind, &'a str) {
    match *part {
        Part::Rule(text) => (PartKind::Rule, text),
        Part::Filter(text) => (PartKind::Filter, text),
    }
}

impl KeyRef<'_> {
    fn is_virtual(&self) -> bool {
        matches!(self.query.base, Base::Record(_))
    }

    fn to_key(&self) -> Key {
        let parts = self.query.parts.iter().map(kind_and_text);
        Key {
            collection: (*self.query.collection.id).into(),
            parts: parts.map(|(kind, text)| (kind, text.into())).collect(),
            sort: self.query.sort.into(),
            purpose: self.query.purpose,
            is_virtual: self.is_virtual(),
            rights: self.rights,
            caller: self.caller.map(Into::into),
        }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.query.collection.id.hash(state);
        for part in self.query.parts {
            kind_and_text(part).hash(state);
        }
        (self.query.sort, self.query.purpose, self.is_virtual(), self.rights, self.caller).hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.collection.hash(state);
        for (kind, text) in &self.parts {
            (*kind, &**text).hash(state);
        }
        (&*self.sort, self.purpose, self.is_virtual, self.rights, self.caller.as_deref()).hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let parts = self.query.parts.iter().map(kind_and_text);
        *key.collection == *self.query.collection.id
            && key.parts.iter().map(|(kind, text)| (*kind, &**text)).eq(parts)
            && *key.sort == *self.query.sort
            && key.purpose == self.query.purpose
            && key.is_virtual == self.is_virtual()
            && key.rights == self.rights
            && key.caller.as_deref() == self.caller
    }
}

#[derive(Clone)]
struct TextWeighter;

impl Weighter<Key, Arc<Prepared>> for TextWeighter {
    fn weight(&self, key: &Key, _: &Arc<Prepared>) -> u64 {
        let texts: usize = key.parts.iter().map(|(_, text)| text.len()).sum();
        // A tree is a good deal bigger than its text.
        QUERY_BYTES + 16 * (texts + key.sort.len()) as u64
    }
}

impl Default for Planner {
    fn default() -> Self {
        Self { prepared: Cache::with_weighter(QUERIES_EXPECTED, WEIGHT_BYTES_MAX, TextWeighter) }
    }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("queries", &self.prepared.len()).finish()
    }
}

impl Planner {
    pub fn new() -> Self {
        Self::default()
    }

    /// The condition and order of `query` for the request of `scene`. Parsing and looking names up happen once per
    /// text and schema, planning once per shape.
    ///
    /// # Errors
    /// What is wrong with a filter or sort, or with a rule that can't be resolved any more.
    pub fn compile(&self, query: &Query<'_>, scene: &Scene<'_>) -> Result<Compiled, QueryError> {
        check_client_texts(query, scene.request)?;
        let caller = scene.request.caller.auth().map(|auth| &*auth.collection().id);
        let key = KeyRef { query, rights: client_rights(scene.request), caller };
        if let Some(prepared) = self.prepared.get(&key)
            && Arc::ptr_eq(&prepared.schema, scene.schema)
        {
            return Ok(prepared.compile(query, scene));
        }
        let prepared = Arc::new(Prepared::new(query, scene)?);
        let compiled = prepared.compile(query, scene);
        self.prepared.insert(key.to_key(), prepared);
        Ok(compiled)
    }
}

/// A plan belongs to one schema and is never used under another; after a change all of them only keep the former schema
/// in memory.
impl Subscriber for Planner {
    fn on_commit(&self, _: &dyn Conn, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::SchemaChanged)) {
            self.prepared.clear();
        }
    }
}
