//! Totals of lists, counted once and kept until something they depend on changes (PERFORMANCE, Spikes, Totals).
//!
//! A total is kept under its statement and parameters, with the epochs of all collections it reads as they were *before*
//! it was counted: if one has moved since, the total may be old and is counted anew. So it is always exact.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::schema::Schema;
use crate::store::{Store, Value};

use super::tags::encode;

/// Bytes of all kept totals together, keys included.
const TOTALS_BYTES_MAX: u64 = 4 << 20;
/// About how many fit, by which the cache sizes its table.
const TOTALS_EXPECTED: usize = 16_384;

/// The statement and its parameters, in bytes.
pub type TotalKey = Box<[u8]>;

/// The epochs of what a statement reads, by collection id.
pub type Epochs = Box<[(Arc<str>, u64)]>;

#[derive(Clone, Debug)]
struct Total {
    rows: u64,
    epochs: Epochs,
}

/// The kept totals.
#[derive(Debug)]
pub struct Totals(Cache<TotalKey, Total, Bytes>);

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<TotalKey, Total> for Bytes {
    fn weight(&self, key: &TotalKey, total: &Total) -> u64 {
        (key.len() + total.epochs.len() * size_of::<(Arc<str>, u64)>() + size_of::<Total>()) as u64
    }
}

/// What is known of a total before the list is read.
#[derive(Debug)]
pub enum Known {
    /// It holds still.
    Fresh(u64),
    /// Counted before, and something has changed since: about this many.
    Stale(u64),
    Nothing,
}

impl Totals {
    pub fn new() -> Self {
        Self(Cache::with_weighter(TOTALS_EXPECTED, TOTALS_BYTES_MAX, Bytes))
    }

    pub fn find(&self, key: &TotalKey, store: &Store) -> Known {
        match self.0.get(key) {
            None => Known::Nothing,
            Some(total) if total.epochs.iter().all(|(id, epoch)| store.epoch(id) == *epoch) => Known::Fresh(total.rows),
            Some(total) => Known::Stale(total.rows),
        }
    }

    /// Keeps a total that was counted after `epochs` were taken.
    pub fn keep(&self, key: TotalKey, rows: u64, epochs: Epochs) {
        self.0.insert(key, Total { rows, epochs });
    }
}

/// The epochs of these collections now; `None` if one of them is a view, whose rows come from tables that it doesn't
/// name here.
pub fn take_epochs(store: &Store, schema: &Schema, reads: &[Arc<str>]) -> Option<Epochs> {
    let is_table = |id: &Arc<str>| schema.find_by_id(id).is_some_and(|collection| !collection.is_view());
    reads.iter().all(is_table).then(|| reads.iter().map(|id| (id.clone(), store.epoch(id))).collect())
}

pub fn total_key(sql: &str, params: &[Value]) -> TotalKey {
    let mut key = Vec::with_capacity(sql.len() + params.len() * 24);
    key.extend_from_slice(sql.as_bytes());
    key.push(0); // no statement has one
    for value in params {
        encode(value.as_cell(), &mut key);
    }
    key.into()
}
