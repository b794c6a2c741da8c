//! The engine seam: where the domain meets its database.
//!
//! Start at [`Store`]: `read`, `read_here`, `write`, `write_alone`. A job is a synchronous closure that gets a [`Conn`]
//! or a [`Tx`]; [`Dialect`] spells what differs between engines; [`Event`] is what follows a commit.
//! Called by every feature and by `app`, which opens it.
//!
//! Invariant: an answered write is on disk (`durability full`), and its events were heard before the answer.
//! Invariant: a job may run more than once, so it has no effect but through its `tx`.
//! Invariant: reads of one job see one snapshot.
//! Never: rusqlite or an SQLite spelling outside `store/sqlite` and `migrations/`.
//! Never: knowledge of collections, rules or HTTP.
//!
//! Implements contract/01 §2–4 and ARCHITECTURE, seams 1–3. Tests: beside the code, `tests/durability`.

mod conn;
pub mod dialect;
mod error;
mod events;
mod value;

pub use conn::{Conn, ConnExt, OnRow, Row, Tx};
pub use dialect::{ColumnType, Dialect};
pub use error::StoreError;
pub use events::{Change, ChangeKind, Event, Position, Subscriber};
pub use value::{Cell, Value};
