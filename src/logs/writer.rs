//! The thread that writes entries in batches (contract/14 §7): 200 of them, or what there is 3 s after the last.
//!
//! Requests only add to a list: the thread is woken for the first entry of a batch and for the one that makes it full,
//! not for each (which cost 3 µs of a request in the two threads' switches).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::entry::RequestEntry;
use crate::clock::{Clock, date_text};
use crate::error::{Error, Result};
use crate::ids;
use crate::settings::SharedSettings;
use crate::store::{Store, Value};

const BATCH_ROWS: usize = 200;
const BATCH_WAIT: Duration = Duration::from_secs(3);
/// Under load a batch takes what comes in so long: pages of the indexes are then written once for several rows.
const BATCH_PAUSE: Duration = Duration::from_millis(250);
/// A batch that doesn't wait for that.
const BATCH_ROWS_ENOUGH: usize = WAITING_MAX / 2;
/// Entries that wait while a batch is written, some 2 KiB each at most in practice. What comes on top is dropped.
const WAITING_MAX: usize = 4096;
const DAY_SECONDS: i64 = 24 * 3600;
const INSERT: &str = "INSERT INTO _logs (id, level, message, data, created) VALUES (?, ?, ?, ?, ?)";

/// The list and the thread that empties it.
pub struct LogWriter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    entries: Vec<RequestEntry>,
    /// When the last entry came.
    last: Instant,
    dropped: u64,
    is_closed: bool,
}

impl LogWriter {
    /// Starts the thread.
    pub fn start(store: Store, settings: Arc<SharedSettings>) -> Result<Self> {
        let waiting = Waiting { entries: Vec::new(), last: Instant::now(), dropped: 0, is_closed: false };
        let shared = Arc::new(Shared { waiting: Mutex::new(waiting), changed: Condvar::new() });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || run(&store, &settings, &of_thread))
            .map_err(Error::internal)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Adds an entry; never waits for the disk. With a full list it is dropped, and counted.
    pub fn write(&self, entry: RequestEntry) {
        let mut waiting = self.shared.lock();
        if waiting.is_closed {
            return;
        }
        if waiting.entries.len() >= WAITING_MAX {
            waiting.dropped += 1;
            return;
        }
        waiting.entries.push(entry);
        waiting.last = Instant::now();
        let wakes = matches!(waiting.entries.len(), 1 | BATCH_ROWS | BATCH_ROWS_ENOUGH);
        drop(waiting);
        if wakes {
            self.shared.changed.notify_one();
        }
    }

    /// Writes what waits and ends the thread.
    pub fn stop(&self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes logs had panicked");
        }
    }
}

impl Shared {
    /// Waits for a batch, and gives with it how many entries were dropped meanwhile; `None` at the end.
    fn next_batch(&self, last_batch: Instant) -> Option<(Vec<RequestEntry>, u64)> {
        let mut waiting = self.lock();
        loop {
            let left = match waiting.entries.len() {
                0 if waiting.is_closed => return None,
                0 => {
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                rows if waiting.is_closed || rows >= BATCH_ROWS_ENOUGH => Duration::ZERO,
                rows if rows >= BATCH_ROWS => BATCH_PAUSE.saturating_sub(last_batch.elapsed()),
                _ => BATCH_WAIT.saturating_sub(waiting.last.elapsed()),
            };
            if left.is_zero() {
                return Some((std::mem::take(&mut waiting.entries), std::mem::take(&mut waiting.dropped)));
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that panics runs under the lock, so a poisoned list is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(store: &Store, settings: &SharedSettings, shared: &Shared) {
    let mut last_batch = Instant::now();
    while let Some((batch, lost)) = shared.next_batch(last_batch) {
        last_batch = Instant::now();
        write_batch(store, settings, batch);
        if lost > 0 {
            tracing::warn!(lost, "request logs were dropped: more came than could be written");
        }
    }
}

fn write_batch(store: &Store, settings: &SharedSettings, batch: Vec<RequestEntry>) {
    let settings = settings.current();
    let logs = &settings.document.logs;
    let row = |entry: &RequestEntry| -> [Value; 5] {
        [
            ids::record_id().into(),
            entry.level().into(),
            entry.message().into(),
            entry.data(logs).into(),
            date_text(entry.at).into(),
        ]
    };
    let rows: Vec<[Value; 5]> = batch.iter().map(row).collect();
    let written = store.write_blocking(move |tx| {
        for row in &rows {
            tx.execute(INSERT, row)?;
        }
        Ok(())
    });
    if let Err(error) = written {
        tracing::error!(%error, entries = batch.len(), "request logs weren't written");
    }
}

/// Deletes what the settings don't keep: rows older than `maxDays` or below `minLevel`; all of them when it is 0.
pub fn delete_old(store: &Store, settings: &SharedSettings, clock: &Clock) -> Result<()> {
    let settings = settings.current();
    let logs = &settings.document.logs;
    if logs.max_days == 0 {
        return store.write_blocking(|tx| Ok(tx.execute("DELETE FROM _logs", &[]).map(drop)?));
    }
    let seconds = clock.now_seconds().saturating_sub(logs.max_days.saturating_mul(DAY_SECONDS));
    let before = jiff::Timestamp::from_second(seconds).map(date_text).unwrap_or_default();
    let level = logs.min_level;
    store.write_blocking(move |tx| {
        let params = [Value::from(before.as_str()), Value::from(level)];
        Ok(tx.execute("DELETE FROM _logs WHERE created <= ? OR level < ?", &params).map(drop)?)
    })
}
