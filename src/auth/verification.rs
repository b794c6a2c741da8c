//! Verification of an address by a mailed link (contract/11 §8.1).

use std::sync::Arc;

use crate::error::{FieldError, Result};
use crate::rows::{Draft, update_record};
use crate::schema::{Collection, FieldValue};

use super::accounts::{Accounts, auth_options};
use super::forms::Form;
use super::mail_links::{Link, pause_key, token_refused};
use super::tokens::{TokenKind, peek_claims};

impl Accounts {
    /// Mails a link to the record of this address, unless it is verified or a mail has just left. Whoever asks learns
    /// nothing.
    pub async fn request_verification(self: &Arc<Self>, collection: &Arc<Collection>, email: &str) -> Result<()> {
        let record = self.find_by_email(collection, email)?.filter(|record| !record.is_true("verified"));
        self.mail_link(record, Link::Verification).await
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
            let verified = accounts.check_link(tx, &schema, TokenKind::Verification, &token, &own_id)?;
            let record = verified.record;
            if record.text("email") != verified.claims.email() {
                let text = "The record email doesn't match with the requested token claims.";
                return Err(token_refused(FieldError::code("validation_token_email_mismatch", text)));
            }
            let key = pause_key(Link::Verification, &record);
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
}
