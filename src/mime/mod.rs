//! What kind of data bytes are, told from the bytes alone: names and declared types don't matter (contract/13 §4). A
//! leaf. `signatures` knows formats by their first bytes, `containers` looks inside some, `text` tells texts apart.
//!
//! The names are those that adopted directories hold in their side files and field options; the samples of the tests
//! were told by the reference.

mod aliases;
mod containers;
mod signatures;
mod text;

use std::borrow::Cow;

pub use aliases::is_same_type;

/// How much of the beginning is looked at.
const HEAD_BYTES: usize = 3072;

/// A type that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// Texts have their charset with them: `text/plain; charset=utf-8`.
    pub name: Cow<'static, str>,
    /// What files of the type are usually called, with the dot; empty if there is no such habit.
    pub extension: &'static str,
}

impl Sniffed {
    const fn of(name: &'static str, extension: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), extension }
    }
}

/// Tells the type of data from its beginning, of which up to 3 KB count.
pub fn sniff(head: &[u8]) -> Sniffed {
    let is_whole = head.len() < HEAD_BYTES;
    let head = &head[..head.len().min(HEAD_BYTES)];
    signatures::find(head)
        .or_else(|| containers::find(head))
        .or_else(|| text::find(head, is_whole))
        .or_else(|| rarer(head))
        .unwrap_or(Sniffed::of("application/octet-stream", ""))
}

/// Formats that the tables leave out.
fn rarer(head: &[u8]) -> Option<Sniffed> {
    use file_format::FileFormat;
    let format = FileFormat::from_bytes(head);
    let is_told = !matches!(format, FileFormat::ArbitraryBinaryData | FileFormat::PlainText | FileFormat::Empty);
    is_told.then(|| Sniffed { name: format.media_type().to_owned().into(), extension: "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde_json::Value as Json;

    /// Samples with the type and extension that the reference tells; some that it calls octet-stream and we tell are
    /// left out.
    const SAMPLES: &str = include_str!("../../tests/data/mime-samples.jsonl");

    #[test]
    fn samples_are_told_as_the_reference_tells_them() {
        let mut wrong = Vec::new();
        for line in SAMPLES.lines() {
            let sample: Json = serde_json::from_str(line).unwrap();
            let mut bytes = BASE64_STANDARD.decode(sample["base64"].as_str().unwrap()).unwrap();
            bytes.extend(vec![0; sample["zeros"].as_u64().unwrap() as usize]);
            let told = sniff(&bytes);
            let (name, extension) = (sample["type"].as_str().unwrap(), sample["extension"].as_str().unwrap());
            if told.name != name || told.extension != extension {
                wrong.push(format!("{}: {name} {extension}, told as {} {}", sample["name"], told.name, told.extension));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_text_that_goes_on_is_told_by_its_beginning() {
        let long_json = format!("{{\"items\":[{}1]}}", "1,".repeat(4000));
        let long_text = "é".repeat(4000);
        let odd_text = format!("x{long_text}");
        let long_csv = "a,b,c\n".repeat(2000);
        for (text, name) in [
            (long_json.as_str(), "application/json"),
            (&long_text, "text/plain; charset=utf-8"),
            (&odd_text, "text/plain; charset=utf-8"),
            (&long_csv, "text/csv"),
        ] {
            assert_eq!(sniff(text.as_bytes()).name, name);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_type(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), prefix in 0..8_usize) {
            let prefixes: [&[u8]; 8] = [b"", b"RIFF", b"PK\x03\x04", b"\0\0\0\x18ftyp", b"\x1a\x45\xdf\xa3", b"<?xml ", b"{", b"#!"];
            let told = sniff(&[prefixes[prefix], &bytes].concat());
            proptest::prop_assert!(told.name.contains('/'));
        }
    }
}
