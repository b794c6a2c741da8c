//! How SQLite spells what differs between engines.

use crate::store::dialect::{ColumnType, Dialect};

/// The one spelling of this engine.
#[derive(Clone, Copy, Debug)]
pub struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn quote(&self, identifier: &str) -> String {
        // Backticks, as in the files of contract/01 §3; a NUL would end the statement's text.
        format!("`{}`", identifier.replace('`', "``").replace('\0', ""))
    }

    fn column_definition(&self, column: ColumnType) -> &'static str {
        // contract/01 §6
        match column {
            ColumnType::Text => "TEXT DEFAULT '' NOT NULL",
            ColumnType::PrimaryKey => "TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL",
            ColumnType::Number => "NUMERIC DEFAULT 0 NOT NULL",
            ColumnType::Bool => "BOOLEAN DEFAULT FALSE NOT NULL",
            ColumnType::Json => "JSON DEFAULT NULL",
            ColumnType::JsonList => "JSON DEFAULT '[]' NOT NULL",
            ColumnType::Point => "JSON DEFAULT '{\"lon\":0,\"lat\":0}' NOT NULL",
        }
    }

    fn insertion_order(&self) -> &'static str {
        "_rowid_" // the one of its names that no field may have (contract/03 §1)
    }

    fn contains_text(&self, expression: &str, needle: &str) -> String {
        format!("instr({expression}, {needle}) > 0")
    }

    fn parameter(&self, number: usize) -> String {
        format!("?{number}")
    }

    fn equals_in_any_case(&self, expression: &str, other: &str) -> String {
        format!("{expression} = {other} COLLATE NOCASE")
    }

    fn is_in_json_list(&self, expression: &str, list: &str) -> String {
        format!("{expression} IN (SELECT value FROM json_each({list}))")
    }
}
