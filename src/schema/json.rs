//! JSON as bytes: values and records written without a tree in between (contract/03 §9), and the text in which json
//! values are stored (contract/01 §7).

mod canonical;
mod record;
mod write;

pub(super) use canonical::write_stored_string;
pub use canonical::{canonical_json, is_json, replace_lone_surrogates};
pub use record::RecordJson;
pub use write::{write_cell, write_integer, write_number, write_string, write_value};
