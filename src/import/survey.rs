//! One reading of the whole file: how many rows, which columns, what they hold.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::kinds::{ColumnKind, Evidence, Typing};
use super::read::{Cell, Format, Inspection, Layout, LayoutError, ReadOptions, RowReader};

/// Rows between two calls of the progress function.
const PROGRESS_ROWS: u64 = 4096;

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Survey {
    pub path: PathBuf,
    pub layout: Layout,
    pub inspection: Inspection,
    pub columns: Vec<ColumnSurvey>,
    /// Records that can be read.
    pub rows: u64,
    /// Records that can't.
    pub bad_rows: u64,
    stamp: Stamp,
}

/// What a column holds.
#[derive(Clone, Debug)]
pub struct ColumnSurvey {
    /// As in the file.
    pub name: String,
    pub filled: u64,
    pub empty: u64,
    pub longest_chars: u64,
    evidence: Evidence,
}

/// By which a file that changed is known.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), changed: metadata.modified().ok() })
    }
}

impl Survey {
    /// Reads the file wholly, twice: its bytes, then its rows. `progress` hears how many rows were read, now and then.
    pub fn take(path: &Path, options: &ReadOptions, mut progress: impl FnMut(u64)) -> Result<Self, LayoutError> {
        let stamp = Stamp::of(path)?;
        let inspection = Inspection::take(path)?;
        let (layout, names) = Layout::find(path, &inspection, options)?;
        let mut reader = RowReader::open(path, &layout, names.clone())?;
        let typing = layout.typing();
        let mut columns: Vec<ColumnSurvey> = names.into_iter().map(|name| ColumnSurvey::new(name, typing)).collect();
        let (mut rows, mut bad_rows) = (0, 0);
        while let Some(record) = reader.read()? {
            if (rows + bad_rows) % PROGRESS_ROWS == 0 {
                progress(rows + bad_rows);
            }
            let known = columns.len();
            let found = reader.columns().unwrap_or_default().iter().skip(known);
            columns.extend(found.map(|name| ColumnSurvey::new(name.clone(), typing)));
            match record {
                Ok(row) => {
                    rows += 1;
                    row.cells.iter().for_each(|(column, cell)| columns[*column].add(row.line, cell));
                }
                Err(_) => bad_rows += 1,
            }
        }
        for column in &mut columns {
            column.empty = rows - column.filled;
        }
        Ok(Self { path: path.to_owned(), layout, inspection, columns, rows, bad_rows, stamp })
    }

    /// Records altogether.
    pub fn records(&self) -> u64 {
        self.rows + self.bad_rows
    }

    /// Whether the file is still as it was read.
    pub fn is_current(&self) -> io::Result<bool> {
        Ok(Stamp::of(&self.path)? == self.stamp)
    }

    /// Reads the rows again.
    pub fn open(&self) -> io::Result<RowReader> {
        RowReader::open(&self.path, &self.layout, self.columns.iter().map(|column| column.name.clone()).collect())
    }
}

impl Layout {
    pub fn typing(&self) -> Typing {
        match self.format {
            Format::Delimited { .. } => Typing::Untyped,
            Format::JsonLines => Typing::Typed,
        }
    }
}

impl ColumnSurvey {
    fn new(name: String, typing: Typing) -> Self {
        Self { name, filled: 0, empty: 0, longest_chars: 0, evidence: Evidence::new(typing) }
    }

    fn add(&mut self, line: u64, cell: &Cell) {
        if cell.is_empty() {
            return;
        }
        self.filled += 1;
        let text = cell.as_text();
        // Counting characters is worth it only where there can be more of them.
        if text.len() as u64 > self.longest_chars {
            self.longest_chars = self.longest_chars.max(text.chars().count() as u64);
        }
        self.evidence.add(line, cell);
    }

    /// The kind, and why it isn't a narrower one if it nearly was.
    pub fn verdict(&self) -> (ColumnKind, Option<String>) {
        if self.name == "id" && self.filled > 0 && self.empty == 0 && self.evidence.is_id() {
            return (ColumnKind::Id, None);
        }
        self.evidence.verdict()
    }
}
