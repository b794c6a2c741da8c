//! The sort parameter (contract/04 §12): elements → keys. Paths are those of §7.

use crate::schema::Collection;

use super::error::QueryError;
use super::resolve::{Resolver, Rights, Scope, whole};
use super::resolved::Term;

/// Elements of one sort.
const ELEMENTS_MAX: usize = 8;
/// Length of one element.
const ELEMENT_BYTES_MAX: usize = 255;

/// One element of a sort.
#[derive(Clone, Debug)]
pub(super) struct Sort {
    pub key: SortKey,
    pub is_descending: bool,
}

#[derive(Clone, Debug)]
pub(super) enum SortKey {
    /// A cell or a list's value.
    Term(Term),
    Random,
    /// `@rowid`.
    Insertion,
}

/// The elements of `sort`, their paths joined into `scope`; none for an empty text.
pub(super) fn parse_sort(
    resolver: &mut Resolver<'_>,
    scope: &mut Scope,
    sort: &str,
    rights: Rights,
) -> Result<Vec<Sort>, QueryError> {
    if sort.is_empty() {
        return Ok(Vec::new());
    }
    if sort.split(',').count() > ELEMENTS_MAX {
        return Err(whole(format!("max sort expressions limit reached ({ELEMENTS_MAX})")));
    }
    sort.split(',').map(|element| parse_element(resolver, scope, element.trim(), rights)).collect()
}

fn parse_element(
    resolver: &mut Resolver<'_>,
    scope: &mut Scope,
    element: &str,
    rights: Rights,
) -> Result<Sort, QueryError> {
    if element.len() > ELEMENT_BYTES_MAX {
        return Err(whole(format!("max sort field length reached ({ELEMENT_BYTES_MAX})")));
    }
    let (is_descending, name) = match element.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, element.strip_prefix('+').unwrap_or(element)),
    };
    let key = match name {
        "@random" => SortKey::Random,
        "@rowid" if has_insertion_order(&scope.resolved.collection) => SortKey::Insertion,
        _ => {
            let term = resolver.sort_path(scope, name, rights);
            SortKey::Term(term.map_err(|cause| whole(format!("invalid sort field {name:?} - {cause}")))?)
        }
    };
    Ok(Sort { key, is_descending })
}

fn has_insertion_order(collection: &Collection) -> bool {
    !collection.is_view()
}
