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
        if matches!(field.kind, Kind::Text(_)) && draft.record().value_at(index).is_blank() {
            draft.set_at(index, FieldValue::Text(generated(field)));
        }
    }
}

/// A fresh text of the field's own pattern; `""` if it has none.
pub fn generated(field: &Field) -> String {
    let Kind::Text(options) = &field.kind else { return String::new() };
    match options.autogenerate_pattern.as_str() {
        // The two that nearly every insert needs, without a detour through a regular expression.
        "[a-z0-9]{15}" => ids::record_id(),
        "[a-zA-Z0-9]{50}" => ids::secret(TOKEN_KEY_CHARS),
        _ => field.generated(),
    }
}

/// A fresh token key: of the field's pattern, or as the default one.
pub fn token_key(field: &Field) -> String {
    match generated(field) {
        key if key.is_empty() => ids::secret(TOKEN_KEY_CHARS),
        key => key,
    }
}
