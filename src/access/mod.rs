//! The one place that decides whether a caller may do something to a record, and which of its fields it may see. Every
//! door (REST, batch, expand, realtime, delta, files, export) asks here; `tests/api/doors.rs` tries each.
//!
//! Invariant: a decision over a record is made in the same snapshot or transaction as the act it allows.
//! Never: a second copy of one of these checks in a door.
//!
//! Implements contract/05 §1, §3, §8, contract/03 §6, contract/04 §11.
