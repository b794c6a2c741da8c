//! Reads the outline of a query with SQLite's own grammar.

use std::panic::catch_unwind;

use bumpalo::Bump;
use fallible_iterator::FallibleIterator;
use sqlite3_parser::ast::{As, Cmd, Expr, FromClause, Name, OneSelect, ResultColumn, Select, SelectTable, Stmt};
use sqlite3_parser::lexer::sql::Parser;

use crate::store::{ColumnOutline, QueryOutline, QuerySource};

/// Sub-queries in brackets that are looked through; more are taken as an unknown query.
const BRACKETS_MAX: usize = 20;

/// The outline of a query that may stand in brackets; `None` if the parser can't make it out. Text only: the parser has
/// been seen to panic on bytes that are no UTF-8, which is also why a panic is caught.
pub fn outline(query: &str) -> Option<QueryOutline> {
    // A line comment at the end must not swallow the bracket.
    let wrapped = format!("SELECT * FROM ({query}\n)");
    catch_unwind(|| read(&wrapped)).ok().flatten()
}

fn read(sql: &str) -> Option<QueryOutline> {
    let bump = Bump::new();
    let mut parser = Parser::new(&bump, sql.as_bytes());
    let Some(Cmd::Stmt(Stmt::Select(select))) = parser.next().ok()? else { return None };
    let OneSelect::Select { from: Some(from), .. } = &select.body.select else { return None };
    innermost(from, BRACKETS_MAX).map(outline_select)
}

/// The query inside the brackets of `FROM ((…))`.
fn innermost<'a, 'b>(from: &'a FromClause<'b>, depth: usize) -> Option<&'a Select<'b>> {
    if from.joins.is_some() || depth == 0 {
        return None;
    }
    match from.select? {
        SelectTable::Select(select, _) => Some(select),
        SelectTable::Sub(inner, _) => innermost(inner, depth - 1),
        SelectTable::Table(..) | SelectTable::TableCall(..) => None,
    }
}

fn outline_select(select: &Select<'_>) -> QueryOutline {
    let ctes = select.with.as_ref().map_or(&[][..], |with| with.ctes);
    let is_cte = |name: &Name<'_>| ctes.iter().any(|cte| text(&cte.tbl_name).eq_ignore_ascii_case(&text(name)));
    match &select.body.select {
        OneSelect::Values(rows) => {
            let width = rows.first().map_or(0, |row| row.len());
            QueryOutline { columns: vec![ColumnOutline::Other; width], sources: Vec::new() }
        }
        OneSelect::Select { columns, from, .. } => {
            let mut sources = Vec::new();
            if let Some(from) = from {
                collect_sources(from, &is_cte, &mut sources);
            }
            QueryOutline { columns: columns.iter().map(outline_column).collect(), sources }
        }
    }
}

fn collect_sources(from: &FromClause<'_>, is_cte: &dyn Fn(&Name<'_>) -> bool, sources: &mut Vec<QuerySource>) {
    let joined = from.joins.iter().flatten().map(|join| &join.table);
    for table in from.select.into_iter().chain(joined) {
        match table {
            SelectTable::Table(name, alias, _) if name.db_name.is_some() || !is_cte(&name.name) => {
                let table = text(&name.name);
                let alias = match alias {
                    Some(As::As(alias) | As::Elided(alias)) => text(alias),
                    None => table.clone(),
                };
                sources.push(QuerySource { table, alias });
            }
            SelectTable::Sub(inner, _) => collect_sources(inner, is_cte, sources),
            SelectTable::Table(..) | SelectTable::TableCall(..) | SelectTable::Select(..) => {}
        }
    }
}

fn outline_column(column: &ResultColumn<'_>) -> ColumnOutline {
    match column {
        ResultColumn::Star | ResultColumn::TableStar(_) => ColumnOutline::Wildcard,
        ResultColumn::Expr(expression, _) => outline_expression(expression),
    }
}

fn outline_expression(mut expression: &Expr<'_>) -> ColumnOutline {
    while let Expr::Parenthesized(inner) = expression
        && let [only] = inner.as_slice()
    {
        expression = only;
    }
    match expression {
        Expr::Id(id) => ColumnOutline::Column { qualifier: None, name: unquoted(id.0) },
        Expr::Name(name) => ColumnOutline::Column { qualifier: None, name: text(name) },
        Expr::Qualified(table, column) | Expr::DoublyQualified(_, table, column) => {
            ColumnOutline::Column { qualifier: Some(text(table)), name: text(column) }
        }
        Expr::FunctionCall { name, .. } | Expr::FunctionCallStar { name, .. } => {
            ColumnOutline::Call { function: unquoted(name.0).to_ascii_lowercase() }
        }
        Expr::Cast { type_name: Some(to), .. } if to.size.is_none() => {
            ColumnOutline::Cast { to: unquoted(to.name).to_ascii_lowercase() }
        }
        _ => ColumnOutline::Other,
    }
}

fn text(name: &Name<'_>) -> String {
    unquoted(name.0)
}

/// An identifier without its quotes.
fn unquoted(name: &str) -> String {
    let Some(quote) = name.chars().next().filter(|first| "`\"'[".contains(*first)) else { return name.to_owned() };
    let close = if quote == '[' { ']' } else { quote };
    let inner = name[1..].strip_suffix(close).unwrap_or(&name[1..]);
    if quote == '[' { inner.to_owned() } else { inner.replace(&format!("{quote}{quote}"), &quote.to_string()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(qualifier: Option<&str>, name: &str) -> ColumnOutline {
        ColumnOutline::Column { qualifier: qualifier.map(str::to_owned), name: name.to_owned() }
    }

    fn call(function: &str) -> ColumnOutline {
        ColumnOutline::Call { function: function.to_owned() }
    }

    fn cast(to: &str) -> ColumnOutline {
        ColumnOutline::Cast { to: to.to_owned() }
    }

    fn columns(query: &str) -> Vec<ColumnOutline> {
        outline(query).unwrap_or_else(|| panic!("no outline of {query}")).columns
    }

    #[test]
    fn columns_are_told_apart_by_what_they_are_made_of() {
        let query = "select id, t.a, \"b\" as x, (c) d, `t`.`e`, count(*), COUNT(distinct a), total(a) over (), \
                     cast(a as Int), cast(a as decimal(10,2)), a + 1, 'x', null, (select 1), main.t.z from t";
        let expected = [
            column(None, "id"),
            column(Some("t"), "a"),
            column(None, "b"),
            column(None, "c"),
            column(Some("t"), "e"),
            call("count"),
            call("count"),
            call("total"),
            cast("int"),
            ColumnOutline::Other,
            ColumnOutline::Other,
            ColumnOutline::Other,
            ColumnOutline::Other,
            ColumnOutline::Other,
            column(Some("t"), "z"),
        ];
        assert_eq!(columns(query), expected);
    }

    #[test]
    fn brackets_comments_unions_and_values_are_understood() {
        assert_eq!(columns("(select a from t)"), [column(None, "a")]);
        assert_eq!(columns("((select a from t union select b from u))"), [column(None, "a")]);
        assert_eq!(columns("select a from t -- the end"), [column(None, "a")]);
        assert_eq!(columns("values (1, 2)"), [ColumnOutline::Other, ColumnOutline::Other]);
        assert_eq!(columns("select *, t.* from t"), [ColumnOutline::Wildcard, ColumnOutline::Wildcard]);
    }

    #[test]
    fn sources_are_the_named_tables_without_ctes_and_subqueries() {
        let query = "with c as (select 1) select 1 from posts p join \"Users\" on 1 left join (select 2) s, c, main.c as d, \
                     json_each('[]')";
        let sources = outline(query).expect("readable").sources;
        let pairs: Vec<(&str, &str)> = sources.iter().map(|s| (s.table.as_str(), s.alias.as_str())).collect();
        assert_eq!(pairs, [("posts", "p"), ("Users", "Users"), ("c", "d")]);
    }

    #[test]
    fn what_is_no_query_has_no_outline() {
        for text in ["", "delete from t", "create table t (a)", "select", "select 1) union (select 2"] {
            assert_eq!(outline(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = outline(&text);
        }

        #[test]
        fn any_mix_of_sql_words_is_survived(words in proptest::collection::vec(
            "select|from|\\*|,|\\(|\\)|as|t|\\.|'|\"|`|join|on|union|with|cast|1|over|case|when|end|;|--|/\\*", 0..25,
        )) {
            let _ = outline(&words.join(" "));
        }
    }
}
