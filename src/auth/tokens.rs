//! Tokens of records: issued, read, verified (contract/10).
//!
//! A token stands as long as its signature can be made again from the record's `tokenKey` and its collection's secret of
//! that kind; nothing is stored. So every check loads the record, and a changed key ends all tokens at once.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::crypto::jwt::{self, TokenError, TokenSecret};
use crate::error::{Error, Result};
use crate::rows::find_record;
use crate::schema::auth_options::TokenOptions;
use crate::schema::{AuthOptions, Collection, Record, Schema, to_bool};
use crate::store::Conn;

/// The kinds of token (contract/10 §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Auth,
    File,
    Verification,
    PasswordReset,
    EmailChange,
}

impl TokenKind {
    /// The claim `type`.
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::File => "file",
            Self::Verification => "verification",
            Self::PasswordReset => "passwordReset",
            Self::EmailChange => "emailChange",
        }
    }

    fn options(self, options: &AuthOptions) -> &TokenOptions {
        match self {
            Self::Auth => &options.auth_token,
            Self::File => &options.file_token,
            Self::Verification => &options.verification_token,
            Self::PasswordReset => &options.password_reset_token,
            Self::EmailChange => &options.email_change_token,
        }
    }
}

/// What a token is issued for.
#[derive(Clone, Copy, Debug)]
pub enum Issue<'a> {
    /// A login; may be exchanged for a later one.
    Auth,
    /// A token that can't be refreshed, for so many seconds (0: as a login).
    StaticAuth {
        seconds: i64,
    },
    File,
    Verification,
    PasswordReset,
    EmailChange {
        new_email: &'a str,
    },
}

/// Signs a token of `record`, which belongs to an auth collection.
///
/// # Errors
/// `Internal` for a record of another collection, or one whose key would be empty.
pub fn issue_token(record: &Record, issue: Issue<'_>, clock: &Clock) -> Result<String> {
    let options = record.collection().auth().ok_or_else(|| Error::internal("only auth records have tokens"))?;
    let email = record.text("email");
    let (kind, own_seconds, mut claims) = match issue {
        Issue::Auth => (TokenKind::Auth, 0, json!({ "refreshable": true })),
        Issue::StaticAuth { seconds } => (TokenKind::Auth, seconds, json!({ "refreshable": false })),
        Issue::File => (TokenKind::File, 0, json!({})),
        Issue::Verification => (TokenKind::Verification, 0, json!({ "email": email })),
        Issue::PasswordReset => (TokenKind::PasswordReset, 0, json!({ "email": email })),
        Issue::EmailChange { new_email } => {
            (TokenKind::EmailChange, 0, json!({ "email": email, "newEmail": new_email }))
        }
    };
    let seconds = if own_seconds > 0 { own_seconds } else { kind.options(options).duration };
    claims["collectionId"] = (*record.collection().id).into();
    claims["exp"] = clock.now_seconds().saturating_add(seconds).into();
    claims["id"] = record.id().into();
    claims["type"] = kind.name().into();
    let secret = secret_of(record, kind).map_err(Error::internal)?;
    Ok(jwt::sign(&claims, &secret))
}

/// The key of a record's tokens of this kind.
pub(super) fn secret_of(record: &Record, kind: TokenKind) -> Result<TokenSecret, TokenError> {
    let options = record.collection().auth().ok_or(TokenError::EmptyKey)?;
    TokenSecret::new(record.text("tokenKey"), &kind.options(options).secret)
}

/// What a token says. Absent claims are empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    pub id: String,
    pub collection_id: String,
    #[serde(rename = "type")]
    kind: String,
    refreshable: Json,
    /// Unix seconds; may have a fraction.
    exp: f64,
    /// Only the kinds that mails carry have these two.
    email: Json,
    new_email: Json,
}

impl Claims {
    /// When the token expires, unix seconds.
    pub fn expires_at(&self) -> i64 {
        self.exp as i64
    }

    /// Whether an auth token may be exchanged: `true`, `1` and `"true"` count (contract/10 §5).
    pub fn is_refreshable(&self) -> bool {
        to_bool(&self.refreshable)
    }

    /// The address that a verification or reset was asked for, or the one that an e-mail change began with.
    pub fn email(&self) -> &str {
        self.email.as_str().unwrap_or("")
    }

    /// The address that an e-mail change goes to.
    pub fn new_email(&self) -> &str {
        self.new_email.as_str().unwrap_or("")
    }
}

/// A token with its claims, times and kind checked; its signature isn't yet.
pub(super) struct ReadToken<'t> {
    pub claims: Claims,
    unverified: jwt::Unverified<'t>,
}

impl fmt::Debug for ReadToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl ReadToken<'_> {
    pub fn is_signed_with(&self, secret: &TokenSecret) -> bool {
        self.unverified.is_signed_with(secret)
    }
}

/// Steps 1 to 3 of contract/10 §4: the algorithm, the times, the claims that every token has, the kind.
pub(super) fn read_token(token: &str, kind: TokenKind, now: Timestamp) -> Result<ReadToken<'_>, TokenError> {
    let unverified = jwt::parse(token)?;
    unverified.check_times(now)?;
    let claims: Claims = unverified.claims()?;
    if claims.id.is_empty() || claims.collection_id.is_empty() || claims.kind != kind.name() {
        return Err(TokenError::Malformed);
    }
    Ok(ReadToken { claims, unverified })
}

/// The claims of a token that nobody has checked: to tell apart what is wrong with it (contract/11 §8). `None` when it
/// isn't a token at all.
pub fn peek_claims(token: &str) -> Option<Claims> {
    jwt::parse(token).ok()?.claims().ok()
}

/// A token that stands, and the record it is of.
#[derive(Debug)]
pub struct VerifiedToken {
    pub record: Record,
    pub claims: Claims,
}

/// Verifies a token of this kind; `None` when it doesn't stand, for whatever reason. Reads the record through `conn`:
/// inside a write job the answer holds for what the job does.
pub fn verify_token(
    conn: &dyn Conn,
    schema: &Schema,
    kind: TokenKind,
    token: &str,
    now: Timestamp,
) -> Result<Option<VerifiedToken>> {
    let Ok(read) = read_token(token, kind, now) else { return Ok(None) };
    let Some(collection) = schema.find_by_id(&read.claims.collection_id).filter(|found| found.is_auth()) else {
        return Ok(None);
    };
    let Some(record) = find_record(conn, collection, &read.claims.id)? else { return Ok(None) };
    let is_signed = secret_of(&record, kind).is_ok_and(|secret| read.is_signed_with(&secret));
    Ok(is_signed.then_some(VerifiedToken { record, claims: read.claims }))
}

/// Whether a caller's record is one of this collection's.
pub fn is_of(record: &Record, collection: &Collection) -> bool {
    record.collection().id == collection.id
}
