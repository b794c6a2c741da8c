//! The service behind the auth routes: each way in, and each mail-driven change of an account.
//!
//! Order of work everywhere: what needs no transaction first (look-up, hash on the pool), then one write job that reads
//! again what it relies on. An unknown account costs what a known one costs: one hash, one write.

use std::path::PathBuf;
use std::sync::Arc;

use crate::access::{Gate, live_request};
use crate::clock::Clock;
use crate::crypto::{PasswordHasher, Secret};
use crate::error::{Error, Result};
use crate::mail::put_no_mail;
use crate::outbound::Outbound;
use crate::query::Planner;
use crate::rows::{NewPassword, find_record, find_record_by};
use crate::schema::fields::Kind;
use crate::schema::{AuthOptions, Collection, Record, Schema, SharedSchema};
use crate::settings::SharedSettings;
use crate::store::{Conn, ConnExt, Store};
use crate::windows::FixedWindows;

use super::identity::find_by_identity;
use super::login::{Login, LoginCall, LoginEnd, Method};
use super::oauth2::{CreateAccount, ParkedNames};
use super::superusers::random_password;

/// Records whose mails pause, and calls at one-time passwords, that are kept in memory.
const KEYS_MAX: u64 = 20_000;

/// What the service works with.
pub struct AccountsParts {
    pub store: Store,
    pub schema: Arc<SharedSchema>,
    pub settings: Arc<SharedSettings>,
    pub planner: Arc<Planner>,
    pub hasher: Arc<PasswordHasher>,
    pub clock: Clock,
    pub outbound: Arc<Outbound>,
    /// Makes the account of somebody who comes from a provider for the first time.
    pub new_accounts: Arc<dyn CreateAccount>,
    /// Where downloads lie until they are stored.
    pub temp_dir: PathBuf,
    /// How far the clock of an OpenID provider may be off.
    pub id_token_leeway_seconds: i64,
}

/// The service. One per process, behind an `Arc`: its jobs hold it.
pub struct Accounts {
    pub(super) store: Store,
    pub(super) schema: Arc<SharedSchema>,
    pub(super) settings: Arc<SharedSettings>,
    planner: Arc<Planner>,
    pub(super) hasher: Arc<PasswordHasher>,
    pub(super) clock: Clock,
    /// By kind of mail and record: no second mail within two minutes.
    pub(super) mail_pauses: FixedWindows<String>,
    /// By record and address.
    pub(super) otp_calls: FixedWindows<String>,
    /// By an id that stands for no code, and address: apart, so that made-up ids can't push out those of records.
    pub(super) unknown_otp_calls: FixedWindows<String>,
    /// Wrong passwords, by one-time password.
    pub(super) otp_failures: FixedWindows<String>,
    pub(super) outbound: Arc<Outbound>,
    pub(super) new_accounts: Arc<dyn CreateAccount>,
    pub(super) temp_dir: PathBuf,
    pub(super) id_token_leeway_seconds: i64,
    /// What came with Apple's redirects.
    pub parked_names: ParkedNames,
}

/// What `auth-with-password` was sent.
#[derive(Clone, Debug)]
pub struct PasswordLogin {
    pub identity: String,
    /// The one field that `identity` is looked for in.
    pub field: Option<String>,
    pub password: Secret<String>,
}

impl Accounts {
    pub fn new(parts: AccountsParts) -> Self {
        let AccountsParts { store, schema, settings, planner, hasher, clock, .. } = parts;
        Self {
            store,
            schema,
            settings,
            planner,
            hasher,
            clock,
            mail_pauses: FixedWindows::new(KEYS_MAX),
            otp_calls: FixedWindows::new(KEYS_MAX),
            unknown_otp_calls: FixedWindows::new(KEYS_MAX),
            otp_failures: FixedWindows::new(KEYS_MAX),
            outbound: parts.outbound,
            new_accounts: parts.new_accounts,
            temp_dir: parts.temp_dir,
            id_token_leeway_seconds: parts.id_token_leeway_seconds,
            parked_names: ParkedNames::default(),
        }
    }

    /// Signs in by identity and password (contract/11 §3).
    ///
    /// # Errors
    /// 400 `Failed to authenticate.` for an unknown account, a wrong password, an account without one: the same answer
    /// after the same work.
    pub async fn with_password(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        login: PasswordLogin,
        call: LoginCall,
    ) -> Result<LoginEnd> {
        let refused = || Error::bad_request_with("Failed to authenticate.");
        let found = self.store.read_here(|conn| {
            let options = auth_options(collection)?;
            let found = find_by_identity(conn, collection, options, &login.identity, login.field.as_deref())?;
            let hash = match &found {
                Some(record) => record.text("password").to_owned(),
                None => any_hash(conn, collection)?,
            };
            Ok((found, hash))
        });
        let (found, hash) = found?;
        let is_right = self.hasher.verify(login.password, hash.clone()).await?;
        let Some(record) = found.filter(|_| is_right) else { return Err(refused()) };
        let (accounts, id) = (self.clone(), record.id().to_owned());
        let collection_id = collection.id.clone();
        self.store
            .write(move |tx| {
                let schema = accounts.schema.current();
                let collection = find_auth_collection(&schema, &collection_id)?;
                let record = find_record(tx, &collection, &id)?.filter(|record| record.text("password") == hash);
                let Some(record) = record else { return Err(refused()) };
                accounts.login(tx, &schema, &call, |login| login.finish(tx, record.clone(), Method::Password))
            })
            .await
    }

    /// Whether the collection's rule lets a record have a new token; no second factor, no alert (contract/11 §6, §7).
    pub async fn check_rules(self: &Arc<Self>, record: Record, call: LoginCall) -> Result<()> {
        let needs_no_rule = call.request.caller.is_superuser()
            || record.collection().auth().is_some_and(|options| options.auth_rule.as_deref() == Some(""));
        if needs_no_rule && !record.collection().is_superusers() {
            return Ok(());
        }
        let accounts = self.clone();
        self.store
            .read(move |conn| {
                let schema = accounts.schema.current();
                accounts.login(conn, &schema, &call, |login| login.check_rules(conn, &record))
            })
            .await
    }

    /// Does the steps of a login, for whom the caller is by now.
    pub(super) fn login<T>(
        &self,
        conn: &dyn Conn,
        schema: &Arc<Schema>,
        call: &LoginCall,
        steps: impl FnOnce(&Login<'_>) -> Result<T>,
    ) -> Result<T> {
        let settings = self.settings.current();
        let (now, dialect) = (self.clock.now(), self.store.dialect());
        let request = live_request(conn, schema, &call.request)?;
        let gate = Gate { planner: &self.planner, schema, request: &request, now, dialect };
        steps(&Login { gate, settings: &settings, clock: &self.clock, call })
    }

    /// The record of this address.
    pub(super) fn find_by_email(&self, collection: &Arc<Collection>, email: &str) -> Result<Option<Record>> {
        self.store.read_here(|conn| find_record_by(conn, collection, "email", email))
    }

    /// What a request does for an address that nobody has, so that it takes as long as for one that somebody has.
    pub(super) async fn pretend(&self) -> Result<()> {
        let clock = self.clock.clone();
        self.store.write(move |tx| put_no_mail(tx, &clock)).await
    }

    /// A password that nobody knows, for a record of this collection.
    pub(super) async fn random_password(&self, collection: &Collection) -> Result<NewPassword> {
        let cost = password_cost(collection);
        Ok(self.hasher.run(move || random_password(cost)).await?)
    }

    /// Hashes a new password on the pool.
    pub(super) async fn hash(&self, plain: String, cost: i64) -> Result<NewPassword> {
        Ok(self.hasher.run(move || NewPassword::hash_plain(plain, cost)).await?)
    }
}

/// The options of an auth collection.
pub(super) fn auth_options(collection: &Collection) -> Result<&AuthOptions> {
    collection.auth().ok_or_else(|| Error::NotFound("Missing or invalid auth collection context.".into()))
}

/// The collection as it is now, inside a job.
pub(super) fn find_auth_collection(schema: &Schema, id: &str) -> Result<Arc<Collection>> {
    let found = schema.find_by_id(id).filter(|collection| collection.is_auth()).cloned();
    found.ok_or_else(|| Error::NotFound("Missing or invalid auth collection context.".into()))
}

/// The cost option of the collection's password field.
pub(super) fn password_cost(collection: &Collection) -> i64 {
    match collection.field("password").map(|field| &field.kind) {
        Some(Kind::Password(options)) => options.cost,
        _ => 0,
    }
}

/// A hash to check when nobody has the identity, as expensive as that of anybody; empty when there is nobody.
fn any_hash(conn: &dyn Conn, collection: &Collection) -> Result<String> {
    let dialect = conn.dialect();
    let (column, table) = (dialect.quote("password"), dialect.quote(&collection.name));
    let sql = format!("SELECT {column} FROM {table} LIMIT 1");
    Ok(conn.find_row(&sql, &[], |row| row.cell(0).as_text().to_owned())?.unwrap_or_default())
}
