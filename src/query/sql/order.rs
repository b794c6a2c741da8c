//! The order as SQL (contract/04 §12).

use crate::query::compile::{OrderKind, OrderTerm};
use crate::query::resolved::{NodeSet, Source, Term};
use crate::query::sort::{Sort, SortKey};

use super::frame::{Emitter, Frame};
use super::join::Joins;

impl<'a> Emitter<'_> {
    /// One element of the order. Doesn't bind anything.
    pub fn order_term(&mut self, frame: &Frame<'a>, sort: &Sort) -> OrderTerm {
        let (sql, kind) = match &sort.key {
            SortKey::Random => (self.dialect.random_order().to_owned(), OrderKind::Random),
            SortKey::Insertion => {
                (format!("{}.{}", frame.base.alias, self.dialect.insertion_order()), OrderKind::Insertion)
            }
            SortKey::Term(term) => self.order_key(frame, term),
        };
        OrderTerm { sql, descending: sort.is_descending, kind }
    }

    fn order_key(&mut self, frame: &Frame<'a>, term: &Term) -> (String, OrderKind) {
        let chain = frame.resolved.chains(term);
        if chain.is_empty() {
            let kind = match term {
                Term::Column(column) if column.access.is_plain() && column.guard.is_none() => {
                    OrderKind::Field(column.field)
                }
                _ => OrderKind::Computed,
            };
            return (self.shown_value(frame, term), kind);
        }
        let is_many = !frame.resolved.many(chain).is_empty();
        let inner = if is_many { NodeSet::default() } else { chain };
        let mut joins = Joins::default();
        let joined = self.join(frame, chain, inner, &mut joins);
        let value = self.shown_value(&joined, term);
        if !is_many {
            return (format!("({})", joins.select(&value, None)), OrderKind::Computed);
        }
        // One of the values places the record; a row that its list rule hides must not.
        let condition = self.visible(&joined, chain);
        (format!("({} LIMIT 1)", joins.select(&value, condition.as_deref())), OrderKind::Computed)
    }

    /// The value that a caller may be told of: a private e-mail is `''`.
    fn shown_value(&mut self, frame: &Frame<'a>, term: &Term) -> String {
        let value = self.term(frame, term).sql;
        let Term::Column(column) = term else { return value };
        let Some(flag) = column.guard else { return value };
        let Some(row) = frame.row(column.source).cloned() else { return value };
        let flag = &frame.resolved.collection_of(column.source).fields[flag].name;
        let flag = self.cell(&row, flag);
        let id = self.cell(&row, "id");
        format!("CASE WHEN {flag} = TRUE THEN {value} WHEN {id} IS NOT NULL THEN '' END")
    }

    /// The condition that the joined rows of a chain pass their list rules.
    fn visible(&mut self, frame: &Frame<'a>, chain: NodeSet) -> Option<String> {
        let mut conditions = Vec::new();
        for (index, restriction) in frame.resolved.restrictions.iter().enumerate() {
            let Some(row) = frame.row(Source::Node(restriction.node)).cloned() else { continue };
            if !chain.contains(restriction.node) {
                continue;
            }
            let folded = crate::query::folded::Folded::new(&restriction.rule, &frame.shape.restrictions[index]);
            let passes = self.rule(frame, index, &folded, row.clone());
            let id = self.cell(&row, "id");
            conditions.push(format!("({id} IS NULL OR {passes})"));
        }
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }
}
