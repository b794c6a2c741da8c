//! `superuser`: the accounts that may do everything (contract/22 §3). Works beside a running server, which notices.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::bail;
use serde_json::json;

use super::arguments::{GlobalFlags, SuperuserCommand};
use super::usage::WrongUse;
use super::{failure, open_app};
use crate::app::{App, Purpose};
use crate::auth::{otp, superusers};
use crate::error::{Error, FieldError, FieldErrors};
use crate::formats::is_email;

pub fn run(flags: &GlobalFlags, command: &SuperuserCommand) -> anyhow::Result<()> {
    match command {
        SuperuserCommand::Create { arguments } => with_password(flags, arguments, create),
        SuperuserCommand::Upsert { arguments } => with_password(flags, arguments, upsert),
        SuperuserCommand::Update { arguments } => with_password(flags, arguments, update),
        SuperuserCommand::Delete { arguments } => with_email(flags, arguments, delete),
        SuperuserCommand::Otp { arguments } => with_email(flags, arguments, otp),
        SuperuserCommand::Ips { addresses } => on_app(flags, |app| set_ips(app, addresses)),
    }
}

fn on_app(flags: &GlobalFlags, act: impl FnOnce(&Arc<App>) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let app = open_app(flags, Purpose::Command)?;
    let done = act(&app);
    app.close();
    println!("{}", done?);
    Ok(())
}

type WithPassword = fn(&Arc<App>, &str, &str) -> anyhow::Result<String>;

fn with_password(flags: &GlobalFlags, arguments: &[String], act: WithPassword) -> anyhow::Result<()> {
    let [email, password] = arguments else { bail!(WrongUse("missing email and password arguments")) };
    if !is_email(email) {
        bail!(WrongUse("missing or invalid email address"));
    }
    on_app(flags, |app| act(app, email, password))
}

fn with_email(
    flags: &GlobalFlags,
    arguments: &[String],
    act: fn(&Arc<App>, &str) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    match arguments.first() {
        Some(email) if is_email(email) => on_app(flags, |app| act(app, email)),
        _ => bail!(WrongUse("invalid or missing email address")),
    }
}

fn create(app: &Arc<App>, email: &str, password: &str) -> anyhow::Result<String> {
    let (schema, clock, address) = (app.schema.clone(), app.clock.clone(), email.to_owned());
    let password = superusers::hash_password(&schema.current(), password).map_err(failure)?;
    app.store
        .write_blocking(move |tx| {
            superusers::create_superuser(tx, &schema.current(), &clock, &address, password.clone())
        })
        .map_err(|error| anyhow::anyhow!("failed to create new superuser account: {}", detail(error)))?;
    Ok(format!("Successfully created new superuser \"{email}\"!"))
}

fn upsert(app: &Arc<App>, email: &str, password: &str) -> anyhow::Result<String> {
    let (schema, clock, address) = (app.schema.clone(), app.clock.clone(), email.to_owned());
    let password = superusers::hash_password(&schema.current(), password).map_err(failure)?;
    app.store
        .write_blocking(move |tx| {
            superusers::upsert_superuser(tx, &schema.current(), &clock, &address, password.clone())
        })
        .map_err(|error| anyhow::anyhow!("failed to upsert superuser account: {}", detail(error)))?;
    Ok(format!("Successfully saved superuser \"{email}\"!"))
}

fn update(app: &Arc<App>, email: &str, password: &str) -> anyhow::Result<String> {
    let (schema, clock, address) = (app.schema.clone(), app.clock.clone(), email.to_owned());
    let password = superusers::hash_password(&schema.current(), password).map_err(failure)?;
    let changed = app
        .store
        .write_blocking(move |tx| {
            superusers::change_password(tx, &schema.current(), &clock, &address, password.clone())
        })
        .map_err(|error| anyhow::anyhow!("failed to change superuser \"{email}\" password: {}", detail(error)))?;
    if changed.is_none() {
        bail!("superuser with email \"{email}\" doesn't exist");
    }
    Ok(format!("Successfully changed superuser \"{email}\" password!"))
}

fn delete(app: &Arc<App>, email: &str) -> anyhow::Result<String> {
    let (schema, clock, address) = (app.schema.clone(), app.clock.clone(), email.to_owned());
    let was_there = app
        .store
        .write_blocking(move |tx| superusers::delete_superuser(tx, &schema.current(), &clock, &address))
        .map_err(|error| anyhow::anyhow!("failed to delete superuser \"{email}\": {}", detail(error)))?;
    Ok(if was_there {
        format!("Successfully deleted superuser \"{email}\"!")
    } else {
        format!("superuser \"{email}\" is missing or already deleted")
    })
}

fn otp(app: &Arc<App>, email: &str) -> anyhow::Result<String> {
    let schema = app.schema.current();
    let options = superusers::collection(&schema).map_err(failure)?.auth().map(|options| options.otp.clone());
    let code = otp::new_code(&schema, options.map_or(0, |otp| otp.length)).map_err(failure)?;
    let (schema, clock, address, stored_code) = (app.schema.clone(), app.clock.clone(), email.to_owned(), code.clone());
    let issued = app
        .store
        .write_blocking(move |tx| {
            let schema = schema.current();
            let Some(record) = superusers::find_superuser(tx, &schema, &address)? else { return Ok(None) };
            superusers::create_superuser_otp(tx, &schema, &clock, &record, &stored_code).map(Some)
        })
        .map_err(failure)?;
    let Some(issued) = issued else { bail!("superuser with email \"{email}\" doesn't exist") };
    Ok(format!(
        "Successfully created OTP for superuser \"{email}\":\n├─ Id:    {}\n├─ Pass:  {}\n└─ Valid: {}s",
        issued.id,
        code.plain(),
        issued.seconds
    ))
}

fn set_ips(app: &Arc<App>, addresses: &[String]) -> anyhow::Result<String> {
    let (settings, change) = (app.settings.clone(), json!({ "superuserIPs": addresses }));
    app.store
        .write_blocking(move |tx| settings.update(tx, change.clone()))
        .map_err(|error| anyhow::anyhow!("{}", detail(error)))?;
    let Some((last, others)) = addresses.split_last() else {
        return Ok("Successfully cleared SuperuserIPs setting!".to_owned());
    };
    let mut text = "Successfully updated SuperuserIPs setting:\n".to_owned();
    for address in others {
        text.push_str(&format!("├─ {address}\n"));
    }
    text.push_str(&format!("└─ {last}"));
    Ok(text)
}

/// What was refused, as one line: `email: Value must be unique.`, nested documents in brackets.
fn detail(error: Error) -> String {
    match error {
        Error::Invalid { fields, .. } => format!("{}.", field_texts(&fields)),
        other => format!("{:#}", failure(other)),
    }
}

fn field_texts(fields: &FieldErrors) -> String {
    let mut text = String::new();
    for (key, error) in fields.iter() {
        let separator = if text.is_empty() { "" } else { "; " };
        let told = match error {
            FieldError::Code { message, .. } | FieldError::Response { message, .. } => {
                message.trim_end_matches('.').to_owned()
            }
            FieldError::Tree(inner) => format!("({}.)", field_texts(inner)),
        };
        write!(text, "{separator}{key}: {told}").expect("writing to a String doesn't fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_fields_are_told_in_one_line() {
        let mut fields = FieldErrors::one("email", FieldError::not_unique());
        fields.add_tree("superuserIPs", FieldErrors::one("1", FieldError::code("x", "invalid IP or CIDR subnet.")));
        assert_eq!(
            detail(Error::invalid("", fields)),
            "email: Value must be unique; superuserIPs: (1: invalid IP or CIDR subnet.)."
        );
    }
}
