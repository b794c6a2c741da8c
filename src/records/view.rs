//! One record (contract/05 §1, view).

use std::borrow::Cow;
use std::sync::Arc;

use crate::access::{Action, Select};
use crate::error::{Error, Result};
use crate::query::Request;
use crate::schema::{Collection, Schema};
use crate::store::{Cell, Conn, ConnExt, StoreError, Value};

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
    finding: Finding,
    expansion: Option<Expansion>,
}

/// How the record is found.
enum Finding {
    /// By its id alone, with the statement that its shape keeps ready.
    ById(Value),
    /// By a condition that has its id in it.
    Matching(Select),
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
        let finding = if select.is_whole() {
            Finding::ById(id.into())
        } else {
            select.and_id(id);
            Finding::Matching(select)
        };
        self.run_view(schema, request, collection, finding, reach.is_bounded && !collection.is_view()).await
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
        self.run_view(schema, request, collection, Finding::ById(id.into()), true).await
    }

    /// Reads the one record of `finding`: on this thread where everything it takes is bounded.
    async fn run_view(
        self: &Arc<Self>,
        schema: Arc<Schema>,
        request: Request,
        collection: &Arc<Collection>,
        finding: Finding,
        is_bounded: bool,
    ) -> Result<RecordAnswer> {
        let expansion = self.resolve_expansion(&schema, &request, collection);
        let is_bounded =
            is_bounded && expansion.as_ref().is_none_or(Expansion::is_bounded) && !has_manage_rule(collection);
        let shape = self.shapes.get(collection, &request.caller, self.store.dialect());
        let view = View { records: self.clone(), schema, request, shape, finding, expansion };
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
        let (sql, params) = match &self.finding {
            Finding::ById(id) => (Cow::Borrowed(self.shape.find_by_id.as_str()), std::slice::from_ref(id)),
            Finding::Matching(select) => (Cow::Owned(select.sql(&self.shape.columns, " LIMIT 1")), select.params()),
        };
        let caller = &self.request.caller;
        if self.is_one_statement() {
            let written = conn.find_row(&sql, params, |row| {
                let mut body = Vec::with_capacity(512);
                // Body and tag read each cell: taking one out costs as much as writing it.
                let cells: Vec<Cell<'_>> = (0..self.shape.collection.fields.len()).map(|at| row.cell(at)).collect();
                self.shape.write(|column| cells[column], caller, &Managed::new(), None, &mut body);
                RecordAnswer { body, tag: Some(self.row_tag(&cells)) }
            });
            return written.map_err(StoreError::into_refusal)?.ok_or_else(Error::not_found);
        }
        let row = conn.find_row(&sql, params, |row| self.shape.copy_row(row));
        let row = row.map_err(StoreError::into_refusal)?.ok_or_else(Error::not_found)?;
        let stored = Written { schema: self.schema.clone(), collection: self.shape.collection.clone(), row };
        self.records.answer_in(conn, &self.request, &stored, self.expansion.as_ref())
    }

    fn needs_managed(&self) -> bool {
        self.shape.view.guarded_email().is_some() && has_manage_rule(&self.shape.collection)
    }

    fn row_tag(&self, cells: &[Cell<'_>]) -> EntityTag {
        self.records.stampers.row_tag(&self.schema, &self.shape.collection.id, cells.iter().copied())
    }
}

/// Whether somebody may be a manager of the collection's records.
pub(super) fn has_manage_rule(collection: &Collection) -> bool {
    collection.auth().and_then(|options| options.manage_rule.as_deref()).is_some_and(|rule| !rule.is_empty())
}
