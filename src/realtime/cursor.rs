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

/// Most replays in a row that may be cut off before a client is told to read its lists again. A message of the last of them
/// has a cursor of 700 characters.
pub const PARTS_MAX: usize = 32;

/// How much of the change log a client has: everything up to `after`, and parts of the replays that were cut off since,
/// in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub after: Position,
    /// At most [`PARTS_MAX`].
    pub parts: Vec<ReplayPart>,
}

/// A replay tells each record once, in the order of its last change. Whoever is cut off in the middle of one has, beyond
/// `after`, the records whose last change up to `upto` is not after `told`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayPart {
    pub upto: Position,
    pub told: Position,
}

impl Place {
    /// The place of a client that, beyond this one, has a part of the replay of `upto`.
    pub fn with_part(&self, upto: Position, told: Position) -> Self {
        let mut place = self.clone();
        place.parts.push(ReplayPart { upto, told });
        place
    }
}

impl From<Position> for Place {
    fn from(after: Position) -> Self {
        Self { after, parts: Vec::new() }
    }
}

/// A place in the change log as clients hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub log: LogId,
    pub place: Place,
}

impl Cursor {
    /// The cursor of a place.
    pub fn at(log: LogId, place: impl Into<Place>) -> Self {
        Self { log, place: place.into() }
    }

    /// The opaque form: 22 characters of `[A-Za-z0-9_-]`, some more in the middle of a replay.
    pub fn to_text(&self) -> String {
        let parts = self.place.parts.iter().flat_map(|part| [part.upto, part.told]);
        let mut bytes = self.log.0.to_be_bytes().to_vec();
        for position in std::iter::once(self.place.after).chain(parts) {
            bytes.extend_from_slice(&((position as u64) ^ mask(self.log)).to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the opaque form; `None` if it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        let (log, positions) = numbers.split_first()?;
        let log = LogId(u64::from_be_bytes(*log));
        let read = |bytes: &[u8; 8]| Position::try_from(u64::from_be_bytes(*bytes) ^ mask(log)).ok();
        let (after, parts) = positions.split_first()?;
        let (parts, []) = parts.as_chunks::<2>() else { return None };
        if parts.len() > PARTS_MAX {
            return None;
        }
        let parts = parts.iter().map(|[upto, told]| {
            let (upto, told) = (read(upto)?, read(told)?);
            Some(ReplayPart { upto, told })
        });
        let place = Place { after: read(after)?, parts: parts.collect::<Option<_>>()? };
        Some(Self { log, place })
    }
}

/// Mixed into positions, so that nobody takes them for numbers to count with.
fn mask(log: LogId) -> u64 {
    log.0.rotate_left(17)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(
            log: u64,
            after in 0..Position::MAX,
            parts in prop::collection::vec((0..Position::MAX, 0..Position::MAX), 0..=PARTS_MAX),
        ) {
            let parts = parts.into_iter().map(|(upto, told)| ReplayPart { upto, told }).collect();
            let cursor = Cursor::at(LogId(log), Place { after, parts });
            prop_assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = Cursor::parse(&text);
        }
    }
}
