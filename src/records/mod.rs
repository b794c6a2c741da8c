//! The records service: list, view, create, update, delete, batch, expand, the answer's JSON (contract/05, 06).
//!
//! Start at [`Records`], the service: [`Records::list`], [`Records::view`], [`Records::create`], [`Records::update`],
//! [`Records::delete`], [`Records::run_batch`]. Called by `http`; the decisions are `access`'s, the writes are `rows`'.
//!
//! Invariant: one write is one store job; reads, checks, merge and write happen inside it.
//! Invariant: a list and its total come from one snapshot.
//! Never: HTTP, an engine's spelling.
//!
//! Implements contract/05, contract/06, and beyond them cursors (`after`), entity tags, idempotency keys.
//! Tests: beside the code; `tests/api/{records,batch,expand,cursor,idempotency,conditional,auth_records,doors}.rs`.

mod account;
mod answer;
mod auth_form;
mod batch;
mod body;
mod cursor;
mod expand;
mod files;
mod idempotency;
mod list;
mod old_password;
mod page;
mod shape;
mod tags;
mod throttle;
mod totals;
mod view;
mod write;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::access::Gate;
use crate::clock::Clock;
use crate::crypto::PasswordHasher;
use crate::error::Result;
use crate::query::{Planner, Request};
use crate::schema::{Collection, Schema, SharedSchema};
use crate::storage::{Storage, Uploads};
use crate::store::Store;

pub use account::AccountToBe;
pub use batch::{BatchAction, BatchItem};
pub use idempotency::{Asked, IdempotencyKey};
pub use list::Listed;
pub use page::PageQuery;
pub use tags::{Condition, EntityTag};
pub use write::check_writable;

use shape::Shapes;
use tags::Stampers;
use throttle::Throttle;
use totals::Totals;

/// What the service works with.
pub struct RecordsParts {
    pub store: Store,
    pub schema: Arc<SharedSchema>,
    pub planner: Arc<Planner>,
    pub hasher: Arc<PasswordHasher>,
    pub storage: Storage,
    pub uploads: Uploads,
    pub clock: Clock,
}

/// The records service. One per process, behind an `Arc`: its jobs hold it.
pub struct Records {
    store: Store,
    schema: Arc<SharedSchema>,
    planner: Arc<Planner>,
    hasher: Arc<PasswordHasher>,
    storage: Storage,
    uploads: Uploads,
    clock: Clock,
    shapes: Shapes,
    totals: Totals,
    stampers: Stampers,
    throttle: Throttle,
}

/// A record as an answer.
#[derive(Clone, Debug)]
pub struct RecordAnswer {
    /// JSON.
    pub body: Vec<u8>,
    pub tag: Option<EntityTag>,
}

impl RecordAnswer {
    fn of_kept(kept: idempotency::Kept) -> Self {
        Self { body: kept.body, tag: kept.tag }
    }
}

impl Records {
    pub fn new(parts: RecordsParts) -> Self {
        let RecordsParts { store, schema, planner, hasher, storage, uploads, clock } = parts;
        Self {
            store,
            schema,
            planner,
            hasher,
            storage,
            uploads,
            clock,
            shapes: Shapes::default(),
            totals: Totals::new(),
            stampers: Stampers::default(),
            throttle: Throttle::default(),
        }
    }

    /// How long a suspicious list ([`Listed::is_suspicious`]) must wait before it is answered.
    pub fn throttle(&self, ip: IpAddr, collection: &Collection) -> Duration {
        self.throttle.delay(ip, &collection.id, self.clock.now())
    }

    /// The key of a request's `Idempotency-Key` header.
    ///
    /// # Errors
    /// `BadRequest` for one that is too long.
    pub fn idempotency_key(&self, header: Option<&str>, asked: Asked<'_>) -> Result<Option<IdempotencyKey>> {
        IdempotencyKey::new(&self.stampers, &self.schema.current(), header.unwrap_or_default(), asked)
    }

    fn gate<'a>(&'a self, schema: &'a Arc<Schema>, request: &'a Request) -> Gate<'a> {
        Gate { planner: &self.planner, schema, request, now: self.clock.now(), dialect: self.store.dialect() }
    }
}

/// The request as the rules of expanded records see it (contract/05 §4).
fn expand_request(request: &Request) -> Request {
    Request { context: crate::query::Context::Expand, ..request.clone() }
}
