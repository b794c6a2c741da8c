//! How a file is written: format, delimiter, quotes, header. What isn't told is found out from its begin.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use super::decode::{Decoder, Encoding, Inspection};
use super::delimited::Delimited;
use super::lines::Lines;
use super::{CELL_BYTES_MAX, COLUMNS_MAX};

/// How much of a file is looked at for its delimiter, quotes and header.
const SAMPLE_BYTES: u64 = 1 << 20;
/// Records of the sample that are compared.
const SAMPLE_RECORDS: usize = 1000;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What is told about a file; the rest is found out.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// `None`: by the name's ending.
    pub kind: Option<FileKind>,
    pub encoding: Option<Encoding>,
    pub delimiter: Option<u8>,
    pub quote: Option<Quote>,
    pub header: Option<Header>,
}

/// What the ending of a file's name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Csv,
    Tsv,
    JsonLines,
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub format: Format,
    pub encoding: Encoding,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    Delimited { delimiter: u8, quote: Quote, header: Header },
    JsonLines,
}

/// What stands around a cell that holds a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    Byte(u8),
    None,
}

impl Quote {
    pub fn as_byte(self) -> Option<u8> {
        match self {
            Quote::Byte(byte) => Some(byte),
            Quote::None => None,
        }
    }
}

/// Whether the first record names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Present,
    Absent,
}

/// Why a file can't be read as a table.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("its name ends neither in .csv, .tsv nor .jsonl: tell the format by --format")]
    UnknownFormat,
    #[error("it is one JSON document: give one object a line instead (.jsonl)")]
    JsonDocument,
    #[error("it is empty")]
    Empty,
    #[error("its header names the column {0:?} twice: rename one")]
    RepeatedColumn(String),
    #[error("its header can't be read: {0}")]
    BadHeader(String),
    #[error("it has more than {COLUMNS_MAX} columns")]
    TooManyColumns,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Layout {
    /// Finds out how the file is written; gives its columns too. Those of JSON lines are found by reading on.
    pub fn find(
        path: &Path,
        inspection: &Inspection,
        options: &ReadOptions,
    ) -> Result<(Self, Vec<String>), LayoutError> {
        let encoding = options.encoding.unwrap_or(inspection.encoding);
        let kind = match options.kind {
            Some(kind) => kind,
            None => kind_by_name(path)?,
        };
        if inspection.bytes == 0 {
            return Err(LayoutError::Empty);
        }
        if kind == FileKind::JsonLines {
            return Ok((Self { format: Format::JsonLines, encoding }, Vec::new()));
        }
        let mut sample = Vec::new();
        Decoder::open(File::open(path)?, encoding)?.take(SAMPLE_BYTES).read_to_end(&mut sample)?;
        let quote_told = options.quote;
        let delimiter = match (options.delimiter, kind) {
            (Some(delimiter), _) => delimiter,
            (None, FileKind::Tsv) => b'\t',
            (None, _) => find_delimiter(&sample, quote_told.unwrap_or(Quote::Byte(b'"'))),
        };
        let quote = quote_told.unwrap_or_else(|| find_quote(&sample, delimiter));
        let first = first_record(&sample, delimiter, quote)?;
        let header = options.header.unwrap_or_else(|| find_header(&first));
        let columns = match header {
            Header::Present => names(&first)?,
            Header::Absent => (1..=first.len()).map(|number| format!("column{number}")).collect(),
        };
        if columns.len() > COLUMNS_MAX {
            return Err(LayoutError::TooManyColumns);
        }
        Ok((Self { format: Format::Delimited { delimiter, quote, header }, encoding }, columns))
    }
}

fn kind_by_name(path: &Path) -> Result<FileKind, LayoutError> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(FileKind::Csv),
        Some("tsv" | "tab") => Ok(FileKind::Tsv),
        Some("jsonl" | "ndjson") => Ok(FileKind::JsonLines),
        Some("json") => Err(LayoutError::JsonDocument),
        _ => Err(LayoutError::UnknownFormat),
    }
}

/// How a sample looks when read in one way.
struct Look {
    /// Cells of most records.
    width: usize,
    /// Records of that width, of a thousand.
    even: usize,
    broken: usize,
}

fn look(sample: &[u8], delimiter: u8, quote: Quote) -> Look {
    let mut reader = reader(sample, delimiter, quote);
    let (mut widths, mut broken) = (Vec::new(), 0);
    // A sample in memory doesn't fail to be read.
    while let Ok(Some(record)) = reader.next_cells() {
        match record {
            Ok(cells) => widths.push(cells.len()),
            Err(_) => broken += 1,
        }
        if widths.len() == SAMPLE_RECORDS {
            break;
        }
    }
    if sample.len() as u64 >= SAMPLE_BYTES && widths.len() < SAMPLE_RECORDS {
        widths.pop(); // cut by the end of the sample
    }
    widths.sort_unstable();
    let groups = widths.chunk_by(|a, b| a == b).map(|group| (group.len(), group[0]));
    let (count, width) = groups.max().unwrap_or((0, 0));
    Look { width, even: count * 1000 / widths.len().max(1), broken }
}

fn reader(sample: &[u8], delimiter: u8, quote: Quote) -> Delimited {
    Delimited::new(Lines::new(Box::new(Cursor::new(sample.to_vec()))), delimiter, quote.as_byte(), 0)
}

/// The delimiter that makes the most even table of more than one column; a comma if none does.
fn find_delimiter(sample: &[u8], quote: Quote) -> u8 {
    let looks = DELIMITERS.map(|delimiter| (delimiter, look(sample, delimiter, quote)));
    let tables = looks.into_iter().filter(|(_, look)| look.width > 1);
    // The first of equals: max_by_key would take the last.
    tables.rev().max_by_key(|(_, look)| (look.even, look.width)).map_or(b',', |(delimiter, _)| delimiter)
}

/// Double quotes, unless reading without makes fewer faults.
fn find_quote(sample: &[u8], delimiter: u8) -> Quote {
    let double = Quote::Byte(b'"');
    let (with, without) = (look(sample, delimiter, double), look(sample, delimiter, Quote::None));
    if with.broken > 0 && without.even > 990 && without.width >= with.width { Quote::None } else { double }
}

fn first_record(sample: &[u8], delimiter: u8, quote: Quote) -> Result<Vec<Vec<u8>>, LayoutError> {
    match reader(sample, delimiter, quote).next_cells()? {
        Some(Ok(cells)) => Ok(cells),
        Some(Err(error)) => Err(LayoutError::BadHeader(error.reason)),
        None => Err(LayoutError::Empty),
    }
}

/// A first record is a header if every cell is a name: there, different from the others, and no value.
fn find_header(first: &[Vec<u8>]) -> Header {
    let is_name = |cell: &Vec<u8>| {
        let text = String::from_utf8_lossy(cell);
        let text = text.trim();
        let is_value = text.parse::<f64>().is_ok()
            || ["true", "false"].contains(&text)
            || crate::schema::dates::parse_date(text).is_some()
            || text.starts_with(['{', '['])
            || text.contains("://")
            || crate::formats::is_email(text);
        !text.is_empty() && text.len() < CELL_BYTES_MAX && !is_value
    };
    if first.iter().all(is_name) && repeated(first).is_none() { Header::Present } else { Header::Absent }
}

fn repeated(first: &[Vec<u8>]) -> Option<&Vec<u8>> {
    let mut seen = std::collections::HashSet::new();
    first.iter().find(|cell| !seen.insert(*cell))
}

fn names(first: &[Vec<u8>]) -> Result<Vec<String>, LayoutError> {
    if let Some(cell) = repeated(first) {
        return Err(LayoutError::RepeatedColumn(String::from_utf8_lossy(cell).into_owned()));
    }
    let names = first.iter().map(|cell| match std::str::from_utf8(cell) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => Err(LayoutError::BadHeader(super::NOT_ENCODED.to_owned())),
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, content: &str) -> Result<(Layout, Vec<String>), LayoutError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        Layout::find(&path, &Inspection::take(&path).unwrap(), &ReadOptions::default())
    }

    fn delimited(delimiter: u8, quote: Quote, header: Header) -> Format {
        Format::Delimited { delimiter, quote, header }
    }

    #[test]
    fn delimiter_quotes_and_header_are_found() {
        let double = Quote::Byte(b'"');
        for (name, content, format, columns) in [
            ("a.csv", "id,name\n1,a\n", delimited(b',', double, Header::Present), &["id", "name"][..]),
            ("a.csv", "x;y\n1,5;2\n3;4,1\n", delimited(b';', double, Header::Present), &["x", "y"]),
            ("a.csv", "x\ty, z\n1\t2\n", delimited(b'\t', double, Header::Present), &["x", "y, z"]),
            ("a.csv", "a|b|c\n\"1|2\"|3|4\n", delimited(b'|', double, Header::Present), &["a", "b", "c"]),
            ("a.csv", "one\ntwo\n", delimited(b',', double, Header::Present), &["one"]),
            ("a.csv", "a,1\nb,2\n", delimited(b',', double, Header::Absent), &["column1", "column2"]),
            ("a.csv", "a,a\nb,2\n", delimited(b',', double, Header::Absent), &["column1", "column2"]),
            ("a.tsv", "size\tof\n\"3\tinch\n5\tx\n", delimited(b'\t', Quote::None, Header::Present), &["size", "of"]),
            ("a.ndjson", "{}", Format::JsonLines, &[]),
        ] {
            let (layout, names) = found(name, content).unwrap();
            assert_eq!(
                (layout.format, &names[..]),
                (format, &columns.iter().map(|c| c.to_string()).collect::<Vec<_>>()[..]),
                "{content:?}"
            );
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        for (name, content, text) in [
            ("a.json", "[]", "it is one JSON document: give one object a line instead (.jsonl)"),
            ("a.txt", "x", "its name ends neither in .csv, .tsv nor .jsonl: tell the format by --format"),
            ("a.csv", "", "it is empty"),
            ("a.csv", "\n\n", "it is empty"),
        ] {
            assert_eq!(found(name, content).unwrap_err().to_string(), text, "{name}");
        }
    }
}
