//! One JSON object a line; its keys are the columns.

use std::collections::HashMap;
use std::fmt;
use std::io;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lines::Lines;
use super::{CELL_BYTES_MAX, COLUMNS_MAX, Cell, RECORD_BYTES_MAX, ReadError, Record, Row, cell_of};

/// Reads records.
pub struct JsonLines {
    lines: Lines,
    columns: Vec<String>,
    index: HashMap<String, usize>,
}

const TOO_LONG: &str = "a record of more than 16 MiB";

impl JsonLines {
    /// `columns` are the keys that are known already; others are added as they come.
    pub fn new(lines: Lines, columns: Vec<String>) -> Self {
        let index = columns.iter().cloned().zip(0..).collect();
        Self { lines, columns, index }
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn read(&mut self) -> io::Result<Option<Record>> {
        loop {
            let line = self.lines.line();
            let Some(length) = self.find_end()? else {
                let error = ReadError::new(line, self.lines.ahead(), TOO_LONG);
                self.lines.skip_line()?;
                return Ok(Some(Err(error)));
            };
            if length == 0 {
                return Ok(None);
            }
            let bytes = self.lines.ahead()[..length].trim_ascii().to_vec();
            let lines = u64::from(self.lines.ahead()[length - 1] == b'\n');
            self.lines.take(length, lines);
            if !bytes.is_empty() {
                return Ok(Some(self.row(line, &bytes)));
            }
        }
    }

    /// How long the line is with its end; `None` if it is too long.
    fn find_end(&mut self) -> io::Result<Option<usize>> {
        let mut searched = 0;
        loop {
            let ahead = self.lines.ahead();
            if let Some(end) = ahead[searched..].iter().position(|byte| *byte == b'\n') {
                return Ok(Some(searched + end + 1));
            }
            searched = ahead.len();
            if searched > RECORD_BYTES_MAX {
                return Ok(None);
            }
            if !self.lines.read_more()? {
                return Ok(Some(searched));
            }
        }
    }

    fn row(&mut self, line: u64, bytes: &[u8]) -> Record {
        let refuse = |reason: String| ReadError::new(line, bytes, reason);
        let text = std::str::from_utf8(bytes).map_err(|_| refuse(super::NOT_ENCODED.to_owned()))?;
        let entries = serde_json::Deserializer::from_str(text)
            .deserialize_map(Entries)
            .and_then(|entries| only_blank_after(text, entries))
            .map_err(|error| refuse(format!("no JSON object: {error}")))?;
        let mut cells: Vec<(usize, Cell)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let column = match self.column(&key) {
                Some(column) => column,
                None => return Err(refuse(format!("the file has more than {COLUMNS_MAX} different keys"))),
            };
            let cell = cell_from_json(value.get()).map_err(|reason| ReadError {
                column: Some(column),
                ..ReadError::new(line, value.get().as_bytes(), reason)
            })?;
            match cells.iter_mut().find(|(other, _)| *other == column) {
                Some((_, earlier)) => *earlier = cell, // of a repeated key the last one counts, as everywhere in JSON
                None => cells.push((column, cell)),
            }
        }
        Ok(Row { line, cells })
    }

    fn column(&mut self, key: &str) -> Option<usize> {
        if let Some(column) = self.index.get(key) {
            return Some(*column);
        }
        if self.columns.len() == COLUMNS_MAX {
            return None;
        }
        self.columns.push(key.to_owned());
        self.index.insert(key.to_owned(), self.columns.len() - 1);
        Some(self.columns.len() - 1)
    }
}

/// The entries of an object as they are written, numbers to the last digit.
struct Entries;

type RawEntries = Vec<(String, Box<RawValue>)>;

impl<'de> Visitor<'de> for Entries {
    type Value = RawEntries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Refuses what follows the object on its line.
fn only_blank_after(text: &str, entries: RawEntries) -> serde_json::Result<RawEntries> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| entries)
}

fn cell_from_json(raw: &str) -> Result<Cell, &'static str> {
    if raw.len() > CELL_BYTES_MAX {
        return Err(super::TOO_LONG);
    }
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(raw).map_err(|_| "has half of a surrogate pair")?;
            cell_of(text.as_bytes())
        }
        Some(b'{' | b'[') => Ok(Cell::Json(raw.to_owned())),
        Some(b't') => Ok(Cell::Bool(true)),
        Some(b'f') => Ok(Cell::Bool(false)),
        Some(b'n') | None => Ok(Cell::Empty),
        Some(_) => Ok(Cell::Number(raw.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8]) -> (Vec<Record>, Vec<String>) {
        let mut reader = JsonLines::new(Lines::new(Box::new(io::Cursor::new(text.to_vec()))), Vec::new());
        let records = std::iter::from_fn(|| reader.read().unwrap()).collect();
        (records, reader.columns)
    }

    #[test]
    fn values_keep_their_type_and_their_digits() {
        let text = br#"{"a": "x", "b": 12345678901234567890123, "c": [1, 2], "d": true, "e": null, "f": ""}
            {"b": 1.50, "g": {"h": "\u00e9"}, "b": 2}"#;
        let (records, columns) = records(text);
        let cells = |cells: &[(usize, Cell)], line| Ok(Row { line, cells: cells.to_vec() });
        assert_eq!(columns, ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!(
            records,
            [
                cells(
                    &[
                        (0, Cell::Text("x".into())),
                        (1, Cell::Number("12345678901234567890123".into())),
                        (2, Cell::Json("[1, 2]".into())),
                        (3, Cell::Bool(true)),
                        (4, Cell::Empty),
                        (5, Cell::Empty),
                    ],
                    1
                ),
                cells(&[(1, Cell::Number("2".into())), (6, Cell::Json(r#"{"h": "\u00e9"}"#.into()))], 2),
            ]
        );
    }

    #[test]
    fn a_line_that_is_no_object_costs_only_itself() {
        let text = b"{\"a\": 1}\n[1]\n\n{\"a\": 2} x\n{\"a\": \"\xff\"}\n{\"a\": \"\\u0000\"}\n{\"a\": 3}";
        let (records, _) = records(text);
        let told: Vec<(u64, Option<&str>)> = records
            .iter()
            .map(|record| match record {
                Ok(row) => (row.line, None),
                Err(error) => (error.line, Some(error.reason.split(':').next().unwrap())),
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, None),
                (2, Some("no JSON object")),
                (4, Some("no JSON object")),
                (5, Some(super::super::NOT_ENCODED)),
                (6, Some(super::super::HAS_NUL)),
                (7, None),
            ]
        );
    }
}
