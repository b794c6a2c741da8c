//! What the routes share whose mail brings a link (contract/11 §8): the mail itself, the pause after it, and what is wrong
//! with the token that comes back.

use std::sync::Arc;

use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::mail::put_mail;
use crate::rows::find_record;
use crate::schema::{Collection, Record, Schema};
use crate::store::{Conn, Tx};

use super::accounts::{Accounts, find_auth_collection};
use super::forms::INVALID;
use super::mails::{Letter, compose};
use super::tokens::{TokenKind, VerifiedToken, verify_token};

/// No second mail of a kind to a record within so long.
const MAIL_PAUSE_MS: i64 = 120_000;

/// A kind of link that is mailed to whoever asks, if their address is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Verification,
    PasswordReset,
}

impl Link {
    fn letter(self) -> Letter<'static> {
        match self {
            Self::Verification => Letter::Verification,
            Self::PasswordReset => Letter::PasswordReset,
        }
    }
}

/// What [`Accounts::mail_pauses`] counts by.
pub(super) fn pause_key(link: Link, record: &Record) -> String {
    format!("{link:?}/{}/{}", record.collection().id, record.id())
}

/// The refusal of a form whose token is wrong.
pub(super) fn token_refused(error: FieldError) -> Error {
    Error::invalid(INVALID, FieldErrors::one("token", error))
}

impl Accounts {
    /// Mails a link to `record`, unless there is none or such a mail has just left. Whoever asks learns neither from the
    /// answer nor from its time.
    pub(super) async fn mail_link(self: &Arc<Self>, record: Option<Record>, link: Link) -> Result<()> {
        let Some(record) = record else { return self.pretend().await };
        let key = pause_key(link, &record);
        if self.mail_pauses.take(&key, 1, MAIL_PAUSE_MS, self.clock.now().as_millisecond()).is_err() {
            return self.pretend().await;
        }
        let accounts = self.clone();
        let sent = self.store.write(move |tx| accounts.put_letter(tx, &record, link.letter()));
        sent.await.inspect_err(|_| self.mail_pauses.forget(&key))
    }

    /// Puts a letter to the record as it is now into the outbox; one to a record that is gone isn't written.
    pub(super) fn put_letter(&self, tx: &dyn Tx, record: &Record, letter: Letter<'_>) -> Result<()> {
        let collection = find_auth_collection(&self.schema.current(), &record.collection().id)?;
        let Some(record) = find_record(tx, &collection, record.id())? else { return Ok(()) };
        let meta = &self.settings.current().document.meta;
        put_mail(tx, &self.clock, &compose(&record, letter, meta, &self.clock)?)
    }

    /// The token of a link, once more inside the job that acts on it: of two who use a link at once, one may have made it
    /// invalid for the other.
    ///
    /// # Errors
    /// `Invalid` on `token`.
    pub(super) fn check_link(
        &self,
        tx: &dyn Tx,
        schema: &Schema,
        kind: TokenKind,
        token: &str,
        collection_id: &str,
    ) -> Result<VerifiedToken> {
        self.judge_link(tx, schema, kind, token, collection_id)?.map_err(token_refused)
    }

    /// What is wrong with a token of this kind for this collection, if anything.
    pub(super) fn token_error(
        &self,
        collection: &Collection,
        kind: TokenKind,
        token: &str,
    ) -> Result<Option<FieldError>> {
        let schema = self.schema.current();
        let judged = self.store.read_here(|conn| self.judge_link(conn, &schema, kind, token, &collection.id))?;
        Ok(judged.err())
    }

    fn judge_link(
        &self,
        conn: &dyn Conn,
        schema: &Schema,
        kind: TokenKind,
        token: &str,
        collection_id: &str,
    ) -> Result<Result<VerifiedToken, FieldError>> {
        let Some(verified) = verify_token(conn, schema, kind, token, self.clock.now())? else {
            return Ok(Err(FieldError::code("validation_invalid_token", "Invalid or expired token.")));
        };
        if &*verified.record.collection().id != collection_id {
            let text = "The provided token is for different auth collection.";
            return Ok(Err(FieldError::code("validation_token_collection_mismatch", text)));
        }
        Ok(Ok(verified))
    }
}
