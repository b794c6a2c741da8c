//! Names of fields (contract/03 §1).

use crate::error::FieldError;

/// Words that a record's JSON or the filter language takes for itself.
const FORBIDDEN_NAMES: [&str; 7] = ["null", "true", "false", "_rowid_", "collectionId", "collectionName", "expand"];
const NAME_BYTES_MAX: usize = 100;

/// Checks the name of a field.
pub fn check_field_name(name: &str) -> Result<(), FieldError> {
    if name.is_empty() {
        return Err(FieldError::required());
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(FieldError::length_outside(1, NAME_BYTES_MAX));
    }
    if !is_word(name) {
        return Err(FieldError::bad_format());
    }
    if FORBIDDEN_NAMES.contains(&name) {
        return Err(FieldError::code("validation_not_in_invalid", "Must not be in list."));
    }
    if has_via(name) {
        return Err(FieldError::code("validation_found_via", "The value cannot contain \"_via_\"."));
    }
    Ok(())
}

/// Whether a text is `^\w+$` in ASCII.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a name holds the word that back relations are written with (contract/05 §4), in any case.
pub fn has_via(name: &str) -> bool {
    name.to_ascii_lowercase().contains("_via_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields() {
        let long = "a".repeat(101);
        let longest = "a".repeat(100);
        for name in ["a", "NULL", "rowid", "oid", "select", "_x", "9", "via", "a_via", &longest] {
            assert!(check_field_name(name).is_ok(), "{name}");
        }
        for (name, code) in [
            ("", "validation_required"),
            (long.as_str(), "validation_length_out_of_range"),
            ("a b", "validation_match_invalid"),
            ("é", "validation_match_invalid"),
            ("a-b", "validation_match_invalid"),
            ("null", "validation_not_in_invalid"),
            ("true", "validation_not_in_invalid"),
            ("false", "validation_not_in_invalid"),
            ("_rowid_", "validation_not_in_invalid"),
            ("collectionId", "validation_not_in_invalid"),
            ("collectionName", "validation_not_in_invalid"),
            ("expand", "validation_not_in_invalid"),
            ("a_via_b", "validation_found_via"),
            ("a_VIA_b", "validation_found_via"),
        ] {
            let Err(FieldError::Code { code: found, .. }) = check_field_name(name) else { panic!("{name} passed") };
            assert_eq!(found, code, "{name}");
        }
    }
}
