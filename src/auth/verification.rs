//! Verification of an address by a mailed link (contract/11 §8.1).

use std::sync::Arc;

use crate::error::{FieldError, Result};
use crate::mail::put_mail;
use crate::rows::{Draft, find_record, update_record};
use crate::schema::{Collection, FieldValue};

use super::accounts::{Accounts, auth_options, find_auth_collection};
use super::forms::Form;
use super::mails::{Letter, compose};
use super::tokens::{TokenKind, peek_claims, verify_token};

/// No second mail of a kind to a record within so long.
pub(super) const MAIL_PAUSE_MS: i64 = 120_000;

impl Accounts {
    /// Mails a link to the record of this address, unless it is verified or a mail has just left. Whoever asks learns
    /// nothing.
    pub async fn request_verification(self: &Arc<Self>, collection: &Arc<Collection>, email: &str) -> Result<()> {
        let record = self.find_by_email(collection, email)?.filter(|record| !record.is_true("verified"));
        let Some(record) = record else { return self.pretend().await };
        let key = pause_key("verification", &collection.id, record.id());
        if !self.begin_pause(&key) {
            return self.pretend().await;
        }
        let (accounts, id, collection_id) = (self.clone(), record.id().to_owned(), collection.id.clone());
        let sent = self.store.write(move |tx| {
            let schema = accounts.schema.current();
            let collection = find_auth_collection(&schema, &collection_id)?;
            let Some(record) = find_record(tx, &collection, &id)? else { return Ok(()) };
            let meta = &accounts.settings.current().document.meta;
            put_mail(tx, &accounts.clock, &compose(&record, Letter::Verification, meta, &accounts.clock)?)
        });
        sent.await.inspect_err(|_| self.mail_pauses.forget(&key))
    }

    /// Marks the record that the token is of as verified. The link works again afterwards, and then changes nothing.
    pub async fn confirm_verification(self: &Arc<Self>, collection: &Arc<Collection>, token: String) -> Result<()> {
        let mut form = Form::new();
        form.check("token", token.is_empty().then(FieldError::required));
        let claims = peek_claims(&token).filter(|claims| !claims.email().is_empty());
        form.check(
            "token",
            claims.is_none().then(|| FieldError::code("validation_invalid_token_claims", "Missing email token claim.")),
        );
        form.finish()?;
        // Without passwords nobody needs the one that the account may have.
        let replacement = match auth_options(collection)?.password_auth.enabled {
            true => None,
            false => Some(self.random_password(collection).await?),
        };
        let (accounts, own_id) = (self.clone(), collection.id.clone());
        let key = self.store.write(move |tx| {
            let (schema, clock) = (accounts.schema.current(), &accounts.clock);
            let verified = verify_token(tx, &schema, TokenKind::Verification, &token, clock.now())?;
            let mut form = Form::new();
            form.check("token", verified.is_none().then(invalid_token));
            let Some(verified) = verified else { return form.finish().map(|()| String::new()) };
            let record = verified.record;
            form.check("token", (record.collection().id != own_id).then(other_collection));
            form.check(
                "token",
                (record.text("email") != verified.claims.email()).then(|| {
                    FieldError::code(
                        "validation_token_email_mismatch",
                        "The record email doesn't match with the requested token claims.",
                    )
                }),
            );
            form.finish()?;
            let key = pause_key("verification", &own_id, record.id());
            if record.is_true("verified") {
                return Ok(key);
            }
            let mut draft = Draft::of(record);
            draft.set("verified", FieldValue::Bool(true));
            if let Some(password) = &replacement {
                draft.set_password("password", password.clone());
            }
            update_record(tx, &schema, clock, draft)
                .map_err(|error| error.titled("An error occurred while saving the verified state."))?;
            Ok(key)
        });
        self.mail_pauses.forget(&key.await?);
        Ok(())
    }

    /// `false` while a pause lasts; else one begins.
    pub(super) fn begin_pause(&self, key: &String) -> bool {
        self.mail_pauses.take(key, 1, MAIL_PAUSE_MS, self.clock.now().as_millisecond()).is_ok()
    }
}

pub(super) fn pause_key(kind: &str, collection_id: &str, record_id: &str) -> String {
    format!("{kind}/{collection_id}/{record_id}")
}

pub(super) fn invalid_token() -> FieldError {
    FieldError::code("validation_invalid_token", "Invalid or expired token.")
}

pub(super) fn other_collection() -> FieldError {
    FieldError::code("validation_token_collection_mismatch", "The provided token is for different auth collection.")
}
