//! The jobs that no feature registers itself: what keeps the databases tidy.

use std::sync::Arc;

use crate::clock::Clock;
use crate::cron::Cron;
use crate::error::Result;
use crate::jobs::{Jobs, Listing, StopSign};
use crate::settings::SharedSettings;
use crate::store::{Store, changes};

/// Rows removed from the change log in one transaction: some milliseconds.
const PRUNED_ROWS: u64 = 5000;
const HOUR_MS: i64 = 3_600_000;

/// Starts the clockwork with the jobs of the databases.
pub fn start(store: &Store, auxiliary: &Store, settings: &Arc<SharedSettings>, clock: &Clock) -> Result<Arc<Jobs>> {
    let jobs = Arc::new(Jobs::start(clock.clone())?);
    store.subscribe(jobs.clone());

    let stores = [store.clone(), auxiliary.clone()];
    let optimize = move |_: &StopSign| stores.iter().try_for_each(Store::optimize);
    jobs.add_cron("__pbDBOptimize__", every("@daily"), Listing::Shown, Arc::new(optimize));

    let (store, settings, clock) = (store.clone(), settings.clone(), clock.clone());
    let prune = move |stop: &StopSign| prune_changes(&store, &settings, &clock, stop);
    jobs.add_cron("__mbChangesPrune__", every("*/10 * * * *"), Listing::Hidden, Arc::new(prune));
    Ok(jobs)
}

pub(super) fn every(expression: &str) -> Cron {
    Cron::parse(expression).expect("a constant expression")
}

/// Removes what the settings don't want to keep of the change log, in short transactions.
fn prune_changes(store: &Store, settings: &SharedSettings, clock: &Clock, stop: &StopSign) -> Result<()> {
    let kept = settings.current().document.monobase.changes.clone();
    let before_ms = clock.now().as_millisecond().saturating_sub(kept.max_hours.saturating_mul(HOUR_MS));
    let rows_max = u64::try_from(kept.max_rows).unwrap_or(0);
    while !stop.is_raised() {
        let pruned = store.write_blocking(move |tx| Ok(changes::prune(tx, before_ms, rows_max, PRUNED_ROWS)?))?;
        if pruned == 0 {
            break;
        }
    }
    Ok(())
}
