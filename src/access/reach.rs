//! What rules and filters leave of a collection for one request.

use std::sync::Arc;

use crate::query::{Compiled, OrderTerm, Outcome};
use crate::schema::Collection;
use crate::store::Dialect;

use super::select::Select;

/// The rows that a rule lets through.
#[derive(Debug)]
pub struct Reach {
    /// `None`: no row can match.
    pub select: Option<Select>,
    /// Whether deciding about one row takes a bounded number of look-ups.
    pub is_bounded: bool,
}

/// The rows that a list goes through, and their order.
#[derive(Debug)]
pub struct ListReach {
    /// `None`: no row can match.
    pub select: Option<Select>,
    /// The order asked for; empty if none.
    pub order: Vec<OrderTerm>,
    /// The collections whose rows decide, by id.
    pub reads: Vec<Arc<str>>,
    /// Whether a page is read in the order of an index without a row in between that is left out.
    pub is_page_bounded: bool,
}

impl Reach {
    /// Every row.
    pub fn whole(collection: &Collection, dialect: &'static dyn Dialect) -> Self {
        Self { select: Some(Select::from_collection(collection, dialect)), is_bounded: !collection.is_view() }
    }

    pub fn of(compiled: Compiled, dialect: &'static dyn Dialect) -> Self {
        let is_bounded = compiled.is_bounded();
        Self { select: Select::of(compiled, dialect), is_bounded }
    }
}

impl ListReach {
    /// Every row, in no particular order.
    pub fn whole(collection: &Collection, dialect: &'static dyn Dialect) -> Self {
        Self {
            select: Some(Select::from_collection(collection, dialect)),
            order: Vec::new(),
            reads: vec![collection.id.clone()],
            is_page_bounded: !collection.is_view(),
        }
    }

    pub fn of(compiled: Compiled, dialect: &'static dyn Dialect) -> Self {
        Self {
            order: compiled.order().to_vec(),
            reads: compiled.reads().to_vec(),
            is_page_bounded: compiled.outcome() != Outcome::Depends && compiled.is_order_indexed(),
            select: Select::of(compiled, dialect),
        }
    }
}
