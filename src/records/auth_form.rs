//! What a body may change of an auth record, and by whose hand (contract/05 §8). These checks come before those of the
//! fields and, if one fails, alone.

use serde_json::{Map, Value as Json};

use crate::error::{FieldError, FieldErrors};
use crate::rows::Draft;

use super::body::sent_text;

/// How much of an auth record a caller may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A guest or a user, the record itself included.
    Plain,
    /// Passes the manage rule for the record.
    Manager,
    Superuser,
}

/// Whether the old password that came along was compared with the stored hash, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldPassword {
    Right,
    /// Wrong, or not sent.
    Wrong,
}

/// The errors of a draft of an auth record; none for another collection's.
pub fn check(draft: &Draft, sent: &Map<String, Json>, level: Level, old_password: OldPassword) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if !draft.collection().is_auth() {
        return errors;
    }
    let record = draft.record();
    if level == Level::Plain {
        if draft.stored().is_some_and(|stored| stored.text("email") != record.text("email")) {
            errors.add("email", FieldError::mismatch());
        }
        let may_be_verified = draft.stored().is_some_and(|stored| stored.is_true("verified"));
        if record.is_true("verified") != may_be_verified {
            errors.add("verified", FieldError::mismatch());
        }
    }
    if !draft.has_random_password("password") {
        check_password(draft, sent, level, old_password, &mut errors);
    }
    errors
}

fn check_password(
    draft: &Draft,
    sent: &Map<String, Json>,
    level: Level,
    old_password: OldPassword,
    errors: &mut FieldErrors,
) {
    let is_new = draft.stored().is_none();
    let [password, confirm, old] = ["password", "passwordConfirm", "oldPassword"].map(|key| sent_text(sent, key));
    let is_password_due = is_new || sent.contains_key("password") || !confirm.is_empty() || !old.is_empty();
    if is_password_due && password.is_empty() {
        errors.add("password", FieldError::required());
    }
    let is_confirm_due = is_new || !password.is_empty() || !old.is_empty();
    if is_confirm_due && confirm.is_empty() {
        errors.add("passwordConfirm", FieldError::required());
    } else if confirm != password {
        errors.add("passwordConfirm", FieldError::mismatch());
    }
    let is_old_due = !is_new && level == Level::Plain && (!password.is_empty() || !confirm.is_empty());
    if is_old_due && old.is_empty() {
        errors.add("oldPassword", FieldError::required());
    } else if is_old_due && old_password == OldPassword::Wrong {
        let wrong = FieldError::code("validation_invalid_old_password", "Missing or invalid old password.");
        errors.add("oldPassword", wrong);
    }
}
