//! From one change to the frames of everybody who may know: one judgement a group, one JSON a distinct view, one frame a
//! topic and encoding.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::access::Subject;
use crate::error::Error;
use crate::query::Request;
use crate::schema::{Record, Schema};
use crate::store::{ChangeKind, Conn, Position};

use super::audience::{Audience, ConnectionId, Group};
use super::cursor::{Cursor, LogId};
use super::judge::Judge;
use super::message;
use super::outlet::Encoding;

/// A frame for all who get the same.
pub(super) struct Delivery {
    pub frame: Bytes,
    pub to: Vec<ConnectionId>,
}

/// What a change is announced with.
pub(super) struct Announcer<'a> {
    pub conn: &'a dyn Conn,
    pub schema: &'a Arc<Schema>,
    pub judge: &'a Judge,
    pub log: LogId,
}

/// What distinguishes two views of a record that no rule tells apart: the topic's text (and so its options), and
/// whether a superuser looks.
type ViewKey<'g> = (&'g str, bool, Encoding);

impl Announcer<'_> {
    /// The frames of one change, for members of every group that may see it.
    pub fn deliveries(
        &self,
        audience: &Audience,
        record: &Arc<Record>,
        kind: ChangeKind,
        position: Position,
    ) -> Vec<Delivery> {
        let collection = record.collection();
        let cursor = Cursor::at(self.log, position);
        let mut shared: HashMap<ViewKey<'_>, Bytes> = HashMap::new();
        let mut deliveries = Vec::new();
        for group in audience.groups_for(&collection.id, &collection.name, record.id()) {
            let subject = match kind {
                ChangeKind::Create | ChangeKind::Update => Subject::Stored(record),
                ChangeKind::Delete => Subject::Former(record),
            };
            if !self.judge.shows(self.conn, self.schema, &group.topic, &group.request, subject) {
                continue;
            }
            let key = (&*group.topic.text, group.request.caller.is_superuser(), group.encoding);
            let is_shared = sees_what_all_see(group, record);
            let known = if is_shared { shared.get(&key).cloned() } else { None };
            let frame = match known {
                Some(frame) => frame,
                None => {
                    let Some(json) = self.render(&group.request, record) else { continue };
                    let frame = message::change_frame(group.encoding, &group.topic.text, &json, kind, &cursor);
                    if is_shared {
                        shared.insert(key, frame.clone());
                    }
                    frame
                }
            };
            deliveries.push(Delivery { frame, to: group.members.iter().copied().collect() });
        }
        deliveries
    }

    fn render(&self, request: &Request, record: &Record) -> Option<Vec<u8>> {
        self.judge
            .views
            .render(self.conn, self.schema, request, record)
            .inspect_err(|error| match error {
                Error::Internal(_) => tracing::error!(%error, "a message can't be made"),
                _ => tracing::debug!(%error, "a topic's options are at fault"),
            })
            .ok()
    }
}

/// Whether all callers of the group's kind see the same fields: no e-mail visibility, no expand under rules.
fn sees_what_all_see(group: &Group, record: &Record) -> bool {
    !record.collection().is_auth() && group.topic.options.query_value("expand").is_none()
}
