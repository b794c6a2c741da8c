//! Another address by a mailed link (contract/11 §8.3).

use std::sync::Arc;

use crate::crypto::Secret;
use crate::error::{FieldError, Result};
use crate::mail::put_mail;
use crate::rows::{Draft, find_record, find_record_by, update_record};
use crate::schema::{Collection, FieldValue, Record};
use crate::store::Conn;

use super::accounts::{Accounts, find_auth_collection};
use super::forms::Form;
use super::mails::{Letter, compose};
use super::tokens::{TokenKind, peek_claims, verify_token};
use super::verification::{invalid_token, other_collection};

/// Longest password that is compared, bytes.
const PASSWORD_BYTES_MAX: usize = 100;

impl Accounts {
    /// Mails a link to the new address of `record`, the caller's.
    pub async fn request_email_change(self: &Arc<Self>, record: &Record, new_email: String) -> Result<()> {
        let mut form = Form::new();
        form.email("newEmail", &new_email);
        form.check(
            "newEmail",
            (new_email == record.text("email"))
                .then(|| FieldError::code("validation_not_in_invalid", "Must not be in list.")),
        );
        if form.is_fine("newEmail") {
            let is_taken = self.store.read_here(|conn| is_taken(conn, record.collection(), &new_email))?;
            form.check(
                "newEmail",
                is_taken.then(|| FieldError::code("validation_invalid_new_email", "Invalid new email address.")),
            );
        }
        form.finish()?;
        let (accounts, id, collection_id) = (self.clone(), record.id().to_owned(), record.collection().id.clone());
        self.store
            .write(move |tx| {
                let schema = accounts.schema.current();
                let collection = find_auth_collection(&schema, &collection_id)?;
                let Some(record) = find_record(tx, &collection, &id)? else { return Ok(()) };
                let letter = Letter::EmailChange { new_email: &new_email };
                let meta = &accounts.settings.current().document.meta;
                put_mail(tx, &accounts.clock, &compose(&record, letter, meta, &accounts.clock)?)
            })
            .await
    }

    /// Sets the address that the token names, which ends all tokens of the record.
    pub async fn confirm_email_change(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        token: String,
        password: String,
    ) -> Result<()> {
        let mut form = Form::new();
        form.check("token", token.is_empty().then(FieldError::required));
        let claims = peek_claims(&token).filter(|claims| !claims.email().is_empty() && !claims.new_email().is_empty());
        form.check(
            "token",
            claims.is_none().then(|| {
                FieldError::code("validation_invalid_token_payload", "Invalid token payload - newEmail must be set.")
            }),
        );
        form.check("token", self.token_error(collection, TokenKind::EmailChange, &token)?);
        let new_email = claims.map(|claims| claims.new_email().to_owned()).unwrap_or_default();
        if form.is_fine("token") {
            let is_taken = self.store.read_here(|conn| is_taken(conn, collection, &new_email))?;
            form.check("token", is_taken.then(invalid_new_email));
        }
        form.required("password", &password, PASSWORD_BYTES_MAX);
        let hash = if form.is_fine("token") { self.hash_behind(&token)? } else { String::new() };
        // Compared whatever the token is worth: the time must not tell.
        let is_right = self.hasher.verify(Secret::new(password), hash.clone()).await?;
        form.check(
            "password",
            (!is_right)
                .then(|| FieldError::code("validation_invalid_password", "Missing or invalid auth record password.")),
        );
        form.finish()?;
        let (accounts, own_id) = (self.clone(), collection.id.clone());
        self.store
            .write(move |tx| {
                let (schema, clock) = (accounts.schema.current(), &accounts.clock);
                let verified = verify_token(tx, &schema, TokenKind::EmailChange, &token, clock.now())?
                    .filter(|verified| verified.record.text("password") == hash);
                let mut form = Form::new();
                form.check("token", verified.is_none().then(invalid_token));
                let Some(verified) = verified else { return form.finish() };
                let record = verified.record;
                form.check("token", (record.collection().id != own_id).then(other_collection));
                form.check("token", is_taken(tx, record.collection(), &new_email)?.then(invalid_new_email));
                form.finish()?;
                let mut draft = Draft::of(record);
                draft.set("email", FieldValue::Text(new_email.clone()));
                draft.set("verified", FieldValue::Bool(true));
                update_record(tx, &schema, clock, draft)
                    .map_err(|error| error.titled("Failed to confirm email change."))?;
                Ok(())
            })
            .await
    }

    /// The password hash of the record that a token is of.
    fn hash_behind(&self, token: &str) -> Result<String> {
        let (schema, now) = (self.schema.current(), self.clock.now());
        let verified = self.store.read_here(|conn| verify_token(conn, &schema, TokenKind::EmailChange, token, now))?;
        Ok(verified.map(|verified| verified.record.text("password").to_owned()).unwrap_or_default())
    }
}

fn is_taken(conn: &dyn Conn, collection: &Arc<Collection>, email: &str) -> Result<bool> {
    Ok(find_record_by(conn, collection, "email", email)?.is_some())
}

fn invalid_new_email() -> FieldError {
    FieldError::code("validation_invalid_token_email", "The new email address is invalid.")
}
