//! A stored record as an answer: what a view, a create and an update send.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::picker::Picker;
use crate::query::Request;
use crate::schema::{Collection, Record, Schema};
use crate::store::{Conn, Value};

use super::expand::{Expansion, Writer};
use super::shape::{Managed, StoredRow, stored_row};
use super::view::has_manage_rule;
use super::{RecordAnswer, Records, expand_request};

/// A record as it is stored, and the schema it was read or written under.
pub struct Written {
    pub schema: Arc<Schema>,
    pub collection: Arc<Collection>,
    pub row: StoredRow,
}

impl Records {
    /// The valid paths of the request's `expand`.
    pub(super) fn resolve_expansion(
        &self,
        schema: &Arc<Schema>,
        request: &Request,
        collection: &Arc<Collection>,
    ) -> Option<Expansion> {
        let text = request.query_value("expand").filter(|text| !text.is_empty())?;
        Expansion::resolve(&self.gate(schema, &expand_request(request)), collection, text)
    }

    /// The answer of a write, after its commit: related records are read where they don't hold the writer.
    pub(super) async fn answer(self: &Arc<Self>, request: &Arc<Request>, written: Written) -> Result<RecordAnswer> {
        let expansion = self.resolve_expansion(&written.schema, request, &written.collection);
        if expansion.is_none() && !has_manage_rule(&written.collection) {
            return Ok(self.plain_answer(request, &written));
        }
        let (records, request) = (self.clone(), request.clone());
        self.store.read(move |conn| records.answer_in(conn, &request, &written, expansion.as_ref())).await
    }

    /// The answer, with what must be read for it from `conn`.
    pub(super) fn answer_in(
        &self,
        conn: &dyn Conn,
        request: &Request,
        written: &Written,
        expansion: Option<&Expansion>,
    ) -> Result<RecordAnswer> {
        let shape = self.shapes.get(&written.collection, &request.caller, self.store.dialect());
        let request = expand_request(request);
        let gate = self.gate(&written.schema, &request);
        let rows = std::slice::from_ref(&written.row);
        let body = Writer::new(self, conn, gate).write_rows(&shape, rows, expansion)?.pop().unwrap_or_default();
        let tag = match expansion {
            Some(_) => self.stampers.body_tag(&written.schema, &body),
            None => self.row_tag(written),
        };
        Ok(RecordAnswer { body, tag: Some(tag) })
    }

    /// The JSON of a record at hand as the request's caller sees it, with the `expand` and `fields` of its query: what is
    /// sent beside the API's own answers. Nothing is decided about the record itself: the caller has asked `access`.
    pub fn render(&self, conn: &dyn Conn, schema: &Arc<Schema>, request: &Request, record: &Record) -> Result<Vec<u8>> {
        let collection = record.collection();
        let expansion = self.resolve_expansion(schema, request, collection);
        let written = Written { schema: schema.clone(), collection: collection.clone(), row: stored_row(record) };
        let answer = if expansion.is_none() && !has_manage_rule(collection) {
            self.plain_answer(request, &written)
        } else {
            self.answer_in(conn, request, &written, expansion.as_ref())?
        };
        match Picker::parse(request.query_value("fields").unwrap_or_default())? {
            Some(picker) => {
                let whole = serde_json::from_slice(&answer.body).map_err(Error::internal)?;
                serde_json::to_vec(&picker.pick(whole)).map_err(Error::internal)
            }
            None => Ok(answer.body),
        }
    }

    /// The answer of a record whose fields alone decide.
    fn plain_answer(&self, request: &Request, written: &Written) -> RecordAnswer {
        let shape = self.shapes.get(&written.collection, &request.caller, self.store.dialect());
        let mut body = Vec::with_capacity(512);
        shape.write(|index| written.row[index].as_cell(), &request.caller, &Managed::new(), None, &mut body);
        RecordAnswer { body, tag: Some(self.row_tag(written)) }
    }

    fn row_tag(&self, written: &Written) -> super::EntityTag {
        self.stampers.row_tag(&written.schema, &written.collection.id, written.row.iter().map(Value::as_cell))
    }
}
