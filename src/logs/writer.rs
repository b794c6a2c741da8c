//! The thread that puts entries on the disk (contract/14 §7): 200 of them, or what there is 3 s after the last.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::entry::RequestEntry;
use super::row_ids::RowIds;
use super::spool;
use super::waiting::{Batch, Waiting, Work};
use crate::error::{Error, Result};
use crate::settings::Logs;
use crate::store::Store;

/// A batch of more entries than this is a burst, some 4,000 a second, and is spooled.
const FILED_AT_ONCE_MAX: usize = 1000;
/// Most bytes in the spool, half a million entries: a load that lasts is filed as fast as the disk allows.
const SPOOL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The list and the thread that empties it.
pub struct LogWriter {
    waiting: Arc<Waiting>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LogWriter {
    /// Starts the thread, which begins with what a former process has spooled. `data_bytes_max` tells the setting.
    pub fn start(store: Store, data_bytes_max: impl Fn() -> usize + Send + 'static) -> Result<Self> {
        let spooled = store.read_seldom(|conn| spool::size(conn))?;
        let waiting = Arc::new(Waiting::new());
        let of_thread = waiting.clone();
        let mut clerk = Clerk { store, data_bytes_max, ids: Arc::new(RowIds::new()), spooled };
        let thread = std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || clerk.work(&of_thread))
            .map_err(Error::internal)?;
        Ok(Self { waiting, thread: Mutex::new(Some(thread)) })
    }

    /// Adds an entry, without what the settings don't want; never waits for the disk. With a full list it is dropped, and
    /// counted.
    pub fn write(&self, mut entry: RequestEntry<'_>, settings: &Logs) {
        entry.keep_only_what_may_be(settings);
        self.waiting.add(&entry);
    }

    /// Writes what waits and ends the thread. What is in the spool stays there for the next start.
    pub fn stop(&self) {
        self.waiting.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes logs had panicked");
        }
    }
}

/// What the thread works with.
struct Clerk<F> {
    store: Store,
    data_bytes_max: F,
    ids: Arc<RowIds>,
    /// Bytes in the spool.
    spooled: u64,
}

impl<F: Fn() -> usize> Clerk<F> {
    fn work(&mut self, waiting: &Waiting) {
        let mut last_work = Instant::now();
        loop {
            match waiting.next_work(last_work, self.spooled > 0) {
                Work::Write(batch, dropped) => {
                    last_work = Instant::now(); // batches begin in even time, however long one takes
                    self.write(batch);
                    if dropped > 0 {
                        tracing::warn!(dropped, "request logs were dropped: more came than could be written");
                    }
                }
                Work::File => {
                    self.file_oldest();
                    last_work = Instant::now();
                }
                Work::End => return,
            }
        }
    }

    fn write(&mut self, batch: Batch) {
        let Batch { bytes, entries } = batch;
        let size = bytes.len() as u64;
        let is_spooled = entries > FILED_AT_ONCE_MAX && self.spooled < SPOOL_BYTES_MAX;
        let (ids, data_bytes_max) = (self.ids.clone(), (self.data_bytes_max)());
        let written = self.store.write_blocking(move |tx| {
            if is_spooled { spool::put(tx, &bytes) } else { spool::file(tx, &bytes, &ids, data_bytes_max) }
        });
        match written {
            Ok(()) if is_spooled => self.spooled += size,
            Ok(()) => {}
            Err(error) => tracing::error!(%error, entries, "request logs weren't written"),
        }
    }

    fn file_oldest(&mut self) {
        let (ids, data_bytes_max) = (self.ids.clone(), (self.data_bytes_max)());
        match self.store.write_blocking(move |tx| spool::file_oldest(tx, &ids, data_bytes_max)) {
            Ok(0) => self.spooled = 0,
            Ok(size) => self.spooled = self.spooled.saturating_sub(size),
            // Tried again after the pause.
            Err(error) => tracing::error!(%error, "spooled request logs weren't filed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::logs::clean;
    use crate::store::ConnExt;
    use crate::store::testing::{Scratch, scratch};

    const PATIENCE: Duration = Duration::from_secs(10);

    fn store() -> Scratch {
        let store = scratch();
        for script in
            [include_str!("../../migrations/0001_auxiliary.sql"), include_str!("../../migrations/0002_auxiliary.sql")]
        {
            store.write_blocking(|tx| Ok(tx.execute_script(script)?)).unwrap();
        }
        store
    }

    fn write(writer: &LogWriter, count: usize) {
        for number in 0..count {
            let entry = RequestEntry {
                at_ms: 1_764_540_000_000,
                method: "GET",
                url: format!("/{number}").into(),
                status: 200,
                exec_ms: 0.5,
                referer: "".into(),
                user_agent: "".into(),
                auth: None,
                user_ip: None,
                remote_ip: None,
                error: None,
                details: None,
                meta: None,
            };
            writer.write(entry, &Logs::default());
        }
    }

    fn count(store: &Scratch, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        store
            .read_seldom(move |conn| Ok(conn.find_row(&sql, &[], |row| row.cell(0).as_int())?))
            .unwrap()
            .unwrap()
            .unwrap()
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "it doesn't come about");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_burst_is_spooled_and_filed_when_it_is_calm() {
        let store = store();
        let writer = LogWriter::start(store.clone(), || 0).unwrap();
        write(&writer, 3 * FILED_AT_ONCE_MAX);
        wait_until(|| count(&store, "_mb_log_spool") > 0);
        wait_until(|| count(&store, "_logs") == 3 * FILED_AT_ONCE_MAX as i64);
        assert_eq!(count(&store, "_mb_log_spool"), 0);
        write(&writer, 10);
        writer.stop();
        assert_eq!(count(&store, "_logs"), 3 * FILED_AT_ONCE_MAX as i64 + 10);
    }

    /// What a process leaves that is stopped in a burst.
    fn store_with_spooled() -> Scratch {
        let store = store();
        let writer = LogWriter::start(store.clone(), || 0).unwrap();
        write(&writer, 2 * FILED_AT_ONCE_MAX);
        writer.stop();
        assert_eq!((count(&store, "_logs"), count(&store, "_mb_log_spool")), (0, 1));
        store
    }

    #[test]
    fn what_a_stopped_process_has_spooled_is_filed_by_the_next() {
        let store = store_with_spooled();
        let next = LogWriter::start(store.clone(), || 0).unwrap();
        wait_until(|| count(&store, "_logs") == 2 * FILED_AT_ONCE_MAX as i64);
        next.stop();
    }

    #[test]
    fn what_was_spooled_before_everything_was_deleted_does_not_come_back() {
        let store = store_with_spooled();
        store.write_blocking(clean::delete_all).unwrap();
        let next = LogWriter::start(store.clone(), || 0).unwrap();
        write(&next, 1);
        next.stop();
        assert_eq!((count(&store, "_logs"), count(&store, "_mb_log_spool")), (1, 0));
    }

    #[test]
    fn a_spooled_batch_that_cannot_be_read_stops_nothing() {
        let store = store();
        store.write_blocking(|tx| spool::put(tx, &[0xff; 100])).unwrap();
        let writer = LogWriter::start(store.clone(), || 0).unwrap();
        wait_until(|| count(&store, "_mb_log_spool") == 0);
        write(&writer, 1);
        writer.stop();
        assert_eq!(count(&store, "_logs"), 1);
    }
}
