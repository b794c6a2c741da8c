//! Stored rows into collections, on a second core while the rows are still being read: a start waits for both.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use crate::error::{Error, Result};
use crate::schema::{Collection, KnownFields, StoredCollection};

/// Fewer rows than these aren't worth a thread.
const ROWS_A_BATCH: usize = 64;

/// A row and its number.
type Numbered = (usize, StoredCollection);
/// Numbered as the rows were.
type Parsed = Vec<(usize, Collection)>;

/// Rows that wait to be parsed.
#[derive(Default)]
pub struct Batches {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Vec<Numbered>>,
    is_complete: bool,
}

impl Batches {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that panics runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parses batches until none will come any more.
    fn parse_all(&self) -> Result<Parsed> {
        let (mut known, mut parsed) = (KnownFields::default(), Vec::new());
        loop {
            let mut queue = self.lock();
            let batch = loop {
                match queue.batches.pop_front() {
                    Some(batch) => break batch,
                    None if queue.is_complete => return Ok(parsed),
                    None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(queue);
            for (number, row) in batch {
                let collection = Collection::from_stored_among(&row, &mut known).map_err(Error::internal)?;
                parsed.push((number, collection));
            }
        }
    }
}

/// Takes rows one by one and parses them beside.
pub struct Parsing<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    batches: &'env Batches,
    batch: Vec<Numbered>,
    helper: Option<ScopedJoinHandle<'scope, Result<Parsed>>>,
}

impl<'scope, 'env> Parsing<'scope, 'env> {
    pub fn new(scope: &'scope Scope<'scope, 'env>, batches: &'env Batches) -> Self {
        Self { scope, batches, batch: Vec::new(), helper: None }
    }

    /// Adds a row.
    pub fn add(&mut self, number: usize, row: StoredCollection) {
        self.batch.push((number, row));
        if self.batch.len() == ROWS_A_BATCH {
            let batches = self.batches;
            self.hand_over();
            self.helper.get_or_insert_with(|| self.scope.spawn(move || batches.parse_all()));
        }
    }

    /// Parses what is left together with the helper, if there is one.
    ///
    /// # Errors
    /// A row that can't be read is named: the database was written by something newer, or damaged.
    pub fn finish(mut self) -> Result<Parsed> {
        self.hand_over();
        self.complete();
        let mut parsed = self.batches.parse_all();
        if let Some(helper) = self.helper.take() {
            let joined = helper.join().unwrap_or_else(|_| Err(Error::internal("parsing a collection panicked")));
            parsed = parsed.and_then(|mut parsed| {
                parsed.extend(joined?);
                Ok(parsed)
            });
        }
        parsed
    }

    fn hand_over(&mut self) {
        self.batches.lock().batches.push_back(std::mem::take(&mut self.batch));
        self.batches.changed.notify_one();
    }

    fn complete(&self) {
        self.batches.lock().is_complete = true;
        self.batches.changed.notify_all();
    }
}

/// Reading may fail half-way; the helper then mustn't wait for more.
impl Drop for Parsing<'_, '_> {
    fn drop(&mut self) {
        self.complete();
    }
}
