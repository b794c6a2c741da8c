//! The file of what was refused: line, field, value and reason, as CSV or JSON lines.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::kinds::shortened;
use super::progress::Progress;

/// Why a row was refused; a row can have several.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    pub line: u64,
    /// Empty when the whole row is to blame.
    pub field: String,
    pub value: String,
    pub reason: String,
}

impl Complaint {
    pub fn new(line: u64, field: impl Into<String>, value: &str, reason: impl Into<String>) -> Self {
        Self { line, field: field.into(), value: shortened(value), reason: reason.into() }
    }
}

/// How the report is written, by the ending of its name.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Csv,
    JsonLines,
}

/// The report of an import. The file is made with the first complaint.
///
/// Invariant: what the database says was reported is in the file, or is put there when the import goes on.
pub struct Report {
    path: PathBuf,
    form: Form,
    file: Option<File>,
    bytes: u64,
}

impl Report {
    /// The report of an import that goes on after `progress`, or that begins.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn resume(progress: &Progress) -> io::Result<Self> {
        let mut report = Self::at(&progress.report);
        report.bytes = progress.report_bytes;
        report.append(&progress.report_tail)?;
        Ok(report)
    }

    fn at(path: &Path) -> Self {
        let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let form = if is_csv { Form::Csv } else { Form::JsonLines };
        Self { path: path.to_owned(), form, file: None, bytes: 0 }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The text that adds these complaints to a report of `bytes` length.
    pub fn text(path: &Path, bytes: u64, complaints: &[Complaint]) -> String {
        let form = Self::at(path).form;
        let mut text = String::new();
        if complaints.is_empty() {
            return text;
        }
        if form == Form::Csv && bytes == 0 {
            text.push_str("line,field,value,reason\n");
        }
        for Complaint { line, field, value, reason } in complaints {
            match form {
                Form::Csv => {
                    let cells = [&line.to_string(), field, value, reason].map(|cell| csv_cell(cell));
                    text.push_str(&cells.join(","));
                }
                Form::JsonLines => text
                    .push_str(&json!({ "line": line, "field": field, "value": value, "reason": reason }).to_string()),
            }
            text.push('\n');
        }
        text
    }

    /// Writes behind what stands there, and syncs it.
    pub fn append(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = File::options().write(true).create(true).truncate(false).open(&self.path)?;
                // Cuts off what an earlier import left, or the half of a line.
                file.set_len(self.bytes)?;
                self.file.insert(file)
            }
        };
        file.seek(SeekFrom::Start(self.bytes))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.bytes += text.len() as u64;
        Ok(())
    }
}

fn csv_cell(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_on_where_the_database_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.csv");
        let complaints = |line| [Complaint::new(line, "born", "a \"b\", c", "isn't a date")];
        let mut progress = Progress::new("s".into(), "c".into(), path.clone());
        let mut report = Report::resume(&progress).unwrap();
        assert!(!path.exists());
        let first = Report::text(&path, report.bytes(), &complaints(2));
        report.append(&first).unwrap();
        // Killed in the middle of the second batch's lines.
        progress.report_bytes = report.bytes();
        progress.report_tail = Report::text(&path, report.bytes(), &complaints(3));
        std::fs::write(&path, format!("{first}3,bo")).unwrap();
        drop(report);
        Report::resume(&progress).unwrap();
        let expected =
            "line,field,value,reason\n2,born,\"a \"\"b\"\", c\",isn't a date\n3,born,\"a \"\"b\"\", c\",isn't a date\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
