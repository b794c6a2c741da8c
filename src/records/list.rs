//! A page of records (contract/05 §2).

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::access::{Action, Permit, Select, check_action, order_by};
use crate::error::Result;
use crate::query::Request;
use crate::schema::{Collection, Schema};
use crate::store::{Cell, Conn, ConnExt, StoreError, Value};

use super::cursor::{CursorScope, TotalOrder};
use super::expand::{Expansion, Writer};
use super::page::PageQuery;
use super::shape::{Managed, Shape, StoredRow};
use super::tags::EntityTag;
use super::totals::{Epochs, Known, TotalKey, take_epochs, total_key};
use super::view::has_manage_rule;
use super::{Records, expand_request};

/// Rows of a page, and rows before it, that are read on the calling worker; more go to a reader thread.
const ROWS_HERE_MAX: u64 = 100;
const OFFSET_HERE_MAX: u64 = 1000;
/// Rows that are counted on the calling worker (a plain count of 100k costs 5 µs).
const COUNT_HERE_MAX: u64 = 500_000;

/// A page as an answer.
#[derive(Debug)]
pub struct Listed {
    /// JSON.
    pub body: Vec<u8>,
    pub tag: EntityTag,
    /// A guest's or user's filter gave nothing where a rule hides something: whoever guesses sees many of these
    /// (contract/05 §2).
    pub is_suspicious: bool,
}

/// A list that is ready to be run.
struct List {
    records: Arc<Records>,
    schema: Arc<Schema>,
    request: Request,
    shape: Arc<Shape>,
    query: PageQuery,
    /// `None`: no row can match.
    select: Option<Select>,
    order: Order,
    total: Total,
    expansion: Option<Expansion>,
}

/// How the page is found.
enum Order {
    /// ` ORDER BY …` as asked for, and the page by its number.
    Paged(String),
    /// After a cursor.
    Cursor(TotalOrder),
}

/// Where the total comes from.
enum Total {
    Skipped,
    Known(u64),
    /// Counted, and kept if epochs could be taken.
    Counted {
        select: Select,
        sql: String,
        keep: Option<(TotalKey, Epochs)>,
    },
}

impl Records {
    /// A page of the records that list rule and filter let through.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule or a superuser's word; `BadRequest` for a faulty filter, sort, rule or cursor.
    pub async fn list(
        self: &Arc<Self>,
        request: Request,
        collection: &Arc<Collection>,
        query: PageQuery,
    ) -> Result<Listed> {
        let schema = self.schema.current();
        let (list, is_bounded) = self.plan_list(schema, request, collection, query)?;
        match is_bounded {
            true if list.is_one_statement() => self.store.read_once_here(|conn| list.run(conn)),
            true => self.store.read_here(|conn| list.run(conn)),
            false => self.store.read(move |conn| list.run(conn)).await,
        }
    }

    /// The list, and whether it may run on the calling worker.
    fn plan_list(
        self: &Arc<Self>,
        schema: Arc<Schema>,
        request: Request,
        collection: &Arc<Collection>,
        query: PageQuery,
    ) -> Result<(List, bool)> {
        let gate = self.gate(&schema, &request);
        let reach = gate.reach_list(collection, &query.filter, &query.sort)?;
        let order = match query.after {
            Some(_) => Order::Cursor(TotalOrder::new(collection, &reach.order, gate.dialect)?),
            None => Order::Paged(order_by(&reach.order)),
        };
        let epochs = take_epochs(&self.store, &schema, &reach.reads);
        let (total, rows_about) = self.plan_total(&query, reach.select.as_ref(), epochs);
        let select = match (&order, reach.select) {
            (Order::Cursor(total_order), Some(mut select)) => {
                let scope = CursorScope { stampers: &self.stampers, schema: &schema, collection, query: &query };
                scope.resume(query.after.as_deref().unwrap_or_default(), total_order, &mut select)?;
                Some(select)
            }
            (_, select) => select,
        };
        let expansion = self.resolve_expansion(&schema, &request, collection);
        let shape = self.shapes.get(collection, &request.caller, gate.dialect);
        let is_bounded = reach.is_page_bounded
            && query.per_page <= ROWS_HERE_MAX
            && (query.after.is_some() || query.offset() <= OFFSET_HERE_MAX)
            && rows_about <= COUNT_HERE_MAX
            && expansion.is_none()
            && !has_manage_rule(collection);
        let records = self.clone();
        Ok((List { records, schema, request, shape, query, select, order, total, expansion }, is_bounded))
    }

    /// Where the total comes from, and about how many rows must be counted for it.
    fn plan_total(&self, query: &PageQuery, select: Option<&Select>, epochs: Option<Epochs>) -> (Total, u64) {
        if query.skip_total {
            return (Total::Skipped, 0);
        }
        let Some(select) = select else { return (Total::Known(0), 0) };
        let sql = select.sql("count(*)", "");
        let Some(epochs) = epochs else {
            return (Total::Counted { select: select.clone(), sql, keep: None }, 0);
        };
        let key = total_key(&sql, select.params());
        let rows_about = match self.totals.find(&key, &self.store) {
            Known::Fresh(rows) => return (Total::Known(rows), 0),
            Known::Stale(rows) => rows,
            Known::Nothing => 0,
        };
        (Total::Counted { select: select.clone(), sql, keep: Some((key, epochs)) }, rows_about)
    }
}

impl List {
    fn is_one_statement(&self) -> bool {
        !matches!(self.total, Total::Counted { .. }) && self.is_plain()
    }

    /// Whether the rows are all there is to read.
    fn is_plain(&self) -> bool {
        self.expansion.is_none() && !self.needs_managed()
    }

    fn run(&self, conn: &dyn Conn) -> Result<Listed> {
        let total = self.count(conn)?;
        let mut body = Vec::with_capacity(4096);
        body.extend_from_slice(b"{\"items\":[");
        let page = self.write_items(conn, &mut body)?;
        body.push(b']');
        let per_page = self.query.per_page;
        let (total_items, total_pages) = match total {
            Some(total) => (total as i64, total.div_ceil(per_page) as i64),
            None => (-1, -1),
        };
        let numbers = [
            ("page", self.query.page as i64),
            ("perPage", per_page as i64),
            ("totalItems", total_items),
            ("totalPages", total_pages),
        ];
        for (name, number) in numbers {
            body.extend_from_slice(format!(",\"{name}\":{number}").as_bytes());
        }
        if let Order::Cursor(_) = self.order {
            let cursor = page.last.map(|values| self.scope().write(&values)).unwrap_or_default();
            body.extend_from_slice(format!(",\"nextCursor\":\"{cursor}\"").as_bytes());
        }
        body.push(b'}');
        let tag = self.records.stampers.body_tag(&self.schema, &body);
        Ok(Listed { body, tag, is_suspicious: page.rows == 0 && self.hides_something() })
    }

    fn count(&self, conn: &dyn Conn) -> Result<Option<u64>> {
        match &self.total {
            Total::Skipped => Ok(None),
            Total::Known(rows) => Ok(Some(*rows)),
            Total::Counted { select, sql, keep } => {
                let counted = conn.find_row(sql, select.params(), |row| row.cell(0).as_int());
                let rows = counted.map_err(StoreError::into_refusal)?.flatten().unwrap_or(0).unsigned_abs();
                if let Some((key, epochs)) = keep {
                    self.records.totals.keep(key.clone(), rows, epochs.clone());
                }
                Ok(Some(rows))
            }
        }
    }

    fn write_items(&self, conn: &dyn Conn, out: &mut Vec<u8>) -> Result<Page> {
        let Some(select) = &self.select else { return Ok(Page::default()) };
        let mut select = select.clone();
        let mut columns = self.shape.columns.clone();
        let tail = match &self.order {
            Order::Paged(order) => {
                let limit = select.bind(Value::Int(self.query.per_page as i64));
                let offset = select.bind(Value::Int(self.query.offset() as i64));
                format!("{order} LIMIT {limit} OFFSET {offset}")
            }
            Order::Cursor(order) => {
                columns.push_str(&order.columns());
                // One more, to know whether there is a next page.
                let limit = select.bind(Value::Int(self.query.per_page as i64 + 1));
                format!("{} LIMIT {limit}", order.order_by())
            }
        };
        let sql = select.sql(&columns, &tail);
        if self.is_plain() {
            return self.write_plain(conn, &sql, select.params(), out);
        }
        let (rows, page) = self.read_page(conn, &sql, select.params())?;
        let request = expand_request(&self.request);
        let gate = self.records.gate(&self.schema, &request);
        let written = Writer::new(&self.records, conn, gate).write_rows(&self.shape, &rows, self.expansion.as_ref())?;
        for (at, json) in written.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(json);
        }
        Ok(page)
    }

    /// From cells to bytes, row by row.
    fn write_plain(&self, conn: &dyn Conn, sql: &str, params: &[Value], out: &mut Vec<u8>) -> Result<Page> {
        let managed = Managed::new();
        let caller = &self.request.caller;
        let mut page = Page::default();
        let read = conn.each_row(sql, params, &mut |row| {
            if !self.takes(row, &mut page) {
                return Ok(ControlFlow::Break(()));
            }
            if page.rows > 1 {
                out.push(b',');
            }
            self.shape.write(|column| -> Cell<'_> { row.cell(column) }, caller, &managed, None, out);
            Ok(ControlFlow::Continue(()))
        });
        read.map_err(StoreError::into_refusal)?;
        Ok(page.ended(self.query.per_page))
    }

    fn read_page(&self, conn: &dyn Conn, sql: &str, params: &[Value]) -> Result<(Vec<StoredRow>, Page)> {
        let mut page = Page::default();
        let mut rows = Vec::new();
        let read = conn.each_row(sql, params, &mut |row| {
            if !self.takes(row, &mut page) {
                return Ok(ControlFlow::Break(()));
            }
            rows.push(self.shape.copy_row(row));
            Ok(ControlFlow::Continue(()))
        });
        read.map_err(StoreError::into_refusal)?;
        Ok((rows, page.ended(self.query.per_page)))
    }

    /// Counts a row into the page; false for the one that only shows that there is a next page.
    fn takes(&self, row: &dyn crate::store::Row, page: &mut Page) -> bool {
        if page.rows == self.query.per_page {
            page.has_next = true;
            return false;
        }
        page.rows += 1;
        if let Order::Cursor(order) = &self.order
            && page.rows == self.query.per_page
        {
            page.last = Some(order.values(row, self.shape.collection.fields.len()));
        }
        true
    }

    fn needs_managed(&self) -> bool {
        self.shape.view.guarded_email().is_some() && has_manage_rule(&self.shape.collection)
    }

    fn hides_something(&self) -> bool {
        let permit = check_action(&self.request.caller, &self.shape.collection, Action::List);
        !self.query.filter.is_empty() && matches!(permit, Ok(Permit::Matching(_)))
    }

    fn scope(&self) -> CursorScope<'_> {
        CursorScope {
            stampers: &self.records.stampers,
            schema: &self.schema,
            collection: &self.shape.collection,
            query: &self.query,
        }
    }
}

/// What was found while a page was read.
#[derive(Default)]
struct Page {
    rows: u64,
    has_next: bool,
    /// The place of the page's last row; only if there is a next page.
    last: Option<Vec<Value>>,
}

impl Page {
    fn ended(mut self, per_page: u64) -> Self {
        if !self.has_next || self.rows < per_page {
            self.last = None;
        }
        self
    }
}
