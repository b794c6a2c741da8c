//! The immutable snapshot of all collections.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::quality::RandomState;

use super::collection::Collection;

/// All collections at one moment. Look-ups are by id (exact) or name (ignoring ASCII case; an exact id wins).
#[derive(Debug, Default)]
pub struct Schema {
    /// In the order of creation.
    collections: Vec<Arc<Collection>>,
    by_id: HashMap<Arc<str>, usize, RandomState>,
    by_lower_name: HashMap<Box<str>, usize, RandomState>,
    reads_headers: bool,
}

/// What every expression that reads a request's headers has in it (contract/04 §9).
const HEADERS: &str = "@request.headers";

/// Whether an expression may read a request's headers.
pub fn reads_headers(expression: &str) -> bool {
    expression.contains(HEADERS)
}

impl Schema {
    /// A snapshot of `collections` in the order of their creation.
    pub fn new(collections: Vec<Arc<Collection>>) -> Self {
        let by_id = collections.iter().enumerate().map(|(i, c)| (c.id.clone(), i)).collect();
        let by_lower_name =
            collections.iter().enumerate().map(|(i, c)| (c.name.to_ascii_lowercase().into(), i)).collect();
        let reads_headers = collections.iter().any(|collection| collection.all_rules().any(reads_headers));
        Self { collections, by_id, by_lower_name, reads_headers }
    }

    /// The same with `changed` in the places of those with their ids, or added. Costs a copy of the index.
    pub fn with(&self, changed: impl IntoIterator<Item = Arc<Collection>>) -> Self {
        let mut collections = self.collections.clone();
        let mut added: HashMap<Arc<str>, usize> = HashMap::new();
        for collection in changed {
            match self.by_id.get(&collection.id).or_else(|| added.get(&collection.id)) {
                Some(&index) => collections[index] = collection,
                None => {
                    added.insert(collection.id.clone(), collections.len());
                    collections.push(collection);
                }
            }
        }
        Self::new(collections)
    }

    /// The same without the collections of these ids.
    pub fn without(&self, ids: &[Arc<str>]) -> Self {
        Self::new(self.collections.iter().filter(|collection| !ids.contains(&collection.id)).cloned().collect())
    }

    pub fn collections(&self) -> &[Arc<Collection>] {
        &self.collections
    }

    /// Whether some rule reads the headers of requests: else nobody needs to gather them.
    pub fn reads_headers(&self) -> bool {
        self.reads_headers
    }

    /// The collection with this id, or else with this name.
    pub fn find(&self, id_or_name: &str) -> Option<&Arc<Collection>> {
        self.find_by_id(id_or_name).or_else(|| self.find_by_name(id_or_name))
    }

    pub fn find_by_id(&self, id: &str) -> Option<&Arc<Collection>> {
        self.by_id.get(id).map(|&index| &self.collections[index])
    }

    pub fn find_by_name(&self, name: &str) -> Option<&Arc<Collection>> {
        let index = match self.by_lower_name.get(name) {
            Some(index) => index, // names are mostly lower-case and sent as they are
            None => self.by_lower_name.get(name.to_ascii_lowercase().as_str())?,
        };
        Some(&self.collections[*index])
    }
}

/// The current snapshot, shared. Readers take an `Arc`, never a lock.
#[derive(Debug, Default)]
pub struct SharedSchema(ArcSwap<Schema>);

impl SharedSchema {
    pub fn current(&self) -> Arc<Schema> {
        self.0.load_full()
    }

    /// Makes `schema` the current one; called on the writer's thread after the commit that changed it.
    pub fn replace(&self, schema: Schema) {
        self.0.store(Arc::new(schema));
    }
}
