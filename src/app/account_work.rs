//! The background work of accounts: mails leave, spent codes and sessions go.

use std::sync::Arc;

use crate::auth::Accounts;
use crate::error::Result;
use crate::jobs::{Jobs, Listing, SendFailure, StopSign};
use crate::mail::{MAIL, Mail, MailError, Mailer};
use crate::store::Store;

use super::background::every;

/// Registers it.
pub fn start(jobs: &Jobs, store: &Store, accounts: &Arc<Accounts>, mailer: &Arc<Mailer>) -> Result<()> {
    let (sending, mailer) = (accounts.clone(), mailer.clone());
    let send = move |_: &str, payload: &str| send_mail(&sending, &mailer, payload);
    jobs.add_sender(store, MAIL, Arc::new(send))?;

    let of_otps = accounts.clone();
    let delete_otps = move |stop: &StopSign| of_otps.delete_expired_otps(&|| stop.is_raised());
    jobs.add_cron("__pbOTPCleanup__", every("@hourly"), Listing::Shown, Arc::new(delete_otps));
    let of_mfas = accounts.clone();
    let delete_mfas = move |stop: &StopSign| of_mfas.delete_expired_mfas(&|| stop.is_raised());
    jobs.add_cron("__pbMFACleanup__", every("@hourly"), Listing::Shown, Arc::new(delete_mfas));
    Ok(())
}

fn send_mail(accounts: &Arc<Accounts>, mailer: &Mailer, payload: &str) -> Result<(), SendFailure> {
    let mail: Mail = serde_json::from_str(payload).map_err(|error| SendFailure::Never(error.to_string()))?;
    let again = |error: crate::error::Error| SendFailure::Again(error.to_string());
    if let Some(otp_id) = &mail.otp_id
        && !accounts.is_otp_live(otp_id).map_err(again)?
    {
        // Spent, taken back or too old: nobody could use the code any more.
        return Ok(());
    }
    let sent = mailer.send_blocking(&mail);
    if let Some(otp_id) = &mail.otp_id {
        match &sent {
            Ok(()) => accounts.mark_otp_sent(otp_id, &mail.to).map_err(again)?,
            Err(MailError::Never(_)) => accounts.take_otp_back(otp_id).map_err(again)?,
            Err(MailError::Again(_)) => {}
        }
    }
    sent.map_err(|error| match error {
        MailError::Again(cause) => SendFailure::Again(cause),
        MailError::Never(cause) => SendFailure::Never(cause),
    })
}
