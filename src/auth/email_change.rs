//! Another address by a mailed link (contract/11 §8.3).

use std::sync::Arc;

use crate::crypto::Secret;
use crate::error::{FieldError, Result};
use crate::rows::{Draft, find_record_by, update_record};
use crate::schema::{Collection, FieldValue, Record};
use crate::store::{Conn, Tx};

use super::accounts::Accounts;
use super::forms::Form;
use super::mail_links::token_refused;
use super::mails::Letter;
use super::tokens::{TokenKind, peek_claims, verify_token};

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
        let (accounts, record) = (self.clone(), record.clone());
        let job = move |tx: &dyn Tx| accounts.put_letter(tx, &record, Letter::EmailChange { new_email: &new_email });
        self.store.write(job).await
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
        let is_right = self.hasher.verify(Secret::new(password), hash).await?;
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
                let verified = accounts.check_link(tx, &schema, TokenKind::EmailChange, &token, &own_id)?;
                let record = verified.record;
                // The password that was compared is still the one: another would have ended the token.
                if is_taken(tx, record.collection(), &new_email)? {
                    return Err(token_refused(invalid_new_email()));
                }
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
