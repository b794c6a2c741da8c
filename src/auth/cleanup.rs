//! Codes and sessions that nobody can use any more go, every hour (contract/11 §4, §5).

use std::sync::Arc;

use crate::error::Result;
use crate::rows::{delete_record, find_record, read_record, select_list};
use crate::schema::AuthOptions;
use crate::store::{ConnExt, Value};

use super::accounts::Accounts;
use super::owned::{is_older_than, system_collection};

/// Rows that one transaction removes: some milliseconds.
const BATCH_ROWS: i64 = 200;

impl Accounts {
    /// Removes codes older than their collection's duration.
    pub fn delete_expired_otps(self: &Arc<Self>, is_stopped: &dyn Fn() -> bool) -> Result<()> {
        self.delete_expired("_otps", |options| options.otp.duration, is_stopped)
    }

    /// Removes first factors older than their collection's duration, also where MFA is off by now.
    pub fn delete_expired_mfas(self: &Arc<Self>, is_stopped: &dyn Fn() -> bool) -> Result<()> {
        self.delete_expired("_mfas", |options| options.mfa.duration, is_stopped)
    }

    /// Walks the table by id in steps, so that no transaction is long.
    fn delete_expired(
        self: &Arc<Self>,
        name: &'static str,
        seconds: fn(&AuthOptions) -> i64,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<()> {
        let mut after = String::new();
        while !is_stopped() {
            let schema = self.schema.current();
            let collection = system_collection(&schema, name)?;
            let rows = self.store.read_here(|conn| {
                let dialect = conn.dialect();
                let (id, table) = (dialect.quote("id"), dialect.quote(&collection.name));
                let sql = format!(
                    "SELECT {} FROM {table} WHERE {id} > {} ORDER BY {id} LIMIT {}",
                    select_list(dialect, collection),
                    dialect.parameter(1),
                    dialect.parameter(2),
                );
                let params = [Value::from(after.as_str()), Value::from(BATCH_ROWS)];
                Ok(conn.list_rows(&sql, &params, |row| read_record(collection, row))?)
            })?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id().to_owned();
            let now = self.clock.now();
            let is_expired = |row: &&crate::schema::Record| {
                let owners = schema.find_by_id(row.text("collectionRef")).and_then(|owners| owners.auth());
                owners.is_none_or(|options| is_older_than(row, seconds(options), now))
            };
            let expired: Vec<String> = rows.iter().filter(is_expired).map(|row| row.id().to_owned()).collect();
            if expired.is_empty() {
                continue;
            }
            let accounts = self.clone();
            self.store.write_blocking(move |tx| {
                let schema = accounts.schema.current();
                let collection = system_collection(&schema, name)?;
                for id in &expired {
                    if let Some(row) = find_record(tx, collection, id)? {
                        delete_record(tx, &schema, &accounts.clock, &row)?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
