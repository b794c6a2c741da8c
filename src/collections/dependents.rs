//! Views follow what they read (contract/02 §9): put out of the way while a table changes shape, read back as the engine
//! rewrote them, their fields inferred anew.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::schema::sql_text::{Token, tokens, unquote};
use crate::schema::{Collection, CollectionKind, Schema};
use crate::store::{Conn, StoreError, Tx};

use super::catalog::{Catalog, SqlView};
use super::save::{Fault, update_row};
use super::view::{are_same_fields, infer};

/// What a view that no longer holds means for the change that broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The change is refused.
    Refuses,
    /// It is logged, and the view keeps its fields.
    Stays,
}

/// The views that read one of `names`, directly or through other views, each behind those that it reads. May hold some
/// that don't: a name is looked for as a word.
pub(super) fn list_dependents(views: &[SqlView], names: &[&str]) -> Vec<SqlView> {
    let words: Vec<HashSet<String>> = views.iter().map(|view| words_of(&view.statement)).collect();
    let mut wanted: HashSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut found = vec![false; views.len()];
    loop {
        let fresh: Vec<usize> = (0..views.len())
            .filter(|&index| !found[index] && mentions_another(&words[index], &views[index].name, &wanted))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for index in fresh {
            found[index] = true;
            wanted.insert(views[index].name.to_ascii_lowercase());
        }
    }
    in_order(views, &words, found)
}

/// Whether the words name something wanted besides the view itself, whose name stands in its own statement.
fn mentions_another(words: &HashSet<String>, own_name: &str, wanted: &HashSet<String>) -> bool {
    wanted.iter().any(|name| !name.eq_ignore_ascii_case(own_name) && words.contains(name))
}

/// The found views, each behind those that it reads; what reads itself in a circle comes last.
fn in_order(views: &[SqlView], words: &[HashSet<String>], mut found: Vec<bool>) -> Vec<SqlView> {
    let mut ordered = Vec::new();
    loop {
        let waiting: HashSet<String> = (0..views.len())
            .filter(|&index| found[index])
            .map(|index| views[index].name.to_ascii_lowercase())
            .collect();
        let ready: Vec<usize> = (0..views.len())
            .filter(|&index| found[index] && !mentions_another(&words[index], &views[index].name, &waiting))
            .collect();
        let next = if ready.is_empty() { (0..views.len()).filter(|&index| found[index]).collect() } else { ready };
        if next.is_empty() {
            return ordered;
        }
        for index in next {
            found[index] = false;
            ordered.push(views[index].clone());
        }
    }
}

/// The names that a statement may mean, in lower case.
fn words_of(statement: &str) -> HashSet<String> {
    let names = tokens(statement).filter_map(|(token, range)| match token {
        Token::Word => Some(statement[range].to_ascii_lowercase()),
        Token::Quoted => Some(unquote(&statement[range]).to_ascii_lowercase()),
        Token::Space | Token::Sign(_) => None,
    });
    names.collect()
}

/// Whether a view can be asked.
pub(super) fn is_whole(conn: &dyn Conn, view: &SqlView) -> Result<bool, StoreError> {
    match conn.describe(&format!("SELECT * FROM {}", conn.dialect().quote(&view.name))) {
        Ok(_) => Ok(true),
        Err(StoreError::Sql(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

pub(super) fn drop_view(tx: &dyn Tx, name: &str) -> Result<(), StoreError> {
    tx.execute(&format!("DROP VIEW IF EXISTS {}", tx.dialect().quote(name)), &[]).map(drop)
}

/// Makes views again that were dropped.
pub(super) fn restore(tx: &dyn Tx, views: &[SqlView]) -> Result<(), StoreError> {
    views.iter().try_for_each(|view| tx.execute(&view.statement, &[]).map(drop))
}

/// Drops the views that are broken already: the engine refuses to rename beside one. The caller restores them.
pub(super) fn set_broken_aside(tx: &dyn Tx, catalog: &Catalog) -> Result<Vec<SqlView>, StoreError> {
    let mut broken = Vec::new();
    for view in &catalog.views {
        if !is_whole(tx, view)? {
            broken.push(view.clone());
        }
    }
    broken.iter().try_for_each(|view| drop_view(tx, &view.name))?;
    Ok(broken)
}

/// Makes the views plain that cast their id: the engine doesn't follow a renamed column through the cast's column list.
/// [`refresh`] gives them back their cast.
pub(super) fn make_plain(tx: &dyn Tx, views: &[SqlView]) -> Result<(), StoreError> {
    for view in views {
        let Some(query) = tx.dialect().view_query(&view.name, &view.statement) else { continue };
        let plain = tx.dialect().create_view(&view.name, &query, None);
        if plain != view.statement {
            drop_view(tx, &view.name)?;
            tx.execute(&plain, &[])?;
        }
    }
    Ok(())
}

/// Infers the fields of views anew, in this order, and saves those that changed. `views` are as they were before the
/// change: what the engine rewrote since is stored as their query.
pub(super) fn refresh(
    tx: &dyn Tx,
    clock: &Clock,
    schema: &mut Arc<Schema>,
    views: &[SqlView],
    broken: Broken,
) -> Result<(), Fault> {
    let now = Catalog::load(tx).map_err(Fault::store)?;
    for view in views {
        let Some(collection) = schema.find_by_name(&view.name).cloned() else { continue };
        let CollectionKind::View { query: stored } = &collection.kind else { continue };
        let Some(current) = now.views.iter().find(|current| current.name == view.name) else { continue };
        let query = rewritten_query(tx, view, current).unwrap_or_else(|| stored.clone());
        match infer(tx, schema, &collection, &query)? {
            Ok(shape) => {
                let is_same = query == *stored && are_same_fields(&shape.fields, &collection.fields);
                let statement = shape.create_statement(tx, &view.name, &query);
                let was_moved = view.statement != current.statement;
                if (was_moved || !is_same) && statement != current.statement {
                    drop_view(tx, &view.name).map_err(Fault::store)?;
                    tx.execute(&statement, &[]).map_err(Fault::store)?;
                }
                if is_same {
                    continue;
                }
                let changed = Arc::new(Collection {
                    kind: CollectionKind::View { query },
                    fields: shape.fields,
                    updated: clock.now_text(),
                    ..(*collection).clone()
                });
                update_row(tx, &changed)?;
                *schema = Arc::new(schema.with([changed]));
            }
            Err(fault) if broken == Broken::Refuses => {
                return Err(Fault::Raw(format!("view {}: {}", view.name, fault.reason)));
            }
            Err(fault) => tracing::warn!(view = &*view.name, reason = fault.reason, "a view no longer holds"),
        }
    }
    Ok(())
}

/// The query of a view that the engine rewrote since `before`.
fn rewritten_query(tx: &dyn Tx, before: &SqlView, current: &SqlView) -> Option<String> {
    let was = tx.dialect().view_query(&before.name, &before.statement)?;
    let is = tx.dialect().view_query(&current.name, &current.statement)?;
    (was != is).then_some(is)
}
