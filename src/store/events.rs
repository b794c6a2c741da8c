//! What the store announces after a commit, in commit order (ARCHITECTURE, seam 3).

use std::sync::Arc;

/// Position in the change log: grows by one with each change of the database.
pub type Position = i64;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Create,
    Update,
    Delete,
}

/// One committed change of one record.
#[derive(Clone, Debug)]
pub struct Change {
    pub position: Position,
    pub collection_id: Arc<str>,
    pub record_id: Arc<str>,
    pub kind: ChangeKind,
    /// The stored row before the change as JSON; `None` for a create.
    pub old: Option<Arc<str>>,
}

/// What may follow a commit.
#[derive(Clone, Debug)]
pub enum Event {
    /// A record was created, updated or deleted.
    Change(Change),
    /// Collections came, went or changed: whoever keeps something derived from the schema takes it anew.
    SchemaChanged,
    /// The settings document was saved.
    SettingsChanged,
    /// A row was put into the outbox: wake the sender of its kind.
    OutboxFilled { kind: Arc<str>, id: Arc<str> },
    /// Another process wrote to the database, nobody knows what: drop every cache of rows.
    ForeignWrite,
}

/// Hears the events of each committed group, on the writer's thread, before the jobs are answered: must not block.
/// It gets a connection that sees the committed state.
pub trait Subscriber: Send + Sync {
    fn on_commit(&self, conn: &dyn super::Conn, events: &[Event]);
}
