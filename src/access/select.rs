//! A statement around a compiled condition.

use crate::query::{Compiled, OrderTerm, Outcome};
use crate::schema::Collection;
use crate::store::{Dialect, Value};

/// A `SELECT` from a collection that gives the rows a condition lets through; whoever runs it says which columns, and
/// may add conditions, an order and a limit.
#[derive(Clone, Debug)]
pub struct Select {
    dialect: &'static dyn Dialect,
    from: String,
    conditions: Vec<String>,
    params: Vec<Value>,
}

impl Select {
    /// All rows of a collection.
    pub fn from_collection(collection: &Collection, dialect: &'static dyn Dialect) -> Self {
        Self { dialect, from: dialect.quote(&collection.name), conditions: Vec::new(), params: Vec::new() }
    }

    /// The rows that match; `None` when none can.
    pub fn of(compiled: Compiled, dialect: &'static dyn Dialect) -> Option<Self> {
        let conditions = match compiled.outcome() {
            Outcome::Never => return None,
            Outcome::Always => Vec::new(),
            Outcome::Depends => vec![compiled.where_sql().to_owned()],
        };
        let from = compiled.from_sql().to_owned();
        Some(Self { dialect, from, conditions, params: compiled.into_params() })
    }

    /// Whether no condition was added.
    pub fn is_whole(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Adds a condition; must be in brackets if it has an `OR`.
    pub fn and(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// Binds a value; gives its placeholder.
    pub fn bind(&mut self, value: Value) -> String {
        self.params.push(value);
        self.dialect.parameter(self.params.len())
    }

    /// Only the record with this id.
    pub fn and_id(&mut self, id: &str) {
        let id = self.bind(Value::from(id));
        self.and(format!("{} = {id}", self.dialect.quote("id")));
    }

    /// Only the records with these ids.
    pub fn and_id_in(&mut self, ids: &[String]) {
        let column = self.dialect.quote("id");
        self.and_text_in(&column, ids);
    }

    /// Only rows in which the text of an SQL expression is one of these.
    pub fn and_text_in(&mut self, expression: &str, texts: &[String]) {
        // One is what expand mostly asks for; a list would be parsed by the engine first.
        if let [text] = texts {
            let text = self.bind(Value::from(text.as_str()));
            return self.and(format!("{expression} = {text}"));
        }
        let list = self.bind(Value::from(serde_json::Value::from(texts).to_string()));
        self.and(self.dialect.is_in_json_list(expression, &list));
    }

    /// Only rows in which the JSON list in a column has one of these texts.
    pub fn and_list_has_any_of(&mut self, column: &str, texts: &[String]) {
        let list = self.bind(Value::from(serde_json::Value::from(texts).to_string()));
        let item = self.dialect.quote("item");
        let items = self.dialect.json_list(column, &item);
        let is_one_of = self.dialect.is_in_json_list(&self.dialect.json_list_value(&item), &list);
        self.and(format!("EXISTS (SELECT 1 FROM {items} WHERE {is_one_of})"));
    }

    /// The text: `columns` as they stand, `tail` (order, limit) with a leading blank.
    pub fn sql(&self, columns: &str, tail: &str) -> String {
        let mut sql = String::with_capacity(columns.len() + self.from.len() + tail.len() + 64);
        sql.push_str("SELECT ");
        sql.push_str(columns);
        sql.push_str(" FROM ");
        sql.push_str(&self.from);
        for (index, condition) in self.conditions.iter().enumerate() {
            sql.push_str(if index == 0 { " WHERE " } else { " AND " });
            sql.push_str(condition);
        }
        sql.push_str(tail);
        sql
    }

    /// What the text binds.
    pub fn params(&self) -> &[Value] {
        &self.params
    }
}

/// ` ORDER BY …`, or nothing.
pub fn order_by(terms: &[OrderTerm]) -> String {
    let mut sql = String::new();
    for (index, term) in terms.iter().enumerate() {
        sql.push_str(if index == 0 { " ORDER BY " } else { ", " });
        sql.push_str(&term.sql);
        if term.descending {
            sql.push_str(" DESC");
        }
    }
    sql
}
