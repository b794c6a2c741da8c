//! Everything that SQL engines spell differently (ARCHITECTURE, seam 2). One implementation per engine.

use super::filter_dialect::FilterDialect;
use super::schema_dialect::SchemaDialect;

/// The kind of column a field is stored in (contract/01 §6 gives SQLite's definitions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, `''` when empty.
    Text,
    /// The primary key: text with a random default.
    PrimaryKey,
    /// A number, 0 when empty.
    Number,
    /// A flag, false when empty.
    Bool,
    /// Any JSON value, NULL when empty.
    Json,
    /// A JSON list of texts, `[]` when empty.
    JsonList,
    /// `{"lon":x,"lat":y}`, zeros when empty.
    Point,
}

/// How an engine spells what differs between engines.
pub trait Dialect: SchemaDialect + FilterDialect {
    /// The identifier quoted, safe for any name.
    fn quote(&self, identifier: &str) -> String;

    /// The definition of a column after its name: type, default, constraints.
    fn column_definition(&self, column: ColumnType) -> &'static str;

    /// What orders the rows of a table as they were inserted, after `ORDER BY`.
    fn insertion_order(&self) -> &'static str;

    /// A condition: the text of `expression` contains that of `needle`, byte by byte. Both are SQL.
    fn contains_text(&self, expression: &str, needle: &str) -> String;

    /// The placeholder of the parameter with this number, from 1; one may stand in several places.
    fn parameter(&self, number: usize) -> String;

    /// A condition: two texts are equal but for the case of ASCII letters. Both are SQL.
    fn equals_in_any_case(&self, expression: &str, other: &str) -> String;

    /// A condition: the text of `expression` is one of those in a JSON list of texts. Both are SQL.
    fn is_in_json_list(&self, expression: &str, list: &str) -> String;
}
