//! Rows out of a file, whatever its format and encoding.
//!
//! Start at [`Layout::find`], which finds out how a file is written, then [`RowReader`].
//!
//! Invariant: a record that can't be read is one [`ReadError`] with its line; the next one begins at the line after it.

mod decode;
mod delimited;
mod json_lines;
mod layout;
mod lines;

use std::fs::File;
use std::io;
use std::path::Path;

pub use decode::{Encoding, Inspection};
pub use layout::{FileKind, Format, Header, Layout, LayoutError, Quote, ReadOptions};

use decode::Decoder;
use delimited::Delimited;
use json_lines::JsonLines;
use lines::Lines;

/// A longer cell is refused: fields that take more than this don't exist but for files.
pub const CELL_BYTES_MAX: usize = 4 << 20;
/// A longer record is refused without being held.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// More than that is no table.
pub const COLUMNS_MAX: usize = 1000;

/// One value as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing, or null.
    Empty,
    Text(String),
    /// A JSON number as it is written.
    Number(String),
    Bool(bool),
    /// A JSON object or array as it is written.
    Json(String),
}

impl Cell {
    pub fn is_empty(&self) -> bool {
        matches!(self, Cell::Empty)
    }

    /// As it would stand in a text.
    pub fn as_text(&self) -> &str {
        match self {
            Cell::Empty => "",
            Cell::Text(text) | Cell::Number(text) | Cell::Json(text) => text,
            Cell::Bool(true) => "true",
            Cell::Bool(false) => "false",
        }
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Self>() + self.as_text().len()
    }
}

/// A row: its cells with the column they belong to. Cells of a column may be absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// From 1: where it begins in the file.
    pub line: u64,
    /// By column, in no order.
    pub cells: Vec<(usize, Cell)>,
}

/// Why a record is no row.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadError {
    pub line: u64,
    /// The column that is to blame, if it is one.
    pub column: Option<usize>,
    /// What stands there, as far as it can be shown.
    pub value: String,
    pub reason: String,
}

impl ReadError {
    fn new(line: u64, value: &[u8], reason: impl Into<String>) -> Self {
        let shown = &value[..value.len().min(VALUE_SHOWN_BYTES)];
        Self { line, column: None, value: String::from_utf8_lossy(shown).into_owned(), reason: reason.into() }
    }
}

/// How much of a record that can't be read is kept to be shown.
const VALUE_SHOWN_BYTES: usize = 200;

/// A record, or why it is none.
pub type Record = Result<Row, ReadError>;

/// Reads a file's rows, one after the other.
pub struct RowReader {
    rows: Rows,
}

enum Rows {
    Delimited(Delimited),
    JsonLines(JsonLines),
}

impl RowReader {
    /// Opens the file. `columns` are the names known so far: those of the header, or those that a survey found.
    pub fn open(path: &Path, layout: &Layout, columns: Vec<String>) -> io::Result<Self> {
        let lines = Lines::new(Box::new(Decoder::open(File::open(path)?, layout.encoding)?));
        let rows = match &layout.format {
            Format::JsonLines => Rows::JsonLines(JsonLines::new(lines, columns)),
            Format::Delimited { delimiter, quote, header } => {
                let mut rows = Delimited::new(lines, *delimiter, quote.as_byte(), columns.len());
                if *header == Header::Present {
                    rows.skip_header()?;
                }
                Rows::Delimited(rows)
            }
        };
        Ok(Self { rows })
    }

    /// The next record; `None` after the last.
    ///
    /// # Errors
    /// Only the file's own: a record that can't be read is a [`ReadError`] inside.
    pub fn read(&mut self) -> io::Result<Option<Record>> {
        match &mut self.rows {
            Rows::Delimited(rows) => rows.read(),
            Rows::JsonLines(rows) => rows.read(),
        }
    }

    /// The columns found so far; of JSON lines they come with the rows.
    pub fn columns(&self) -> Option<&[String]> {
        match &self.rows {
            Rows::Delimited(_) => None,
            Rows::JsonLines(rows) => Some(rows.columns()),
        }
    }
}

/// A cell of what stood in the file, or why it can't be one.
fn cell_of(bytes: &[u8]) -> Result<Cell, &'static str> {
    if bytes.is_empty() {
        return Ok(Cell::Empty);
    }
    if bytes.len() > CELL_BYTES_MAX {
        return Err(TOO_LONG);
    }
    if bytes.contains(&0) {
        return Err(HAS_NUL);
    }
    std::str::from_utf8(bytes).map(|text| Cell::Text(text.to_owned())).map_err(|_| NOT_ENCODED)
}

const TOO_LONG: &str = "longer than 4 MiB";
const HAS_NUL: &str = "holds a NUL character";
const NOT_ENCODED: &str = "isn't in the encoding of the file";
