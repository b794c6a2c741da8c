//! The background work of the activity log: rows are written, and old ones go.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::jobs::{Jobs, Listing, StopSign};
use crate::logs::{LogWriter, delete_old};
use crate::settings::SharedSettings;
use crate::store::{Conn, Event, Store, Subscriber};

use super::background::every;

const CLEANUP: &str = "__pbLogsCleanup__";

/// Starts the writer and registers the clean-up, which runs by the clock and after each save of the settings.
pub fn start(
    jobs: &Arc<Jobs>,
    store: &Store,
    auxiliary: &Store,
    settings: &Arc<SharedSettings>,
    clock: &Clock,
) -> Result<LogWriter> {
    let (logs, of_settings, clock) = (auxiliary.clone(), settings.clone(), clock.clone());
    let work = move |_: &StopSign| delete_old(&logs, &of_settings, &clock);
    jobs.add_cron(CLEANUP, every("0 */6 * * *"), Listing::Shown, Arc::new(work));
    store.subscribe(Arc::new(AfterSave(jobs.clone())));
    let of_writer = settings.clone();
    let data_bytes_max = move || usize::try_from(of_writer.current().document.logs.max_data_size).unwrap_or(0);
    LogWriter::start(auxiliary.clone(), data_bytes_max)
}

/// Runs the clean-up when the settings were saved (contract/20 §2, Effects).
struct AfterSave(Arc<Jobs>);

impl Subscriber for AfterSave {
    fn on_commit(&self, _: &dyn Conn, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::SettingsChanged))
            && let Err(error) = self.0.run(CLEANUP)
        {
            tracing::warn!(%error, "old logs are removed later");
        }
    }
}
