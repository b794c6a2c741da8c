//! Realtime: what changed, told to those who may know, in commit order, with nothing missed.
//!
//! Start at [`Hub`], the one owner of all connections: a thread that hears commits and commands in one queue, so that a
//! subscription begins at an exact place of the change log. `topic` reads what clients ask for, `audience` indexes who
//! listens, `replay` reads the log for those who were away, `cursor` names places in it.
//! Called by `http` (SSE and WebSocket are two adapters there: [`Outlet`]) and `app`, which wires it to the store.
//!
//! Invariant: per connection messages come in commit order; a replay ends exactly where live messages begin.
//! Invariant: a writer never waits for a reader; each connection's queue is bounded, and one that is full goes on from
//! the log at its own pace.
//! Invariant: rights are those of the connection's caller at the place of the change, asked of `access` like any door.
//! Never: a transport, an engine's spelling.
//!
//! Implements contract/12. Tests: beside the code, `tests/api/realtime.rs`, `tests/sdk`.

mod announce;
mod audience;
mod bindings;
mod coalesce;
mod cursor;
mod delta;
mod hub;
mod judge;
mod log;
mod message;
mod outlet;
mod pace;
mod progress;
mod replay;
mod restart;
mod resume;
mod submission;
mod switchboard;
mod topic;

pub use audience::ConnectionId;
pub use cursor::{Cursor, LogId};
pub use delta::{Delta, DeltaQuestion, list_changes};
pub use hub::{Hub, Opened, Opening, ProviderAnswer, TopicChange};
pub use judge::{Judge, RecordViews};
pub use outlet::{Backlog, Encoding, Outlet, Parcel};
pub use resume::UNREAD_MAX;
pub use submission::Submission;
pub use switchboard::Setup;
pub use topic::{Options, Target, Topic};
