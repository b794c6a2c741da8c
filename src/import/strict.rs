//! An import in one transaction: all rows, or none because of the first that can't stand.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::schema::SharedSchema;
use crate::store::Tx;

use super::batch::{BadRows, Batch, Wiring};
use super::plan::Plan;
use super::progress::Progress;
use super::report::Complaint;
use super::run::{Ending, MakeCollection, Stop, Tally, progress_after, read_batch, target_in};
use super::survey::Survey;

/// What the one transaction of a strict import works with.
pub struct Strict {
    pub survey: Survey,
    pub plan: Plan,
    pub make: MakeCollection,
    pub schema: Arc<SharedSchema>,
    pub clock: Clock,
    pub progress: Progress,
    pub tally: Arc<Tally>,
    pub stop: Stop,
}

impl Strict {
    /// Loads the file. The caller undoes the transaction unless it is finished.
    pub fn load(&self, tx: &dyn Tx) -> Result<Ending> {
        let collection = target_in(tx, &self.plan.target, &self.make)?;
        let schema = self.schema.current().with([collection.clone()]);
        let wiring = Wiring::new(&self.plan, &collection)?;
        let mut reader = self.survey.open().map_err(Error::internal)?;
        let mut progress = Progress { collection: collection.id.to_string(), ..self.progress.clone() };
        progress.begin(tx, self.clock.now())?;
        let begun = progress.records;
        loop {
            let (records, is_end) = read_batch(&mut reader).map_err(Error::internal)?;
            let batch = Batch::prepare(&collection, &wiring, records);
            let written = batch.write(tx, &schema, &self.clock, &collection, BadRows::EndAll)?;
            if !written.complaints.is_empty() {
                let line = written.complaints[0].line;
                let of_row = written.complaints.iter().take_while(|complaint| complaint.line == line);
                return Ok(Ending::Refused(of_row.map(told).collect()));
            }
            progress = progress_after(&progress, &batch, &written, is_end);
            self.tally.set(&progress);
            if is_end {
                progress.advance(tx, begun, self.clock.now())?;
                return Ok(Ending::Finished);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
        }
    }
}

fn told(complaint: &Complaint) -> String {
    let Complaint { line, field, value, reason } = complaint;
    let value = if value.is_empty() { String::new() } else { format!(" {value:?}") };
    let field = if field.is_empty() { String::new() } else { format!(" {field}:") };
    format!("line {line}:{field}{value} {reason}")
}
