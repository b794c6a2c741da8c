//! Cursors: places in the change log as clients hold them (ARCHITECTURE, seam 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::Position;

/// Names one life of the change log: a restored database has another one, so that old cursors are known as foreign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId(pub u64);

impl LogId {
    /// The short form of the log's stored id (FNV-1a; it tells lives of a log apart, it guards nothing).
    pub fn of(stored: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(stored.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }
}

/// A place in the change log: everything up to `position` is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub log: LogId,
    pub position: Position,
}

impl Cursor {
    /// The opaque form: 22 characters of `[A-Za-z0-9_-]`.
    pub fn to_text(self) -> String {
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&self.log.0.to_be_bytes());
        // Mixed with the log's id, so that nobody takes it for a number to count with.
        bytes[8..].copy_from_slice(&((self.position as u64) ^ self.log.0.rotate_left(17)).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the opaque form; `None` if it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (log, position) = bytes.split_at(8);
        let log = u64::from_be_bytes(log.try_into().ok()?);
        let position = u64::from_be_bytes(position.try_into().ok()?) ^ log.rotate_left(17);
        let position = Position::try_from(position).ok()?;
        Some(Self { log: LogId(log), position })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(log: u64, position in 0..Position::MAX) {
            let cursor = Cursor { log: LogId(log), position };
            let text = cursor.to_text();
            prop_assert_eq!(text.len(), 22);
            prop_assert_eq!(Cursor::parse(&text), Some(cursor));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = Cursor::parse(&text);
        }
    }
}
