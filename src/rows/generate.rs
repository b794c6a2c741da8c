//! Values that a new record gets when none was given (contract/03 §5).

use crate::ids;
use crate::schema::fields::Kind;
use crate::schema::{Field, FieldValue};

use super::Draft;

/// Characters of a token key (contract/01 §6).
const TOKEN_KEY_CHARS: usize = 50;

/// Fills the empty texts that have a pattern for it.
pub fn fill_empty(draft: &mut Draft) {
    let collection = draft.collection().clone();
    for (index, field) in collection.fields.iter().enumerate() {
        let is_empty = matches!(draft.record().value_at(index), FieldValue::Text(text) if text.is_empty());
        if is_empty && let Some(text) = generated(field) {
            draft.set_at(index, FieldValue::Text(text));
        }
    }
}

/// A fresh text of the field's own pattern.
pub fn generated(field: &Field) -> Option<String> {
    let Kind::Text(options) = &field.kind else { return None };
    match options.autogenerate_pattern.as_str() {
        "" => None,
        // The two that nearly every insert needs, without a detour through a regular expression.
        "[a-z0-9]{15}" => Some(ids::record_id()),
        "[a-zA-Z0-9]{50}" => Some(ids::secret(TOKEN_KEY_CHARS)),
        _ => Some(field.generated()),
    }
}

/// A fresh token key: of the field's pattern, or as the default one.
pub fn token_key(field: &Field) -> String {
    generated(field).unwrap_or_else(|| ids::secret(TOKEN_KEY_CHARS))
}
