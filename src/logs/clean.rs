//! What the settings don't keep goes.

use crate::clock::{Clock, date_text};
use crate::error::Result;
use crate::settings::SharedSettings;
use crate::store::{Store, Tx, Value};

use super::spool;

const DAY_SECONDS: i64 = 24 * 3600;

/// Deletes every row, and what would become one: it would stay until the next clean-up.
pub(super) fn delete_all(tx: &dyn Tx) -> Result<()> {
    tx.execute("DELETE FROM _logs", &[])?;
    spool::clear(tx)
}

/// Deletes what the settings don't keep: rows older than `maxDays` or below `minLevel`; all of them when it is 0.
pub fn delete_old(store: &Store, settings: &SharedSettings, clock: &Clock) -> Result<()> {
    let settings = settings.current();
    let logs = &settings.document.logs;
    if logs.max_days == 0 {
        return store.write_blocking(delete_all);
    }
    let seconds = clock.now_seconds().saturating_sub(logs.max_days.saturating_mul(DAY_SECONDS));
    let before = jiff::Timestamp::from_second(seconds).map(date_text).unwrap_or_default();
    let level = logs.min_level;
    store.write_blocking(move |tx| {
        let params = [Value::from(before.as_str()), Value::from(level)];
        Ok(tx.execute("DELETE FROM _logs WHERE created <= ? OR level < ?", &params).map(drop)?)
    })
}
