//! A new password by a mailed link (contract/11 §8.2).

use std::sync::Arc;

use crate::error::{Error, FieldError, Result};
use crate::rows::{Draft, update_record};
use crate::schema::fields::Kind;
use crate::schema::{Collection, FieldValue};

use super::accounts::{Accounts, auth_options, password_cost};
use super::forms::{Form, TEXT_BYTES_MAX};
use super::mail_links::{Link, pause_key};
use super::superusers::INSTALLER_EMAIL;
use super::tokens::TokenKind;

/// What `confirm-password-reset` was sent.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    pub token: String,
    pub password: String,
    pub password_confirm: String,
}

impl Accounts {
    /// Mails a link to the record of this address, unless one has just left. Whoever asks learns nothing.
    pub async fn request_password_reset(self: &Arc<Self>, collection: &Arc<Collection>, email: &str) -> Result<()> {
        let record = self.find_by_email(collection, email)?.filter(|record| record.text("email") != INSTALLER_EMAIL);
        self.mail_link(record, Link::PasswordReset).await
    }

    /// Sets the new password, which ends the token and all sessions; a token that came by mail to the record's address
    /// verifies it.
    pub async fn confirm_password_reset(
        self: &Arc<Self>,
        collection: &Arc<Collection>,
        reset: PasswordReset,
    ) -> Result<()> {
        let mut form = Form::new();
        form.check("token", reset.token.is_empty().then(FieldError::required));
        form.check("token", self.token_error(collection, TokenKind::PasswordReset, &reset.token)?);
        form.check("password", check_password(collection, &reset.password));
        form.required("passwordConfirm", &reset.password_confirm, usize::MAX);
        form.check("passwordConfirm", (reset.password != reset.password_confirm).then(FieldError::mismatch));
        form.finish()?;
        let password = self.hash(reset.password, password_cost(collection)).await?;
        let (accounts, own_id, token) = (self.clone(), collection.id.clone(), reset.token);
        let key = self.store.write(move |tx| {
            let (schema, clock) = (accounts.schema.current(), &accounts.clock);
            let verified = accounts.check_link(tx, &schema, TokenKind::PasswordReset, &token, &own_id)?;
            let key = pause_key(Link::PasswordReset, &verified.record);
            let proves_address = verified.record.text("email") == verified.claims.email();
            let mut draft = Draft::of(verified.record);
            draft.set_password("password", password.clone());
            if proves_address {
                draft.set("verified", FieldValue::Bool(true));
            }
            update_record(tx, &schema, clock, draft).map_err(|error| error.titled("Failed to set new password."))?;
            Ok(key)
        });
        self.mail_pauses.forget(&key.await?);
        Ok(())
    }
}

/// The refusal of a route that needs passwords, where they are off.
pub fn check_password_auth(collection: &Collection) -> Result<()> {
    match auth_options(collection)?.password_auth.enabled {
        true => Ok(()),
        false => Err(Error::Forbidden("The collection is not configured to allow password authentication.".into())),
    }
}

fn check_password(collection: &Collection, password: &str) -> Option<FieldError> {
    if password.is_empty() {
        return Some(FieldError::required());
    }
    let min = match collection.field("password").map(|field| &field.kind) {
        Some(Kind::Password(options)) => usize::try_from(options.min).unwrap_or(0).max(1),
        _ => 1,
    };
    let is_right = (min..=TEXT_BYTES_MAX).contains(&password.len());
    (!is_right).then(|| FieldError::length_outside(min, TEXT_BYTES_MAX))
}
