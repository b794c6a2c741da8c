//! An import from its begin, or from where it was interrupted, to its end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value as Json, json};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::schema::{Collection, Schema, SharedSchema};
use crate::store::{Store, StoreError, Tx};

use super::batch::{BadRows, Batch, Wiring, Written};
use super::plan::{CollectionOf, Plan, PlanError, PlanRequest, Target};
use super::progress::Progress;
use super::read::{Record, RowReader};
use super::report::Report;
use super::strict::Strict;
use super::survey::Survey;

/// Rows that commit together: enough that their sync costs little, few enough that other writers wait some milliseconds.
const BATCH_ROWS: usize = 500;
/// And of long ones fewer.
const BATCH_BYTES: usize = 4 << 20;

/// Makes a collection from a body in a transaction.
pub type MakeCollection = Arc<dyn Fn(&dyn Tx, &Map<String, Json>) -> Result<Arc<Collection>> + Send + Sync>;

/// Asked to stop after the batch.
pub type Stop = Arc<AtomicBool>;

/// How an import goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In batches; bad rows are left out and reported.
    Batches,
    /// In one transaction, which the first bad row ends.
    Strict,
    /// As in batches, each of which is undone. Rows that only collide with one another are found within a batch alone.
    DryRun,
}

/// What was done so far; read while the import runs.
#[derive(Debug, Default)]
pub struct Tally {
    pub records: AtomicU64,
    pub created: AtomicU64,
    pub updated: AtomicU64,
    pub refused: AtomicU64,
}

impl Tally {
    pub(super) fn set(&self, progress: &Progress) {
        self.records.store(progress.records, Ordering::Relaxed);
        self.created.store(progress.created, Ordering::Relaxed);
        self.updated.store(progress.updated, Ordering::Relaxed);
        self.refused.store(progress.refused, Ordering::Relaxed);
    }
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Every record is settled.
    Finished,
    /// Asked to; the same command goes on.
    Interrupted,
    /// [`Mode::Strict`]: nothing was kept because of this row.
    Refused(Vec<String>),
}

/// Why an import can't go on; what it loaded stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the file can't be read: {0}")]
    File(io::Error),
    #[error("the file has changed since it was looked at")]
    FileChanged,
    #[error("the report {} can't be written: {cause}", path.display())]
    Report { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Store(#[from] Error),
}

/// An import that is about to be done.
pub struct Import {
    store: Store,
    schema: Arc<SharedSchema>,
    clock: Clock,
    make: MakeCollection,
    mode: Mode,
    survey: Survey,
    pub plan: Plan,
    /// What an earlier run of the same import has done.
    pub earlier: Option<EarlierRun>,
    progress: Progress,
    pub tally: Arc<Tally>,
}

/// An earlier run of the same import.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierRun {
    pub records: u64,
    pub refused: u64,
    pub is_done: bool,
}

impl EarlierRun {
    fn of(progress: &Progress) -> Self {
        Self { records: progress.records, refused: progress.refused, is_done: progress.is_done }
    }
}

/// What an import works with.
pub struct Parts {
    pub store: Store,
    pub schema: Arc<SharedSchema>,
    pub clock: Clock,
    pub make: MakeCollection,
}

impl Import {
    /// Plans the import of a file, or finds it half done. With `again`, what was done before doesn't count.
    ///
    /// # Errors
    /// Why there is no plan.
    pub fn open(
        parts: Parts,
        survey: Survey,
        request: &PlanRequest,
        mode: Mode,
        report: &Path,
        again: Again,
    ) -> Result<Self, ImportError> {
        let Parts { store, schema, clock, make } = parts;
        let source = source_of(&survey, request, mode);
        let current = schema.current();
        let found = match (again, mode) {
            (Again::Yes, _) | (_, Mode::DryRun) => None,
            (Again::No, _) => store.read_here(|conn| Progress::find(conn, &source))?,
        };
        let earlier = found.and_then(|found| current.find_by_id(&found.collection).cloned().map(|c| (found, c)));
        let (plan, progress) = match earlier {
            Some((progress, collection)) => (plan_again(&current, &survey, request, &collection)?, progress),
            None => {
                let plan = Plan::make(&current, &survey, request)?;
                let collection = match &plan.target {
                    Target::Existing(collection) => collection.id.to_string(),
                    Target::New { .. } => String::new(),
                };
                (plan, Progress::new(source, collection, std::path::absolute(report).map_err(ImportError::File)?))
            }
        };
        let EarlierRun { records, is_done, .. } = EarlierRun::of(&progress);
        let earlier = (records > 0 || is_done).then(|| EarlierRun::of(&progress));
        let tally = Arc::new(Tally::default());
        tally.set(&progress);
        Ok(Self { store, schema, clock, make, mode, survey, plan, earlier, progress, tally })
    }

    /// Where the refused rows are reported.
    pub fn report_path(&self) -> &Path {
        &self.progress.report
    }

    /// Does it, until it is done or told to stop. Blocks.
    ///
    /// # Errors
    /// What isn't a row's fault; the import can go on later.
    pub fn run(mut self, stop: &Stop) -> Result<Ending, ImportError> {
        match self.mode {
            Mode::Batches => {
                let collection = self.begin()?;
                self.load(&collection, stop)
            }
            Mode::DryRun => {
                let collection = self.imagine()?;
                self.load(&collection, stop)
            }
            Mode::Strict => self.load_strictly(stop),
        }
    }

    /// Makes the collection if it is a new one, and notes the begin.
    fn begin(&mut self) -> Result<Arc<Collection>, ImportError> {
        if self.earlier.is_some()
            && let Target::Existing(collection) = &self.plan.target
        {
            return Ok(collection.clone());
        }
        let (target, make, clock) = (self.plan.target.clone(), self.make.clone(), self.clock.clone());
        let progress = self.progress.clone();
        let collection = self.store.write_alone_blocking(move |tx| {
            let collection = target_in(tx, &target, &make)?;
            let progress = Progress { collection: collection.id.to_string(), ..progress.clone() };
            progress.begin(tx, clock.now())?;
            Ok(collection)
        })?;
        self.progress.collection = collection.id.to_string();
        Ok(self.schema.current().find_by_id(&collection.id).cloned().unwrap_or(collection))
    }

    /// The collection as it would be made.
    fn imagine(&self) -> Result<Arc<Collection>, ImportError> {
        let (target, make) = (self.plan.target.clone(), self.make.clone());
        Ok(self.store.write_alone_blocking(move |tx| undone(tx, || target_in(tx, &target, &make)))?)
    }

    fn load(&mut self, collection: &Arc<Collection>, stop: &Stop) -> Result<Ending, ImportError> {
        let mut report = Report::resume(&self.progress).map_err(|cause| self.report_error(cause))?;
        let mut reader = self.reader_behind(self.progress.records)?;
        let wiring = Wiring::new(&self.plan, collection)?;
        loop {
            let (records, is_end) = read_batch(&mut reader).map_err(ImportError::File)?;
            if !self.survey.is_current().map_err(ImportError::File)? {
                return Err(ImportError::FileChanged);
            }
            let batch = Arc::new(Batch::prepare(collection, &wiring, records));
            self.progress.report_bytes = report.bytes();
            self.progress = self.commit(collection, &batch, is_end)?;
            report.append(&self.progress.report_tail).map_err(|cause| self.report_error(cause))?;
            self.tally.set(&self.progress);
            if is_end {
                return Ok(Ending::Finished);
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
        }
    }

    /// A reader that stands behind the records that are settled.
    fn reader_behind(&self, records: u64) -> Result<RowReader, ImportError> {
        let mut reader = self.survey.open().map_err(ImportError::File)?;
        for _ in 0..records {
            if reader.read().map_err(ImportError::File)?.is_none() {
                return Err(ImportError::FileChanged);
            }
        }
        Ok(reader)
    }

    /// Writes a batch with how far the import is then.
    fn commit(&self, collection: &Arc<Collection>, batch: &Arc<Batch>, is_end: bool) -> Result<Progress, ImportError> {
        let (schema, clock, batch) = (self.schema.clone(), self.clock.clone(), batch.clone());
        let (from, mode, collection) = (self.progress.clone(), self.mode, collection.clone());
        let (target, make) = (self.plan.target.clone(), self.make.clone());
        let job = move |tx: &dyn Tx| {
            if mode == Mode::DryRun {
                return undone(tx, || {
                    let collection = target_in(tx, &target, &make)?;
                    let schema = schema.current().with([collection.clone()]);
                    let written = batch.write(tx, &schema, &clock, &collection, BadRows::LeftOut)?;
                    Ok(progress_after(&from, &batch, &written, is_end))
                });
            }
            let schema = schema.current();
            check_same(&schema, &collection)?;
            let written = batch.write(tx, &schema, &clock, &collection, BadRows::LeftOut)?;
            let progress = progress_after(&from, &batch, &written, is_end);
            progress.advance(tx, from.records, clock.now())?;
            Ok(progress)
        };
        Ok(self.store.write_blocking(job)?)
    }

    /// Everything in one transaction.
    fn load_strictly(&mut self, stop: &Stop) -> Result<Ending, ImportError> {
        let strict = Strict {
            survey: self.survey.clone(),
            plan: self.plan.clone(),
            make: self.make.clone(),
            schema: self.schema.clone(),
            clock: self.clock.clone(),
            progress: self.progress.clone(),
            tally: self.tally.clone(),
            stop: stop.clone(),
        };
        let ended: Arc<std::sync::Mutex<Option<Ending>>> = Arc::default();
        let note = ended.clone();
        let result = self.store.write_alone_blocking(move |tx| {
            let ending = strict.load(tx)?;
            let is_finished = ending == Ending::Finished;
            // The last run's word stands.
            *note.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(ending);
            if is_finished { Ok(()) } else { Err(Error::bad_request()) }
        });
        let ending = ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match (ending, result) {
            (Some(ending), _) if ending != Ending::Finished => Ok(ending),
            (_, Ok(())) => Ok(Ending::Finished),
            (_, Err(error)) => Err(error.into()),
        }
    }

    fn report_error(&self, cause: io::Error) -> ImportError {
        ImportError::Report { path: self.progress.report.clone(), cause }
    }
}

/// Whether an import that was done is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Yes,
    No,
}

pub(super) fn read_batch(reader: &mut RowReader) -> io::Result<(Vec<Record>, bool)> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    while records.len() < BATCH_ROWS && bytes < BATCH_BYTES {
        let Some(record) = reader.read()? else { return Ok((records, true)) };
        if let Ok(row) = &record {
            bytes += row.cells.iter().map(|(_, cell)| cell.bytes()).sum::<usize>();
        }
        records.push(record);
    }
    Ok((records, false))
}

pub(super) fn progress_after(from: &Progress, batch: &Batch, written: &Written, is_end: bool) -> Progress {
    Progress {
        records: from.records + batch.records,
        created: from.created + written.created,
        updated: from.updated + written.updated,
        refused: from.refused + written.refused,
        report_tail: Report::text(&from.report, from.report_bytes, &written.complaints),
        is_done: is_end,
        ..from.clone()
    }
}

pub(super) fn target_in(tx: &dyn Tx, target: &Target, make: &MakeCollection) -> Result<Arc<Collection>> {
    match target {
        Target::Existing(collection) => Ok(collection.clone()),
        Target::New { body, .. } => make(tx, body),
    }
}

/// Does the work and undoes what it wrote.
fn undone<T>(tx: &dyn Tx, work: impl Fn() -> Result<T>) -> Result<T> {
    let mut outcome = None;
    let ended = tx.nested(&mut || {
        outcome = Some(work());
        Err(StoreError::Sql("undone".to_owned()))
    });
    match outcome {
        Some(outcome) => outcome,
        None => Err(ended.err().map_or_else(|| Error::internal("a step that didn't run"), Error::from)),
    }
}

/// The rows were made ready for the collection as it was.
fn check_same(schema: &Schema, collection: &Arc<Collection>) -> Result<()> {
    match schema.find_by_id(&collection.id) {
        Some(current) if Arc::ptr_eq(current, collection) || current.fields == collection.fields => Ok(()),
        Some(_) => Err(Error::Conflict("the collection was changed meanwhile; the same command goes on".into())),
        None => Err(Error::Conflict("the collection was deleted meanwhile".into())),
    }
}

/// The plan of an import that has made or begun to fill `collection`.
fn plan_again(
    schema: &Schema,
    survey: &Survey,
    request: &PlanRequest,
    collection: &Arc<Collection>,
) -> Result<Plan, PlanError> {
    match &request.collection {
        CollectionOf::Existing(_) => Plan::make(schema, survey, request),
        CollectionOf::New(_) => {
            let before = schema.without(std::slice::from_ref(&collection.id));
            let plan = Plan::make(&before, survey, request)?;
            Ok(Plan { target: Target::Existing(collection.clone()), ..plan })
        }
    }
}

/// What makes two imports the same: the file's content and what is asked.
fn source_of(survey: &Survey, request: &PlanRequest, mode: Mode) -> String {
    let kinds: Vec<(&str, &str)> = request.kinds.iter().map(|(column, kind)| (column.as_str(), kind.name())).collect();
    let asked = json!([
        survey.inspection.hash,
        format!("{:?}", survey.layout),
        format!("{:?}", request.collection),
        survey.path.file_stem().map(|stem| stem.to_string_lossy()),
        request.map,
        kinds,
        request.key,
        mode == Mode::Strict,
    ]);
    digest(&SHA256, asked.to_string().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
