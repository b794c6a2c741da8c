//! A mail of each template, to see that mail works (contract/20 §4).

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::mail::Mail;
use crate::schema::{Collection, FieldValue, Record, Shape};
use crate::settings::Meta;

use super::mails::{Letter, compose};

/// The names of the templates, as the route takes them.
pub const TEMPLATES: [&str; 5] = ["verification", "password-reset", "email-change", "otp", "login-alert"];

/// A mail of this template to `email`, of a record that says which field stands where. `None`: no such template.
pub fn compose_test(
    collection: &Arc<Collection>,
    template: &str,
    email: &str,
    meta: &Meta,
    clock: &Clock,
) -> Result<Option<Mail>> {
    let info = format!("{} - TEST_IP TEST_USER_AGENT", clock.now_text());
    let letter = match template {
        "verification" => Letter::Verification,
        "password-reset" => Letter::PasswordReset,
        "email-change" => Letter::EmailChange { new_email: email },
        "otp" => Letter::Otp { id: "_PB_TEST_OTP_ID_", code: "123456" },
        "login-alert" => Letter::Alert { info: &info },
        _ => return Ok(None),
    };
    let values = collection.fields.iter().map(|field| match field.shape() {
        Shape::Text => FieldValue::Text(format!("__pb_test_{}__", field.name)),
        shape => FieldValue::zero(shape),
    });
    let record = Record::new(collection.clone(), values.collect());
    let mail = compose(&record, letter, meta, clock)?;
    Ok(Some(Mail { to: email.to_owned(), otp_id: None, ..mail }))
}
