//! How a failed import is told (contract/02 §11): one error whose message holds the rest.

use serde_json::{Map, Value as Json};

use super::NOT_IMPORTED;
use crate::error::{Error, FieldError, FieldErrors};
use crate::schema::Collection;

/// Codes whose texts stand here as the checks themselves say them: in lower case, without a period.
const PLAIN_CODES: [&str; 13] = [
    "validation_required",
    "validation_length_out_of_range",
    "validation_length_too_long",
    "validation_length_too_short",
    "validation_length_invalid",
    "validation_min_greater_equal_than_required",
    "validation_max_less_equal_than_required",
    "validation_in_invalid",
    "validation_not_in_invalid",
    "validation_match_invalid",
    "validation_nil",
    "validation_nil_or_not_empty_required",
    "validation_is_url",
];

/// A collection that couldn't be read or saved.
pub(super) fn raw(reason: &str) -> Error {
    failure(format!("Failed to import the collections configuration. Raw error:\n{reason}"))
}

/// A collection that was saved but may not stand.
pub(super) fn not_valid(collection: &Collection, errors: &FieldErrors) -> Error {
    let tree = serde_json::to_string_pretty(&messages(errors)).expect("plain data");
    let (name, id) = (&collection.name, &collection.id);
    failure(format!("Data validations failed for collection \"{name}\" ({id}):\n{tree}"))
}

fn failure(message: String) -> Error {
    let error = FieldError::code("validation_collections_import_failure", message);
    Error::invalid(NOT_IMPORTED, FieldErrors::one("collections", error))
}

/// Key → message, nested as the errors are, keys sorted.
fn messages(errors: &FieldErrors) -> Json {
    let mut object: Map<String, Json> = errors.iter().map(|(key, error)| (key.to_owned(), message(error))).collect();
    object.sort_keys();
    Json::Object(object)
}

fn message(error: &FieldError) -> Json {
    match error {
        FieldError::Tree(errors) => messages(errors),
        FieldError::Code { code, message, .. } if PLAIN_CODES.contains(&code.as_ref()) => {
            let text = message.trim_end_matches('.');
            let mut characters = text.chars();
            let first = characters.next().into_iter().flat_map(char::to_lowercase);
            first.chain(characters).collect::<String>().into()
        }
        FieldError::Code { code, message, .. } if code == "validation_invalid_rule" => {
            message.trim_end_matches('.').into()
        }
        FieldError::Code { message, .. } | FieldError::Response { message, .. } => message.as_ref().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_nested_sorted_and_worded_as_the_checks_say_them() {
        let mut errors = FieldErrors::one("name", FieldError::required());
        let fields = FieldErrors::one("1", FieldErrors::one("name", FieldError::bad_format()));
        errors.add_tree("fields", fields);
        errors.add("viewRule", FieldError::code("validation_invalid_rule", "Invalid rule. Raw error: x."));
        let expected = "{\n  \"fields\": {\n    \"1\": {\n      \"name\": \"must be in a valid format\"\n    }\n  },\n  \
                        \"name\": \"cannot be blank\",\n  \"viewRule\": \"Invalid rule. Raw error: x\"\n}";
        assert_eq!(serde_json::to_string_pretty(&messages(&errors)).expect("plain data"), expected);
    }
}
