//! The writer's thread: it alone changes the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::Shared;
use super::checkpoint::WalWatch;
use super::conn::{Snapshot, SqliteConn};
use super::group::Group;
use crate::store::queue::Popped;
use crate::store::{ConnExt, Event, Extent, Grouping, Outcome, Position, StoreError, WriteJob};

/// How often an idle writer looks whether another process wrote.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the writer is asked for.
pub enum Message {
    Job(Box<dyn WriteJob>, Grouping),
    /// See [`super::Engine::optimize`].
    Optimize(SyncSender<Result<(), StoreError>>),
    /// See [`super::Engine::check_foreign_writes`].
    Look,
}

/// What the writer knows of the events so far.
#[derive(Debug, Default)]
pub struct Feed {
    /// Of the last change; `None` when it must be looked up.
    pub position: Option<Position>,
    /// SQLite's count of other connections' commits, as last seen.
    data_version: Option<i64>,
}

impl Feed {
    /// Looks whether another process wrote since the last look, and tells so. Its position may be ahead of ours then.
    pub fn look(&mut self, shared: &Shared, conn: &SqliteConn) {
        let version = match conn.find_row("PRAGMA data_version", &[], |row| row.cell(0).as_int()) {
            Ok(version) => version.flatten(),
            Err(error) => return tracing::warn!(%error, "the database can't be asked for foreign writes"),
        };
        let seen = std::mem::replace(&mut self.data_version, version);
        if seen.is_some() && seen != version {
            self.position = None;
            shared.epochs.advance_all();
            self.tell(shared, conn, &[Event::ForeignWrite]);
        }
    }

    /// Tells the subscribers, each in its turn. A panic in one is its own affair: the commit stands.
    pub fn tell(&self, shared: &Shared, conn: &SqliteConn, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        if events.iter().any(|event| matches!(event, Event::SchemaChanged)) {
            shared.epochs.advance_all();
        }
        for subscriber in shared.subscribers() {
            let told = catch_unwind(AssertUnwindSafe(|| {
                if conn.db().is_autocommit() {
                    subscriber.on_commit(&Snapshot::new(conn, Extent::Snapshot), events);
                } else {
                    subscriber.on_commit(conn, events);
                }
            }));
            if told.is_err() {
                tracing::error!("a subscriber of the store panicked");
            }
        }
    }
}

/// Starts the thread, which ends when the queue of `shared` is closed and empty.
pub fn start(shared: Arc<Shared>, mut conn: SqliteConn, mut wal: WalWatch) -> Result<JoinHandle<()>, StoreError> {
    let frames = wal.frames();
    conn.db_mut()
        .wal_hook(Some(move |_: &mut Wal, count| {
            frames.set(count);
            Ok(())
        }))
        .map_err(|error| conn.error(error))?;
    std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || {
            serve(&shared, &conn, &mut wal);
            close(&shared, &conn);
        })
        .map_err(|error| StoreError::Io(format!("no thread for the writer: {error}")))
}

fn serve(shared: &Shared, conn: &SqliteConn, wal: &mut WalWatch) {
    let mut feed = Feed::default();
    feed.look(shared, conn);
    loop {
        match shared.writes.pop_within(LOOK_EVERY) {
            Popped::Item(Message::Job(job, _)) if shared.stopped.load(std::sync::atomic::Ordering::Acquire) => {
                job.answer(Outcome::Refused(StoreError::Stopped));
            }
            Popped::Item(Message::Job(job, grouping)) => Group::new(shared, conn, &mut feed, grouping).commit(job),
            Popped::Item(Message::Optimize(done)) => {
                // Whoever asked may have gone.
                let _ = done.send(conn.execute_all("PRAGMA optimize"));
            }
            Popped::Item(Message::Look) | Popped::Nothing => feed.look(shared, conn),
            Popped::End => return,
        }
        wal.after_group(shared, conn);
    }
}

/// Leaves a database without a WAL, unless a sync has failed: then the files are left as they are.
fn close(shared: &Shared, conn: &SqliteConn) {
    let result = if shared.stopped.load(std::sync::atomic::Ordering::Acquire) {
        conn.db().set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
    } else {
        // Another process that reads or writes keeps its WAL; that isn't an error.
        conn.db().wal_checkpoint_v2(rusqlite::DEFAULT_NAME, CheckpointMode::TRUNCATE).map(drop)
    };
    if let Err(error) = result {
        tracing::warn!(database = %shared.options.path.display(), %error, "the write-ahead log stays behind");
    }
}
