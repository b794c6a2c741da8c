//! CSV and its kin, as RFC 4180 has it, and the way on after a record that isn't.
//!
//! A quote that is opened and never closed would swallow what follows it. So a record whose quotes don't fit, or that
//! spans lines and has the wrong number of cells, is given up, and reading goes on at the line after its first one.

use std::io;

use super::lines::Lines;
use super::{CELL_BYTES_MAX, RECORD_BYTES_MAX, ReadError, Record, Row, cell_of};

/// Lines that one record may span; bounds what an open quote costs.
const LINES_MAX: u64 = 10_000;

/// Reads records.
pub struct Delimited {
    lines: Lines,
    delimiter: u8,
    quote: Option<u8>,
    /// How many cells a row has.
    width: usize,
    cells: Cells,
}

/// The cells of one record, without their quotes.
#[derive(Default)]
struct Cells {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// Where the reader stands in a record.
#[derive(Clone, Copy, PartialEq)]
enum State {
    CellBegins,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: its end, or the first of two that stand for one.
    QuoteSeen,
}

/// What a record turned out to be.
enum Scan {
    /// `length` bytes with `lines` line ends.
    Whole {
        length: usize,
        lines: u64,
    },
    Broken(&'static str),
    End,
}

const BROKEN_QUOTES: &str = "the quotes don't fit";
const TOO_LONG: &str = "a record of more than 16 MiB";

impl Delimited {
    /// `width` is the number of columns.
    pub fn new(lines: Lines, delimiter: u8, quote: Option<u8>, width: usize) -> Self {
        Self { lines, delimiter, quote, width, cells: Cells::default() }
    }

    pub fn skip_header(&mut self) -> io::Result<()> {
        self.next_cells().map(drop)
    }

    /// The cells of the next record as they are, whatever their number; for finding out about the file.
    pub fn next_cells(&mut self) -> io::Result<Option<Result<Vec<Vec<u8>>, ReadError>>> {
        let line = self.lines.line();
        Ok(match self.scan_row()? {
            Scan::End => None,
            Scan::Broken(reason) => Some(Err(self.give_up(line, reason)?)),
            Scan::Whole { length, lines } => {
                self.lines.take(length, lines);
                Some(Ok(self.cells.iter().map(<[u8]>::to_vec).collect()))
            }
        })
    }

    pub fn read(&mut self) -> io::Result<Option<Record>> {
        let scan = self.scan_row()?;
        let line = self.lines.line();
        let (length, lines) = match scan {
            Scan::End => return Ok(None),
            Scan::Broken(reason) => return self.give_up(line, reason).map(|error| Some(Err(error))),
            Scan::Whole { length, lines } => (length, lines),
        };
        let found = self.cells.ends.len();
        if found != self.width && lines > 1 {
            return self.give_up(line, BROKEN_QUOTES).map(|error| Some(Err(error)));
        }
        let record = if found == self.width { self.row(line) } else { Err(self.wrong_width(line, length, found)) };
        self.lines.take(length, lines);
        Ok(Some(record))
    }

    fn row(&self, line: u64) -> Record {
        let mut cells = Vec::with_capacity(self.width);
        for (column, bytes) in self.cells.iter().enumerate() {
            match cell_of(bytes) {
                Ok(cell) => cells.push((column, cell)),
                Err(reason) => {
                    return Err(ReadError { column: Some(column), ..ReadError::new(line, bytes, reason) });
                }
            }
        }
        Ok(Row { line, cells })
    }

    fn wrong_width(&self, line: u64, length: usize, found: usize) -> ReadError {
        let kind = if found > self.width { "too many" } else { "too few" };
        let record = self.lines.ahead()[..length].trim_ascii_end();
        ReadError::new(line, record, format!("{kind} columns: {found} instead of {}", self.width))
    }

    /// Goes on at the line after the first of a record that can't be read.
    fn give_up(&mut self, line: u64, reason: &str) -> io::Result<ReadError> {
        let first = self.lines.ahead().split(|byte| *byte == b'\n').next().unwrap_or_default();
        let error = ReadError::new(line, first.trim_ascii_end(), reason);
        self.lines.skip_line()?;
        Ok(error)
    }

    /// The next record that isn't an empty line.
    fn scan_row(&mut self) -> io::Result<Scan> {
        loop {
            match self.scan()? {
                Scan::Whole { length, lines } if self.cells.bytes.is_empty() && self.is_blank(length) => {
                    self.lines.take(length, lines);
                }
                other => return Ok(other),
            }
        }
    }

    fn is_blank(&self, length: usize) -> bool {
        self.lines.ahead()[..length].trim_ascii().is_empty() && self.cells.ends.len() <= 1
    }

    /// Reads one record into `cells` without moving on.
    fn scan(&mut self) -> io::Result<Scan> {
        self.cells.clear();
        let (mut state, mut at, mut lines) = (State::CellBegins, 0, 0);
        loop {
            let ahead = self.lines.ahead();
            let Some(&byte) = ahead.get(at) else {
                if at > RECORD_BYTES_MAX {
                    return Ok(Scan::Broken(TOO_LONG));
                }
                if self.lines.read_more()? {
                    continue;
                }
                return Ok(self.at_the_end(state, at, lines));
            };
            // A stretch of what means nothing is copied at once.
            if matches!(state, State::Plain | State::Quoted) && !self.is_special(byte) {
                let stretch = &ahead[at..];
                let length = stretch.iter().position(|byte| self.is_special(*byte)).unwrap_or(stretch.len());
                if self.cells.bytes.len() <= RECORD_BYTES_MAX {
                    self.cells.bytes.extend_from_slice(&stretch[..length]);
                }
                at += length;
                if at > RECORD_BYTES_MAX {
                    return Ok(Scan::Broken(TOO_LONG));
                }
                continue;
            }
            let is_quote = Some(byte) == self.quote;
            state = match (state, byte) {
                (State::CellBegins, _) if is_quote => State::Quoted,
                (State::Quoted, _) if is_quote => State::QuoteSeen,
                (State::Quoted, b'\n') => {
                    lines += 1;
                    self.cells.bytes.push(byte);
                    let began = self.cells.ends.last().copied().unwrap_or(0);
                    if lines > LINES_MAX || self.cells.bytes.len() - began > CELL_BYTES_MAX {
                        return Ok(Scan::Broken(BROKEN_QUOTES));
                    }
                    State::Quoted
                }
                (State::QuoteSeen, _) if is_quote => {
                    self.cells.bytes.push(byte);
                    State::Quoted
                }
                (State::Quoted, _) => {
                    self.cells.bytes.push(byte);
                    State::Quoted
                }
                (_, b'\n') => {
                    self.cells.end_cell();
                    return Ok(Scan::Whole { length: at + 1, lines: lines + 1 });
                }
                (_, b'\r') if self.ends_line(at)? => state, // says nothing before a line end
                (_, byte) if byte == self.delimiter => {
                    self.cells.end_cell();
                    State::CellBegins
                }
                (State::QuoteSeen, _) => return Ok(Scan::Broken(BROKEN_QUOTES)),
                (State::CellBegins | State::Plain, byte) => {
                    self.cells.bytes.push(byte);
                    State::Plain
                }
            };
            at += 1;
        }
    }

    fn is_special(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r' || Some(byte) == self.quote
    }

    /// Whether the carriage return at this place belongs to the end of the line, or of the file.
    fn ends_line(&mut self, at: usize) -> io::Result<bool> {
        while self.lines.ahead().len() <= at + 1 {
            if !self.lines.read_more()? {
                return Ok(true);
            }
        }
        Ok(self.lines.ahead()[at + 1] == b'\n')
    }

    fn at_the_end(&mut self, state: State, length: usize, lines: u64) -> Scan {
        match state {
            State::CellBegins if length == 0 => Scan::End,
            State::Quoted => Scan::Broken(BROKEN_QUOTES),
            State::CellBegins | State::Plain | State::QuoteSeen => {
                self.cells.end_cell();
                Scan::Whole { length, lines }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Cell;
    use super::*;

    /// Line and cells, or line and reason.
    type Told = Result<(u64, Vec<String>), (u64, String)>;

    fn reader(text: &[u8], width: usize) -> Delimited {
        Delimited::new(Lines::new(Box::new(io::Cursor::new(text.to_vec()))), b',', Some(b'"'), width)
    }

    fn records(text: &str, width: usize) -> Vec<Told> {
        let mut reader = reader(text.as_bytes(), width);
        std::iter::from_fn(|| reader.read().unwrap())
            .map(|record| match record {
                Ok(row) => Ok((
                    row.line,
                    row.cells.iter().map(|(_, cell): &(usize, Cell)| cell.as_text().to_owned()).collect(),
                )),
                Err(error) => Err((error.line, error.reason)),
            })
            .collect()
    }

    fn row(line: u64, cells: &[&str]) -> Told {
        Ok((line, cells.iter().map(|cell| (*cell).to_owned()).collect()))
    }

    fn bad(line: u64, reason: &str) -> Told {
        Err((line, reason.to_owned()))
    }

    #[test]
    fn records_of_every_form_are_read() {
        let text = "a,b\r\n\"x,y\",\"say \"\"hi\"\"\"\n\n\"two\nlines\",\n5\" disk,\"\"\n,\rz";
        assert_eq!(
            records(text, 2),
            [
                row(1, &["a", "b"]),
                row(2, &["x,y", "say \"hi\""]),
                row(4, &["two\nlines", ""]),
                row(6, &["5\" disk", ""]),
                row(7, &["", "\rz"]),
            ]
        );
    }

    #[test]
    fn broken_records_cost_their_own_line_only() {
        let text = "1,\"open\n2,b\n3,\"clo\"sed\n4,d\n5\n6,f,g\n7,\"h\"\n8,\"end";
        assert_eq!(
            records(text, 2),
            [
                bad(1, BROKEN_QUOTES),
                row(2, &["2", "b"]),
                bad(3, BROKEN_QUOTES),
                row(4, &["4", "d"]),
                bad(5, "too few columns: 1 instead of 2"),
                bad(6, "too many columns: 3 instead of 2"),
                row(7, &["7", "h"]),
                bad(8, BROKEN_QUOTES),
            ]
        );
    }

    #[test]
    fn a_record_beyond_the_limit_is_skipped_whole() {
        let huge = "x".repeat(RECORD_BYTES_MAX + (1 << 20));
        assert_eq!(records(&format!("{huge},1\na,b\n"), 2), [bad(1, TOO_LONG), row(2, &["a", "b"])]);
        let long = "x".repeat(CELL_BYTES_MAX + 1);
        assert_eq!(records(&format!("{long},1\na,b\n"), 2), [bad(1, super::super::TOO_LONG), row(2, &["a", "b"])]);
    }

    proptest! {
        #[test]
        fn what_another_program_writes_is_read_back(
            rows in proptest::collection::vec(proptest::collection::vec("[a-c\",\n\r é]{0,6}", 3), 1..20),
            end in prop_oneof![Just(csv::Terminator::Any(b'\n')), Just(csv::Terminator::CRLF)],
        ) {
            let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let read: Vec<Vec<String>> = records(&text, 3).into_iter().map(|record| record.unwrap().1).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn no_bytes_make_it_panic_or_stand_still(bytes in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..200)) {
            let mut reader = reader(&bytes, 2);
            let mut count = 0;
            while reader.read().unwrap().is_some() {
                count += 1;
                prop_assert!(count <= bytes.len());
            }
        }
    }
}
