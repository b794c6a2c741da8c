//! The thread that writes entries in batches (contract/14 §7): 200 of them, or what there is 3 s after the last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value as Json;

use super::entry::RequestEntry;
use crate::clock::{Clock, date_text};
use crate::error::{Error, Result};
use crate::ids;
use crate::settings::SharedSettings;
use crate::store::{Store, Value};

const BATCH_ROWS: usize = 200;
const BATCH_WAIT: Duration = Duration::from_secs(3);
/// Entries that wait while a batch is written, some 2 KiB each at most in practice. What comes on top is dropped.
const QUEUE_MAX: usize = 4096;
const DAY_SECONDS: i64 = 24 * 3600;
const INSERT: &str = "INSERT INTO _logs (id, level, message, data, created) VALUES (?, ?, ?, ?, ?)";

/// The queue and its thread.
pub struct LogWriter {
    queue: Mutex<Option<SyncSender<RequestEntry>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    dropped: Arc<AtomicU64>,
}

impl LogWriter {
    /// Starts the thread.
    pub fn start(store: Store, settings: Arc<SharedSettings>) -> Result<Self> {
        let (queue, entries) = sync_channel(QUEUE_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        let thread = std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || run(&store, &settings, &entries, &counted))
            .map_err(Error::internal)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), dropped })
    }

    /// Queues an entry; never waits. With a full queue it is dropped, and counted.
    pub fn write(&self, entry: RequestEntry) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref()
            && let Err(TrySendError::Full(_)) = queue.try_send(entry)
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is queued and ends the thread.
    pub fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes logs had panicked");
        }
    }
}

fn run(store: &Store, settings: &SharedSettings, entries: &Receiver<RequestEntry>, dropped: &AtomicU64) {
    let mut batch: Vec<RequestEntry> = Vec::new();
    loop {
        let next = if batch.is_empty() {
            entries.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            entries.recv_timeout(BATCH_WAIT)
        };
        match next {
            Ok(entry) => {
                batch.push(entry);
                if batch.len() < BATCH_ROWS {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                write_batch(store, settings, batch);
                return;
            }
        }
        write_batch(store, settings, std::mem::take(&mut batch));
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "request logs were dropped: more came than could be written");
        }
    }
}

fn write_batch(store: &Store, settings: &SharedSettings, batch: Vec<RequestEntry>) {
    if batch.is_empty() {
        return;
    }
    let settings = settings.current();
    let logs = &settings.document.logs;
    let row = |entry: &RequestEntry| -> [Value; 5] {
        [
            ids::record_id().into(),
            entry.level().into(),
            entry.message().into(),
            Json::Object(entry.data(logs)).to_string().into(),
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
