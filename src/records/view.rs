//! One record (contract/05 §1, view).

use std::sync::Arc;

use crate::access::{Action, Select};
use crate::error::{Error, Result};
use crate::query::Request;
use crate::schema::{Collection, Schema};
use crate::store::{Conn, ConnExt, StoreError};

use super::answer::Written;
use super::expand::Expansion;
use super::shape::{Managed, Shape};
use super::tags::EntityTag;
use super::{RecordAnswer, Records};

/// A view that is ready to be run.
struct View {
    records: Arc<Records>,
    schema: Arc<Schema>,
    request: Request,
    shape: Arc<Shape>,
    select: Select,
    expansion: Option<Expansion>,
}

impl Records {
    /// The record with this id, as the caller may see it.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule; `NotFound` for a record that isn't there or that the rule hides.
    pub async fn view(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        id: &str,
    ) -> Result<RecordAnswer> {
        let schema = self.schema.current();
        let reach = self.gate(&schema, &request).reach_one(collection, Action::View)?;
        let mut select = reach.select.ok_or_else(Error::not_found)?;
        select.and_id(id);
        self.run_view(schema, request, collection, select, reach.is_bounded && !collection.is_view()).await
    }

    /// The record with this id as the request's caller sees it, whatever the view rule says: for a caller who has shown
    /// who they are (contract/11 §1, Auth answer).
    ///
    /// # Errors
    /// `NotFound` for a record that isn't there.
    pub async fn show(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        id: &str,
    ) -> Result<RecordAnswer> {
        let schema = self.schema.current();
        let mut select = Select::from_collection(collection, self.store.dialect());
        select.and_id(id);
        self.run_view(schema, request, collection, select, true).await
    }

    /// Reads the one record of `select`: on this thread where everything it takes is bounded.
    async fn run_view(
        self: &Arc<Self>,
        schema: Arc<Schema>,
        request: Request,
        collection: &Arc<Collection>,
        select: Select,
        is_bounded: bool,
    ) -> Result<RecordAnswer> {
        let expansion = self.resolve_expansion(&schema, &request, collection);
        let is_bounded =
            is_bounded && expansion.as_ref().is_none_or(Expansion::is_bounded) && !has_manage_rule(collection);
        let shape = self.shapes.get(collection, &request.caller, self.store.dialect());
        let view = View { records: self.clone(), schema, request, shape, select, expansion };
        view.read(is_bounded).await
    }
}

impl View {
    async fn read(self, is_bounded: bool) -> Result<RecordAnswer> {
        let store = self.records.store.clone();
        match is_bounded {
            true if self.is_one_statement() => store.read_once_here(|conn| self.run(conn)),
            true => store.read_here(|conn| self.run(conn)),
            false => store.read(move |conn| self.run(conn)).await,
        }
    }

    fn is_one_statement(&self) -> bool {
        self.expansion.is_none() && !self.needs_managed()
    }

    fn run(&self, conn: &dyn Conn) -> Result<RecordAnswer> {
        let sql = self.select.sql(&self.shape.columns, " LIMIT 1");
        let caller = &self.request.caller;
        if self.is_one_statement() {
            let written = conn.find_row(&sql, self.select.params(), |row| {
                let mut body = Vec::with_capacity(512);
                self.shape.write(|column| row.cell(column), caller, &Managed::new(), None, &mut body);
                RecordAnswer { body, tag: Some(self.row_tag(|column| row.cell(column))) }
            });
            return written.map_err(StoreError::into_refusal)?.ok_or_else(Error::not_found);
        }
        let row = conn.find_row(&sql, self.select.params(), |row| self.shape.copy_row(row));
        let row = row.map_err(StoreError::into_refusal)?.ok_or_else(Error::not_found)?;
        let stored = Written { schema: self.schema.clone(), collection: self.shape.collection.clone(), row };
        self.records.answer_in(conn, &self.request, &stored, self.expansion.as_ref())
    }

    fn needs_managed(&self) -> bool {
        self.shape.view.guarded_email().is_some() && has_manage_rule(&self.shape.collection)
    }

    fn row_tag<'c>(&self, cell: impl Fn(usize) -> crate::store::Cell<'c>) -> EntityTag {
        let cells = (0..self.shape.collection.fields.len()).map(cell);
        self.records.stampers.row_tag(&self.schema, &self.shape.collection.id, cells)
    }
}

/// Whether somebody may be a manager of the collection's records.
pub(super) fn has_manage_rule(collection: &Collection) -> bool {
    collection.auth().and_then(|options| options.manage_rule.as_deref()).is_some_and(|rule| !rule.is_empty())
}
