//! Creating, updating and deleting a record: one store job each.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::access::{Action, Gate, check_action, live_request};
use crate::error::{Error, Result};
use crate::ids;
use crate::input::RecordBody;
use crate::query::Request;
use crate::rows::{self, Draft, NewPassword};
use crate::schema::{Collection, FieldValue, Record, Schema};
use crate::storage::QueuedRemovals;
use crate::store::{Conn, ConnExt, Tx, Value};

use super::answer::Written;
use super::auth_form::{self, Level, OldPassword};
use super::body::{Passwords, hash_passwords, lay_body};
use super::files::{Files, stage_files};
use super::idempotency::IdempotencyKey;
use super::old_password::{self, ComparedPassword, WhenMoved};
use super::shape::{StoredRow, read_back, record_of, stored_row};
use super::tags::Condition;
use super::{RecordAnswer, Records};

const CREATE_FAILED: &str = "Failed to create record.";
const UPDATE_FAILED: &str = "Failed to update record.";
const DELETE_FAILED: &str = "Failed to delete record.";

/// How often an update is tried when the password it was compared with changes meanwhile.
const OLD_PASSWORD_TRIES: usize = 3;

/// What came with a create or an update, ready for the write job.
#[derive(Debug)]
pub struct WriteInput {
    pub collection_id: Arc<str>,
    pub values: Map<String, Json>,
    pub passwords: Passwords,
    /// The password of an account that is made without one.
    pub random_password: Option<NewPassword>,
    /// Uploads, which lie in the storage already.
    pub files: Files,
}

impl WriteInput {
    /// The write is committed: the uploads stay.
    pub fn committed(&self) {
        self.files.committed();
    }
}

/// How an update ended.
pub enum Updated {
    Done(Written),
    PasswordMoved,
}

/// An update as its job takes it.
pub struct UpdateOf<'a> {
    pub id: &'a str,
    pub input: &'a WriteInput,
    pub condition: Option<&'a Condition>,
    pub compared: Option<&'a ComparedPassword>,
    pub when_moved: WhenMoved,
}

impl Records {
    /// Creates a record and answers with it as the caller may see it; with a `key` at most once.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule; `BadRequest` when the rule or `Invalid` when a check refuses the record;
    /// `Unprocessable` for a key of another request.
    pub async fn create(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        body: RecordBody,
        key: Option<IdempotencyKey>,
    ) -> Result<RecordAnswer> {
        check_writable(collection)?;
        check_action(&request.caller, collection, Action::Create)?;
        if let Some(key) = &key
            && let Some(kept) = self.store.read_here(|conn| key.find_kept(conn, self.clock.now()))?
        {
            return Ok(RecordAnswer::of_kept(kept)); // spares the hashes and uploads
        }
        let input = Arc::new(self.ready_input(&request, collection, None, body).await?);
        let request = Arc::new(request);
        let (records, of_job, in_job) = (self.clone(), request.clone(), input.clone());
        let Some(key) = key else {
            let job = move |tx: &dyn Tx| {
                let live = live_request(tx, &records.schema.current(), &of_job)?;
                records.create_in(tx, &live, &in_job)
            };
            let written = self.store.write(job).await?;
            input.committed();
            return self.answer(&request, written).await;
        };
        let job = move |tx: &dyn Tx| records.create_once_in(tx, &of_job, &in_job, &key);
        let (answer, is_new) = self.store.write(job).await?;
        if is_new {
            input.committed();
        }
        Ok(answer)
    }

    /// The job of a create under a key. The flag: whether it was created now.
    fn create_once_in(
        &self,
        tx: &dyn Tx,
        request: &Request,
        input: &WriteInput,
        key: &IdempotencyKey,
    ) -> Result<(RecordAnswer, bool)> {
        let now = self.clock.now();
        if let Some(kept) = key.find_kept(tx, now)? {
            return Ok((RecordAnswer::of_kept(kept), false));
        }
        let request = &*live_request(tx, &self.schema.current(), request)?;
        let written = self.create_in(tx, request, input)?;
        let expansion = self.resolve_expansion(&written.schema, request, &written.collection);
        let answer = self.answer_in(tx, request, &written, expansion.as_ref())?;
        key.keep(tx, now, &answer.body, answer.tag.as_ref())?;
        Ok((answer, true))
    }

    /// Changes a record by the keys sent and answers with it.
    ///
    /// # Errors
    /// As of [`Records::create`]; `NotFound` for a record that isn't there or that the rule hides;
    /// `PreconditionFailed` when `condition` names another state of it.
    pub async fn update(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        id: &str,
        body: RecordBody,
        condition: Option<Condition>,
    ) -> Result<RecordAnswer> {
        check_writable(collection)?;
        check_action(&request.caller, collection, Action::Update)?;
        let input = Arc::new(self.ready_input(&request, collection, Some(id), body).await?);
        let (id, condition, request): (Arc<str>, _, _) = (id.into(), Arc::new(condition), Arc::new(request));
        for _ in 0..OLD_PASSWORD_TRIES {
            let compared = self.compare_old_password(&request, &input, &id).await?;
            let (records, of_job, in_job) = (self.clone(), request.clone(), input.clone());
            let (id, condition) = (id.clone(), condition.clone());
            let job = move |tx: &dyn Tx| {
                let (condition, compared) = ((*condition).as_ref(), compared.as_ref());
                let update = UpdateOf { id: &id, input: &in_job, condition, compared, when_moved: WhenMoved::Report };
                let live = live_request(tx, &records.schema.current(), &of_job)?;
                let updated = records.update_in(tx, &live, &update)?;
                Ok((updated, QueuedRemovals::of_job(tx)))
            };
            if let (Updated::Done(written), removals) = self.store.write(job).await? {
                input.committed();
                self.storage.await_removals(removals).await;
                return self.answer(&request, written).await;
            }
        }
        Err(Error::Conflict("The password of the record changes too often, please try again.".into()))
    }

    /// Deletes a record with what refers to it.
    ///
    /// # Errors
    /// As of [`Records::update`]; `BadRequest` when a required reference would be lost.
    pub async fn delete(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        id: &str,
        condition: Option<Condition>,
    ) -> Result<()> {
        check_writable(collection)?;
        check_action(&request.caller, collection, Action::Delete)?;
        let (records, collection_id, id) = (self.clone(), collection.id.clone(), id.to_owned());
        let job = move |tx: &dyn Tx| {
            let live = live_request(tx, &records.schema.current(), &request)?;
            records.delete_in(tx, &live, &collection_id, &id, condition.as_ref())?;
            Ok(QueuedRemovals::of_job(tx))
        };
        let removals = self.store.write(job).await?;
        self.storage.await_removals(removals).await;
        Ok(())
    }

    /// Does what needs no database: hashes the passwords, and puts the uploads into the storage, in the place of the
    /// record `id`, or of a new one.
    pub(super) async fn ready_input(
        &self,
        request: &Request,
        collection: &Collection,
        id: Option<&str>,
        mut body: RecordBody,
    ) -> Result<WriteInput> {
        let is_superuser = request.caller.is_superuser();
        let passwords = hash_passwords(&self.hasher, collection, &body.values, is_superuser).await?;
        let files = stage_files((&self.storage, &self.uploads), &request.caller, collection, id, &mut body).await?;
        Ok(WriteInput {
            collection_id: collection.id.clone(),
            values: body.values,
            passwords,
            random_password: None,
            files,
        })
    }

    /// The job of a create. `request` is as it is now, here and below ([`live_request`]).
    pub(super) fn create_in(&self, tx: &dyn Tx, request: &Request, input: &WriteInput) -> Result<Written> {
        let schema = self.schema.current();
        let collection = find_collection(&schema, &input.collection_id)?;
        let mut draft = Draft::new(collection.clone());
        let request = lay_request(request, &mut draft, input);
        if let Some(password) = &input.random_password {
            draft.set_password("password", password.clone());
        }
        let gate = self.gate(&schema, &request);
        let candidate = candidate(&draft);
        if !gate.may_create(tx, &candidate)? {
            return Err(Error::bad_request_with(CREATE_FAILED));
        }
        let level = level(&gate, &collection, || gate.may_manage_new(tx, &candidate))?;
        auth_form::check(&draft, &request.body, level, OldPassword::Wrong).into_result(CREATE_FAILED)?;
        input.files.consume(tx)?;
        let record = rows::insert_record(tx, &schema, &self.clock, draft).map_err(|e| e.titled(CREATE_FAILED))?;
        Ok(Written { schema, collection, row: stored_row(&record) })
    }

    /// The job of an update.
    pub(super) fn update_in(&self, tx: &dyn Tx, request: &Request, update: &UpdateOf<'_>) -> Result<Updated> {
        let schema = self.schema.current();
        let collection = find_collection(&schema, &update.input.collection_id)?;
        check_action(&request.caller, &collection, Action::Update)?;
        let row = self.find_row(tx, request, &collection, update.id)?.ok_or_else(Error::not_found)?;
        let mut draft = Draft::of(record_of(&collection, &row));
        let request = lay_request(request, &mut draft, update.input);
        let gate = self.gate(&schema, &request);
        if !gate.may(tx, &collection, Action::Update, update.id)? {
            return Err(Error::not_found());
        }
        self.check_condition(&schema, &collection, &row, update.condition)?;
        let level = level(&gate, &collection, || gate.may_manage(tx, &collection, update.id))?;
        let Some(old_password) = old_password::judge(&draft, &request.body, level, update.compared, update.when_moved)
        else {
            return Ok(Updated::PasswordMoved);
        };
        auth_form::check(&draft, &request.body, level, old_password).into_result(UPDATE_FAILED)?;
        update.input.files.consume(tx)?;
        let record = rows::update_record(tx, &schema, &self.clock, draft).map_err(|e| e.titled(UPDATE_FAILED))?;
        let row = row_after(row, &record);
        Ok(Updated::Done(Written { schema, collection, row }))
    }

    /// The job of a delete.
    pub(super) fn delete_in(
        &self,
        tx: &dyn Tx,
        request: &Request,
        collection_id: &str,
        id: &str,
        condition: Option<&Condition>,
    ) -> Result<()> {
        let schema = self.schema.current();
        let collection = find_collection(&schema, collection_id)?;
        let gate = self.gate(&schema, request);
        check_action(&request.caller, &collection, Action::Delete)?;
        let row = self.find_row(tx, request, &collection, id)?.ok_or_else(Error::not_found)?;
        if !gate.may(tx, &collection, Action::Delete, id)? {
            return Err(Error::not_found());
        }
        self.check_condition(&schema, &collection, &row, condition)?;
        rows::delete_record(tx, &schema, &self.clock, &record_of(&collection, &row))
            .map_err(|e| e.titled(DELETE_FAILED))
    }

    /// The stored row, cell by cell.
    pub(super) fn find_row(
        &self,
        conn: &dyn Conn,
        request: &Request,
        collection: &Arc<Collection>,
        id: &str,
    ) -> Result<Option<StoredRow>> {
        let shape = self.shapes.get(collection, &request.caller, conn.dialect());
        Ok(conn.find_row(&shape.find_by_id, &[Value::from(id)], |row| shape.copy_row(row))?)
    }

    /// Whether the client's copy is what is stored.
    fn check_condition(
        &self,
        schema: &Schema,
        collection: &Collection,
        row: &StoredRow,
        condition: Option<&Condition>,
    ) -> Result<()> {
        let Some(condition) = condition else { return Ok(()) };
        let tag = self.stampers.row_tag(schema, &collection.id, row.iter().map(Value::as_cell));
        if condition.matches(&tag) {
            return Ok(());
        }
        Err(Error::PreconditionFailed("The record has changed since it was read.".into()))
    }
}

/// A view has no rows of its own (contract/05 §1, step 3).
pub fn check_writable(collection: &Collection) -> Result<()> {
    if collection.is_view() {
        return Err(Error::bad_request_with("Unsupported collection type."));
    }
    Ok(())
}

/// The collection as it is in the job: it may have changed since the request was let in.
pub fn find_collection(schema: &Schema, id: &str) -> Result<Arc<Collection>> {
    let missing = || Error::NotFound("Missing or invalid collection context.".into());
    schema.find_by_id(id).filter(|collection| !collection.is_view()).cloned().ok_or_else(missing)
}

/// Lays the body over the draft; gives the request with it as rules see it.
pub fn lay_request(request: &Request, draft: &mut Draft, input: &WriteInput) -> Request {
    let mut body = lay_body(draft, &input.values, &input.passwords, request.caller.is_superuser());
    input.files.lay(draft, &mut body);
    Request { body, ..request.clone() }
}

/// The record to be as the create rule sees it: not verified, without a token key, with some id.
fn candidate(draft: &Draft) -> Record {
    let mut record = draft.record().clone();
    if record.id().is_empty() {
        record.set("id", FieldValue::Text(ids::record_id()));
    }
    if record.collection().is_auth() {
        record.set("verified", FieldValue::Bool(false));
        record.set("tokenKey", FieldValue::Text(String::new()));
    }
    record
}

fn level(gate: &Gate<'_>, collection: &Collection, is_manager: impl FnOnce() -> Result<bool>) -> Result<Level> {
    if gate.request.caller.is_superuser() {
        return Ok(Level::Superuser);
    }
    Ok(if collection.is_auth() && is_manager()? { Level::Manager } else { Level::Plain })
}

/// The row as it is after an update: what didn't change is still as it was, in whatever form.
fn row_after(mut row: StoredRow, record: &Record) -> StoredRow {
    let fields = record.collection().fields.iter().zip(record.values());
    for (cell, (field, value)) in row.iter_mut().zip(fields) {
        if field.value_of(cell.as_cell()) != *value {
            *cell = read_back(value);
        }
    }
    row
}
