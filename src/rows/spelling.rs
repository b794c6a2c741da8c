//! Whether a text is taken, ignoring ASCII case (contract/05 §8 for e-mails, contract/03 §4 for ids), without reading
//! the whole table.
//!
//! The index on the column is bytewise, so it can't answer that at once. But its keys and the spellings of a text are
//! both sorted: the search asks for the first key at or after the smallest spelling, from that key for the next spelling
//! after it, and so on. Each step skips everything in between; most searches end after a few of them.

use crate::error::Result;
use crate::schema::Collection;
use crate::store::{Conn, ConnExt, Value};

/// Whether a record of `collection` other than `own_id` has `text` in the indexed `column`, but for ASCII case.
pub fn is_taken_in_any_case(
    conn: &dyn Conn,
    collection: &Collection,
    column: &str,
    text: &str,
    own_id: &str,
) -> Result<bool> {
    let dialect = conn.dialect();
    // `!= ''` lets the planner use the default index on `email`, which is partial. Two keys a step: one may be our own.
    let sql = format!(
        "SELECT {column}, {id} FROM {table} WHERE {column} >= {from} AND {column} != '' ORDER BY {column}, {id} LIMIT 2",
        column = dialect.quote(column),
        id = dialect.quote("id"),
        table = dialect.quote(&collection.name),
        from = dialect.parameter(1),
    );
    let mut spelling = Some(text.to_ascii_uppercase()); // the smallest: upper case sorts first
    while let Some(from) = spelling {
        let keys = conn.list_rows(&sql, &[Value::from(from)], |row| {
            (row.cell(0).as_text().to_owned(), row.cell(1).as_text().to_owned())
        })?;
        if keys.iter().any(|(key, id)| key.eq_ignore_ascii_case(text) && id != own_id) {
            return Ok(true);
        }
        spelling = keys.last().and_then(|(key, _)| next_spelling(text, key));
    }
    Ok(false)
}

/// The smallest spelling of `text` that sorts after `key`, bytewise.
fn next_spelling(text: &str, key: &str) -> Option<String> {
    let (text, key) = (text.as_bytes(), key.as_bytes());
    // How far a spelling can follow `key` byte by byte.
    let shared = text.iter().zip(key).take_while(|(own, other)| own.eq_ignore_ascii_case(other)).count();
    if shared == key.len() && shared < text.len() {
        return Some(spelled(key, &[], &text[shared..])); // `key` is a proper prefix: what goes on sorts after it
    }
    // Else some byte must be greater than its twin in `key`, as far to the right as possible.
    let last = shared.min(text.len() - usize::from(!text.is_empty())).min(key.len().saturating_sub(1));
    (0..=last).rev().find_map(|at| {
        let (own, bound) = (text.get(at)?, key.get(at)?);
        let greater = [own.to_ascii_uppercase(), own.to_ascii_lowercase()].into_iter().find(|byte| byte > bound)?;
        Some(spelled(&key[..at], &[greater], &text[at + 1..]))
    })
}

/// What is fixed, then the smallest spelling of the rest.
fn spelled(start: &[u8], next: &[u8], rest: &[u8]) -> String {
    let bytes = [start, next, &rest.to_ascii_uppercase()].concat();
    String::from_utf8(bytes).expect("a spelling differs from its text by the case of ASCII letters alone")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All spellings of a short text, sorted.
    fn spellings(text: &str) -> Vec<String> {
        let mut all = vec![String::new()];
        for c in text.chars() {
            let mut cases = vec![c.to_ascii_uppercase(), c.to_ascii_lowercase()];
            cases.dedup();
            all = all.iter().flat_map(|head| cases.iter().map(move |c| format!("{head}{c}"))).collect();
        }
        all.sort();
        all
    }

    proptest! {
        #[test]
        fn the_next_spelling_is_the_smallest_after_the_key(text in "[aB1@ü]{0,6}", key in "[aAbB1@ücZ]{0,8}") {
            let expected = spellings(&text).into_iter().find(|spelling| *spelling > key);
            prop_assert_eq!(next_spelling(&text, &key), expected);
        }
    }

    #[test]
    fn a_walk_over_all_spellings_visits_each_once_in_order() {
        let mut seen = vec!["A@B.CO".to_owned()];
        while let Some(next) = next_spelling("a@B.co", seen.last().expect("not empty")) {
            seen.push(next);
        }
        assert_eq!(seen, spellings("a@B.co"));
    }
}
