//! How many bytes a body may have (contract/14 §4).

use crate::schema::fields::Kind;
use crate::schema::{Collection, Field};

/// 32 MiB.
pub(super) const DEFAULT_BYTES: u64 = 32 << 20;
/// Of a file or an editor's text, when the field doesn't say (contract/03 §2).
const FIELD_BYTES: i64 = 5 << 20;
/// Of a JSON value, when the field doesn't say.
const JSON_BYTES: i64 = 1 << 20;

/// The limit of a record's create or update: 32 MiB and what its fields may hold.
pub(super) fn of_record(collection: &Collection) -> u64 {
    collection.fields.iter().map(field_bytes).fold(DEFAULT_BYTES, u64::saturating_add)
}

fn field_bytes(field: &Field) -> u64 {
    let or_default = |max: i64, default: i64| if max > 0 { max } else { default };
    let bytes = match &field.kind {
        Kind::File(file) => or_default(file.max_size, FIELD_BYTES).saturating_mul(file.max_select.max(1)),
        Kind::Json(json) => or_default(json.max_size, JSON_BYTES),
        Kind::Editor(editor) => or_default(editor.max_size, FIELD_BYTES),
        _ => 0,
    };
    bytes.unsigned_abs()
}
