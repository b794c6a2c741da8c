//! Constants of an expression: literals, macros, and what `@request.*` gives for one request (contract/04 §9).

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::schema::json::canonical_json;
use crate::schema::{FieldValue, Record};
use crate::store::Value;

use super::access::{Access, lower};
use super::affinity::{Typed, parse_number};
use super::macros::Macro;
use super::request::Request;
use super::truth::{Class, Pattern, Side};

/// Where a constant comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fact {
    pub source: FactSource,
    /// `:lower`.
    pub is_lower: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum FactSource {
    Literal(Value),
    Macro(Macro),
    Context,
    Method,
    Request(RequestPath),
    /// `:isset`.
    IsSet(RequestPath),
    /// `:length` of a field of the body.
    BodyLength(Box<str>),
    Caller(CallerFact),
    /// A cell of the caller's record, read as a column would be.
    CallerCell {
        field: Box<str>,
        access: Access,
    },
}

/// A place in the request's data.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RequestPath {
    pub part: RequestPart,
    /// At least one.
    pub segments: Box<[Box<str>]>,
    /// Texts are converted to numbers where possible: the last segment is the name of a number field.
    pub is_number: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestPart {
    Query,
    Headers,
    Body,
}

/// What is constant about the caller (contract/04 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallerFact {
    Id,
    CollectionId,
    CollectionName,
    Email,
    EmailVisibility,
    Verified,
    /// What the caller's collection doesn't have, or anything of a guest.
    Missing,
}

/// A list of values that the request gives: ids to join, or values to look through.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ListFact {
    /// The values submitted for a field.
    Body(Box<str>),
    /// The values of a field of the caller's record.
    Caller(Box<str>),
    /// The caller's id alone.
    CallerId,
}

impl Fact {
    pub fn new(source: FactSource) -> Self {
        Self { source, is_lower: false }
    }

    pub fn literal(value: impl Into<Value>) -> Self {
        Self::new(FactSource::Literal(value.into()))
    }

    pub fn missing() -> Self {
        Self::new(FactSource::Caller(CallerFact::Missing))
    }

    /// The constant's value for a request, ready to be compared.
    pub fn side(&self, request: &Request, now: Timestamp) -> Side {
        if let FactSource::CallerCell { field, access } = &self.source {
            let typed = match caller_value(request, field) {
                Some(value) => access.value(&value.to_stored()),
                None => Typed::null(),
            };
            return Side { typed, class: access.class(), pattern: Pattern::Column };
        }
        let value = self.value(request, now);
        let is_empty = matches!(&value, Value::Null) || matches!(&value, Value::Text(text) if text.is_empty());
        let class = if is_empty { Class::Empty } else { Class::Known };
        Side { typed: Typed::bare(value), class, pattern: Pattern::Constant }
    }

    fn value(&self, request: &Request, now: Timestamp) -> Value {
        let value = match &self.source {
            FactSource::Literal(value) => value.clone(),
            FactSource::Macro(name) => name.value(now),
            FactSource::Context => Value::from(request.context.as_str()),
            FactSource::Method => Value::from(request.method),
            FactSource::Request(path) => path.value(request),
            FactSource::IsSet(path) => Value::from(path.is_set(request)),
            FactSource::BodyLength(field) => Value::from(body_list(&request.body, field).len() as i64),
            FactSource::Caller(fact) => fact.value(request),
            FactSource::CallerCell { .. } => Value::Null, // has a class of its own, see `side`
        };
        if self.is_lower { lower(&value) } else { value }
    }
}

impl RequestPath {
    fn value(&self, request: &Request) -> Value {
        let value = match self.part {
            RequestPart::Query | RequestPart::Headers => self.text(request).map_or(Value::Null, Value::from),
            RequestPart::Body => self.json(request).map_or(Value::Null, json_scalar),
        };
        match &value {
            Value::Text(text) if self.is_number => match parse_number(text) {
                Some(Value::Int(number)) => Value::Real(number as f64),
                Some(number) => number,
                None => value,
            },
            _ => value,
        }
    }

    fn is_set(&self, request: &Request) -> bool {
        match self.part {
            RequestPart::Query | RequestPart::Headers => self.text(request).is_some(),
            RequestPart::Body => self.json(request).is_some(),
        }
    }

    fn text<'r>(&self, request: &'r Request) -> Option<&'r str> {
        let pairs = if self.part == RequestPart::Query { &request.query } else { &request.headers };
        let [name] = &*self.segments else { return None }; // texts have nothing inside
        pairs.iter().find(|(key, _)| **key == **name).map(|(_, value)| value.as_str())
    }

    fn json<'r>(&self, request: &'r Request) -> Option<&'r Json> {
        let (first, rest) = self.segments.split_first()?;
        rest.iter().try_fold(request.body.get(&**first)?, |value, segment| match value {
            Json::Object(members) => members.get(&**segment),
            Json::Array(items) => items.get(segment.parse::<usize>().ok()?),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
        })
    }
}

impl CallerFact {
    fn value(self, request: &Request) -> Value {
        let Some(auth) = request.caller.auth() else { return Value::Null };
        let collection = auth.collection();
        match self {
            CallerFact::Id => Value::from(auth.id()),
            CallerFact::CollectionId => Value::from(&*collection.id),
            CallerFact::CollectionName => Value::from(&*collection.name),
            CallerFact::Email => Value::from(auth.record.text("email")),
            CallerFact::EmailVisibility => Value::from(auth.record.is_true("emailVisibility")),
            CallerFact::Verified => Value::from(auth.record.is_true("verified")),
            CallerFact::Missing => Value::Null,
        }
    }
}

impl ListFact {
    /// The values, as a JSON list.
    pub fn items(&self, request: &Request) -> Vec<Json> {
        match self {
            ListFact::Body(field) => body_list(&request.body, field),
            ListFact::Caller(field) => match caller_value(request, field) {
                Some(value) => value.items().iter().map(|item| Json::from(item.as_str())).collect(),
                None => Vec::new(),
            },
            ListFact::CallerId => request.caller.auth().map(|auth| Json::from(auth.id())).into_iter().collect(),
        }
    }
}

fn caller_value<'r>(request: &'r Request, field: &str) -> Option<&'r FieldValue> {
    let record: &Record = &request.caller.auth()?.record;
    record.get(field)
}

/// A submitted value as a list: a single one is a list of one, a missing or empty one holds nothing.
fn body_list(body: &Map<String, Json>, field: &str) -> Vec<Json> {
    match body.get(field) {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::String(text)) if text.is_empty() => Vec::new(),
        Some(Json::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Scalars as they are (numbers as floats, as literals are), anything else as the JSON text that is stored for it.
pub(super) fn json_scalar(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Real),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(_) | Json::Object(_) => Value::from(canonical_json(json)),
    }
}
