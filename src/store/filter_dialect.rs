//! What engines spell differently about conditions: the part of [`super::Dialect`] that the filter language needs.
//! Arguments named `expression`, `left`, `right`, `pattern`, `list` are SQL; results are SQL without outer brackets
//! unless they are a single call or `CASE`.

use std::fmt::Debug;

/// One step of a path into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JsonStep {
    /// A member of an object. Made of `[A-Za-z0-9_:]`.
    Key(Box<str>),
    /// An item of an array, from 0.
    Index(u64),
}

/// Whether a condition stands as it is or is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sense {
    Is,
    IsNot,
}

/// How an engine spells conditions. Comparisons convert types as contract/04 §2 says.
pub trait FilterDialect: Debug + Send + Sync {
    /// The value at `path` of what a JSON-typed column holds: scalars as SQL values, arrays and objects as JSON text
    /// without blanks, NULL where there is nothing. What isn't JSON is a JSON string.
    fn json_value(&self, expression: &str, path: &[JsonStep]) -> String;

    /// A row source of the values of a JSON list column; what isn't a list is a list of one. `alias` is quoted.
    fn json_list(&self, expression: &str, alias: &str) -> String;

    /// The same of a parameter that is known to be a JSON list.
    fn json_list_parameter(&self, parameter: &str, alias: &str) -> String;

    /// The value of a row of [`FilterDialect::json_list`].
    fn json_list_value(&self, alias: &str) -> String;

    /// How many values a JSON list column holds: 0 for NULL and `''`.
    fn json_list_length(&self, expression: &str) -> String;

    /// A LIKE of contract/04 §4 with a ready pattern.
    fn like(&self, left: &str, sense: Sense, pattern: &str) -> String;

    /// The pattern "contains" of a value in a column, its wildcards acting; NULL if it would be too long.
    fn containing_pattern(&self, expression: &str) -> String;

    /// A value as a pattern; NULL if it would be too long.
    fn raw_pattern(&self, expression: &str) -> String;

    /// ASCII letters in lower case.
    fn lower_ascii(&self, expression: &str) -> String;

    /// The expression with the type conversions of a text column.
    fn typed_as_text(&self, expression: &str) -> String;

    /// The expression with the type conversions of a number column.
    fn typed_as_number(&self, expression: &str) -> String;

    /// `strftime(format, time, modifiers…)` of contract/04 §6.
    fn strftime(&self, arguments: &[String]) -> String;

    /// Kilometres between two points: `[lonA, latA, lonB, latB]` (contract/04 §6).
    fn geo_distance(&self, arguments: &[String]) -> String;

    /// What orders rows by chance.
    fn random_order(&self) -> &'static str;
}
