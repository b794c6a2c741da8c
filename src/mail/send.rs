//! Out of the machine: SMTP if the settings say so, else a local sendmail.

use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::watch;

use super::{Mail, message, sendmail};
use crate::settings::{SharedSettings, Smtp};

/// For one mail from the first packet to the last answer. lettre's own time limit covers connecting alone (lettre 1027).
const SEND_TIME_MAX: Duration = Duration::from_secs(30);

/// Why a mail didn't leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It may the next time.
    #[error("{0}")]
    Again(String),
    /// It never will.
    #[error("{0}")]
    Never(String),
}

/// Sends mails as the settings in force say.
pub struct Mailer {
    settings: Arc<SharedSettings>,
    is_dev: bool,
    is_stopped: watch::Sender<bool>,
}

impl Mailer {
    /// With `is_dev` and no SMTP, mails are shown in the log instead of being sent.
    pub fn new(settings: Arc<SharedSettings>, is_dev: bool) -> Self {
        Self { settings, is_dev, is_stopped: watch::Sender::new(false) }
    }

    /// Sends one mail and waits until it was taken over, or refused.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let settings = self.settings.current();
        let message = message::build(mail, &settings.document.meta)?;
        let smtp = &settings.document.smtp;
        if !smtp.enabled {
            return self.send_locally(mail, &message).await;
        }
        let late = |_| MailError::Again(format!("the mail server took longer than {} s", SEND_TIME_MAX.as_secs()));
        tokio::time::timeout(SEND_TIME_MAX, by_smtp(smtp, message)).await.map_err(late)?
    }

    /// As [`Mailer::send`], for threads that may wait.
    pub fn send_blocking(&self, mail: &Mail) -> Result<(), MailError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| MailError::Again(format!("no runtime: {error}")))?;
        let mut is_stopped = self.is_stopped.subscribe();
        runtime.block_on(async {
            tokio::select! {
                sent = self.send(mail) => sent,
                // The sender lives as long as `self`, so the wait can't fail.
                _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {
                    Err(MailError::Again("the server is stopping".to_owned()))
                }
            }
        })
    }

    /// Lets threads that wait for a mail server go: a dead one must not hold up a stop. What they were sending is sent
    /// by the next start.
    pub fn stop(&self) {
        self.is_stopped.send_replace(true);
    }

    async fn send_locally(&self, mail: &Mail, message: &Message) -> Result<(), MailError> {
        if self.is_dev {
            let text = super::plain_text::plain_text(&mail.html);
            tracing::info!(to = mail.to, subject = mail.subject, text, "mail (SMTP is off)");
            return Ok(());
        }
        let program = sendmail::find()
            .ok_or_else(|| MailError::Again("failed to locate a sendmail executable path".to_owned()))?;
        let bytes = message.formatted();
        tokio::task::spawn_blocking(move || sendmail::deliver(program, &bytes, SEND_TIME_MAX))
            .await
            .map_err(|error| MailError::Again(format!("sendmail: {error}")))?
    }
}

async fn by_smtp(smtp: &Smtp, message: Message) -> Result<(), MailError> {
    let port = u16::try_from(smtp.port).map_err(|_| MailError::Again(format!("port {} is none", smtp.port)))?;
    let name = if smtp.local_name.is_empty() { "localhost" } else { &smtp.local_name };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(port)
        .timeout(Some(SEND_TIME_MAX))
        .hello_name(ClientId::Domain(name.to_owned()))
        .tls(tls(smtp)?);
    if has_login(smtp) {
        let mechanism = if smtp.auth_method == "LOGIN" { Mechanism::Login } else { Mechanism::Plain };
        transport = transport
            .credentials(Credentials::new(smtp.username.clone(), smtp.password.expose().clone()))
            .authentication(vec![mechanism]);
    }
    match transport.build().send(message).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() && !error.is_transport_shutdown() => {
            // A 5xx to a wrong password is as permanent as one to a wrong recipient, but the operator can mend it.
            let is_login = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
            let text = chain(&error);
            Err(if is_login { MailError::Again(text) } else { MailError::Never(text) })
        }
        Err(error) => Err(MailError::Again(chain(&error))),
    }
}

fn has_login(smtp: &Smtp) -> bool {
    !smtp.username.is_empty() || !smtp.password.is_empty()
}

/// TLS from the first byte, or STARTTLS where it is offered. A password goes over an unencrypted connection to this
/// machine alone (contract/20 §4): elsewhere STARTTLS is then required. To this machine itself STARTTLS would add nothing
/// but failures, since the certificate of a freshly installed relay is one that nobody vouches for.
fn tls(smtp: &Smtp) -> Result<Tls, MailError> {
    let is_local = matches!(smtp.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if is_local && !smtp.tls {
        return Ok(Tls::None);
    }
    let parameters =
        TlsParameters::new(smtp.host.clone()).map_err(|error| MailError::Again(format!("TLS: {}", chain(&error))))?;
    Ok(match () {
        () if smtp.tls => Tls::Wrapper(parameters),
        () if has_login(smtp) => Tls::Required(parameters),
        () => Tls::Opportunistic(parameters),
    })
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
