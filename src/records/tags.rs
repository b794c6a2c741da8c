//! Entity tags: whether a client's copy is still what is stored (`ETag`, `If-None-Match`, `If-Match`).
//!
//! A record's tag covers its whole row, hidden fields too, so that a change of any of them is seen; being keyed it tells
//! nothing of them. A list's tag, and one with `expand`, covers the body that was sent.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::{BodyStamper, Secret, Stamper};
use crate::schema::{SUPERUSERS, Schema};
use crate::store::Cell;

/// An entity tag with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag(Box<str>);

impl EntityTag {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A tag that was kept beside an answer.
    pub fn kept(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    fn new(stamp: &[u8]) -> Self {
        let mut text = String::with_capacity(24); // 16 bytes in base64 and the quotes
        text.push('"');
        URL_SAFE_NO_PAD.encode_string(stamp, &mut text);
        text.push('"');
        Self(text.into())
    }
}

/// The tags of an `If-Match` or `If-None-Match` header (RFC 9110 §13.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`: whatever there is.
    Any,
    Tags(Vec<Box<str>>),
}

impl Condition {
    /// Reads the header's value. What isn't a tag matches nothing.
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        Self::Tags(header.split(',').map(|tag| tag.trim().into()).collect())
    }

    /// Whether the condition names this tag. A weak form of it counts, also for `If-Match`, where RFC 9110 wants a strong
    /// one: it became so by compression on the way, and names the same stored row.
    pub fn matches(&self, tag: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|own| own.strip_prefix("W/").unwrap_or(own) == &*tag.0),
        }
    }
}

/// What stamps tags and cursors. The key is derived from the secret of the superusers' tokens: it is there in every
/// directory, never leaves the server, and survives a restart.
#[derive(Default)]
pub struct Stampers(RwLock<Option<Arc<Keys>>>);

struct Keys {
    secret: Secret<String>,
    tags: Stamper,
    bodies: BodyStamper,
    cursors: Stamper,
}

impl Stampers {
    /// The tag of a stored row.
    pub fn row_tag<'c>(
        &self,
        schema: &Schema,
        collection_id: &str,
        cells: impl Iterator<Item = Cell<'c>>,
    ) -> EntityTag {
        let mut bytes = Vec::with_capacity(512);
        for cell in cells {
            encode(cell, &mut bytes);
        }
        EntityTag::new(&self.keys(schema).tags.stamp(&[collection_id.as_bytes(), &bytes]))
    }

    /// The tag of a body.
    pub fn body_tag(&self, schema: &Schema, body: &[u8]) -> EntityTag {
        EntityTag::new(&self.keys(schema).bodies.stamp(body))
    }

    /// The stamp of a cursor over these parts.
    pub fn cursor_stamp(&self, schema: &Schema, parts: &[&[u8]]) -> [u8; crate::crypto::STAMP_BYTES] {
        self.keys(schema).cursors.stamp(parts)
    }

    fn keys(&self, schema: &Schema) -> Arc<Keys> {
        let options = schema.find_by_name(SUPERUSERS).and_then(|collection| collection.auth());
        let secret = options.map_or("", |options| options.auth_token.secret.as_str());
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*known
            && keys.secret.expose() == secret
        {
            return keys.clone();
        }
        drop(known);
        let keys = Arc::new(Keys {
            secret: secret.into(),
            tags: Stamper::new(secret.as_bytes(), "entity tags"),
            bodies: BodyStamper::new(secret.as_bytes(), "tags of bodies"),
            cursors: Stamper::new(secret.as_bytes(), "cursors"),
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(keys.clone());
        keys
    }
}

impl std::fmt::Debug for Stampers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stampers(***)")
    }
}

/// A cell in bytes that no other cell has; a whole number has one form, however it is held.
pub fn encode(cell: Cell<'_>, out: &mut Vec<u8>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match cell {
        Cell::Null => put(0, &[]),
        Cell::Int(number) => put(1, &number.to_le_bytes()),
        Cell::Real(number) if number == (number as i64) as f64 => put(1, &(number as i64).to_le_bytes()),
        Cell::Real(number) => put(2, &number.to_bits().to_le_bytes()),
        Cell::Text(text) => put(3, text.as_bytes()),
        Cell::Blob(bytes) => put(4, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_tags_weak_ones_too_or_any() {
        let tag = EntityTag::new(b"0123456789abcdef");
        for (header, expected) in [
            ("*", true),
            (tag.as_str(), true),
            (&format!("W/{}", tag.as_str()), true),
            (&format!("\"other\", {}", tag.as_str()), true),
            ("\"other\"", false),
            ("", false),
            (tag.as_str().trim_matches('"'), false),
        ] {
            assert_eq!(Condition::parse(header).matches(&tag), expected, "{header}");
        }
    }

    #[test]
    fn a_number_has_one_tag_however_it_is_held() {
        let stampers = Stampers::default();
        let tag = |cell| stampers.row_tag(&Schema::default(), "c", [cell].into_iter());
        assert_eq!(tag(Cell::Int(5)), tag(Cell::Real(5.0)));
        assert_ne!(tag(Cell::Real(5.5)), tag(Cell::Real(5.0)));
        assert_ne!(tag(Cell::Int(5)), tag(Cell::Text("5")));
        assert_ne!(tag(Cell::Null), tag(Cell::Text("")));
    }
}
