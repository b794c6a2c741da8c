//! How far an import is, kept in the database with the rows it loaded, so that both are true together.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::store::{Conn, ConnExt, Tx, Value};

/// Imports that are remembered when they are done, so that the same file isn't loaded twice by accident.
const KEPT_MAX: i64 = 200;

/// An import that began.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// A hash of the file's content and of what was asked.
    pub source: String,
    /// The collection's id.
    pub collection: String,
    /// Records of the file that are settled: loaded or refused.
    pub records: u64,
    pub created: u64,
    pub updated: u64,
    pub refused: u64,
    pub report: PathBuf,
    /// The report's length before the last batch.
    pub report_bytes: u64,
    /// What the last batch adds to the report.
    pub report_tail: String,
    pub is_done: bool,
}

const COLUMNS: &str =
    "source, collection, records, created, updated, refused, report, report_bytes, report_tail, done, at";

impl Progress {
    pub fn new(source: String, collection: String, report: PathBuf) -> Self {
        Self {
            source,
            collection,
            records: 0,
            created: 0,
            updated: 0,
            refused: 0,
            report,
            report_bytes: 0,
            report_tail: String::new(),
            is_done: false,
        }
    }

    /// The import of this source, done or not.
    pub fn find(conn: &dyn Conn, source: &str) -> Result<Option<Self>> {
        let sql = format!("SELECT {COLUMNS} FROM _mb_imports WHERE source = {}", conn.dialect().parameter(1));
        let found = conn.find_row(&sql, &[source.into()], |row| {
            let number = |column| row.cell(column).as_int().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
            let text = |column| row.cell(column).as_text().to_owned();
            Self {
                source: text(0),
                collection: text(1),
                records: number(2),
                created: number(3),
                updated: number(4),
                refused: number(5),
                report: text(6).into(),
                report_bytes: number(7),
                report_tail: text(8),
                is_done: number(9) != 0,
            }
        })?;
        Ok(found)
    }

    /// Notes the begin of an import, in place of an earlier one of the same source.
    pub fn begin(&self, tx: &dyn Tx, now: Timestamp) -> Result<()> {
        let dialect = tx.dialect();
        tx.execute(&format!("DELETE FROM _mb_imports WHERE source = {}", dialect.parameter(1)), &[self.cell(0, now)])?;
        let old = format!(
            "SELECT source FROM _mb_imports WHERE done = 1 ORDER BY at DESC LIMIT {} OFFSET {}",
            dialect.parameter(1),
            dialect.parameter(2)
        );
        let forget = format!("DELETE FROM _mb_imports WHERE source IN ({old})");
        tx.execute(&forget, &[Value::Int(KEPT_MAX), Value::Int(KEPT_MAX)])?;
        let values: Vec<String> = (1..=WIDTH).map(|number| dialect.parameter(number)).collect();
        let insert = format!("INSERT INTO _mb_imports ({COLUMNS}) VALUES ({})", values.join(", "));
        let params: Vec<Value> = (0..WIDTH).map(|column| self.cell(column, now)).collect();
        tx.execute(&insert, &params)?;
        Ok(())
    }

    /// Notes the end of a batch that began at `from` records.
    ///
    /// # Errors
    /// `Conflict` when another process is further with this import.
    pub fn advance(&self, tx: &dyn Tx, from: u64, now: Timestamp) -> Result<()> {
        let dialect = tx.dialect();
        let names =
            COLUMNS.split(", ").zip(1..).map(|(name, number)| format!("{name} = {}", dialect.parameter(number)));
        let sql = format!(
            "UPDATE _mb_imports SET {} WHERE source = {} AND records = {} AND done = 0",
            names.collect::<Vec<_>>().join(", "),
            dialect.parameter(1),
            dialect.parameter(WIDTH + 1)
        );
        let mut params: Vec<Value> = (0..WIDTH).map(|column| self.cell(column, now)).collect();
        params.push(int(from));
        match tx.execute(&sql, &params)? {
            1 => Ok(()),
            _ => Err(Error::Conflict("another process imports this file at the moment".into())),
        }
    }

    /// The cell of a column of [`COLUMNS`].
    fn cell(&self, column: usize, now: Timestamp) -> Value {
        match column {
            0 => self.source.as_str().into(),
            1 => self.collection.as_str().into(),
            2 => int(self.records),
            3 => int(self.created),
            4 => int(self.updated),
            5 => int(self.refused),
            6 => Value::from(&*self.report.to_string_lossy()),
            7 => int(self.report_bytes),
            8 => self.report_tail.as_str().into(),
            9 => Value::Int(i64::from(self.is_done)),
            _ => Value::Int(now.as_millisecond()),
        }
    }
}

/// The number of columns.
const WIDTH: usize = 11;

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
