//! What stands in the database by its own word: names that are taken, and the views as the engine keeps them.

use std::collections::{HashMap, HashSet};

use crate::store::{Conn, ConnExt, StoreError};

/// The tables, views and indexes of the database at one moment. One scan of the engine's list.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Lower-case names of tables and views.
    relations: HashSet<String>,
    /// Lower-case index name → table.
    index_owners: HashMap<String, String>,
    /// In the order of creation.
    pub views: Vec<SqlView>,
}

/// A view as the engine keeps it.
#[derive(Clone, Debug)]
pub(super) struct SqlView {
    pub name: String,
    /// The statement that made it, rewritten by the engine when what it names was renamed.
    pub statement: String,
}

impl Catalog {
    pub fn load(conn: &dyn Conn) -> Result<Self, StoreError> {
        let mut catalog = Self::default();
        conn.list_rows(conn.dialect().list_objects(), &[], |row| {
            let text = |column| row.cell(column).as_text().to_owned();
            match row.cell(0).as_text() {
                "index" => {
                    catalog.index_owners.insert(text(1).to_ascii_lowercase(), text(2));
                }
                kind => {
                    catalog.relations.insert(text(1).to_ascii_lowercase());
                    if kind == "view" {
                        catalog.views.push(SqlView { name: text(1), statement: text(3) });
                    }
                }
            }
        })?;
        Ok(catalog)
    }

    /// Whether a table or view has this name, in any case.
    pub fn has_relation(&self, name: &str) -> bool {
        self.relations.contains(&name.to_ascii_lowercase())
    }

    /// The table of the index with this name, in any case.
    pub fn index_owner(&self, name: &str) -> Option<&str> {
        self.index_owners.get(&name.to_ascii_lowercase()).map(String::as_str)
    }
}
