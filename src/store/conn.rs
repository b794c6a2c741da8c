//! What a job gets: a connection to read with, or a transaction to write with. Statement text and parameters in, typed
//! cells out by callback; no engine's type shows.

use std::ops::ControlFlow;

use super::dialect::Dialect;
use super::error::StoreError;
use super::events::{ChangeKind, Event};
use super::value::{Cell, Value};

/// One row of a result.
pub trait Row {
    /// How many columns the row has.
    fn width(&self) -> usize;
    /// The cell at `column` (from 0); columns past the end are `Null`.
    fn cell(&self, column: usize) -> Cell<'_>;
}

/// What [`Conn::each_row`] calls: `Break` ends the statement early.
pub type OnRow<'f> = dyn FnMut(&dyn Row) -> Result<ControlFlow<()>, StoreError> + 'f;

/// The shape of a statement, see [`Conn::describe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementShape {
    pub columns: Vec<ResultColumn>,
    /// It changes nothing.
    pub reads_only: bool,
    /// How many parameters it takes.
    pub parameters: usize,
}

/// One column of a result before it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    pub name: String,
    /// The type as declared by the table; `None` for an expression.
    pub declared_type: Option<String>,
    /// Table and column it comes from, through joins, aliases and views; `None` for an expression.
    pub origin: Option<(String, String)>,
}

/// A connection inside one snapshot: two statements of a job see the same state.
pub trait Conn {
    /// Runs a statement that gives rows. Prepared once per text and connection.
    fn each_row(&self, sql: &str, params: &[Value], on_row: &mut OnRow<'_>) -> Result<(), StoreError>;

    /// What a statement would give, without running it. Fails if it is wrong or more than one.
    fn describe(&self, sql: &str) -> Result<StatementShape, StoreError>;

    /// How this engine spells what differs between engines.
    fn dialect(&self) -> &'static dyn Dialect;
}

/// A write transaction. Everything a job changes goes through it.
///
/// Invariant: a job may run more than once; what it did in a run that isn't committed is undone, events included.
pub trait Tx: Conn {
    /// Runs a statement that changes rows; gives how many.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError>;

    /// Runs the statements of a script one after the other, without parameters.
    fn execute_script(&self, sql: &str) -> Result<(), StoreError>;

    /// Runs `step` so that its writes are undone if it fails, while the transaction goes on. Nests.
    fn nested(&self, step: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Writes the change of one record to the change log and announces it after the commit (ARCHITECTURE, seam 3).
    /// `old` is the stored row before an update or delete as JSON, without password hashes and token keys.
    fn record_changed(
        &self,
        collection_id: &str,
        record_id: &str,
        kind: ChangeKind,
        old: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Marks a collection's rows as changed (its totals' epoch moves at commit) without a record of its own.
    fn touch(&self, collection_id: &str);

    /// Hands over what must follow the commit; heard in commit order, never for a transaction that is rolled back.
    fn after_commit(&self, event: Event);

    /// Shows what the running job has handed over so far, without what was undone.
    fn each_event(&self, visit: &mut dyn FnMut(&Event));
}

/// The everyday forms of [`Conn::each_row`].
pub trait ConnExt: Conn {
    /// The first row, mapped; `None` when there is none.
    fn find_row<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut map: impl FnMut(&dyn Row) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.each_row(sql, params, &mut |row| {
            found = Some(map(row));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Every row, mapped. For results that a limit or their kind bounds.
    fn list_rows<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut map: impl FnMut(&dyn Row) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        self.each_row(sql, params, &mut |row| {
            rows.push(map(row));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    /// Whether the statement gives a row.
    fn has_row(&self, sql: &str, params: &[Value]) -> Result<bool, StoreError> {
        Ok(self.find_row(sql, params, |_| ())?.is_some())
    }
}

impl<C: Conn + ?Sized> ConnExt for C {}
