//! The transaction of a group as one job sees it.

use std::cell::{Cell as Flag, RefCell};
use std::sync::Arc;

use super::conn::{Effect, SqliteConn};
use super::dialect::SqliteDialect;
use crate::store::{
    Change, ChangeKind, Conn, Dialect, Event, Grouping, OnRow, Position, StatementShape, StoreError, Tx, Value, changes,
};

/// Nested steps of one job; a bound against recursion, far above what a request needs.
const NESTING_MAX: usize = 32;

/// The open transaction of a group. Jobs run in it one after the other.
///
/// Invariant: `pending` holds what the jobs did that stand so far; a job that is undone leaves nothing in it.
pub struct GroupTx<'c> {
    conn: &'c SqliteConn,
    grouping: Grouping,
    /// Unix milliseconds, one moment for the whole group.
    at_ms: i64,
    pending: RefCell<Pending>,
    /// The running job has written, or may have: its savepoint is open (a job alone has none).
    has_written: Flag<bool>,
    depth: Flag<usize>,
    /// How many events the jobs before the running one left.
    job_events_from: Flag<usize>,
    /// Set when SQLite gave the whole transaction up (disk full, interrupt, I/O). Nothing may run in it any more, or
    /// it would commit by itself.
    lost: RefCell<Option<StoreError>>,
}

/// What follows the commit.
#[derive(Debug, Default)]
pub struct Pending {
    pub events: Vec<Event>,
    /// Collections whose rows changed.
    pub touched: Vec<Arc<str>>,
    /// Of the last change; `None` before it was looked up.
    pub position: Option<Position>,
}

/// A point to go back to.
#[derive(Clone, Copy)]
struct Mark {
    events: usize,
    touched: usize,
    position: Option<Position>,
}

impl<'c> GroupTx<'c> {
    /// The transaction has begun on `conn`; `position` is that of the last change if it is known.
    pub fn new(conn: &'c SqliteConn, grouping: Grouping, at_ms: i64, position: Option<Position>) -> Self {
        Self {
            conn,
            grouping,
            at_ms,
            pending: RefCell::new(Pending { position, ..Pending::default() }),
            has_written: Flag::new(false),
            depth: Flag::new(0),
            job_events_from: Flag::new(0),
            lost: RefCell::default(),
        }
    }

    /// Runs `job`; undoes what it did unless it says that it is to stay. Fails when the transaction can't go on.
    pub fn run_job(&self, job: impl FnOnce(&dyn Tx) -> bool) -> Result<(), StoreError> {
        let mark = self.mark();
        self.job_events_from.set(mark.events);
        self.has_written.set(false);
        self.depth.set(0);
        let stays = job(self);
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        if !stays {
            self.forget(mark);
        }
        if !self.has_written.get() {
            return Ok(());
        }
        match (self.grouping, stays) {
            (Grouping::Shared, true) => self.conn.run("RELEASE mb_job"),
            (Grouping::Shared, false) => {
                self.conn.run("ROLLBACK TO mb_job")?;
                self.conn.run("RELEASE mb_job")
            }
            (Grouping::Alone, true) => Ok(()),
            (Grouping::Alone, false) => {
                self.conn.run("ROLLBACK")?;
                self.conn.run("BEGIN IMMEDIATE")
            }
        }
    }

    /// What follows the commit.
    pub fn into_pending(self) -> Pending {
        self.pending.into_inner()
    }

    fn mark(&self) -> Mark {
        let pending = self.pending.borrow();
        Mark { events: pending.events.len(), touched: pending.touched.len(), position: pending.position }
    }

    fn forget(&self, mark: Mark) {
        let mut pending = self.pending.borrow_mut();
        pending.events.truncate(mark.events);
        pending.touched.truncate(mark.touched);
        pending.position = mark.position;
    }

    fn check_alive(&self) -> Result<(), StoreError> {
        self.lost.borrow().clone().map_or(Ok(()), Err)
    }

    /// Called before the first write of a job. A job alone is undone by undoing the transaction: a savepoint would keep
    /// a copy of every page it changes.
    fn before_write(&self) -> Result<(), StoreError> {
        if !self.has_written.get() {
            if self.grouping == Grouping::Shared {
                self.conn.run("SAVEPOINT mb_job")?;
            }
            self.has_written.set(true);
        }
        Ok(())
    }

    /// Passes a result on, noting whether the transaction went down with it.
    fn watched<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && self.conn.db().is_autocommit()
        {
            self.lost.borrow_mut().get_or_insert_with(|| error.clone());
        }
        result
    }

    fn next_position(&self) -> Result<Position, StoreError> {
        let known = self.pending.borrow().position;
        let last = match known {
            Some(position) => position,
            None => changes::last_position(self)?,
        };
        Ok(last + 1)
    }
}

impl Conn for GroupTx<'_> {
    fn each_row(&self, sql: &str, params: &[Value], on_row: &mut OnRow<'_>) -> Result<(), StoreError> {
        self.check_alive()?;
        let before_write = |effect| match effect {
            Effect::Read => Ok(()),
            Effect::Write => self.before_write(),
        };
        self.watched(self.conn.each_row_of(sql, params, &before_write, on_row))
    }

    fn describe(&self, sql: &str) -> Result<StatementShape, StoreError> {
        self.conn.describe(sql)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }
}

impl Tx for GroupTx<'_> {
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        self.check_alive()?;
        self.before_write()?;
        self.watched(self.conn.execute_one(sql, params))
    }

    fn execute_script(&self, sql: &str) -> Result<(), StoreError> {
        self.check_alive()?;
        self.before_write()?;
        self.watched(self.conn.execute_all(sql))
    }

    fn nested(&self, step: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.check_alive()?;
        self.before_write()?;
        let depth = self.depth.get();
        if depth == NESTING_MAX {
            return Err(StoreError::Sql(format!("more than {NESTING_MAX} nested transactions")));
        }
        let mark = self.mark();
        self.conn.run(&format!("SAVEPOINT mb_step_{depth}"))?;
        self.depth.set(depth + 1);
        let result = step();
        self.depth.set(depth);
        if result.is_err() {
            self.forget(mark);
            self.check_alive()?;
            self.conn.run(&format!("ROLLBACK TO mb_step_{depth}"))?;
        }
        self.check_alive()?;
        self.conn.run(&format!("RELEASE mb_step_{depth}"))?;
        result
    }

    fn record_changed(
        &self,
        collection_id: &str,
        record_id: &str,
        kind: ChangeKind,
        old: Option<&str>,
    ) -> Result<(), StoreError> {
        let position = self.next_position()?;
        self.execute(changes::INSERT, &changes::row(position, self.at_ms, collection_id, record_id, kind, old))?;
        let collection_id: Arc<str> = collection_id.into();
        let change = Change {
            position,
            collection_id: collection_id.clone(),
            record_id: record_id.into(),
            kind,
            old: old.map(Arc::from),
        };
        let mut pending = self.pending.borrow_mut();
        pending.position = Some(position);
        pending.touched.push(collection_id);
        pending.events.push(Event::Change(change));
        Ok(())
    }

    fn touch(&self, collection_id: &str) {
        self.pending.borrow_mut().touched.push(collection_id.into());
    }

    fn after_commit(&self, event: Event) {
        self.pending.borrow_mut().events.push(event);
    }

    fn each_event(&self, visit: &mut dyn FnMut(&Event)) {
        self.pending.borrow().events[self.job_events_from.get()..].iter().for_each(visit);
    }
}
