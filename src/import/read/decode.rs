//! From the bytes of a file to UTF-8, and which encoding a file is in.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use encoding_rs::{DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

const CHUNK_BYTES: usize = 64 << 10;
/// Stands for what can't be decoded: never part of UTF-8, so the cell that holds it is refused later, with its line.
const UNDECODABLE: u8 = 0xff;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a file's characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// With the characters that Windows put where Latin-1 has none (Windows-1252).
    Latin1,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16 (little endian)",
            Encoding::Utf16Be => "UTF-16 (big endian)",
            Encoding::Latin1 => "Latin-1",
        }
    }
}

/// What one look at all bytes of a file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// By its mark, or by what most of its bytes can only be.
    pub encoding: Encoding,
    /// SHA-256 of the content, in hexadecimal digits.
    pub hash: String,
    pub bytes: u64,
}

impl Inspection {
    /// Reads the file once.
    pub fn take(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Context::new(&SHA256);
        let mut count = Utf8Count::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let (mut by_mark, mut bytes) = (None, 0_u64);
        loop {
            let read = fill(&mut file, &mut chunk)?;
            if read == 0 {
                break;
            }
            if bytes == 0 {
                by_mark = mark_of(&chunk[..read]).or_else(|| utf16_by_zeros(&chunk[..read]));
            }
            bytes += read as u64;
            hash.update(&chunk[..read]);
            count.add(&chunk[..read]);
        }
        let digits = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { encoding: by_mark.unwrap_or_else(|| count.encoding()), hash: digits, bytes })
    }
}

/// Reads until the chunk is full or the file ends.
fn fill(file: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read(&mut chunk[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn mark_of(head: &[u8]) -> Option<Encoding> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some(Encoding::Utf8),
        [0xff, 0xfe, ..] => Some(Encoding::Utf16Le),
        [0xfe, 0xff, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// UTF-16 without a mark: of mostly ASCII text every second byte is zero.
fn utf16_by_zeros(head: &[u8]) -> Option<Encoding> {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if pairs > 0 && odd * 2 > pairs && even * 20 < pairs {
        return Some(Encoding::Utf16Le);
    }
    (pairs > 0 && even * 2 > pairs && odd * 20 < pairs).then_some(Encoding::Utf16Be)
}

/// Characters beyond ASCII that are UTF-8, and bytes that can't be.
#[derive(Default)]
struct Utf8Count {
    right: u64,
    wrong: u64,
    /// The begin of a character that the chunk cut.
    cut: Vec<u8>,
}

impl Utf8Count {
    fn add(&mut self, chunk: &[u8]) {
        let joined;
        let mut rest = if self.cut.is_empty() {
            chunk
        } else {
            joined = [&std::mem::take(&mut self.cut)[..], chunk].concat();
            &joined[..]
        };
        loop {
            let (valid, error) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), None),
                Err(error) => (error.valid_up_to(), Some(error.error_len())),
            };
            self.right += rest[..valid].iter().filter(|byte| **byte >= 0xc0).count() as u64;
            match error {
                None => return,
                Some(None) => {
                    self.cut = rest[valid..].to_vec();
                    return;
                }
                Some(Some(length)) => {
                    self.wrong += length as u64;
                    rest = &rest[valid + length..];
                }
            }
        }
    }

    /// A few wrong bytes among right characters are faults of their rows; many are another encoding.
    fn encoding(&self) -> Encoding {
        if self.wrong + self.cut.len() as u64 > self.right { Encoding::Latin1 } else { Encoding::Utf8 }
    }
}

/// Gives a file's content as UTF-8, without its mark.
pub struct Decoder {
    file: File,
    /// `None` for UTF-8, which passes as it is.
    decoding: Option<Decoding>,
}

/// A file on its way from another encoding.
struct Decoding {
    /// `None` when the file has ended.
    decoder: Option<encoding_rs::Decoder>,
    input: Vec<u8>,
    used: usize,
    filled: usize,
    output: Vec<u8>,
    given: usize,
}

impl Decoder {
    pub fn open(mut file: File, encoding: Encoding) -> io::Result<Self> {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Latin1 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
        };
        let mut mark = [0; UTF8_MARK.len()];
        let has_mark = fill(&mut file, &mut mark)? == mark.len() && mark == UTF8_MARK;
        let start = if decoder.is_none() && has_mark { UTF8_MARK.len() as u64 } else { 0 };
        file.seek(SeekFrom::Start(start))?;
        let decoding = decoder.map(|decoder| Decoding {
            decoder: Some(decoder),
            input: vec![0; CHUNK_BYTES],
            used: 0,
            filled: 0,
            output: Vec::new(),
            given: 0,
        });
        Ok(Self { file, decoding })
    }
}

impl Read for Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(decoding) = &mut self.decoding else { return self.file.read(out) };
        while decoding.given == decoding.output.len() && decoding.decoder.is_some() {
            decoding.decode_some(&mut self.file)?;
        }
        let ready = &decoding.output[decoding.given..];
        let length = ready.len().min(out.len());
        out[..length].copy_from_slice(&ready[..length]);
        decoding.given += length;
        Ok(length)
    }
}

impl Decoding {
    /// Decodes until a chunk is used up or something can't be decoded.
    fn decode_some(&mut self, file: &mut File) -> io::Result<()> {
        if self.used == self.filled {
            self.filled = fill(file, &mut self.input)?;
            self.used = 0;
        }
        let is_last = self.filled < self.input.len();
        // Only called while the file hasn't ended.
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        // Whatever doesn't fit comes with the next call.
        self.output.resize(2 * CHUNK_BYTES, 0);
        self.given = 0;
        let source = &self.input[self.used..self.filled];
        let (result, read, mut written) = decoder.decode_to_utf8_without_replacement(source, &mut self.output, is_last);
        self.used += read;
        match result {
            DecoderResult::Malformed(..) => {
                self.output.truncate(written);
                self.output.push(UNDECODABLE);
                written += 1;
            }
            DecoderResult::InputEmpty if is_last => self.decoder = None,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
        }
        self.output.truncate(written);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    fn decoded(content: &[u8]) -> (Encoding, Vec<u8>) {
        let file = write(content);
        let encoding = Inspection::take(file.path()).unwrap().encoding;
        let mut text = Vec::new();
        Decoder::open(File::open(file.path()).unwrap(), encoding).unwrap().read_to_end(&mut text).unwrap();
        (encoding, text)
    }

    #[test]
    fn encodings_are_told_apart_and_decoded() {
        let text = "name,city\nZoë,Kraków\n";
        for (content, encoding) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            ([UTF8_MARK, text.as_bytes()].concat(), Encoding::Utf8),
            (utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), Encoding::Utf16Be),
            (utf16(text, u16::to_le_bytes), Encoding::Utf16Le),
            (utf16(text, u16::to_be_bytes), Encoding::Utf16Be),
        ] {
            let (found, decoded) = decoded(&content);
            assert_eq!((found, String::from_utf8(decoded).unwrap()), (encoding, text.to_owned()));
        }
        assert_eq!(decoded(b"caf\xe9\n"), (Encoding::Latin1, "café\n".into()));
        assert_eq!(decoded(b""), (Encoding::Utf8, Vec::new()));
    }

    #[test]
    fn a_wrong_byte_among_right_characters_doesnt_change_the_encoding() {
        assert_eq!(decoded("é,é,é\n".as_bytes()).0, Encoding::Utf8);
        let content = [b"\xe9\n", "é,é,é\n".as_bytes()].concat();
        assert_eq!(decoded(&content), (Encoding::Utf8, content));
        // Half a surrogate pair.
        let content =
            [&utf16("\u{feff}ab", u16::to_le_bytes)[..], &[0x00, 0xd8], &utf16("c", u16::to_le_bytes)].concat();
        assert_eq!(decoded(&content), (Encoding::Utf16Le, b"ab\xffc".to_vec()));
    }

    #[test]
    fn characters_on_the_border_of_two_chunks_are_whole() {
        let text = "é".repeat(CHUNK_BYTES) + "x";
        assert_eq!(decoded(format!("y{text}").as_bytes()).0, Encoding::Utf8);
        let content = utf16(&format!("\u{feff}{text}"), u16::to_le_bytes);
        assert_eq!(decoded(&content[..]), (Encoding::Utf16Le, text.into_bytes()));
    }
}
