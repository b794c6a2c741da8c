//! What the text of a query tells of its result columns, beyond what the engine says of a prepared statement.

/// The outermost `SELECT` of a query (of a union: the first).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryOutline {
    pub columns: Vec<ColumnOutline>,
    /// The tables and views that it names in `FROM`, in order; sub-queries and CTEs are left out.
    pub sources: Vec<QuerySource>,
}

/// A table or view in `FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySource {
    pub table: String,
    /// What columns are qualified with: the alias, or else the table's name.
    pub alias: String,
}

/// What a result column is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnOutline {
    /// `*` or `t.*`.
    Wildcard,
    /// A plain column, with its qualifier if it has one.
    Column { qualifier: Option<String>, name: String },
    /// A call of a function, by its lower-case name.
    Call { function: String },
    /// A cast to a type without a size, by its lower-case name.
    Cast { to: String },
    /// Any other expression.
    Other,
}
