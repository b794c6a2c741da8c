//! From one change to the frames of everybody who may know: one judgement a group, one JSON a distinct view, one frame a
//! topic and encoding.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::access::Subject;
use crate::schema::{Record, Schema};
use crate::store::{ChangeKind, Conn, Position};

use super::audience::{Audience, ConnectionId, Group};
use super::cursor::{Cursor, LogId};
use super::judge::Judge;
use super::message;
use super::outlet::Encoding;

/// A frame for a connection.
pub(super) struct Delivery {
    pub connection: ConnectionId,
    pub frame: Bytes,
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
            let request = Judge::request(&group.topic, &group.caller);
            if !self.judge.shows(self.conn, self.schema, &group.topic, &request, subject) {
                continue;
            }
            let is_shared = sees_what_all_see(group, record);
            let mut own: Vec<(Encoding, Bytes)> = Vec::new();
            let mut body: Option<Vec<u8>> = None;
            for &id in &group.members {
                let Some(encoding) = audience.get(id).map(|connection| connection.encoding) else { continue };
                let key = (&*group.topic.text, group.caller.is_superuser(), encoding);
                let known = if is_shared {
                    shared.get(&key)
                } else {
                    own.iter().find(|(known, _)| *known == encoding).map(|(_, frame)| frame)
                };
                if let Some(frame) = known {
                    deliveries.push(Delivery { connection: id, frame: frame.clone() });
                    continue;
                }
                if body.is_none() {
                    body = self.render(&request, record);
                }
                let Some(json) = &body else { break };
                let frame = message::change_frame(encoding, &group.topic.text, json, kind, &cursor);
                deliveries.push(Delivery { connection: id, frame: frame.clone() });
                if is_shared {
                    shared.insert(key, frame);
                } else {
                    own.push((encoding, frame));
                }
            }
        }
        deliveries
    }

    fn render(&self, request: &crate::query::Request, record: &Record) -> Option<Vec<u8>> {
        self.judge
            .views
            .render(self.conn, self.schema, request, record)
            .inspect_err(|error| tracing::error!(%error, "a message can't be made"))
            .ok()
    }
}

/// Whether all callers of the group's kind see the same fields: no e-mail visibility, no expand under rules.
fn sees_what_all_see(group: &Group, record: &Record) -> bool {
    !record.collection().is_auth() && group.topic.options.query_value("expand").is_none()
}
