//! How SQLite spells what differs between engines.

use crate::store::dialect::{ColumnType, Dialect};

/// The one spelling of this engine.
#[derive(Clone, Copy, Debug)]
pub struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn quote(&self, identifier: &str) -> String {
        // Backticks, as in the files of contract/01 §3; a NUL would end the statement's text.
        let mut quoted = String::with_capacity(identifier.len() + 2);
        quoted.push('`');
        if identifier.contains(['`', '\0']) {
            quoted.push_str(&identifier.replace('`', "``").replace('\0', ""));
        } else {
            quoted.push_str(identifier);
        }
        quoted.push('`');
        quoted
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    proptest! {
        /// Whatever a name holds, quoted it is one identifier: a column of that very name, and nothing behind it runs.
        #[test]
        fn a_quoted_name_is_one_identifier(name in any::<String>(), evil in "[`'\";)(. \\[\\]-]{0,12}") {
            for name in [name, evil] {
                let name = name.replace('\0', "");
                let db = Connection::open_in_memory().unwrap();
                let statement = db.prepare(&format!("SELECT 1 AS {}", SqliteDialect.quote(&name))).unwrap();
                prop_assert_eq!((statement.column_count(), statement.column_name(0).unwrap()), (1, name.as_str()));
            }
        }
    }
}
