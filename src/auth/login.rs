//! What every login passes once the credentials were accepted (contract/11 §1, §4, §12): the superusers' addresses, the
//! collection's rule, the second factor, the alert about a new place.

use std::net::IpAddr;

use md5::{Digest, Md5};
use serde_json::Value as Json;

use crate::access::Gate;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::mail::put_mail;
use crate::query::Request;
use crate::rows::{Draft, delete_record, find_record, insert_record, update_record};
use crate::schema::{AuthOptions, FieldValue, Record};
use crate::settings::LiveSettings;
use crate::store::{Conn, Tx};

use super::mails::{Letter, compose};
use super::owned::{draft_of, is_of, is_older_than, list_of, system_collection};

const MFAS: &str = "_mfas";
const ORIGINS: &str = "_authOrigins";
/// Places that are remembered for a record; the oldest goes.
const ORIGINS_MAX: usize = 5;
/// Of a longer `User-Agent` only the beginning counts.
const USER_AGENT_BYTES_MAX: usize = 200;

/// How somebody signed in. Two different ones make a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Password,
    Otp,
    OAuth2,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
            Self::OAuth2 => "oauth2",
        }
    }
}

/// Who signs in, from where, with what.
#[derive(Clone, Debug)]
pub struct LoginCall {
    /// As the caller was before; `context` tells the method.
    pub request: Request,
    pub ip: IpAddr,
    /// [`crate::http`]'s text of the address: what the fingerprint is made of.
    pub ip_text: String,
    pub user_agent: String,
    /// What the query or else the body says.
    pub mfa_id: Json,
}

/// How a login ended. What it changed until then stays, so a refusal isn't an error of its transaction.
#[derive(Debug)]
pub enum LoginEnd {
    Done(Record),
    /// A first factor was right; the second one names this id.
    SecondFactor {
        mfa_id: String,
    },
    Refused(Error),
}

/// The steps of one login.
pub struct Login<'a> {
    pub gate: Gate<'a>,
    pub settings: &'a LiveSettings,
    pub clock: &'a Clock,
    pub call: &'a LoginCall,
}

impl Login<'_> {
    /// Steps 1 to 3 and 5. `record` has shown its credentials by `method`.
    pub fn finish(&self, tx: &dyn Tx, record: Record, method: Method) -> Result<LoginEnd> {
        if let Err(refused) = self.check_rules(tx, &record) {
            return Ok(LoginEnd::Refused(refused));
        }
        if let Some(end) = self.check_second_factor(tx, &record, method)? {
            return Ok(end);
        }
        self.remember_origin(tx, &record)?;
        Ok(LoginEnd::Done(record))
    }

    /// The superusers' addresses and `authRule`.
    pub fn check_rules(&self, conn: &dyn Conn, record: &Record) -> Result<()> {
        let is_superuser = record.collection().is_superusers();
        if is_superuser && !self.settings.lets_superusers_in_from(self.call.ip) {
            return Err(Error::forbidden());
        }
        if self.gate.request.caller.is_superuser() {
            return Ok(());
        }
        let refused =
            || Error::Forbidden("The request doesn't satisfy the collection requirements to authenticate.".into());
        let options = options_of(record)?;
        match options.auth_rule.as_deref() {
            None => Err(refused()),
            Some(rule) => {
                let collection = record.collection();
                let passes = self.gate.matches(conn, collection, rule, record.id());
                if passes.map_err(|_| refused())? { Ok(()) } else { Err(refused()) }
            }
        }
    }

    /// `None` when no second factor is asked for, or this was it.
    fn check_second_factor(&self, tx: &dyn Tx, record: &Record, method: Method) -> Result<Option<LoginEnd>> {
        let mfa = &options_of(record)?.mfa;
        if !mfa.enabled {
            return Ok(None);
        }
        let refuse = |text: &'static str| Ok(Some(LoginEnd::Refused(Error::bad_request_with(text))));
        match self.gate.matches(tx, record.collection(), &mfa.rule, record.id()) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, "an MFA rule can't be judged and refuses a login");
                return refuse("Failed to authenticate.");
            }
        }
        let mfas = system_collection(self.gate.schema, MFAS)?;
        let mfa_id = match &self.call.mfa_id {
            Json::Null => "",
            Json::String(id) => id,
            _ => return refuse("Failed to read MFA Id."),
        };
        if mfa_id.is_empty() {
            let mut draft = draft_of(mfas, record);
            draft.set("method", FieldValue::Text(method.as_str().to_owned()));
            let row = insert_record(tx, self.gate.schema, self.clock, draft)?;
            return Ok(Some(LoginEnd::SecondFactor { mfa_id: row.id().to_owned() }));
        }
        let Some(row) = find_record(tx, mfas, mfa_id)? else { return refuse("Invalid or expired MFA session.") };
        if is_older_than(&row, mfa.duration, self.clock.now()) {
            delete_record(tx, self.gate.schema, self.clock, &row)?;
            return refuse("Invalid or expired MFA session.");
        }
        if !is_of(&row, record) {
            return refuse("Invalid MFA session.");
        }
        if row.text("method") == method.as_str() {
            return refuse("A different authentication method is required.");
        }
        delete_record(tx, self.gate.schema, self.clock, &row)?;
        Ok(None)
    }

    /// Remembers the place, and writes to the record's address if it is a new one.
    fn remember_origin(&self, tx: &dyn Tx, record: &Record) -> Result<()> {
        if !options_of(record)?.auth_alert.enabled {
            return Ok(());
        }
        let (schema, clock) = (self.gate.schema, self.clock);
        let origins = system_collection(schema, ORIGINS)?;
        let known = list_of(tx, origins, record)?;
        let fingerprint = self.fingerprint();
        if let Some(row) = known.iter().find(|row| row.text("fingerprint") == fingerprint) {
            update_record(tx, schema, clock, Draft::of(row.clone()))?;
            return Ok(());
        }
        if !known.is_empty() && !record.text("email").is_empty() {
            let info = format!("{} - {} {}", clock.now_text(), self.call.ip_text, self.call.user_agent);
            let mail = compose(record, Letter::Alert { info: &info }, &self.settings.document.meta, clock)?;
            put_mail(tx, clock, &mail)?;
        }
        let surplus = (known.len() + 1).saturating_sub(ORIGINS_MAX);
        for row in &known[..surplus] {
            delete_record(tx, schema, clock, row)?;
        }
        let mut draft = draft_of(origins, record);
        draft.set("fingerprint", FieldValue::Text(fingerprint));
        insert_record(tx, schema, clock, draft)?;
        Ok(())
    }

    fn fingerprint(&self) -> String {
        let agent = &self.call.user_agent;
        let mut hash = Md5::new();
        hash.update(self.call.ip_text.as_bytes());
        if agent.len() > USER_AGENT_BYTES_MAX {
            hash.update(&agent.as_bytes()[..USER_AGENT_BYTES_MAX]);
            hash.update(b"...");
        } else {
            hash.update(agent.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The options of an auth record's collection.
pub fn options_of(record: &Record) -> Result<&AuthOptions> {
    record.collection().auth().ok_or_else(|| Error::internal("not an auth record"))
}
