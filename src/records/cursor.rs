//! Cursors: a page that goes on where another ended, whatever came or went meanwhile.
//!
//! A cursor holds the last row's values of everything the list is ordered by, down to something unique. The next page is
//! what sorts after them: no offset is counted, and a row that stays where it is comes exactly once. A cursor is stamped
//! together with the query it belongs to; one that was made up, or comes with another query, is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use crate::access::Select;
use crate::crypto::{STAMP_BYTES, is_equal};
use crate::error::{Error, Result};
use crate::query::{OrderKind, OrderTerm};
use crate::schema::{Collection, Schema, Shape as FieldShape};
use crate::store::{Dialect, Row, Value};

use super::page::PageQuery;
use super::tags::Stampers;

/// The order of a list that is paged by cursor: as asked for, made total by something unique.
#[derive(Clone, Debug)]
pub struct TotalOrder(Vec<Term>);

#[derive(Clone, Debug)]
struct Term {
    sql: String,
    descending: bool,
    /// NULLs come first ascending, last descending (contract/04 §12).
    is_nullable: bool,
}

impl TotalOrder {
    /// The order by `terms`, and where they leave rows equal by insertion, or in a view by id.
    ///
    /// # Errors
    /// `BadRequest` for `@random`, which has no place to go on from.
    pub fn new(collection: &Collection, terms: &[OrderTerm], dialect: &dyn Dialect) -> Result<Self> {
        let mut order = Vec::with_capacity(terms.len() + 1);
        for term in terms {
            let (is_unique, is_nullable) = match term.kind {
                OrderKind::Random => {
                    return Err(Error::bad_request_from("", "a random order can't be paged by cursor"));
                }
                OrderKind::Insertion => (true, false),
                OrderKind::Computed => (false, true),
                OrderKind::Field(index) => {
                    let field = &collection.fields[index];
                    (field.is_primary_key(), collection.is_view() || field.shape() == FieldShape::Json)
                }
            };
            order.push(Term { sql: term.sql.clone(), descending: term.descending, is_nullable });
            if is_unique {
                return Ok(Self(order));
            }
        }
        let unique = if collection.is_view() { dialect.quote("id") } else { dialect.insertion_order().to_owned() };
        // In the direction of the last term: an index on it then gives the whole order.
        let descending = terms.last().is_some_and(|term| term.descending);
        order.push(Term { sql: unique, descending, is_nullable: false });
        Ok(Self(order))
    }

    /// ` ORDER BY …`.
    pub fn order_by(&self) -> String {
        let terms = self.0.iter().map(|term| format!("{}{}", term.sql, if term.descending { " DESC" } else { "" }));
        format!(" ORDER BY {}", terms.collect::<Vec<_>>().join(", "))
    }

    /// What a statement selects besides, so that [`TotalOrder::values`] finds it.
    pub fn columns(&self) -> String {
        self.0.iter().map(|term| format!(", {}", term.sql)).collect()
    }

    /// The row's place, from the columns that begin at `first`.
    pub fn values(&self, row: &dyn Row, first: usize) -> Vec<Value> {
        (first..first + self.0.len()).map(|column| row.cell(column).to_value()).collect()
    }

    /// Leaves of a statement only the rows that sort after `values`.
    fn restrict(&self, select: &mut Select, values: Vec<Value>) {
        let places: Vec<Place> = values
            .into_iter()
            .map(|value| if value == Value::Null { Place::Null } else { Place::At(select.bind(value)) })
            .collect();
        // One simple bound on the first term, which an index can start from, beside the exact condition.
        if let (Some(term), Some(Place::At(bound))) = (self.0.first(), places.first())
            && !(term.descending && term.is_nullable)
        {
            select.and(format!("{} {} {bound}", term.sql, if term.descending { "<=" } else { ">=" }));
        }
        let after = (0..self.0.len()).map(|at| {
            let equal = (0..at).map(|before| self.0[before].equals(&places[before]));
            let conditions: Vec<String> = equal.chain([self.0[at].follows(&places[at])]).collect();
            conditions.join(" AND ")
        });
        select.and(format!("({})", after.collect::<Vec<_>>().join(" OR ")));
    }
}

/// A value of the last row: NULL, or what is bound as this parameter.
enum Place {
    Null,
    At(String),
}

impl Term {
    fn equals(&self, place: &Place) -> String {
        match place {
            Place::Null => format!("{} IS NULL", self.sql),
            Place::At(bound) => format!("{} = {bound}", self.sql),
        }
    }

    fn follows(&self, place: &Place) -> String {
        let sql = &self.sql;
        match (place, self.descending) {
            (Place::Null, false) => format!("{sql} IS NOT NULL"),
            (Place::Null, true) => "1 = 0".to_owned(), // nothing comes after the NULLs
            (Place::At(bound), false) => format!("{sql} > {bound}"),
            (Place::At(bound), true) if self.is_nullable => format!("({sql} < {bound} OR {sql} IS NULL)"),
            (Place::At(bound), true) => format!("{sql} < {bound}"),
        }
    }
}

/// Which query a cursor belongs to.
#[derive(Clone, Copy)]
pub struct CursorScope<'a> {
    pub stampers: &'a Stampers,
    pub schema: &'a Schema,
    pub collection: &'a Collection,
    pub query: &'a PageQuery,
}

impl CursorScope<'_> {
    /// The cursor of the page after the row with these values.
    pub fn write(&self, values: &[Value]) -> String {
        let payload = Json::from(values.iter().map(write_value).collect::<Vec<_>>()).to_string();
        let mut bytes = self.stamp(payload.as_bytes()).to_vec();
        bytes.extend_from_slice(payload.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Lets a statement go on after `cursor`; `""` is the first page.
    ///
    /// # Errors
    /// `BadRequest` for a cursor that isn't one of this query.
    pub fn resume(&self, cursor: &str, order: &TotalOrder, select: &mut Select) -> Result<()> {
        if cursor.is_empty() {
            return Ok(());
        }
        let values = self.read(cursor).filter(|values| values.len() == order.0.len());
        let values = values.ok_or_else(|| Error::bad_request_from("", "the cursor isn't one of this query"))?;
        order.restrict(select, values);
        Ok(())
    }

    fn read(&self, cursor: &str) -> Option<Vec<Value>> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (stamp, payload) = bytes.split_at_checked(STAMP_BYTES)?;
        if !is_equal(stamp, &self.stamp(payload)) {
            return None;
        }
        let values: Vec<Json> = serde_json::from_slice(payload).ok()?;
        values.iter().map(read_value).collect()
    }

    fn stamp(&self, payload: &[u8]) -> [u8; STAMP_BYTES] {
        let parts = [self.collection.id.as_bytes(), self.query.sort.as_bytes(), self.query.filter.as_bytes(), payload];
        self.stampers.cursor_stamp(self.schema, &parts)
    }
}

/// A value as JSON that [`read_value`] reads back exactly: doubles by their bits.
fn write_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => Json::from(*number),
        Value::Real(number) => json!({ "r": number.to_bits() }),
        Value::Text(text) => Json::from(&**text),
        Value::Blob(bytes) => json!({ "b": &**bytes }),
    }
}

fn read_value(json: &Json) -> Option<Value> {
    match json {
        Json::Null => Some(Value::Null),
        Json::Number(number) => number.as_i64().map(Value::Int),
        Json::String(text) => Some(Value::from(text.as_str())),
        Json::Object(object) => match (object.get("r"), object.get("b")) {
            (Some(bits), _) => bits.as_u64().map(|bits| Value::Real(f64::from_bits(bits))),
            (None, Some(Json::Array(bytes))) => {
                let byte = |byte: &Json| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
                bytes.iter().map(byte).collect::<Option<Vec<u8>>>().map(|bytes| Value::Blob(bytes.into()))
            }
            _ => None,
        },
        Json::Bool(_) | Json::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_exactly() {
        for value in [
            Value::Null,
            Value::Int(i64::MIN),
            Value::Real(0.1),
            Value::Real(f64::INFINITY),
            Value::Text("ü\"\n".into()),
            Value::Blob(vec![0, 255].into()),
        ] {
            assert_eq!(read_value(&write_value(&value)), Some(value));
        }
    }
}
