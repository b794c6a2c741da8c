//! Names that come with Apple's redirect, and nowhere else (contract/11 §9.7): kept for a minute, until the code that came
//! along is used.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value as Json;

/// How long a name waits.
const LIFE_MS: i64 = 60_000;
/// Names that are kept; the oldest goes.
const NAMES_MAX: usize = 1000;
/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 150;

/// The names that wait. In memory: a minute isn't worth a row.
#[derive(Debug, Default)]
pub struct ParkedNames(Mutex<VecDeque<Parked>>);

#[derive(Debug)]
struct Parked {
    /// SHA-256, so that a code of any length costs the same.
    code: Vec<u8>,
    name: String,
    until_ms: i64,
}

impl ParkedNames {
    /// Parks the name in `user`, JSON as Apple sends it; anything else is no name.
    pub fn park(&self, code: &str, user: &str, now_ms: i64) {
        let Some(name) = read_name(user) else { return };
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while names.len() >= NAMES_MAX || names.front().is_some_and(|oldest| oldest.until_ms <= now_ms) {
            names.pop_front();
        }
        names.push_back(Parked { code: hash(code), name, until_ms: now_ms + LIFE_MS });
    }

    /// Takes the name of a code; there is none the second time.
    pub fn take(&self, code: &str, now_ms: i64) -> Option<String> {
        let code = hash(code);
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = names.iter().position(|parked| parked.code == code && parked.until_ms > now_ms)?;
        names.remove(index).map(|parked| parked.name)
    }
}

fn read_name(user: &str) -> Option<String> {
    let user: Json = serde_json::from_str(user).ok()?;
    let text = |key: &str| user["name"][key].as_str().unwrap_or_default();
    let name = format!("{} {}", text("firstName"), text("lastName"));
    let name = name.trim();
    let end = (0..=NAME_BYTES_MAX.min(name.len())).rev().find(|end| name.is_char_boundary(*end))?;
    (end > 0).then(|| name[..end].to_owned())
}

fn hash(code: &str) -> Vec<u8> {
    digest(&SHA256, code.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"name":{"firstName":" Ada","lastName":"Lovelace "},"email":"a@example.com"}"#;

    #[test]
    fn a_name_is_taken_once_within_a_minute() {
        let names = ParkedNames::default();
        names.park("c", USER, 0);
        assert_eq!(names.take("other", 1), None);
        assert_eq!(names.take("c", 1).as_deref(), Some("Ada Lovelace"));
        assert_eq!(names.take("c", 1), None);
        names.park("c", USER, 0);
        assert_eq!(names.take("c", LIFE_MS), None);
    }

    #[test]
    fn junk_is_no_name_and_long_ones_are_cut() {
        let names = ParkedNames::default();
        for junk in ["", "{", "[]", r#"{"name":5}"#, r#"{"name":{"firstName":" "}}"#] {
            names.park("c", junk, 0);
            assert_eq!(names.take("c", 0), None, "{junk}");
        }
        names.park("c", &format!(r#"{{"name":{{"firstName":"{}"}}}}"#, "é".repeat(100)), 0);
        assert_eq!(names.take("c", 0).map(|name| name.len()), Some(150));
    }

    #[test]
    fn the_oldest_goes_first() {
        let names = ParkedNames::default();
        for number in 0..=NAMES_MAX {
            names.park(&number.to_string(), USER, 0);
        }
        assert!(names.take("0", 0).is_none() && names.take("1", 0).is_some());
    }
}
