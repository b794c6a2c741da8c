//! Creating and changing one collection (contract/02 §4–5).

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::query::Planner;
use crate::schema::{AuthOptions, Collection, CollectionKind, Schema, SharedSchema, auth_options};
use crate::store::{Conn, Event, Tx};

use super::body::CollectionBody;
use super::catalog::Catalog;
use super::draft::Draft;
use super::normalise::normalise;
use super::save::{Fault, Saving};
use super::validate::{Candidate, Tables, validate};
use super::view::{ViewFault, ViewShape, check_ids, infer};

const NOT_CREATED: &str = "Failed to create collection.";
const NOT_UPDATED: &str = "Failed to update collection.";
const SUPERUSERS: &str = "_superusers";

/// What a rename takes along besides the schema: called in its transaction with the old and the new name.
pub type OnRename = dyn Fn(&dyn Tx, &str, &str) -> Result<()> + Send + Sync;

/// The operations on collections. Each takes the snapshot inside its job, for a job may run more than once.
#[derive(Clone)]
pub struct Collections {
    pub(super) schema: Arc<SharedSchema>,
    pub(super) clock: Clock,
    pub(super) planner: Arc<Planner>,
    pub(super) on_rename: Arc<OnRename>,
}

/// A look at the first rows of a view's query, taken before the write so that a slow query doesn't hold the writer.
#[derive(Debug, Default)]
pub struct ViewSample {
    query: String,
    fault: Option<String>,
}

impl ViewSample {
    /// Looks at the query that `body` brings, if it brings one that runs.
    ///
    /// # Errors
    /// What the database fails with besides the query's own faults, which the write finds again.
    pub fn take(conn: &dyn Conn, body: &CollectionBody) -> Result<Option<Self>> {
        let Ok(Some(query)) = body.option_text("viewQuery") else { return Ok(None) };
        let shape = conn.dialect().describe_view(conn, crate::schema::sql_text::trim_statement(&query));
        if !shape.is_ok_and(|shape| shape.columns.iter().any(|column| column.name == "id")) {
            return Ok(None);
        }
        let fault = check_ids(conn, &query)?.err().map(|fault| fault.reason);
        Ok(Some(Self { query, fault }))
    }
}

impl Collections {
    /// `on_rename` runs in the transaction of each rename.
    pub fn new(schema: Arc<SharedSchema>, clock: Clock, planner: Arc<Planner>, on_rename: Arc<OnRename>) -> Self {
        Self { schema, clock, planner, on_rename }
    }

    /// Creates a collection with its table or view; gives it as stored.
    ///
    /// # Errors
    /// `Invalid` with everything that is wrong by key; `BadRequest` with the database's words.
    pub fn create(&self, tx: &dyn Tx, body: &CollectionBody, sample: Option<&ViewSample>) -> Result<Arc<Collection>> {
        let schema = self.schema.current();
        let mut draft = Draft::new_collection(body).map_err(|wrong| wrong.on_create())?;
        normalise(&mut draft, |id| schema.find_by_id(id).is_some());
        let now = self.clock.now_text();
        draft.collection.created.clone_from(&now);
        draft.collection.updated = now;
        let view = infer_view(tx, &schema, &mut draft, None, sample)?;
        check(tx, &schema, &draft, None, &view).map_err(|fault| fault.titled(NOT_CREATED))?;
        if let CollectionKind::Auth(options) = &mut draft.collection.kind {
            settle_auth(options, &draft.collection.name, None);
        }
        let collection = Arc::new(draft.collection);
        let mut saving = Saving::new(tx, &self.clock, schema);
        saving.create(collection.clone(), view.shape.as_ref()).map_err(|fault| fault.titled(NOT_CREATED))?;
        tx.after_commit(Event::SchemaChanged);
        Ok(collection)
    }

    /// Changes a collection, its table or view and what depends on it; gives it as stored.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` with everything that is wrong by key; `BadRequest` with the database's words.
    pub fn update(
        &self,
        tx: &dyn Tx,
        id_or_name: &str,
        body: &CollectionBody,
        sample: Option<&ViewSample>,
    ) -> Result<Arc<Collection>> {
        let schema = self.schema.current();
        let stored = schema.find(id_or_name).ok_or_else(Error::not_found)?.clone();
        let mut draft = Draft::changed(&stored, body).map_err(|wrong| wrong.on_update())?;
        normalise(&mut draft, |id| schema.find_by_id(id).is_some());
        draft.collection.updated = self.clock.now_text();
        let view = infer_view(tx, &schema, &mut draft, Some(&stored), sample)?;
        check(tx, &schema, &draft, Some(&stored), &view).map_err(|fault| fault.titled(NOT_UPDATED))?;
        if let CollectionKind::Auth(options) = &mut draft.collection.kind {
            settle_auth(options, &stored.name, stored.auth());
        }
        let collection = Arc::new(draft.collection);
        let mut saving = Saving::new(tx, &self.clock, schema);
        saving.change(&stored, collection.clone(), view.shape.as_ref()).map_err(|fault| fault.titled(NOT_UPDATED))?;
        if stored.name != collection.name {
            (self.on_rename)(tx, &stored.name, &collection.name)?;
        }
        tx.after_commit(Event::SchemaChanged);
        Ok(collection)
    }
}

/// What became of a view's query; both are `None` for other types.
#[derive(Debug, Default)]
pub(super) struct InferredView {
    pub shape: Option<ViewShape>,
    pub fault: Option<ViewFault>,
}

/// Gives a view the fields of its query.
pub(super) fn infer_view(
    tx: &dyn Tx,
    schema: &Schema,
    draft: &mut Draft,
    stored: Option<&Collection>,
    sample: Option<&ViewSample>,
) -> Result<InferredView> {
    let CollectionKind::View { query } = &draft.collection.kind else { return Ok(InferredView::default()) };
    if query.is_empty() {
        draft.collection.fields = Vec::new();
        return Ok(InferredView::default());
    }
    let query = query.clone();
    let shape = match infer(tx, schema, &draft.collection, &query)? {
        Ok(shape) => shape,
        Err(mut fault) => {
            draft.collection.fields = std::mem::take(&mut fault.fields);
            return Ok(InferredView { shape: None, fault: Some(fault) });
        }
    };
    draft.collection.fields.clone_from(&shape.fields);
    let is_known =
        stored.is_some_and(|stored| matches!(&stored.kind, CollectionKind::View { query: old } if *old == query));
    let fault = match sample.filter(|sample| sample.query == query) {
        _ if is_known => None,
        Some(sample) => sample.fault.clone().map(|reason| ViewFault { reason, fields: Vec::new() }),
        None => check_ids(tx, &query)?.err(),
    };
    Ok(InferredView { shape: Some(shape), fault })
}

/// Validates a draft beside the stored collections.
fn check(
    tx: &dyn Tx,
    schema: &Arc<Schema>,
    draft: &Draft,
    stored: Option<&Collection>,
    view: &InferredView,
) -> Result<(), Fault> {
    let catalog = Catalog::load(tx).map_err(Fault::store)?;
    let errors = validate(&Candidate {
        draft,
        stored,
        schema,
        after: &Arc::new(schema.with([Arc::new(draft.collection.clone())])),
        catalog: &catalog,
        view_fault: view.fault.as_ref(),
        tables: Tables::AsBefore,
    });
    if errors.is_empty() { Ok(()) } else { Err(Fault::Fields(errors)) }
}

/// What is set silently once the options are found valid: sessions end when who may sign in changes (contract/02 §5), and
/// superusers always have a password (contract/02 §13).
pub(super) fn settle_auth(options: &mut AuthOptions, name: &str, stored: Option<&AuthOptions>) {
    if let Some(stored) = stored {
        let text = |rule: &Option<String>| rule.clone().unwrap_or_default();
        let is_same_rule = text(&options.auth_rule) == text(&stored.auth_rule);
        if !is_same_rule && options.auth_token.secret == stored.auth_token.secret {
            options.auth_token.secret = auth_options::new_secret();
        }
    }
    if name == SUPERUSERS {
        options.password_auth.enabled = true;
        options.oauth2.enabled = false;
        options.oauth2.providers.clear();
        options.mfa.enabled |= options.otp.enabled;
    }
}
