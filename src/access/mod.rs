//! The one place that decides whether a caller may do something to a record, and which of its fields it may see. Every
//! door (REST, batch, expand, realtime, delta, files, export) asks here; `tests/api/doors.rs` tries each.
//!
//! Start at [`Gate`]: one request before the rules. [`check_action`] refuses a locked rule before any look-up,
//! [`Gate::may`], [`Gate::may_create`] and [`Gate::shows`] decide about one record, [`Gate::reach_list`] about many, and
//! [`FieldView`] says which cells of them a caller sees.
//!
//! Invariant: a decision over a record is made in the same snapshot or transaction as the act it allows; one over a write
//! also asks who the caller is by then ([`live_request`]).
//! Never: a second copy of one of these checks in a door.
//!
//! Implements contract/05 §1, §3, §8, contract/03 §6, contract/04 §11.

mod action;
mod fields;
mod gate;
mod live;
mod reach;
mod select;
mod subject;

pub use action::{Action, Permit, check_action};
pub use fields::{EmailGuard, FieldView, is_own_record, is_secret, may_set};
pub use gate::Gate;
pub use live::live_request;
pub use reach::{ListReach, Reach};
pub use select::{Select, order_by};
pub use subject::Subject;
