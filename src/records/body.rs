//! A request's body laid over a record (contract/05 §5, contract/03 §7).

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::access::may_set;
use crate::crypto::{PasswordHasher, Secret};
use crate::error::Result;
use crate::rows::{Draft, NewPassword};
use crate::schema::fields::Kind;
use crate::schema::{Collection, FieldValue, Shape};

/// The new passwords of a body by field name, hashed before the write job.
pub type Passwords = HashMap<String, NewPassword>;

/// Hashes what a body sets fields of kind password to. What a check will refuse anyway isn't worth 50 ms.
pub async fn hash_passwords(
    hasher: &PasswordHasher,
    collection: &Collection,
    body: &Map<String, Json>,
    is_superuser: bool,
) -> Result<Passwords> {
    let mut passwords = Passwords::new();
    for (key, value) in body {
        let Some((index, None)) = collection.body_key(key) else { continue };
        let field = &collection.fields[index];
        let Kind::Password(options) = &field.kind else { continue };
        if !may_set(is_superuser, collection, field, None) {
            continue;
        }
        let plain = Secret::new(text_of(value));
        let is_confirmed = !collection.is_auth() || sent_text(body, "passwordConfirm") == *plain.expose();
        let password = match options.check_plain(field, plain.expose()) {
            Ok(()) if is_confirmed => NewPassword::hashed(hasher, plain, options.cost).await?,
            Ok(()) | Err(_) => NewPassword::without_hash(plain),
        };
        passwords.insert(field.name.clone(), password);
    }
    Ok(passwords)
}

/// Lays a body over a draft. Gives the body as rules see it: modifiers resolved, known fields normalised, what the
/// caller may not set left out (contract/04 §9.2).
pub fn lay_body(
    draft: &mut Draft,
    body: &Map<String, Json>,
    passwords: &Passwords,
    is_superuser: bool,
) -> Map<String, Json> {
    let collection = draft.collection().clone();
    // Several keys of a field: from the shortest to the longest, each on the result before.
    let mut entries: Vec<(&String, &Json)> = body.iter().collect();
    entries.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    let mut seen = Map::with_capacity(body.len());
    for (key, value) in entries {
        let Some((index, modifier)) = collection.body_key(key) else {
            seen.insert(key.clone(), value.clone());
            continue;
        };
        let field = &collection.fields[index];
        if !may_set(is_superuser, &collection, field, modifier) {
            continue;
        }
        match (&field.kind, modifier) {
            // Not the client's to set; the key is like an unknown one.
            (Kind::Autodate(_), _) => {
                seen.insert(key.clone(), value.clone());
            }
            (Kind::Password(_), _) => {
                seen.insert(key.clone(), value.clone());
                if let Some(password) = passwords.get(key) {
                    draft.set_password(key, password.clone());
                }
            }
            (_, modifier) => {
                let result = match modifier {
                    None => field.normalise(value),
                    Some(modifier) => field.modified(draft.record().value_at(index), modifier, value),
                };
                seen.insert(field.name.clone(), result.to_json());
                draft.set_at(index, result);
            }
        }
    }
    seen
}

/// A value as a text field would take it.
pub fn text_of(value: &Json) -> String {
    match FieldValue::from_input(Shape::Text, value) {
        FieldValue::Text(text) => text,
        _ => String::new(),
    }
}

/// The text of a key of the body; `""` if it wasn't sent.
pub fn sent_text(body: &Map<String, Json>, key: &str) -> String {
    body.get(key).map(text_of).unwrap_or_default()
}
