//! How SQLite spells schema changes.

use super::dialect::SqliteDialect;
use super::outline;
use crate::store::{Conn, Dialect, QueryOutline, SchemaDialect, StatementShape, StoreError};

/// The id of a view that casts it, among column names.
const CAST_ID: &str = "CAST(`id` as TEXT) `id`";

impl SchemaDialect for SqliteDialect {
    fn list_objects(&self) -> &'static str {
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('table', 'view', 'index') ORDER BY rowid"
    }

    fn create_view(&self, name: &str, query: &str, cast_id: Option<&[String]>) -> String {
        let name = self.quote(name);
        let end = end_of(query);
        let Some(columns) = cast_id else { return format!("CREATE VIEW {name} AS SELECT * FROM ({query}{end})") };
        let columns: Vec<String> =
            columns.iter().map(|column| if column == "id" { CAST_ID.to_owned() } else { self.quote(column) }).collect();
        format!("CREATE VIEW {name} AS SELECT * FROM (SELECT {} FROM ({query}{end}))", columns.join(","))
    }

    fn view_query(&self, name: &str, statement: &str) -> Option<String> {
        let head = format!("CREATE VIEW {} AS SELECT * FROM (", self.quote(name));
        let mut query = statement.strip_prefix(&head)?.strip_suffix(')')?;
        if let Some((columns, inner)) = query.split_once(" FROM (")
            && columns.starts_with("SELECT ")
            && columns.contains(CAST_ID)
        {
            query = inner.strip_suffix(')')?;
        }
        Some(query.strip_suffix('\n').unwrap_or(query).to_owned())
    }

    fn describe_view(&self, conn: &dyn Conn, query: &str) -> Result<StatementShape, StoreError> {
        let shape = conn.describe(&format!("SELECT * FROM ({query}{})", end_of(query))).map_err(of_a_view)?;
        if shape.parameters > 0 {
            return Err(StoreError::Sql("SQL logic error: parameters are not allowed in views (1)".to_owned()));
        }
        Ok(shape)
    }

    fn outline(&self, query: &str) -> Option<QueryOutline> {
        outline::outline(query)
    }

    fn list_of_text(&self, column: &str) -> String {
        let column = self.quote(column);
        format!(
            "CASE WHEN {column} = '' OR {column} IS NULL THEN '[]' \
             WHEN json_valid({column}) AND json_type({column}) = 'array' THEN {column} \
             ELSE json_array({column}) END"
        )
    }

    fn last_of_list(&self, column: &str) -> String {
        let column = self.quote(column);
        format!(
            "CASE WHEN json_valid({column}) AND json_type({column}) = 'array' \
             THEN COALESCE(json_extract({column}, '$[#-1]'), '') ELSE COALESCE({column}, '') END"
        )
    }
}

/// What must stand between a query and a bracket: a line comment at the end would swallow the bracket.
fn end_of(query: &str) -> &'static str {
    let last_line = query.rsplit('\n').next().unwrap_or(query);
    if last_line.contains("--") { "\n" } else { "" }
}

/// A view names the schema of the tables that it lacks, a plain statement doesn't.
fn of_a_view(error: StoreError) -> StoreError {
    match error {
        StoreError::Sql(text) => StoreError::Sql(match text.split_once("no such table: ") {
            Some((before, table)) if !table.contains('.') => format!("{before}no such table: main.{table}"),
            Some(_) | None => text,
        }),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn value(expression: &str, column: &str) -> String {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (c JSON)").unwrap();
        db.execute("INSERT INTO t VALUES (?1)", [column]).unwrap();
        db.query_row(&format!("SELECT {expression} FROM t"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_single_value_becomes_a_list_and_a_list_its_last_value() {
        let list = SqliteDialect.list_of_text("c");
        for (single, expected) in [
            ("", "[]"),
            ("a", r#"["a"]"#),
            ("a\"b", r#"["a\"b"]"#),
            (r#"["x","y"]"#, r#"["x","y"]"#),
            ("{}", r#"["{}"]"#),
        ] {
            assert_eq!(value(&list, single), expected, "{single}");
        }
        let single = SqliteDialect.last_of_list("c");
        for (list, expected) in [("[]", ""), (r#"["a"]"#, "a"), (r#"["a","b"]"#, "b"), ("plain", "plain"), ("", "")] {
            assert_eq!(value(&single, list), expected, "{list}");
        }
    }

    #[test]
    fn a_view_gives_its_query_back_as_the_engine_rewrote_it() {
        for query in ["select id, t from posts", "select id from posts -- all", "select id from posts\n"] {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch("CREATE TABLE posts (id, t)").unwrap();
            db.execute_batch(&SqliteDialect.create_view("v", query, None)).unwrap();
            db.execute_batch("ALTER TABLE posts RENAME TO articles").unwrap();
            let statement: String =
                db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'v'", [], |row| row.get(0)).unwrap();
            let expected = query.replace("posts", "\"articles\"");
            let read = SqliteDialect.view_query("v", &statement).unwrap();
            assert_eq!(read.trim_end(), expected.trim_end());
            let casted = SqliteDialect.create_view("v", query, Some(&["t".to_owned(), "id".to_owned()]));
            assert_eq!(SqliteDialect.view_query("v", &casted).unwrap().trim_end(), query.trim_end());
        }
    }
}
