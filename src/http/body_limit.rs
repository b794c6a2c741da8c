//! How many bytes a body may have (contract/14 §4).

use crate::schema::Collection;
use crate::schema::fields::FieldKind;

/// 32 MiB.
pub(super) const DEFAULT_BYTES: u64 = 32 << 20;

/// The limit of a record's create or update: 32 MiB and what its fields may hold.
pub(super) fn of_record(collection: &Collection) -> u64 {
    let of_fields = collection.fields.iter().map(|field| field.kind.body_bytes_max().unsigned_abs());
    of_fields.fold(DEFAULT_BYTES, u64::saturating_add)
}
