//! How SQLite spells conditions of the filter language.

use std::fmt::Write;

use crate::store::filter_dialect::{FilterDialect, JsonStep, Sense};

use super::dialect::SqliteDialect;

/// `SQLITE_MAX_LIKE_PATTERN_LENGTH` of the bundled build: a longer pattern is an error.
const PATTERN_BYTES_MAX: usize = 50_000;

impl FilterDialect for SqliteDialect {
    fn json_value(&self, expression: &str, path: &[JsonStep]) -> String {
        // `json_extract` fails on what isn't JSON; a view's column may hold anything.
        let otherwise = if path.is_empty() { expression } else { "NULL" };
        let path = json_path(path);
        format!("CASE WHEN json_valid({expression}) THEN json_extract({expression}, '{path}') ELSE {otherwise} END")
    }

    fn json_list(&self, expression: &str, alias: &str) -> String {
        // `json_each` fails on what isn't JSON and walks through objects.
        format!(
            "json_each(CASE WHEN json_valid({expression}) AND json_type({expression}) = 'array' THEN {expression} \
             ELSE json_array({expression}) END) AS {alias}"
        )
    }

    fn json_list_parameter(&self, parameter: &str, alias: &str) -> String {
        format!("json_each({parameter}) AS {alias}")
    }

    fn json_list_value(&self, alias: &str) -> String {
        format!("{alias}.value")
    }

    fn json_list_length(&self, expression: &str) -> String {
        format!(
            "CASE WHEN json_valid({expression}) AND json_type({expression}) = 'array' THEN \
             json_array_length({expression}) WHEN COALESCE({expression}, '') = '' THEN 0 ELSE 1 END"
        )
    }

    fn like(&self, left: &str, sense: Sense, pattern: &str) -> String {
        let not = match sense {
            Sense::Is => "",
            Sense::IsNot => "NOT ",
        };
        format!(r"{left} {not}LIKE {pattern} ESCAPE '\'")
    }

    fn containing_pattern(&self, expression: &str) -> String {
        let most = PATTERN_BYTES_MAX - 2; // the wildcards around it
        format!("CASE WHEN octet_length({expression}) <= {most} THEN '%' || {expression} || '%' END")
    }

    fn raw_pattern(&self, expression: &str) -> String {
        format!("CASE WHEN octet_length({expression}) <= {PATTERN_BYTES_MAX} THEN {expression} END")
    }

    fn lower_ascii(&self, expression: &str) -> String {
        format!("LOWER({expression})")
    }

    fn typed_as_text(&self, expression: &str) -> String {
        format!("CAST({expression} AS TEXT)")
    }

    fn typed_as_number(&self, expression: &str) -> String {
        format!("CAST({expression} AS NUMERIC)")
    }

    fn strftime(&self, arguments: &[String]) -> String {
        format!("strftime({})", arguments.join(", "))
    }

    fn geo_distance(&self, arguments: &[String]) -> String {
        let [lon_a, lat_a, lon_b, lat_b] = arguments else { return "NULL".to_owned() };
        format!(
            "6371 * acos(cos(radians({lat_a})) * cos(radians({lat_b})) * cos(radians({lon_b}) - radians({lon_a})) \
             + sin(radians({lat_a})) * sin(radians({lat_b})))"
        )
    }

    fn random_order(&self) -> &'static str {
        "random()"
    }
}

/// The path in SQLite's notation. Keys are made of `[A-Za-z0-9_:]`; quoted, so that digits and colons are plain.
fn json_path(path: &[JsonStep]) -> String {
    let mut text = "$".to_owned();
    for step in path {
        let written = match step {
            JsonStep::Key(key) => write!(text, ".\"{}\"", key.replace(['"', '\''], "")),
            JsonStep::Index(index) => write!(text, "[{index}]"),
        };
        written.expect("writing to a String succeeds");
    }
    text
}
