//! The list of collections, filtered and sorted in the filter language over a plain set of columns (contract/02 §12).

use std::sync::{Arc, LazyLock};

use crate::access::{Select, order_by};
use crate::error::{Error, Result};
use crate::query::{Base, Caller, Part, Purpose, Query, Request, Scene};
use crate::schema::fields::{AutodateOptions, BoolOptions, Kind, TextOptions};
use crate::schema::{Collection, CollectionKind, Rules};
use crate::store::{Conn, ConnExt};

use super::change::Collections;
use super::view::plain_field;

/// Which part of the list is asked for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// From 1.
    pub page: u64,
    pub per_page: u64,
    /// No count is made.
    pub skip_total: bool,
    pub filter: String,
    pub sort: String,
}

/// One page of the list.
#[derive(Debug)]
pub struct CollectionPage {
    pub items: Vec<Arc<Collection>>,
    /// `None` when no count was asked for.
    pub total: Option<u64>,
}

/// The table of collections as a collection: what its filter and sort may name. Its id can't be a collection's.
static TABLE: LazyLock<Arc<Collection>> = LazyLock::new(|| {
    let field = |name: &str, kind| Arc::new(plain_field(name, kind));
    let text = |name: &str| field(name, Kind::Text(TextOptions::default()));
    let date = |name: &str| field(name, Kind::Autodate(AutodateOptions::default()));
    let id = Kind::Text(TextOptions { primary_key: true, ..TextOptions::default() });
    Arc::new(Collection {
        id: "@collections".into(),
        name: "_collections".into(),
        kind: CollectionKind::Base,
        system: true,
        fields: vec![
            field("id", id),
            date("created"),
            date("updated"),
            text("name"),
            field("system", Kind::Bool(BoolOptions::default())),
            text("type"),
        ],
        indexes: Vec::new(),
        rules: Rules::default(),
        created: String::new(),
        updated: String::new(),
        unknown_options: serde_json::Map::new(),
    })
});

impl Collections {
    /// A page of the collections, in the order of their creation unless another is asked for.
    ///
    /// # Errors
    /// `BadRequest` for a filter or sort that can't be used.
    pub fn list(&self, conn: &dyn Conn, query: &ListQuery) -> Result<CollectionPage> {
        let schema = self.schema.current();
        let dialect = conn.dialect();
        // With a guest's rights: nothing but these columns can be named, `@request` and `@collection` neither.
        let scene = Scene { schema: &schema, request: &Request::of(Caller::Guest), now: self.clock.now(), dialect };
        let parts = [Part::Filter(&query.filter)];
        let parts = if query.filter.is_empty() { &[][..] } else { &parts[..] };
        let compiled = self
            .planner
            .compile(
                &Query { collection: &TABLE, base: Base::Table, parts, sort: &query.sort, purpose: Purpose::List },
                &scene,
            )
            .map_err(|error| Error::bad_request_from("", error))?;
        let order = match order_by(compiled.order()) {
            order if order.is_empty() => format!(" ORDER BY {}", dialect.insertion_order()),
            order => order,
        };
        let none = CollectionPage { items: Vec::new(), total: (!query.skip_total).then_some(0) };
        let Some(select) = Select::of(compiled, dialect) else { return Ok(none) };
        let offset = (query.page - 1).saturating_mul(query.per_page).min(i64::MAX as u64);
        let tail = format!("{order} LIMIT {} OFFSET {offset}", query.per_page);
        let ids = conn.list_rows(&select.sql(&dialect.quote("id"), &tail), select.params(), |row| {
            row.cell(0).as_text().to_owned()
        })?;
        let total = match query.skip_total {
            true => None,
            false => {
                let count = conn.find_row(&select.sql("COUNT(*)", ""), select.params(), |row| row.cell(0).as_int())?;
                Some(count.flatten().and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
            }
        };
        // A collection that came in this moment is in the database before it is in the snapshot.
        Ok(CollectionPage { items: ids.iter().filter_map(|id| schema.find_by_id(id).cloned()).collect(), total })
    }
}
