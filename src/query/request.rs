//! Who asks, and with what: the facts behind `@request.*` (contract/04 §9), built once per request.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::schema::{Collection, Record};

/// The record that a valid token belongs to.
#[derive(Clone, Debug)]
pub struct AuthRecord {
    pub record: Arc<Record>,
}

impl AuthRecord {
    pub fn id(&self) -> &str {
        self.record.id()
    }

    pub fn collection(&self) -> &Arc<Collection> {
        self.record.collection()
    }

    /// The record among all: `COLLECTION_ID/ID`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.collection().id, self.id())
    }
}

/// Who is calling.
#[derive(Clone, Debug)]
pub enum Caller {
    Guest,
    /// A record of an auth collection other than `_superusers`.
    Record(AuthRecord),
    /// A record of `_superusers`: rules don't apply.
    Superuser(AuthRecord),
}

impl Caller {
    pub fn is_superuser(&self) -> bool {
        matches!(self, Caller::Superuser(_))
    }

    /// The caller's record, if there is one.
    pub fn auth(&self) -> Option<&AuthRecord> {
        match self {
            Caller::Guest => None,
            Caller::Record(auth) | Caller::Superuser(auth) => Some(auth),
        }
    }
}

/// `@request.context` (contract/04 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Default,
    Expand,
    Realtime,
    ProtectedFile,
    Batch,
    OAuth2,
    Otp,
    Password,
}

impl Context {
    pub fn as_str(self) -> &'static str {
        match self {
            Context::Default => "default",
            Context::Expand => "expand",
            Context::Realtime => "realtime",
            Context::ProtectedFile => "protectedFile",
            Context::Batch => "batch",
            Context::OAuth2 => "oauth2",
            Context::Otp => "otp",
            Context::Password => "password",
        }
    }
}

/// One request as rules see it.
#[derive(Clone, Debug)]
pub struct Request {
    pub caller: Caller,
    pub context: Context,
    /// Upper-case.
    pub method: &'static str,
    /// First values, decoded; names are case-sensitive.
    pub query: Vec<(String, String)>,
    /// First values; names lower-cased, `-` as `_`, without `host`.
    pub headers: Vec<(String, String)>,
    /// The request data: after body modifiers were resolved and known fields normalised (contract/04 §9.2).
    pub body: Map<String, Json>,
}

impl Request {
    /// A request of `caller` without any data: what jobs and inner checks ask with.
    pub fn of(caller: Caller) -> Self {
        Self {
            caller,
            context: Context::Default,
            method: "GET",
            query: Vec::new(),
            headers: Vec::new(),
            body: Map::new(),
        }
    }

    /// The first value of a URL parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
