//! Several writes in one transaction, all or nothing (contract/06).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::access::{Action, live_request};
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::input::RecordBody;
use crate::picker::Picker;
use crate::query::{Caller, Request};
use crate::rows::find_record;
use crate::schema::Collection;
use crate::storage::QueuedRemovals;
use crate::store::Tx;

use super::Records;
use super::body::sent_text;
use super::idempotency::IdempotencyKey;
use super::old_password::{ComparedPassword, WhenMoved};
use super::write::{UpdateOf, Updated, WriteInput, check_writable};

/// One item as it was asked for.
#[derive(Debug)]
pub struct BatchItem {
    pub action: BatchAction,
    /// Name or id.
    pub collection: String,
    /// The caller, context, headers and query that rules see; the body comes apart.
    pub request: Request,
    pub body: RecordBody,
}

/// What an item does (contract/06 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchAction {
    Create,
    Update {
        id: String,
    },
    Delete {
        id: String,
    },
    /// An update if a record has the body's id, else a create.
    Upsert,
    /// Method and URL match nothing.
    Unknown,
}

/// Counts an item under the rate limits of its collection.
pub type CountItem<'a> = &'a dyn Fn(&Collection, Action) -> Result<()>;

/// What is ready for the job.
struct ReadyBatch {
    items: Vec<ReadyItem>,
    /// Why the item after those can't be run: the batch fails with it, unless one of them fails before.
    fault: Option<Error>,
}

struct ReadyItem {
    action: BatchAction,
    request: Arc<Request>,
    input: Arc<WriteInput>,
    compared: Option<ComparedPassword>,
    picker: Option<Picker>,
}

/// When a batch must have ended, and whether anybody still waits for it.
#[derive(Clone)]
struct Bounds {
    deadline: Instant,
    is_abandoned: Arc<AtomicBool>,
}

/// Marks the batch as abandoned when the request that waits for it goes.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Records {
    /// Runs the items in order, each seeing what those before it did; gives the answers as a JSON array. `timeout` is
    /// for everything together; with a `key` they run at most once.
    ///
    /// # Errors
    /// The first item that fails ends the batch: `Invalid` with its index and its own error; nothing is stored.
    pub async fn run_batch(
        self: &Arc<Self>,
        items: Vec<BatchItem>,
        timeout: Duration,
        key: Option<IdempotencyKey>,
        count: CountItem<'_>,
    ) -> Result<Vec<u8>> {
        if let Some(key) = &key
            && let Some(kept) = self.store.read_here(|conn| key.find_kept(conn, self.clock.now()))?
        {
            return Ok(kept.body); // spares the hashes and uploads
        }
        let waiting = Waiting(Arc::new(AtomicBool::new(false)));
        let bounds = Bounds { deadline: Instant::now() + timeout, is_abandoned: waiting.0.clone() };
        let ready = self.ready_items(items, count);
        let ready = tokio::time::timeout_at(bounds.deadline.into(), ready).await.map_err(|_| failed())?;
        let ReadyBatch { items, fault } = ready;
        let (records, items) = (self.clone(), Arc::new(items));
        let (in_job, is_faulty) = (items.clone(), fault.is_some());
        let reached_fault = Arc::new(AtomicBool::new(false));
        let reached = reached_fault.clone();
        let job = move |tx: &dyn Tx| {
            reached.store(false, Ordering::Relaxed);
            let now = records.clock.now();
            if let Some(key) = &key
                && let Some(kept) = key.find_kept(tx, now)?
            {
                return Ok((kept.body, None));
            }
            let body = records.run_items(tx, &in_job, &bounds)?;
            if is_faulty {
                reached.store(true, Ordering::Relaxed);
                return Err(failed()); // so that nothing is stored; the caller is told of the fault itself
            }
            if let Some(key) = &key {
                key.keep(tx, now, &body, None)?;
            }
            Ok((body, Some(QueuedRemovals::of_job(tx))))
        };
        let result = self.store.write(job).await;
        if let Some(fault) = fault.filter(|_| reached_fault.load(Ordering::Relaxed)) {
            return Err(failed_at(items.len(), fault));
        }
        let (body, removals) = result?;
        if let Some(removals) = removals {
            items.iter().for_each(|item| item.input.committed());
            self.storage.await_removals(removals).await;
        }
        Ok(body)
    }

    /// Does what needs no transaction, up to the first item that can't be run.
    async fn ready_items(self: &Arc<Self>, items: Vec<BatchItem>, count: CountItem<'_>) -> ReadyBatch {
        let mut ready = ReadyBatch { items: Vec::with_capacity(items.len()), fault: None };
        for item in items {
            match self.ready_item(item, count).await {
                Ok(item) => ready.items.push(item),
                Err(fault) => {
                    ready.fault = Some(fault);
                    break;
                }
            }
        }
        ready
    }

    async fn ready_item(self: &Arc<Self>, item: BatchItem, count: CountItem<'_>) -> Result<ReadyItem> {
        let BatchItem { mut action, collection, mut request, body } = item;
        if action == BatchAction::Unknown {
            return Err(Error::bad_request());
        }
        let schema = self.schema.current();
        let missing = || Error::NotFound("Missing collection context.".into());
        let collection = schema.find(&collection).ok_or_else(missing)?;
        check_writable(collection)?;
        let upserted = sent_text(&body.values, "id");
        if action == BatchAction::Upsert && upserted.is_empty() {
            action = BatchAction::Create;
        }
        let (is_stored, of_look_up, id) = match &action {
            BatchAction::Upsert => (self.is_stored(collection, &upserted)?, true, Some(upserted.as_str())),
            BatchAction::Update { id } | BatchAction::Delete { id } => (true, false, Some(id.as_str())),
            BatchAction::Create | BatchAction::Unknown => (false, false, None),
        };
        let counted = match &action {
            BatchAction::Delete { .. } => Action::Delete,
            _ if is_stored => Action::Update,
            _ => Action::Create,
        };
        count(collection, counted)?;
        let picker = Picker::parse(request.query_value("fields").unwrap_or_default())?;
        let place = id.filter(|_| !of_look_up || is_stored).map(str::to_owned);
        if let BatchAction::Delete { .. } = action {
            request.body = body.values.clone(); // a delete may carry data for its rule
        }
        let input = Arc::new(self.ready_input(&request, collection, place.as_deref(), body).await?);
        let request = Arc::new(request);
        let compared = match &place {
            Some(id) if counted == Action::Update => {
                self.compare_old_password(&request, &input, &id.as_str().into()).await?
            }
            _ => None,
        };
        Ok(ReadyItem { action, request, input, compared, picker })
    }

    fn is_stored(&self, collection: &Arc<Collection>, id: &str) -> Result<bool> {
        self.store.read_here(|conn| Ok(find_record(conn, collection, id)?.is_some()))
    }

    /// The job.
    fn run_items(&self, tx: &dyn Tx, items: &[ReadyItem], bounds: &Bounds) -> Result<Vec<u8>> {
        let mut out = vec![b'['];
        let Some(first) = items.first() else { return Ok(b"[]".to_vec()) };
        // Asked once: what an item does to its caller doesn't count for those after it (contract/06 §5).
        let moved = match live_request(tx, &self.schema.current(), &first.request)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(live) => Some(live.caller),
        };
        for (index, item) in items.iter().enumerate() {
            bounds.check()?;
            if index > 0 {
                out.push(b',');
            }
            match self.run_item(tx, item, moved.as_ref()).map_err(|error| failed_at(index, error))? {
                Some(body) => {
                    out.extend_from_slice(b"{\"body\":");
                    out.extend_from_slice(&body);
                    out.extend_from_slice(b",\"status\":200}");
                }
                None => out.extend_from_slice(b"{\"body\":null,\"status\":204}"),
            }
        }
        bounds.check()?;
        out.push(b']');
        Ok(out)
    }

    /// The JSON of the record; `None` for a delete. `moved` is the caller, if they have changed since the call came.
    fn run_item(&self, tx: &dyn Tx, item: &ReadyItem, moved: Option<&Caller>) -> Result<Option<Vec<u8>>> {
        let request = match moved {
            None => Cow::Borrowed(&*item.request),
            Some(caller) => Cow::Owned(Request { caller: caller.clone(), ..(*item.request).clone() }),
        };
        let request = &*request;
        let update = |id: &str, request: &Request| {
            let update = UpdateOf {
                id,
                input: &item.input,
                condition: None,
                compared: item.compared.as_ref(),
                when_moved: WhenMoved::CompareHere,
            };
            match self.update_in(tx, request, &update)? {
                Updated::Done(written) => Ok(written),
                Updated::PasswordMoved => Err(Error::internal("an update in a batch compares passwords itself")),
            }
        };
        let written = match &item.action {
            BatchAction::Create => self.create_in(tx, request, &item.input)?,
            BatchAction::Update { id } => update(id, request)?,
            BatchAction::Upsert => {
                let id = sent_text(&item.input.values, "id");
                let collection = self.schema.current().find_by_id(&item.input.collection_id).cloned();
                let is_stored = match &collection {
                    Some(collection) => find_record(tx, collection, &id)?.is_some(),
                    None => false,
                };
                match is_stored {
                    true => update(&id, &with_method(request, "PATCH"))?,
                    false => self.create_in(tx, &with_method(request, "POST"), &item.input)?,
                }
            }
            BatchAction::Delete { id } => {
                self.delete_in(tx, request, &item.input.collection_id, id, None)?;
                return Ok(None);
            }
            BatchAction::Unknown => return Err(Error::bad_request()),
        };
        let expansion = self.resolve_expansion(&written.schema, request, &written.collection);
        let body = self.answer_in(tx, request, &written, expansion.as_ref())?.body;
        Ok(Some(match &item.picker {
            None => body,
            Some(picker) => {
                let whole = serde_json::from_slice(&body).map_err(Error::internal)?;
                serde_json::to_vec(&picker.pick(whole)).map_err(Error::internal)?
            }
        }))
    }
}

impl Bounds {
    fn check(&self) -> Result<()> {
        let is_over = Instant::now() >= self.deadline || self.is_abandoned.load(Ordering::Relaxed);
        if is_over { Err(failed()) } else { Ok(()) }
    }
}

fn with_method(request: &Request, method: &'static str) -> Request {
    Request { method, ..request.clone() }
}

/// The batch as a whole failed: its time is over, or nobody waits for it.
fn failed() -> Error {
    Error::bad_request_with("Batch transaction failed.")
}

/// The batch failed at this item. What isn't the item's fault (a full queue, a stopped writer) isn't put on it.
fn failed_at(index: usize, error: Error) -> Error {
    if matches!(error, Error::Busy { .. } | Error::Internal(_)) {
        return error;
    }
    let item = FieldError::Response {
        code: "batch_request_failed".into(),
        message: "Batch request failed.".into(),
        response: Box::new(error),
    };
    let requests = FieldErrors::one(index.to_string(), item);
    Error::invalid("Batch transaction failed.", FieldErrors::one("requests", requests))
}
