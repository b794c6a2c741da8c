//! A record in its table: found, inserted, updated, deleted, with everything that hangs on it whoever asked.
//!
//! Start at [`find_record`] and [`Draft`]: a draft is what is about to be written; [`insert_record`] and
//! [`update_record`] check and write it, [`delete_record`] removes a record with what refers to it. They get a `conn` or
//! `tx` first; they check what needs other rows (relations, uniqueness), keep the invariants of auth records
//! (contract/05 §8, contract/10 §3), cascade deletes (contract/05 §7) and write the change log.
//! Called by `records`, `auth`, `collections` (truncate), imports. Knows no rule and no caller: who may is `access`.
//!
//! Invariant: every change of a record goes through here, so each has its row in the change log.
//! Invariant: a refused record is `Error::Invalid` with an empty message; the caller gives it the text of its route
//! by `Error::titled`.
//! Never: rules, HTTP, an engine's spelling.

mod auth_records;
mod changes;
mod check;
mod delete;
mod draft;
mod files;
mod generate;
mod password;
mod read;
mod references;
mod spelling;
mod unique;
mod write;

pub use changes::record_from_old;
pub use delete::delete_record;
pub use draft::Draft;
pub use generate::generated;
pub use password::NewPassword;
pub use read::{find_record, find_record_by, get_record, list_records_by, read_record, select_list};
pub use write::{insert_record, update_record};
