//! Mail: messages are composed from templates, wait in the outbox, and leave by SMTP or a local sendmail.
//!
//! Start at [`Template::fill`] (a template → a [`Mail`]), [`put_mail`] (into the outbox, in the transaction that causes
//! it), [`Mailer`] (out of the machine).
//! Called by `auth`, which says what is sent to whom; `app` registers [`Mailer`] as the sender of the kind [`MAIL`].
//!
//! Invariant: a mail that a request causes is a row of the outbox before the request is answered: a dead server never
//! slows a request, a kill loses no mail. It is sent at least once.
//! Invariant: every way out has a time limit.
//! Invariant: no text reaches a header with a line break or another control character in it.
//! Never: links made of a request's headers; a secret in the log.
//!
//! Implements contract/11 §14, contract/20 §4. Tests: beside the code, `tests/api/mail.rs`.

mod message;
mod plain_text;
mod send;
mod sendmail;
mod template;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::{Tx, outbox};

pub use send::{MailError, Mailer};
pub use template::{Placeholders, Template, Value, escape_html};

/// The kind of mails in the outbox.
pub const MAIL: &str = "mail";

/// A mail as it waits in the outbox. Who it is from is decided when it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// A bare address.
    pub to: String,
    pub subject: String,
    /// The whole document.
    pub html: String,
    /// The one-time password that it brings: its row tells later whether the mail has left (contract/11 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp_id: Option<String>,
}

/// Puts a mail into the outbox; it leaves after the commit.
pub fn put_mail(tx: &dyn Tx, clock: &Clock, mail: &Mail) -> Result<()> {
    let payload = serde_json::to_string(mail).map_err(Error::internal)?;
    outbox::put(tx, MAIL, &payload, clock.now().as_millisecond())?;
    Ok(())
}

/// Does to the database what [`put_mail`] does, and undoes it: what a request does for an address that nobody has, so
/// that it takes as long as for one that somebody has.
pub fn put_no_mail(tx: &dyn Tx, clock: &Clock) -> Result<()> {
    const NOTHING: &str = "nothing";
    let id = outbox::put(tx, NOTHING, &"x".repeat(MAIL_BYTES_USUAL), clock.now().as_millisecond())?;
    outbox::remove(tx, &id)?;
    Ok(())
}

/// What a mail of the default templates takes in the outbox, bytes.
const MAIL_BYTES_USUAL: usize = 1500;
