//! A connection as jobs see it.

use std::cell::Cell as Flag;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Statement, ToSql};

use super::deadline::Deadline;
use super::dialect::SqliteDialect;
use super::errors::store_error;
use crate::store::{Cell, Conn, Dialect, Extent, OnRow, ResultColumn, Row, StatementShape, StoreError, Value};

/// A connection in whatever transaction it is; [`Snapshot`] gives it one.
pub struct SqliteConn {
    db: Connection,
    pub deadline: Deadline,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
}

impl SqliteConn {
    pub fn new(db: Connection, deadline: Deadline) -> Self {
        Self { db, deadline }
    }

    /// The connection itself, for what only the engine does.
    pub fn db(&self) -> &Connection {
        &self.db
    }

    pub fn db_mut(&mut self) -> &mut Connection {
        &mut self.db
    }

    /// Runs a statement of the engine's own that takes nothing and gives nothing.
    pub fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.prepare(sql)?.raw_execute().map(drop).map_err(|error| self.error(error))
    }

    /// Runs a statement that gives rows; `before` hears first what it will do.
    pub fn each_row_of(
        &self,
        sql: &str,
        params: &[Value],
        before: &dyn Fn(Effect) -> Result<(), StoreError>,
        on_row: &mut OnRow<'_>,
    ) -> Result<(), StoreError> {
        let mut statement = self.bound(sql, params)?;
        before(if statement.readonly() { Effect::Read } else { Effect::Write })?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.error(error))? {
            if on_row(&SqliteRow { row, width })?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement that changes rows; gives how many.
    pub fn execute_one(&self, sql: &str, params: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.bound(sql, params)?;
        let changed = statement.raw_execute().map_err(|error| self.error(error))?;
        Ok(changed as u64)
    }

    pub fn execute_all(&self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(|error| self.error(error))
    }

    pub fn error(&self, error: rusqlite::Error) -> StoreError {
        store_error(&self.db, error)
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        self.db.prepare_cached(sql).map_err(|error| self.error(error))
    }

    fn bound(&self, sql: &str, params: &[Value]) -> Result<CachedStatement<'_>, StoreError> {
        let mut statement = self.prepare(sql)?;
        let taken = statement.parameter_count();
        if taken != params.len() {
            return Err(StoreError::Sql(format!("{} parameters given, {taken} taken", params.len())));
        }
        for (index, value) in params.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, Bound(value)).map_err(|error| self.error(error))?;
        }
        Ok(statement)
    }
}

impl Conn for SqliteConn {
    fn each_row(&self, sql: &str, params: &[Value], on_row: &mut OnRow<'_>) -> Result<(), StoreError> {
        self.each_row_of(sql, params, &|_| Ok(()), on_row)
    }

    fn describe(&self, sql: &str) -> Result<StatementShape, StoreError> {
        let statement = self.db.prepare(sql).map_err(|error| self.error(error))?;
        Ok(StatementShape {
            columns: columns_of(&statement),
            reads_only: statement.readonly(),
            parameters: statement.parameter_count(),
        })
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }
}

fn columns_of(statement: &Statement<'_>) -> Vec<ResultColumn> {
    let declared = statement.columns();
    let columns = statement.columns_with_metadata();
    columns
        .into_iter()
        .zip(declared)
        .map(|(column, declared)| ResultColumn {
            name: column.name().to_owned(),
            declared_type: declared.decl_type().map(str::to_owned),
            origin: column
                .table_name()
                .zip(column.origin_name())
                .map(|(table, column)| (table.to_owned(), column.to_owned())),
        })
        .collect()
}

/// One snapshot of a reading connection for the time of a job. The transaction begins with the first statement: a job
/// that reads nothing costs nothing. A job of one statement has that statement's own.
pub struct Snapshot<'c> {
    conn: &'c SqliteConn,
    extent: Extent,
    begun: Flag<bool>,
}

impl<'c> Snapshot<'c> {
    pub fn new(conn: &'c SqliteConn, extent: Extent) -> Self {
        Self { conn, extent, begun: Flag::new(false) }
    }

    fn begin(&self) -> Result<(), StoreError> {
        match (self.extent, self.begun.replace(true)) {
            (Extent::Snapshot, false) => self.conn.run("BEGIN").inspect_err(|_| self.begun.set(false)),
            (Extent::Statement, true) => Err(StoreError::Sql("a second statement in a read of one".into())),
            (Extent::Snapshot, true) | (Extent::Statement, false) => Ok(()),
        }
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.begun.get()
            && !self.conn.db().is_autocommit()
            && let Err(error) = self.conn.run("COMMIT")
        {
            // A statement that is still running can't be here: each is reset when its call returns.
            tracing::error!(%error, "a read transaction could not be ended");
        }
    }
}

impl Conn for Snapshot<'_> {
    fn each_row(&self, sql: &str, params: &[Value], on_row: &mut OnRow<'_>) -> Result<(), StoreError> {
        self.begin()?;
        self.conn.each_row(sql, params, on_row)
    }

    fn describe(&self, sql: &str) -> Result<StatementShape, StoreError> {
        self.conn.describe(sql)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct SqliteRow<'r> {
    row: &'r rusqlite::Row<'r>,
    width: usize,
}

impl Row for SqliteRow<'_> {
    fn width(&self) -> usize {
        self.width
    }

    fn cell(&self, column: usize) -> Cell<'_> {
        match self.row.get_ref(column) {
            Ok(ValueRef::Null) | Err(_) => Cell::Null,
            Ok(ValueRef::Integer(number)) => Cell::Int(number),
            Ok(ValueRef::Real(number)) => Cell::Real(number),
            // A foreign program may have stored text that isn't UTF-8; it is no text then.
            Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).map_or(Cell::Blob(bytes), Cell::Text),
            Ok(ValueRef::Blob(bytes)) => Cell::Blob(bytes),
        }
    }
}
