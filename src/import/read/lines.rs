//! A text by physical lines, with the way back to the begin of the record that is being read.

use std::io::{self, Read};

const CHUNK_BYTES: usize = 64 << 10;

/// What was read ahead of a stream. Positions count from the begin of the current record.
pub struct Lines {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    /// Where the current record begins in `bytes`.
    start: usize,
    is_ended: bool,
    /// The line that the current record begins on, from 1.
    line: u64,
}

impl Lines {
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        Self { input, bytes: Vec::new(), start: 0, is_ended: false, line: 1 }
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    /// What is known from the begin of the record on.
    pub fn ahead(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Reads more; `false` at the end.
    pub fn read_more(&mut self) -> io::Result<bool> {
        if self.is_ended {
            return Ok(false);
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        let filled = self.bytes.len();
        self.bytes.resize(filled + CHUNK_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.bytes[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.bytes.truncate(filled + read);
        self.is_ended = read == 0;
        Ok(read > 0)
    }

    /// Goes on behind the first `length` bytes, which hold `lines` line ends.
    pub fn take(&mut self, length: usize, lines: u64) {
        self.start += length;
        self.line += lines;
    }

    /// Goes on behind the end of the current line, however far that is.
    pub fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = self.ahead().iter().position(|byte| *byte == b'\n') {
                self.take(end + 1, 1);
                return Ok(());
            }
            self.start = self.bytes.len();
            if !self.read_more()? {
                return Ok(());
            }
        }
    }
}
