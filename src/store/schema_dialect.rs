//! What engines spell differently about tables, views and indexes: the part of [`super::Dialect`] that schema changes
//! need.

use std::fmt::Debug;

use super::conn::{Conn, StatementShape};
use super::error::StoreError;
use super::outline::QueryOutline;

/// How an engine spells schema changes and what it tells of the schema that stands.
pub trait SchemaDialect: Debug + Send + Sync {
    /// A statement that gives `kind, name, owner, statement` of each table, view and index, where `kind` is `table`,
    /// `view` or `index`, `owner` the table that an index is of, and `statement` what it was made with (null for what
    /// the engine made by itself). Ordered by creation.
    fn list_objects(&self) -> &'static str;

    /// A statement that makes a view over `query`. `cast_id`: the view's columns when its `id` isn't text and must be
    /// cast (contract/01 §6).
    fn create_view(&self, name: &str, query: &str, cast_id: Option<&[String]>) -> String;

    /// The query inside a statement that [`SchemaDialect::create_view`] made, with or without a cast, as the engine may
    /// have rewritten it since; `None` for any other statement.
    fn view_query(&self, name: &str, statement: &str) -> Option<String>;

    /// What a view over `query` would give. Errors read as those of a view that is made and then asked.
    fn describe_view(&self, conn: &dyn Conn, query: &str) -> Result<StatementShape, StoreError>;

    /// What the text of `query` tells of its columns; `None` if that can't be made out.
    fn outline(&self, query: &str) -> Option<QueryOutline>;

    /// The list that holds the value of a text `column`: none for an empty one; a list that stands there already stays.
    fn list_of_text(&self, column: &str) -> String;

    /// The last value of a `column` that holds a list, or `''`; a plain text that stands there already stays.
    fn last_of_list(&self, column: &str) -> String;
}
