//! The list of entries that wait to be put on the disk, in the form they are spooled in.
//!
//! Requests only add to it: the thread is woken for the first entry of a batch and for the one that makes it full, not for
//! each (which cost 3 µs of a request in the two threads' switches).

use std::mem::take;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::RequestEntry;

/// Entries that are written though none has come for less than [`BATCH_WAIT`].
const BATCH_ENTRIES: usize = 200;
const BATCH_WAIT: Duration = Duration::from_secs(3);
/// Under load a batch takes what comes in so long: pages of the indexes are then written once for several rows.
const BATCH_PAUSE: Duration = Duration::from_millis(250);
/// A batch that doesn't wait for that.
const BATCH_BYTES_ENOUGH: usize = 512 * 1024;
/// What waits while a batch is written. What comes on top is dropped.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Between two pieces of the spool: filing takes less than a fifth of a core, since what runs beside it counts more (with
/// less than half a core it took a third of the sign-ins' time).
const FILING_PAUSE: Duration = Duration::from_millis(250);

/// Shared by requests and the thread.
pub struct Waiting {
    list: Mutex<List>,
    changed: Condvar,
}

struct List {
    batch: Batch,
    /// When the last entry came.
    last: Instant,
    dropped: u64,
    is_closed: bool,
}

/// Entries one after the other, each in the form of `postcard`.
#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub entries: usize,
}

/// What the thread should do.
pub enum Work {
    /// Put these on the disk; so many were dropped since the last.
    Write(Batch, u64),
    /// Nothing is due: turn a piece of the spool into rows.
    File,
    End,
}

impl Waiting {
    pub fn new() -> Self {
        let list = List { batch: Batch::default(), last: Instant::now(), dropped: 0, is_closed: false };
        Self { list: Mutex::new(list), changed: Condvar::new() }
    }

    /// Adds an entry; never waits for the disk. With a full list it is dropped, and counted.
    pub fn add(&self, entry: &RequestEntry<'_>) {
        let mut list = self.lock();
        if list.is_closed {
            return;
        }
        let before = list.batch.bytes.len();
        if before >= WAITING_BYTES_MAX {
            list.dropped += 1;
            return;
        }
        list.batch.bytes = postcard::to_extend(entry, take(&mut list.batch.bytes))
            .expect("an entry has texts and numbers, and a vector takes any number of bytes");
        list.batch.entries += 1;
        list.last = Instant::now();
        let is_enough = before < BATCH_BYTES_ENOUGH && list.batch.bytes.len() >= BATCH_BYTES_ENOUGH;
        let wakes = is_enough || matches!(list.batch.entries, 1 | BATCH_ENTRIES);
        drop(list);
        if wakes {
            self.changed.notify_one();
        }
    }

    /// Nothing is added any more; the thread ends once it has written what waits.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits until there is something to do. `last_work` is when the last ended, `owes` whether the spool has anything.
    pub fn next_work(&self, last_work: Instant, owes: bool) -> Work {
        let mut list = self.lock();
        loop {
            let due_in = match list.batch.entries {
                0 if list.is_closed => return Work::End,
                0 => None,
                _ if list.is_closed || list.batch.bytes.len() >= BATCH_BYTES_ENOUGH => Some(Duration::ZERO),
                entries if entries >= BATCH_ENTRIES => Some(BATCH_PAUSE.saturating_sub(last_work.elapsed())),
                _ => Some(BATCH_WAIT.saturating_sub(list.last.elapsed())),
            };
            if due_in == Some(Duration::ZERO) {
                return Work::Write(take(&mut list.batch), take(&mut list.dropped));
            }
            // Only while next to nothing comes.
            let files_in =
                (owes && list.batch.entries < BATCH_ENTRIES).then(|| FILING_PAUSE.saturating_sub(last_work.elapsed()));
            if files_in == Some(Duration::ZERO) {
                return Work::File;
            }
            list = match due_in.into_iter().chain(files_in).min() {
                Some(left) => self.changed.wait_timeout(list, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(list).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Should encoding panic, the list is empty or whole.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
