//! One side of a comparison as SQL.

use crate::query::access::{Access, FieldShape, Reading};
use crate::query::affinity::Affinity;
use crate::query::facts::FactSource;
use crate::query::resolved::{Column, NodeSet, Source, Term};
use crate::query::truth::Class;
use crate::schema::Shape;

use super::frame::{Emitter, Frame, Param};
use super::join::Joins;

/// A piece of SQL with a value.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub sql: String,
    pub is_nullable: bool,
    pub affinity: Affinity,
    /// Whether it is too dear to be written twice.
    pub is_query: bool,
}

impl Expression {
    pub fn or_empty(&self) -> String {
        if self.is_nullable { format!("COALESCE({}, '')", self.sql) } else { self.sql.clone() }
    }
}

impl Emitter<'_> {
    /// A term that isn't a constant. To-one rows that weren't joined are looked up by a query of their own.
    pub fn term(&mut self, frame: &Frame<'_>, term: &Term) -> Expression {
        match term {
            Term::Constant(fact) => {
                let sql = self.param(Param::Fact(*fact));
                Expression { sql, is_nullable: true, affinity: Affinity::None, is_query: false }
            }
            Term::Column(column) => self.column(frame, column),
            Term::Item(node) => {
                let row = frame.row(Source::Node(*node)).expect("a list's values are joined before they are compared");
                self.used.push(row.id);
                let sql = self.dialect.json_list_value(&row.alias);
                Expression { sql, is_nullable: row.is_nullable, affinity: Affinity::None, is_query: false }
            }
            Term::Changed { submitted, column, .. } => {
                let stored = self.column(frame, column);
                let submitted = self.param(Param::Fact(*submitted));
                // Strict columns tell NULL from ''; to others both are empty.
                let condition = match column.access.class() {
                    Class::Strict => format!("{} IS DISTINCT FROM {submitted}", stored.sql),
                    _ => format!("{} IS DISTINCT FROM COALESCE({submitted}, '')", stored.or_empty()),
                };
                let sql = format!("CASE WHEN {condition} THEN 1 ELSE 0 END");
                Expression { sql, is_nullable: false, affinity: Affinity::None, is_query: false }
            }
            Term::Call { function, arguments } => {
                let arguments: Vec<Expression> = arguments.iter().map(|argument| self.term(frame, argument)).collect();
                let is_query = arguments.iter().any(|argument| argument.is_query);
                let arguments: Vec<String> = arguments.into_iter().map(|argument| argument.sql).collect();
                let sql = function.to_sql(self.dialect, &arguments);
                Expression { sql, is_nullable: true, affinity: Affinity::None, is_query }
            }
        }
    }

    pub fn column(&mut self, frame: &Frame<'_>, column: &Column) -> Expression {
        let missing = frame.unbound(frame.resolved.chain(column.source));
        if missing.is_empty() {
            return self.joined_column(frame, column);
        }
        let read = |emitter: &mut Self, frame: &Frame<'_>| emitter.joined_column(frame, column).sql;
        let sql = self.look_up(frame, missing, read);
        if column.access.is_never_null() {
            let sql = format!("COALESCE({sql}, 0)");
            return Expression { sql, is_nullable: false, affinity: Affinity::None, is_query: true };
        }
        Expression { sql, is_nullable: true, affinity: column.access.affinity(), is_query: true }
    }

    /// `(SELECT value FROM to-one rows)`: NULL where a row is missing.
    pub fn look_up(
        &mut self,
        frame: &Frame<'_>,
        nodes: NodeSet,
        value: impl FnOnce(&mut Self, &Frame<'_>) -> String,
    ) -> String {
        let mut joins = Joins::default();
        let inner = self.join(frame, nodes, nodes, &mut joins);
        let value = value(self, &inner);
        format!("({})", joins.select(&value, None))
    }

    /// A column of a row that was joined.
    fn joined_column(&mut self, frame: &Frame<'_>, column: &Column) -> Expression {
        let row = frame.row(column.source).expect("the row was joined").clone();
        let field = frame.resolved.field(column);
        let cell = self.cell(&row, &field.name);
        let is_nullable = row.is_nullable || field.shape() == Shape::Json;
        self.access(cell, is_nullable, &column.access)
    }

    fn access(&mut self, cell: String, is_nullable: bool, access: &Access) -> Expression {
        let dialect = self.dialect;
        let (sql, is_nullable) = match &access.reading {
            Reading::Plain => (cell, is_nullable),
            Reading::Json(path) => (dialect.json_value(&cell, path), true),
            Reading::Presence => (format!("CASE WHEN COALESCE({cell}, '') = '' THEN 0 ELSE 1 END"), false),
            Reading::Length => (dialect.json_list_length(&cell), false),
        };
        let sql = if access.is_lower { dialect.lower_ascii(&sql) } else { sql };
        Expression { sql, is_nullable, affinity: access.affinity(), is_query: false }
    }

    /// A constant with the type conversions that it brings, next to a side with `other`'s.
    pub fn constant(&mut self, fact: usize, own: Affinity, other: Affinity) -> String {
        let sql = self.param(Param::Fact(fact));
        match own {
            Affinity::Text if other != Affinity::Text => self.dialect.typed_as_text(&sql),
            Affinity::Number if other != Affinity::Number => self.dialect.typed_as_number(&sql),
            Affinity::None | Affinity::Text | Affinity::Number => sql,
        }
    }
}

/// The affinity of a constant: only cells of the caller's record have one. JSON text needs none: numbers sort before
/// any text, as the digits they are written with sort before a bracket.
pub(super) fn fact_affinity(source: &FactSource) -> Affinity {
    match source {
        FactSource::CallerCell { access, .. } if access.shape != FieldShape::Json => access.affinity(),
        _ => Affinity::None,
    }
}
