//! Whether a topic shows a record to its caller, and as what.

use std::sync::Arc;

use serde_json::Map;

use crate::access::{Action, Gate, Subject};
use crate::clock::Clock;
use crate::error::Result;
use crate::query::{Caller, Context, Planner, Request};
use crate::schema::{Record, Schema};
use crate::store::Conn;

use super::topic::{Target, Topic};

/// Makes the JSON of a record as a request may see it, `expand` and `fields` of its query included. Implemented by
/// `app` over the records' service.
pub trait RecordViews: Send + Sync {
    /// # Errors
    /// What the database fails with; the message is then left out and the cause logged.
    fn render(&self, conn: &dyn Conn, schema: &Arc<Schema>, request: &Request, record: &Record) -> Result<Vec<u8>>;
}

/// Judges with the rights of a caller at the moment of the question.
pub struct Judge {
    pub planner: Arc<Planner>,
    pub views: Arc<dyn RecordViews>,
    pub clock: Clock,
}

impl Judge {
    /// The request that rules see behind a topic (contract/12 §3).
    pub(super) fn request(topic: &Topic, caller: &Caller) -> Request {
        Request {
            caller: caller.clone(),
            context: Context::Realtime,
            method: "GET",
            query: topic.options.query.clone(),
            headers: topic.options.headers.clone(),
            body: Map::new(),
        }
    }

    /// Whether the topic shows the record to the request's caller: the rule of the topic's kind and its filter. A rule
    /// or filter that can't be resolved shows nothing.
    pub(super) fn shows(
        &self,
        conn: &dyn Conn,
        schema: &Arc<Schema>,
        topic: &Topic,
        request: &Request,
        subject: Subject<'_>,
    ) -> bool {
        let action = match topic.target {
            Target::Collection(_) => Action::List,
            Target::Record { .. } => Action::View,
            Target::OAuth2 | Target::Reset | Target::Nothing => return false,
        };
        let filter = topic.options.query_value("filter").unwrap_or_default();
        self.gate(conn, schema, request).shows(conn, action, filter, subject).unwrap_or_else(|error| {
            tracing::debug!(%error, topic = &*topic.text, "a subscription can't be judged");
            false
        })
    }

    /// The rules before a request, as they are now.
    pub(super) fn gate<'a>(&'a self, conn: &dyn Conn, schema: &'a Arc<Schema>, request: &'a Request) -> Gate<'a> {
        Gate { planner: &self.planner, schema, request, now: self.clock.now(), dialect: conn.dialect() }
    }
}
