//! Who a connection is: bound by its topics' request, and what ends the binding (contract/12 §2, §5).

use std::sync::Arc;

use crate::error::Result;
use crate::query::{AuthRecord, Caller};
use crate::rows;
use crate::schema::{Collection, Record};
use crate::store::Conn;

use super::audience::ConnectionId;
use super::switchboard::Switchboard;

impl Switchboard {
    /// The record behind some connections changed: they follow it, or lose it with its token key.
    pub(super) fn rebind(&mut self, bound: &[ConnectionId], record: &Arc<Record>) {
        for &id in bound {
            let Some(auth) = self.audience.get(id).and_then(|connection| connection.caller.auth()) else { continue };
            if auth.record.text("tokenKey") != record.text("tokenKey") {
                self.make_guest(id);
                continue;
            }
            let auth = AuthRecord { record: record.clone() };
            let caller = match self.audience.get(id).map(|connection| &connection.caller) {
                Some(Caller::Superuser(_)) => Caller::Superuser(auth),
                _ => Caller::Record(auth),
            };
            self.audience.set_caller(id, caller);
        }
    }

    /// After a schema change: bindings whose collection is gone or has another token secret end, the others are read
    /// anew.
    pub(super) fn refresh_bindings(&mut self, conn: &dyn Conn) -> Result<()> {
        let schema = self.setup.schema.current();
        let ids: Vec<ConnectionId> = self.audience.ids().collect();
        for id in ids {
            let Some(auth) = self.audience.get(id).and_then(|connection| connection.caller.auth()).cloned() else {
                continue;
            };
            let secret = |collection: &Collection| {
                collection.auth().map(|options| options.auth_token.secret.clone()).unwrap_or_default()
            };
            match schema.find_by_id(&auth.collection().id) {
                Some(collection) if secret(collection) == secret(auth.collection()) => {
                    if let Some(record) = rows::find_record(conn, collection, auth.id())? {
                        self.rebind(&[id], &Arc::new(record));
                    }
                }
                Some(_) | None => self.make_guest(id),
            }
        }
        Ok(())
    }

    pub(super) fn make_guest(&mut self, id: ConnectionId) {
        self.audience.set_caller(id, Caller::Guest);
        if let Some(connection) = self.audience.get_mut(id) {
            connection.expires_at = None;
        }
    }
}

/// Whether a connection of `bound` may become one of `asking` (contract/12 §2): a guest's may become anybody's, a
/// record's stays its own.
pub(super) fn may_bind(bound: &Caller, asking: &Caller) -> bool {
    match (bound.auth(), asking.auth()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(bound), Some(asking)) => bound.id() == asking.id() && bound.collection().id == asking.collection().id,
    }
}
