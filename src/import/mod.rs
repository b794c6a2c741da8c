//! Rows of a file into a collection: CSV, TSV and JSON lines (`docs/guide/import.md`).
//!
//! Start at [`Survey::take`], which reads the whole file and finds out what its columns hold; [`Plan`] says which column
//! fills which field, [`Import`] loads the rows in batches. `read` gives rows, whatever the format; `kinds` tells what a
//! column holds; `convert` makes a cell a value and refuses what wouldn't be the same afterwards.
//! Called by `cli`, which shows the plan and the progress.
//!
//! Invariant: a row goes through the same checks as one sent to the API (`rows`), as a superuser's.
//! Invariant: a batch and how far the import is with it commit together, so an import goes on after a kill where it was.
//! Invariant: memory is bounded, whatever the file: by the batch, the longest record and the columns. One transaction
//! (`--strict`) holds what it will announce besides: some 200 bytes a row.
//! Never: a terminal; a collection made by itself (the caller gives the function that makes one).
//!
//! Tests: beside the code, `tests/api/import.rs`, `tests/sdk/import.test.mjs`.

mod batch;
mod convert;
mod kinds;
mod plan;
mod progress;
pub mod read;
mod report;
mod run;
mod strict;
mod survey;

pub use kinds::ColumnKind;
pub use plan::{CollectionOf, Mapped, Plan, PlanError, PlanRequest, Target};
pub use run::{Again, EarlierRun, Ending, Import, ImportError, MakeCollection, Mode, Parts, Stop, Tally};
pub use survey::{ColumnSurvey, Survey};
