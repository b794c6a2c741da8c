//! Tables, views and the row of a collection, written in one transaction (contract/02 §7).

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::schema::{Collection, CollectionKind, Schema};
use crate::store::{StoreError, Tx, Value};

use super::catalog::{Catalog, SqlView};
use super::dependents::{self, Broken, list_dependents};
use super::files;
use super::load::COLUMNS;
use super::tables::{Step, TableChange};
use super::view::{ViewFault, ViewShape};

/// System tables whose rows belong to a record of some auth collection, by `collectionRef`.
const TABLES_OF_ACCOUNTS: [&str; 4] = ["_externalAuths", "_mfas", "_otps", "_authOrigins"];

/// Only an import comes so far: elsewhere validation finds it first.
const NO_QUERY: &str = "the view has no query";

/// Why a collection wasn't saved.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the client sent is to blame.
    Fields(FieldErrors),
    /// The database refuses, in its own words.
    Raw(String),
    /// Anything else.
    Other(Error),
}

impl Fault {
    /// A failed statement.
    pub fn store(error: StoreError) -> Self {
        match error.statement_fault() {
            Some(text) => Fault::Raw(text),
            None => Fault::Other(error.into()),
        }
    }

    /// The answer of a route whose failures begin with `title`.
    pub fn titled(self, title: &'static str) -> Error {
        match self {
            Fault::Fields(errors) => Error::invalid(title, errors),
            Fault::Raw(text) => Error::bad_request_with(format!("{title} Raw error: \n{text}")),
            Fault::Other(error) => error,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Other(error)
    }
}

impl From<ViewFault> for Fault {
    fn from(fault: ViewFault) -> Self {
        Fault::Fields(FieldErrors::one("viewQuery", super::validate::view_query_error(&fault)))
    }
}

/// One save, or many: the transaction and the snapshot that grows with it.
pub(super) struct Saving<'t> {
    pub tx: &'t dyn Tx,
    pub clock: &'t Clock,
    schema: Arc<Schema>,
    /// Saved, but not in `schema` yet: a snapshot is copied whole, which many new collections shall share.
    pending: Vec<Arc<Collection>>,
    /// Whether views follow each change at once, or the names are kept until [`Saving::finish`].
    views: Views,
    changed_names: Vec<String>,
}

/// When the views that read a changed collection are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Views {
    AtOnce,
    AtTheEnd,
}

impl<'t> Saving<'t> {
    pub fn new(tx: &'t dyn Tx, clock: &'t Clock, schema: Arc<Schema>) -> Self {
        Self { tx, clock, schema, pending: Vec::new(), views: Views::AtOnce, changed_names: Vec::new() }
    }

    /// Many saves: what reads a changed collection is looked at once, at the end.
    pub fn of_many(tx: &'t dyn Tx, clock: &'t Clock, schema: Arc<Schema>) -> Self {
        Self { views: Views::AtTheEnd, ..Self::new(tx, clock, schema) }
    }

    /// The snapshot as it stands in the transaction.
    pub fn schema(&mut self) -> &Arc<Schema> {
        self.schema_mut()
    }

    pub fn schema_mut(&mut self) -> &mut Arc<Schema> {
        if !self.pending.is_empty() {
            self.schema = Arc::new(self.schema.with(self.pending.drain(..)));
        }
        &mut self.schema
    }

    /// Lets the views follow what changed since, but for those named in `but`, which were saved themselves.
    pub fn finish(&mut self, but: &[&str]) -> Result<(), Fault> {
        if self.changed_names.is_empty() {
            return Ok(());
        }
        let catalog = Catalog::load(self.tx).map_err(Fault::store)?;
        let names = std::mem::take(&mut self.changed_names);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut views = list_dependents(&catalog.views, &names);
        views.retain(|view| !but.iter().any(|name| name.eq_ignore_ascii_case(&view.name)));
        let (tx, clock) = (self.tx, self.clock);
        dependents::refresh(tx, clock, self.schema_mut(), &views, Broken::Stays)
    }

    /// Makes the table or view of a new collection and stores its row.
    pub fn create(&mut self, collection: Arc<Collection>, view: Option<&ViewShape>) -> Result<(), Fault> {
        match (&collection.kind, view) {
            (CollectionKind::View { query }, Some(shape)) => self.create_view(&collection, query, shape)?,
            (CollectionKind::View { .. }, None) => return Err(Fault::Raw(NO_QUERY.to_owned())),
            (CollectionKind::Base | CollectionKind::Auth(_), _) => {
                let change = TableChange::create(&collection);
                run_all(self.tx, &change.reshape)?;
                create_indexes(self.tx, &change.indexes)?;
            }
        }
        insert_row(self.tx, &collection)?;
        self.pending.push(collection);
        Ok(())
    }

    /// Takes the table or view from `old` to `new`, with the views that depend on it, and stores the row.
    pub fn change(&mut self, old: &Collection, new: Arc<Collection>, view: Option<&ViewShape>) -> Result<(), Fault> {
        let is_same_table = !new.is_view() && has_same_table(old, &new);
        if self.views == Views::AtTheEnd && is_same_table {
            return self.keep(new);
        }
        let catalog = Catalog::load(self.tx).map_err(Fault::store)?;
        let views = list_dependents(&catalog.views, &[&old.name, &new.name]);
        let renames = match (&new.kind, view) {
            (CollectionKind::View { query }, Some(shape)) => {
                self.change_view(old, &new, query, shape, &views)?;
                old.name != new.name
            }
            (CollectionKind::View { .. }, None) => return Err(Fault::Raw(NO_QUERY.to_owned())),
            (CollectionKind::Base | CollectionKind::Auth(_), _) => {
                files::queue_dropped(self.tx, self.clock, old, &new)?;
                let change = TableChange::between(old, &new, &catalog);
                self.change_table(&change, &catalog, &views)?;
                if !change.convert.is_empty() {
                    self.tx.touch(&new.id);
                }
                change.renames()
            }
        };
        if self.views == Views::AtTheEnd && !renames {
            return self.keep(new);
        }
        update_row(self.tx, &new)?;
        self.pending.push(new.clone());
        let others: Vec<SqlView> =
            views.into_iter().filter(|view| !view.name.eq_ignore_ascii_case(&new.name)).collect();
        let broken = if renames { Broken::Refuses } else { Broken::Stays };
        let (tx, clock) = (self.tx, self.clock);
        dependents::refresh(tx, clock, self.schema_mut(), &others, broken)
    }

    /// Stores the row; the views follow at the end.
    fn keep(&mut self, new: Arc<Collection>) -> Result<(), Fault> {
        update_row(self.tx, &new)?;
        self.changed_names.push(new.name.to_string());
        self.pending.push(new);
        Ok(())
    }

    fn change_table(&self, change: &TableChange, catalog: &Catalog, views: &[SqlView]) -> Result<(), Fault> {
        let tx = self.tx;
        let broken = match change.touches_views() {
            true => dependents::set_broken_aside(tx, catalog).map_err(Fault::store)?,
            false => Vec::new(),
        };
        let is_whole = |view: &&SqlView| !broken.iter().any(|other| other.name == view.name);
        let whole: Vec<SqlView> = views.iter().filter(is_whole).cloned().collect();
        if change.renames() {
            dependents::make_plain(tx, &whole).map_err(Fault::store)?;
        }
        run_all(tx, &change.reshape)?;
        if !change.convert.is_empty() {
            // A column that is made anew is gone for a moment, which the engine would refuse beside a view over it.
            let now = Catalog::load(tx).map_err(Fault::store)?;
            let readers: Vec<SqlView> =
                now.views.iter().filter(|view| whole.iter().any(|other| other.name == view.name)).cloned().collect();
            readers.iter().try_for_each(|view| dependents::drop_view(tx, &view.name)).map_err(Fault::store)?;
            run_all(tx, &change.convert)?;
            dependents::restore(tx, &readers).map_err(Fault::store)?;
        }
        dependents::restore(tx, &broken).map_err(Fault::store)?;
        create_indexes(tx, &change.indexes)
    }

    fn create_view(&self, collection: &Collection, query: &str, shape: &ViewShape) -> Result<(), Fault> {
        let statement = shape.create_statement(self.tx, &collection.name, query);
        self.tx.execute(&statement, &[]).map_err(as_query_fault)?;
        // Only asking it shows a view that reads itself.
        let ask = format!("SELECT * FROM {}", self.tx.dialect().quote(&collection.name));
        self.tx.describe(&ask).map(drop).map_err(as_query_fault)
    }

    /// The views that read this one are rewritten by the engine if they are shown a table in its place for a moment.
    fn change_view(
        &self,
        old: &Collection,
        new: &Collection,
        query: &str,
        shape: &ViewShape,
        dependents: &[SqlView],
    ) -> Result<(), Fault> {
        let tx = self.tx;
        let is_renamed = !old.name.eq_ignore_ascii_case(&new.name);
        let readers: Vec<SqlView> =
            dependents.iter().filter(|view| !view.name.eq_ignore_ascii_case(&old.name)).cloned().collect();
        if is_renamed && !readers.is_empty() {
            let catalog = Catalog::load(tx).map_err(Fault::store)?;
            let broken = dependents::set_broken_aside(tx, &catalog).map_err(Fault::store)?;
            let is_whole = |view: &&SqlView| !broken.iter().any(|other| other.name == view.name);
            let whole: Vec<SqlView> = readers.iter().filter(is_whole).cloned().collect();
            dependents::make_plain(tx, &whole).map_err(Fault::store)?;
            dependents::drop_view(tx, &old.name).map_err(Fault::store)?;
            let (from, to) = (old.name.to_string(), new.name.to_string());
            let drop_table = format!("DROP TABLE {}", tx.dialect().quote(&to));
            run_all(tx, &[TableChange::stand_in(old), Step::RenameTable { from, to }])?;
            tx.execute(&drop_table, &[]).map_err(Fault::store)?;
            dependents::restore(tx, &broken).map_err(Fault::store)?;
        }
        dependents::drop_view(tx, &old.name).map_err(Fault::store)?;
        self.create_view(new, query, shape)
    }

    /// Drops the table or view and removes the row, with what the sign-in ways keep about its records. The views that
    /// read it are up to the caller.
    pub fn drop(&mut self, collection: &Collection) -> Result<(), Fault> {
        let name = self.tx.dialect().quote(&collection.name);
        let kind = if collection.is_view() { "VIEW" } else { "TABLE" };
        self.tx.execute(&format!("DROP {kind} IF EXISTS {name}"), &[]).map_err(Fault::store)?;
        delete_row(self.tx, &collection.id)?;
        self.tx.touch(&collection.id);
        forget_accounts(self.tx, self.schema(), &collection.id).map_err(Fault::store)?;
        files::queue_all(self.tx, self.clock, collection).map_err(Fault::store)?;
        Ok(())
    }

    /// Takes dropped collections out of the snapshot.
    pub fn forget(&mut self, ids: &[Arc<str>]) {
        self.schema = Arc::new(self.schema().without(ids));
    }
}

/// Whether nothing of the table differs: columns, their kinds, indexes.
fn has_same_table(old: &Collection, new: &Collection) -> bool {
    let columns = |collection: &Collection| -> Vec<_> {
        collection.fields.iter().map(|field| (field.id.clone(), field.name.clone(), field.column_type())).collect()
    };
    old.name == new.name && old.indexes == new.indexes && columns(old) == columns(new)
}

/// Removes what the sign-in ways keep about the records of a collection.
fn forget_accounts(tx: &dyn Tx, schema: &Schema, id: &str) -> Result<(), StoreError> {
    for table in TABLES_OF_ACCOUNTS {
        let Some(collection) = schema.find_by_name(table) else { continue };
        let dialect = tx.dialect();
        let sql = format!(
            "DELETE FROM {} WHERE {} = {}",
            dialect.quote(table),
            dialect.quote("collectionRef"),
            dialect.parameter(1)
        );
        if tx.execute(&sql, &[id.into()])? > 0 {
            tx.touch(&collection.id);
        }
    }
    Ok(())
}

/// A view's statement that fails is the query's fault.
fn as_query_fault(error: StoreError) -> Fault {
    match error.statement_fault() {
        Some(reason) => ViewFault { reason, fields: Vec::new() }.into(),
        None => Fault::Other(error.into()),
    }
}

fn run_all(tx: &dyn Tx, steps: &[Step]) -> Result<(), Fault> {
    for step in steps {
        step.run(tx).map_err(|error| match (Fault::store(error), step.failure()) {
            (Fault::Raw(text), Some(what)) => Fault::Raw(format!("{what} - {text}")),
            (fault, _) => fault,
        })?;
    }
    Ok(())
}

/// Makes indexes; all that fail are reported.
fn create_indexes(tx: &dyn Tx, steps: &[Step]) -> Result<(), Fault> {
    let mut errors = FieldErrors::new();
    for step in steps {
        let Step::CreateIndex { position, index } = step else { continue };
        let Err(error) = step.run(tx) else { continue };
        let Fault::Raw(text) = Fault::store(error.clone()) else { return Err(Fault::Other(error.into())) };
        let message = format!("Failed to create index {} - {text}", index.name);
        errors.add(position.to_string(), FieldError::code("validation_invalid_index_expression", message));
    }
    if errors.is_empty() { Ok(()) } else { Err(Fault::Fields(FieldErrors::one("indexes", errors))) }
}

fn table(tx: &dyn Tx) -> String {
    tx.dialect().quote("_collections")
}

fn insert_row(tx: &dyn Tx, collection: &Collection) -> Result<()> {
    let mut values = row_values(collection);
    values.insert(0, (*collection.id).into());
    let places: Vec<String> = (1..=values.len()).map(|number| tx.dialect().parameter(number)).collect();
    let sql = format!("INSERT INTO {} ({COLUMNS}) VALUES ({})", table(tx), places.join(", "));
    tx.execute(&sql, &values)?;
    Ok(())
}

/// Stores what a collection has become.
pub(super) fn update_row(tx: &dyn Tx, collection: &Collection) -> Result<()> {
    let mut values = row_values(collection);
    let names = COLUMNS.split(", ").skip(1).enumerate();
    let sets: Vec<String> = names.map(|(at, name)| format!("{name} = {}", tx.dialect().parameter(at + 1))).collect();
    values.push((*collection.id).into());
    let id = tx.dialect().parameter(values.len());
    tx.execute(&format!("UPDATE {} SET {} WHERE id = {id}", table(tx), sets.join(", ")), &values)?;
    Ok(())
}

fn delete_row(tx: &dyn Tx, id: &str) -> Result<()> {
    let place = tx.dialect().parameter(1);
    tx.execute(&format!("DELETE FROM {} WHERE id = {place}", table(tx)), &[id.into()])?;
    Ok(())
}

/// The values of [`COLUMNS`] without the id.
fn row_values(collection: &Collection) -> Vec<Value> {
    let row = collection.to_stored();
    vec![
        row.system.into(),
        row.type_name.into(),
        row.name.into(),
        row.fields.into(),
        row.indexes.into(),
        row.rules.list.into(),
        row.rules.view.into(),
        row.rules.create.into(),
        row.rules.update.into(),
        row.rules.delete.into(),
        row.options.into(),
        row.created.into(),
        row.updated.into(),
    ]
}
