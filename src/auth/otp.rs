//! One-time passwords (contract/11 §5).

use std::sync::Arc;

use crate::clock::Clock;
use crate::crypto::Secret;
use crate::error::{Error, Result};
use crate::ids;
use crate::mail::{put_mail, put_no_mail};
use crate::rows::{Draft, NewPassword, delete_record, find_record, find_record_by, insert_record, update_record};
use crate::schema::{Collection, FieldValue, Record, Schema};
use crate::store::{StoreError, Tx};
use crate::windows::FixedWindows;

use super::accounts::{Accounts, auth_options, find_auth_collection, password_cost};
use super::login::{LoginCall, LoginEnd, Method};
use super::mails::{Letter, compose};
use super::owned::{draft_of, is_older_than, list_of, system_collection};

const OTPS: &str = "_otps";
const DIGITS: &[u8; 10] = b"0123456789";
/// Digits of a code whose collection names none or a senseless number.
const LENGTH_DEFAULT: usize = 8;
/// As long as a password may be.
const LENGTH_MAX: i64 = 71;
/// Codes of a record that are good at a time; then the newest one's id is answered.
const LIVE_MAX: usize = 10;
/// Calls of one record from one address that come as far as the password, right or wrong, in one window.
const CALLS_MAX: i64 = 5;
const CALLS_WINDOW_MS: i64 = 180_000;
/// Wrong passwords from anywhere that end a code.
const FAILURES_MAX: i64 = 10;
/// Longer than any code lives.
const FAILURES_WINDOW_MS: i64 = 24 * 3_600_000;

/// A one-time password that was stored.
#[derive(Clone, Debug)]
pub struct IssuedOtp {
    /// The row's id: what the client sends back beside the code.
    pub id: String,
    /// How long it is taken, seconds.
    pub seconds: i64,
}

/// A fresh code of the collection's length, hashed (some 13 ms).
pub fn new_code(schema: &Schema, length: i64) -> Result<NewPassword> {
    let length = if (1..=LENGTH_MAX).contains(&length) { length as usize } else { LENGTH_DEFAULT };
    let cost = password_cost(system_collection(schema, OTPS)?);
    Ok(NewPassword::hash_plain(ids::pick(DIGITS, length), cost))
}

/// Stores a code for `record`.
pub fn create_otp(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    record: &Record,
    code: &NewPassword,
) -> Result<IssuedOtp> {
    let seconds = record.collection().auth().map_or(0, |options| options.otp.duration);
    let mut draft = draft_of(system_collection(schema, OTPS)?, record);
    draft.set_password("password", code.clone());
    let stored = insert_record(tx, schema, clock, draft)?;
    Ok(IssuedOtp { id: stored.id().to_owned(), seconds })
}

/// Takes a code back.
fn delete_otp(tx: &dyn Tx, schema: &Schema, clock: &Clock, id: &str) -> Result<()> {
    match find_record(tx, system_collection(schema, OTPS)?, id)? {
        Some(row) => delete_record(tx, schema, clock, &row),
        None => Ok(()),
    }
}

/// What the sender of mails asks and tells. On a thread that may wait.
impl Accounts {
    /// Whether a code can still be used.
    pub fn is_otp_live(&self, id: &str) -> Result<bool> {
        let (schema, now) = (self.schema.current(), self.clock.now());
        self.store.read_here(|conn| {
            let Some(row) = find_record(conn, system_collection(&schema, OTPS)?, id)? else { return Ok(false) };
            let owners = schema.find_by_id(row.text("collectionRef")).and_then(|collection| collection.auth());
            Ok(owners.is_some_and(|options| !is_older_than(&row, options.otp.duration, now)))
        })
    }

    /// Notes that a code has left for `address`: whoever sends it back has that address.
    pub fn mark_otp_sent(self: &Arc<Self>, id: &str, address: &str) -> Result<()> {
        let (accounts, id, address) = (self.clone(), id.to_owned(), address.to_owned());
        self.store.write_blocking(move |tx| {
            let schema = accounts.schema.current();
            let Some(row) = find_record(tx, system_collection(&schema, OTPS)?, &id)? else { return Ok(()) };
            let mut draft = Draft::of(row);
            draft.set("sentTo", FieldValue::Text(address.clone()));
            update_record(tx, &schema, &accounts.clock, draft)?;
            Ok(())
        })
    }

    /// Takes back a code whose mail can't be sent.
    pub fn take_otp_back(self: &Arc<Self>, id: &str) -> Result<()> {
        let (accounts, id) = (self.clone(), id.to_owned());
        self.store.write_blocking(move |tx| delete_otp(tx, &accounts.schema.current(), &accounts.clock, &id))
    }
}

impl Accounts {
    /// Mails a code to the record of this address; gives the id to send back beside it. For an address that nobody has:
    /// an id that stands for nothing, after the same work.
    pub async fn request_otp(self: &Arc<Self>, collection: &Arc<Collection>, email: String) -> Result<String> {
        let (schema, length) = (self.schema.current(), auth_options(collection)?.otp.length);
        let code = self.hasher.run(move || new_code(&schema, length)).await??;
        let (accounts, collection_id) = (self.clone(), collection.id.clone());
        self.store
            .write(move |tx| {
                let schema = accounts.schema.current();
                let collection = find_auth_collection(&schema, &collection_id)?;
                match find_record_by(tx, &collection, "email", email.as_str())? {
                    Some(record) => accounts.mail_code(tx, &schema, &record, &code),
                    None => {
                        put_no_mail(tx, &accounts.clock)?;
                        Ok(ids::record_id())
                    }
                }
            })
            .await
    }

    fn mail_code(&self, tx: &dyn Tx, schema: &Schema, record: &Record, code: &NewPassword) -> Result<String> {
        let now = self.clock.now();
        let seconds = auth_options(record.collection())?.otp.duration;
        let rows = list_of(tx, system_collection(schema, OTPS)?, record)?;
        let live: Vec<&Record> = rows.iter().filter(|row| !is_older_than(row, seconds, now)).collect();
        if live.len() >= LIVE_MAX
            && let Some(newest) = live.last()
        {
            put_no_mail(tx, &self.clock)?; // as for an address that nobody has
            return Ok(newest.id().to_owned());
        }
        let issued = create_otp(tx, schema, &self.clock, record, code)?;
        let letter = Letter::Otp { id: &issued.id, code: code.plain() };
        let mail = compose(record, letter, &self.settings.current().document.meta, &self.clock)?;
        put_mail(tx, &self.clock, &mail)?;
        Ok(issued.id)
    }

    /// Signs in by a code.
    ///
    /// # Errors
    /// 400 `Invalid or expired OTP.`; `TooMany` after too many calls of one record from one address.
    pub async fn with_otp(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        otp_id: &str,
        password: Secret<String>,
        call: LoginCall,
    ) -> Result<LoginEnd> {
        let schema = self.schema.current();
        let now = self.clock.now();
        let seconds = auth_options(collection)?.otp.duration;
        let found = self.store.read_here(|conn| {
            let Some(row) = find_record(conn, system_collection(&schema, OTPS)?, otp_id)? else { return Ok(None) };
            let is_good = row.text("collectionRef") == &*collection.id && !is_older_than(&row, seconds, now);
            let owner = if is_good { find_record(conn, collection, row.text("recordRef"))? } else { None };
            Ok(owner.map(|owner| (row, owner)))
        })?;
        let Some((row, owner)) = found else {
            // An id that was made up for an unknown address fails like any other, after the same work.
            self.count_call(&self.unknown_otp_calls, &[&collection.id, otp_id], &call)?;
            let cost = password_cost(system_collection(&schema, OTPS)?);
            self.hash(ids::pick(DIGITS, LENGTH_DEFAULT), cost).await?;
            return Err(invalid_otp());
        };
        self.count_call(&self.otp_calls, &[&collection.id, owner.id()], &call)?;
        let hash = row.text("password").to_owned();
        if !self.hasher.verify(password, hash.clone()).await? {
            self.count_failure(row.id()).await?;
            return Err(invalid_otp());
        }
        let replacement = self.password_after_otp(&row, &owner).await?;
        let (accounts, otp_id, owner_id) = (self.clone(), row.id().to_owned(), owner.id().to_owned());
        let collection_id = collection.id.clone();
        let end = self.store.write(move |tx| {
            let schema = accounts.schema.current();
            let collection = find_auth_collection(&schema, &collection_id)?;
            let row = find_record(tx, system_collection(&schema, OTPS)?, &otp_id)?;
            let owner = find_record(tx, &collection, &owner_id)?;
            let (Some(row), Some(owner)) = (row, owner) else { return Err(invalid_otp()) };
            if row.text("password") != hash {
                return Err(invalid_otp());
            }
            delete_record(tx, &schema, &accounts.clock, &row)?;
            let owner = accounts.verify_by_otp(tx, &schema, owner, row.text("sentTo"), replacement.clone())?;
            accounts.login(tx, &schema, &call, |login| login.finish(tx, owner.clone(), Method::Otp))
        });
        end.await
    }

    /// At most so many calls a record and address, whoever calls (contract/11 §5).
    fn count_call(&self, calls: &FixedWindows<String>, of: &[&str], call: &LoginCall) -> Result<()> {
        let key = format!("{}/{}", of.join("/"), call.ip);
        let now_ms = self.clock.now().as_millisecond();
        calls.take(&key, CALLS_MAX, CALLS_WINDOW_MS, now_ms).map_err(|used_up| Error::TooMany {
            message: "Too many attempts, please try again later with a new OTP.".into(),
            retry_after_seconds: u64::try_from(used_up.left_ms).unwrap_or(0).div_ceil(1000),
            cause: "one-time password".into(),
        })
    }

    /// A code ends after so many wrong passwords, from wherever they come.
    async fn count_failure(self: &Arc<Self>, otp_id: &str) -> Result<()> {
        let key = otp_id.to_owned();
        let now_ms = self.clock.now().as_millisecond();
        if self.otp_failures.take(&key, FAILURES_MAX - 1, FAILURES_WINDOW_MS, now_ms).is_ok() {
            return Ok(());
        }
        let accounts = self.clone();
        self.store.write(move |tx| delete_otp(tx, &accounts.schema.current(), &accounts.clock, &key)).await
    }

    /// The random password of an account that a mailed code verifies where no second factor protects it: whoever
    /// registered the address before its owner loses access.
    async fn password_after_otp(&self, row: &Record, owner: &Record) -> Result<Option<NewPassword>> {
        let has_mfa = auth_options(owner.collection())?.mfa.enabled;
        if has_mfa || !verifies(row.text("sentTo"), owner) {
            return Ok(None);
        }
        self.random_password(owner.collection()).await.map(Some)
    }

    /// A code that came by mail proves the address.
    fn verify_by_otp(
        &self,
        tx: &dyn Tx,
        schema: &Schema,
        owner: Record,
        sent_to: &str,
        replacement: Option<NewPassword>,
    ) -> Result<Record> {
        if !verifies(sent_to, &owner) {
            return Ok(owner);
        }
        let mut saved = None;
        // Undone as a whole when it fails: the login goes on without it.
        let step = tx.nested(&mut || {
            let mut draft = Draft::of(owner.clone());
            draft.set("verified", FieldValue::Bool(true));
            if let Some(password) = &replacement {
                draft.set_password("password", password.clone());
            }
            let result = update_record(tx, schema, &self.clock, draft);
            let is_done = result.is_ok();
            saved = Some(result);
            if is_done { Ok(()) } else { Err(StoreError::Constraint("undo".to_owned())) }
        });
        match (step, saved) {
            (Ok(()), Some(Ok(record))) => Ok(record),
            (_, Some(Err(error))) => {
                tracing::warn!(%error, "an account couldn't be marked as verified by its one-time password");
                Ok(owner)
            }
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Ok(owner),
        }
    }
}

fn verifies(sent_to: &str, owner: &Record) -> bool {
    !owner.is_true("verified") && !sent_to.is_empty() && sent_to == owner.text("email")
}

fn invalid_otp() -> Error {
    Error::bad_request_with("Invalid or expired OTP.")
}
