//! The one place that decides whether a caller may do something to a record, and which of its fields it may see. Every
//! door (REST, batch, expand, realtime, delta, files, export) asks here; `tests/api/doors.rs` tries each.
//!
//! Start at [`Action`] and [`check_action`] (a locked rule is refused before any look-up), then `may` (one record, one
//! rule), `may_manage`, and `FieldView` (which cells a caller sees).
//!
//! Invariant: a decision over a record is made in the same snapshot or transaction as the act it allows.
//! Never: a second copy of one of these checks in a door.
//!
//! Implements contract/05 §1, §3, §8, contract/03 §6, contract/04 §11.

mod action;

pub use action::{Action, Permit, check_action};
