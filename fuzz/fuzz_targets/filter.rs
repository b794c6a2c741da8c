//! The parser of filters and rules: no text makes it panic, hang or take more than linear time, and what it accepts
//! reads back the same.
//!
//! The parser's files are taken in by path: the rest of the program would make the sanitizers' build take minutes.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/error.rs"]
#[expect(dead_code, reason = "only what the parser needs of it is used")]
mod error;

#[expect(dead_code, reason = "only the parser is used")]
mod query;

use query::parser::parse;

/// A parser that took quadratic time would need minutes for a text of this length: the fuzzer's time limit finds it.
const LONG_BYTES: usize = 128 * 1024;
/// Every so many lengths the text is tried as a long one: that is a thousand times dearer.
const LONG_EVERY: usize = 16;

fuzz_target!(|text: &str| {
    if let Ok(tree) = parse(text) {
        assert_eq!(parse(&tree.to_string()), Ok(tree));
    }
    if text.len() % LONG_EVERY == 1 {
        let long = text.repeat(LONG_BYTES / text.len());
        let _ = parse(&long);
        let _ = parse(&format!("({}", long.replace(')', "(")));
    }
});
