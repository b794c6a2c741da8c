//! What is known of a stored file beside its bytes; in a directory it lies in a side file `NAME.attrs` (contract/01 §8).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes that are kept of the name a client gave.
const ORIGINAL_NAME_BYTES_MAX: usize = 255;
/// The type of a file about which nothing is known.
pub(super) const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Facts about a file that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// With parameters, e.g. `text/plain; charset=utf-8`.
    pub content_type: String,
    /// What the client called it; thumbs have none.
    pub original_name: Option<String>,
    /// MD5 of the content.
    pub md5: [u8; 16],
}

/// The side file: one line of JSON, keys in this order.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Sidecar {
    #[serde(rename = "user.cache_control")]
    cache_control: String,
    #[serde(rename = "user.content_disposition")]
    content_disposition: String,
    #[serde(rename = "user.content_encoding")]
    content_encoding: String,
    #[serde(rename = "user.content_language")]
    content_language: String,
    #[serde(rename = "user.content_type")]
    content_type: String,
    #[serde(rename = "user.metadata")]
    metadata: Option<Metadata>,
    md5: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "original-filename")]
    original_filename: String,
}

impl Attributes {
    /// The text of the side file.
    pub(super) fn to_sidecar(&self) -> String {
        let sidecar = Sidecar {
            content_type: self.content_type.clone(),
            metadata: self.original_name.as_deref().map(|name| Metadata { original_filename: cut(name).to_owned() }),
            md5: BASE64_STANDARD.encode(self.md5),
            ..Sidecar::default()
        };
        let mut text = serde_json::to_string(&sidecar).expect("texts can be written");
        text.push('\n');
        text
    }
}

/// Type and MD5 in a side file; what can't be read is unknown.
pub(super) fn read_sidecar(text: &[u8]) -> (String, Option<[u8; 16]>) {
    let sidecar: Sidecar = serde_json::from_slice(text).unwrap_or_default();
    let md5 = BASE64_STANDARD.decode(&sidecar.md5).ok().and_then(|bytes| bytes.try_into().ok());
    let content_type = if sidecar.content_type.is_empty() { UNKNOWN_TYPE.to_owned() } else { sidecar.content_type };
    (content_type, md5)
}

/// The part of a client's name that is kept.
pub(super) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(ORIGINAL_NAME_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_file_is_that_of_the_contract() {
        let md5 = [0x5d, 0x40, 0x40, 0x90, 0x2a, 0x4b, 0x90, 0xfa, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5, 0x92];
        let mut attributes = Attributes {
            content_type: "text/plain; charset=utf-8".into(),
            original_name: Some("Test File.TXT".into()),
            md5,
        };
        assert_eq!(
            attributes.to_sidecar(),
            "{\"user.cache_control\":\"\",\"user.content_disposition\":\"\",\"user.content_encoding\":\"\",\
             \"user.content_language\":\"\",\"user.content_type\":\"text/plain; charset=utf-8\",\
             \"user.metadata\":{\"original-filename\":\"Test File.TXT\"},\"md5\":\"XUBAkCpLkPq5cZ2REBfFkg==\"}\n"
        );
        assert_eq!(
            read_sidecar(attributes.to_sidecar().as_bytes()),
            ("text/plain; charset=utf-8".to_owned(), Some(md5))
        );
        attributes.original_name = None;
        assert!(attributes.to_sidecar().contains("\"user.metadata\":null"));
    }

    #[test]
    fn a_broken_side_file_tells_nothing() {
        for text in ["", "{", "[]", "{\"user.content_type\":5}", "{\"md5\":\"!\"}"] {
            assert_eq!(read_sidecar(text.as_bytes()), (UNKNOWN_TYPE.to_owned(), None), "{text}");
        }
    }

    #[test]
    fn long_original_names_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(200)).len(), 254);
    }
}
