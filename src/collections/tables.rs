//! A table follows its collection (contract/02 §7): the change as a list of steps, and the steps on the database.
//!
//! Steps are cut where an engine that can't mix definitions and rows would cut them: definitions that make room,
//! conversions of rows, definitions that clear up.

use std::sync::Arc;

use crate::schema::index::Index;
use crate::schema::sql_text::{Token, tokens, unquote};
use crate::schema::{Collection, Field, Shape};
use crate::store::{ColumnType, Dialect, StoreError, Tx};

use super::catalog::Catalog;

/// One step of a schema change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    CreateTable {
        table: String,
        columns: Vec<(String, ColumnType)>,
    },
    DropIndex {
        name: String,
    },
    RenameTable {
        from: String,
        to: String,
    },
    DropColumn {
        table: String,
        column: String,
    },
    RenameColumn {
        table: String,
        from: String,
        to: String,
    },
    AddColumn {
        table: String,
        column: String,
        column_type: ColumnType,
    },
    /// Fills the column `to` from `from`.
    Convert {
        table: String,
        from: String,
        to: String,
        conversion: Conversion,
    },
    /// `position` is that of its statement in the collection's list.
    CreateIndex {
        position: usize,
        index: Index,
    },
}

/// How the values of a field that became single or multiple are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    TextToList,
    ListToText,
}

/// The change of a table, in the order in which it must run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableChange {
    /// Until nothing stands in the way: index drops, renames, drops and additions of columns.
    pub reshape: Vec<Step>,
    /// Conversions with the columns that they need; views that read the table must not look on.
    pub convert: Vec<Step>,
    pub indexes: Vec<Step>,
}

impl TableChange {
    /// The table of a new collection.
    pub fn create(collection: &Collection) -> Self {
        let mut columns: Vec<(String, ColumnType)> =
            collection.fields.iter().map(|field| (field.name.clone(), field.column_type())).collect();
        columns.sort_by(|(a, _), (b, _)| a.cmp(b));
        let table = collection.name.to_string();
        Self {
            reshape: vec![Step::CreateTable { table, columns }],
            convert: Vec::new(),
            indexes: create_indexes(collection, |_| true),
        }
    }

    /// A table with the columns of a view, to stand in its place for a moment.
    pub fn stand_in(view: &Collection) -> Step {
        let columns = view.fields.iter().map(|field| (field.name.clone(), ColumnType::Text)).collect();
        Step::CreateTable { table: view.name.to_string(), columns }
    }

    /// From the table of `old` to that of `new`. An index that stays as it is isn't built again.
    pub fn between(old: &Collection, new: &Collection, catalog: &Catalog) -> Self {
        let mut change = Self::default();
        let columns = ColumnChanges::between(old, new);
        let kept = |index: &Index| is_kept(index, old, new, &columns, catalog);
        for index in old.read_indexes().filter(|index| !kept(index)) {
            change.reshape.push(Step::DropIndex { name: index.name });
        }
        // SQL doesn't mind the case of a table's name, so a change of it alone leaves the table as it is.
        let is_renamed = !old.name.eq_ignore_ascii_case(&new.name);
        if is_renamed {
            change.reshape.push(Step::RenameTable { from: old.name.to_string(), to: new.name.to_string() });
        }
        columns.push_reshape(&new.name, &mut change.reshape);
        columns.push_conversions(&new.name, &mut change.convert);
        change.indexes = create_indexes(new, |index| !kept(index));
        change
    }

    /// Whether it touches what views can see: names, columns that go, columns that are made anew.
    pub fn touches_views(&self) -> bool {
        !self.convert.is_empty()
            || self.renames()
            || self.reshape.iter().any(|step| matches!(step, Step::DropColumn { .. }))
    }

    /// Whether the engine will rewrite views for it.
    pub fn renames(&self) -> bool {
        self.reshape.iter().any(|step| matches!(step, Step::RenameTable { .. } | Step::RenameColumn { .. }))
    }
}

/// What becomes of the columns, by the ids of their fields.
struct ColumnChanges<'a> {
    dropped: Vec<&'a Field>,
    added: Vec<&'a Field>,
    /// Before and after.
    renamed: Vec<(&'a Field, &'a Field)>,
    /// Under their new names.
    converted: Vec<(&'a Field, Conversion)>,
    old: &'a Collection,
}

impl<'a> ColumnChanges<'a> {
    fn between(old: &'a Collection, new: &'a Collection) -> Self {
        let find = |fields: &'a [Arc<Field>], id: &str| fields.iter().find(|field| field.id == id);
        let mut changes =
            Self { dropped: Vec::new(), added: Vec::new(), renamed: Vec::new(), converted: Vec::new(), old };
        let is_gone = |field: &&Arc<Field>| find(&new.fields, &field.id).is_none();
        changes.dropped.extend(old.fields.iter().filter(is_gone).map(|field| &**field));
        for field in &new.fields {
            let Some(before) = find(&old.fields, &field.id) else {
                changes.added.push(field);
                continue;
            };
            if before.name != field.name {
                changes.renamed.push((before, field));
            }
            match (before.shape(), field.shape()) {
                (Shape::Single, Shape::Multiple) => changes.converted.push((field, Conversion::TextToList)),
                (Shape::Multiple, Shape::Single) => changes.converted.push((field, Conversion::ListToText)),
                _ => {}
            }
        }
        changes
    }

    fn push_reshape(&self, table: &str, steps: &mut Vec<Step>) {
        let table = table.to_owned();
        for field in &self.dropped {
            steps.push(Step::DropColumn { table: table.clone(), column: field.name.clone() });
        }
        // A name that another column still has is reached by way of a temporary one, so that two may swap theirs.
        let rename = |from: &str, to: &str| Step::RenameColumn {
            table: table.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let mut second_half = Vec::new();
        for (position, (before, after)) in self.renamed.iter().enumerate() {
            if self.is_free(&after.name) {
                steps.push(rename(&before.name, &after.name));
            } else {
                let between = temporary_name(position);
                steps.push(rename(&before.name, &between));
                second_half.push(rename(&between, &after.name));
            }
        }
        steps.append(&mut second_half);
        for field in &self.added {
            steps.push(Step::AddColumn {
                table: table.clone(),
                column: field.name.clone(),
                column_type: field.column_type(),
            });
        }
    }

    /// Whether no column of the old table that stays has this name.
    fn is_free(&self, name: &str) -> bool {
        let stays = |field: &&Arc<Field>| !self.dropped.iter().any(|dropped| dropped.id == field.id);
        !self.old.fields.iter().filter(stays).any(|field| field.name.eq_ignore_ascii_case(name))
    }

    fn push_conversions(&self, table: &str, steps: &mut Vec<Step>) {
        for (position, (field, conversion)) in self.converted.iter().enumerate() {
            let between = temporary_name(position);
            steps.push(Step::AddColumn {
                table: table.to_owned(),
                column: between.clone(),
                column_type: field.column_type(),
            });
            steps.push(Step::Convert {
                table: table.to_owned(),
                from: field.name.clone(),
                to: between.clone(),
                conversion: *conversion,
            });
            steps.push(Step::DropColumn { table: table.to_owned(), column: field.name.clone() });
            steps.push(Step::RenameColumn { table: table.to_owned(), from: between, to: field.name.clone() });
        }
    }

    /// Whether an index that names `column` must be made anew.
    fn concern(&self, column: &str) -> bool {
        let is_column = |field: &Field| field.name.eq_ignore_ascii_case(column);
        self.dropped.iter().any(|field| is_column(field))
            || self.renamed.iter().any(|(before, after)| is_column(before) || is_column(after))
            || self.converted.iter().any(|(field, _)| is_column(field))
    }
}

/// A column that stands only inside the transaction.
fn temporary_name(position: usize) -> String {
    format!("_mb_column_{position}")
}

/// Whether the index stands on the table already and the change leaves it as it is.
fn is_kept(index: &Index, old: &Collection, new: &Collection, columns: &ColumnChanges<'_>, catalog: &Catalog) -> bool {
    let is_in = |collection: &Collection| {
        collection
            .indexes
            .iter()
            .filter_map(|text| Index::parse_stored(text))
            .any(|other| other.name.eq_ignore_ascii_case(&index.name) && other.has_definition_of(index))
    };
    let is_built = catalog.index_owner(&index.name).is_some_and(|owner| owner.eq_ignore_ascii_case(&old.name));
    let is_concerned = tokens(&index.build()).any(|(token, range)| {
        let text = &index.build()[range];
        matches!(token, Token::Word | Token::Quoted) && columns.concern(unquote(text))
    });
    is_in(old) && is_in(new) && is_built && !is_concerned
}

fn create_indexes(collection: &Collection, is_wanted: impl Fn(&Index) -> bool) -> Vec<Step> {
    let parsed = collection.indexes.iter().enumerate().filter_map(|(position, text)| {
        let index = Index::parse_stored(text)?;
        Some((position, Index { table: collection.name.to_string(), ..index }))
    });
    parsed
        .filter(|(_, index)| is_wanted(index))
        .map(|(position, index)| Step::CreateIndex { position, index })
        .collect()
}

impl Step {
    /// Runs the step. Not for indexes, whose failures are collected: [`Step::statement`] gives theirs.
    pub fn run(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.execute(&self.statement(tx.dialect()), &[]).map(drop)
    }

    /// What a failure of the step begins with, if anything.
    pub fn failure(&self) -> Option<String> {
        match self {
            Step::DropColumn { column, .. } => Some(format!("failed to drop column {column}")),
            Step::RenameColumn { from, .. } => Some(format!("failed to rename column {from}")),
            Step::AddColumn { column, .. } => Some(format!("failed to add column {column}")),
            Step::RenameTable { .. }
            | Step::CreateTable { .. }
            | Step::DropIndex { .. }
            | Step::Convert { .. }
            | Step::CreateIndex { .. } => None,
        }
    }

    pub fn statement(&self, dialect: &dyn Dialect) -> String {
        let quote = |name: &str| dialect.quote(name);
        match self {
            Step::CreateTable { table, columns } => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|(name, column)| format!("{} {}", quote(name), dialect.column_definition(*column)))
                    .collect();
                format!("CREATE TABLE {} ({})", quote(table), columns.join(", "))
            }
            Step::DropIndex { name } => format!("DROP INDEX IF EXISTS {}", quote(name)),
            Step::RenameTable { from, to } => format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to)),
            Step::DropColumn { table, column } => {
                format!("ALTER TABLE {} DROP COLUMN {}", quote(table), quote(column))
            }
            Step::RenameColumn { table, from, to } => {
                format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote(table), quote(from), quote(to))
            }
            Step::AddColumn { table, column, column_type } => format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                quote(table),
                quote(column),
                dialect.column_definition(*column_type)
            ),
            Step::Convert { table, from, to, conversion } => {
                let value = match conversion {
                    Conversion::TextToList => dialect.list_of_text(from),
                    Conversion::ListToText => dialect.last_of_list(from),
                };
                format!("UPDATE {} SET {} = {value}", quote(table), quote(to))
            }
            Step::CreateIndex { index, .. } => index.build(),
        }
    }
}
