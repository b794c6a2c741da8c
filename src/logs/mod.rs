//! The activity log: a row per request in auxiliary.db, off the path of the request.
//!
//! Start at [`RequestEntry`] (what happened), [`LogWriter`] (a bounded queue and the thread that writes batches).
//! Called by `http` for each request; `app` starts and stops the writer and registers the clean-up.
//!
//! Invariant: logging never delays a request: when the writer lags, entries are dropped and counted.
//! Invariant: a clean stop writes what is queued.
//! Never: bodies, headers, tokens.
//!
//! Implements contract/14 §7, contract/21 §1 (how rows vanish). Tests: beside the code, `tests/api/logs.rs`.

mod entry;
mod writer;

pub use entry::{AuthOf, RequestEntry};
pub use writer::{LogWriter, delete_old};
