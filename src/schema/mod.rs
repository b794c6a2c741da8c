//! What a collection is: its fields and their kinds, its rules and options, a record's values, and the immutable
//! snapshot of all of them that a request works with.
//!
//! Start at [`Schema`] (the snapshot), [`Collection`], [`Field`]; [`fields`] holds one file per kind behind the trait
//! [`fields::FieldKind`]; [`FieldValue`] is a value in the domain, [`Record`] a row of them.
//! Called by everything above; a new kind of field is one file in `fields/` and one line in its registry.
//!
//! Invariant: a [`Schema`] never changes; a committed schema change swaps the `Arc` in [`SharedSchema`], on the writer's
//! thread, before the change is answered. Requests in flight end on the one they began with.
//! Never: SQL text, a database, HTTP.
//!
//! Implements contract/02 §2–3, contract/03, contract/01 §6–7. Tests: beside the code and in `tests/api/fields.rs`.

pub mod auth_options;
mod casts;
mod cells;
mod collection;
pub mod dates;
mod collection_json;
mod field;
pub mod file_name;
pub mod json;
pub mod fields;
pub mod index;
mod generator;
mod modifiers;
pub mod names;
pub mod oauth2;
mod pattern;
mod record;
mod snapshot;
pub mod sql_text;
mod value;

pub use auth_options::AuthOptions;
pub use casts::{to_bool, to_list};
pub use collection::{Collection, CollectionKind, Rules, SUPERUSERS};
pub use collection_json::{KnownFields, StoredCollection, UnreadableCollection};
pub use field::{Field, Shape};
pub use generator::{Generator, GeneratorError};
pub use modifiers::Modifier;
pub use pattern::Pattern;
pub use record::Record;
pub use snapshot::{Schema, SharedSchema, reads_headers};
pub use value::FieldValue;
