//! The activity log: a row per request in auxiliary.db, off the path of the request.
//!
//! Start at [`RequestEntry`] (what happened), [`LogWriter`] (the list of what waits, and the thread that empties it).
//! `spool`: a burst is put down as it came, in one row for thousands of entries, and becomes rows when it is calm again: a
//! row with its random key and three more indexes costs ten times what the entry does.
//! Called by `http` for each request; `app` starts and stops the writer and registers the clean-up.
//!
//! Invariant: logging never delays a request: when the writer lags, entries are dropped and counted.
//! Invariant: a clean stop writes what is queued; what is on the disk becomes a row once, whatever kills the process.
//! Never: bodies, headers, tokens.
//!
//! Implements contract/14 §7, contract/21 §1 (how rows vanish). Tests: beside the code, `tests/api/logs.rs`.

mod clean;
mod entry;
mod row_ids;
mod spool;
mod waiting;
mod writer;

pub use clean::delete_old;
pub use entry::{AuthOf, RequestEntry};
pub use writer::LogWriter;
