//! The mails of auth records: which template, which values, to whom (contract/11 §14).

use std::borrow::Cow;

use crate::access::is_secret;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::mail::{Mail, Placeholders, Template, Value};
use crate::schema::auth_options::EmailTemplate;
use crate::schema::{AuthOptions, FieldValue, Record, Shape};
use crate::settings::Meta;

use super::tokens::{Issue, issue_token};

/// What a mail brings.
#[derive(Clone, Copy, Debug)]
pub enum Letter<'a> {
    Verification,
    PasswordReset,
    EmailChange {
        new_email: &'a str,
    },
    Otp {
        id: &'a str,
        code: &'a str,
    },
    /// `info` tells when, from where and with what.
    Alert {
        info: &'a str,
    },
}

/// Composes a mail of `record`, with a fresh token where it brings one. Links are made of the configured URL alone.
pub fn compose(record: &Record, letter: Letter<'_>, meta: &Meta, clock: &Clock) -> Result<Mail> {
    let options = record.collection().auth().ok_or_else(|| Error::internal("only auth records get mails"))?;
    let token = match letter {
        Letter::Verification => issue_token(record, Issue::Verification, clock)?,
        Letter::PasswordReset => issue_token(record, Issue::PasswordReset, clock)?,
        Letter::EmailChange { new_email } => issue_token(record, Issue::EmailChange { new_email }, clock)?,
        Letter::Otp { .. } | Letter::Alert { .. } => String::new(),
    };
    let to = match letter {
        Letter::EmailChange { new_email } => new_email,
        _ => record.text("email"),
    };
    let template = template_of(options, letter);
    let template = Template { subject: &template.subject, body: &template.body };
    let (subject, html) = template.fill(&Values { record, letter, meta, token: &token });
    let otp_id = match letter {
        Letter::Otp { id, .. } => Some(id.to_owned()),
        _ => None,
    };
    Ok(Mail { to: to.to_owned(), subject, html, otp_id })
}

fn template_of<'o>(options: &'o AuthOptions, letter: Letter<'_>) -> &'o EmailTemplate {
    match letter {
        Letter::Verification => &options.verification_template,
        Letter::PasswordReset => &options.reset_password_template,
        Letter::EmailChange { .. } => &options.confirm_email_change_template,
        Letter::Otp { .. } => &options.otp.email_template,
        Letter::Alert { .. } => &options.auth_alert.email_template,
    }
}

struct Values<'a> {
    record: &'a Record,
    letter: Letter<'a>,
    meta: &'a Meta,
    token: &'a str,
}

impl Placeholders for Values<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        let plain = |text| Some(Value::Plain(Cow::Borrowed(text)));
        match (name, self.letter) {
            ("APP_NAME", _) => plain(&self.meta.app_name),
            ("APP_URL", _) => plain(self.meta.app_url.trim_end_matches('/')),
            ("TOKEN", Letter::Verification | Letter::PasswordReset | Letter::EmailChange { .. }) => plain(self.token),
            ("OTP", Letter::Otp { code, .. }) => plain(code),
            ("OTP_ID", Letter::Otp { id, .. }) => plain(id),
            ("ALERT_INFO", Letter::Alert { info }) => Some(Value::Text(Cow::Borrowed(info))),
            _ => self.field(name.strip_prefix("RECORD:")?),
        }
    }
}

impl Values<'_> {
    /// A field that isn't hidden; its value as text.
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let collection = self.record.collection();
        let field = collection.field(name).filter(|field| !field.hidden && !is_secret(collection, field))?;
        let value = self.record.get(name)?;
        let text: Cow<'_, str> = match value {
            FieldValue::Text(text) => Cow::Borrowed(text),
            FieldValue::List(texts) => Cow::Owned(texts.join(", ")),
            FieldValue::Number(number) => Cow::Owned(number.to_string()),
            FieldValue::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            FieldValue::Json(text) => Cow::Borrowed(text.as_deref().unwrap_or("")),
            FieldValue::Point { .. } => Cow::Owned(value.to_json().to_string()),
        };
        Some(match field.shape() {
            Shape::Bool | Shape::Number | Shape::Date => Value::Plain(text),
            Shape::Text | Shape::Json | Shape::Point | Shape::Single | Shape::Multiple => Value::Text(text),
        })
    }
}
