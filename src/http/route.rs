//! The route table: what a route is, as data, and how a path finds one.

use std::future::Future;

use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;

use super::call::Call;
use super::response::Response;
use crate::error::Result;

/// A handler: an async function of the call.
type Handler = Box<dyn Fn(Call) -> LocalBoxFuture<'static, Result<Response>> + Send + Sync>;

/// Who may pass (contract/00 §3, Guards). Runs after the rate limit and the body limit, before the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everybody; what the handler does may still depend on the caller.
    None,
    Superuser,
    /// Any auth record, superusers too.
    AnyAuth,
    /// A record of the collection in the path (`{collection}`), which is looked up first.
    SameCollection,
    /// A superuser, or the record whose id is in the path under this name.
    SuperuserOrOwner(&'static str),
    GuestOnly,
}

/// How many bytes a body may have (contract/14 §4). Over it: 413.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLimit {
    /// 32 MiB.
    Default,
    /// 32 MiB and what the fields of the collection in the path (`{collection}`) may hold; looks the collection up.
    Collection,
    /// The handler sets it by `Call::limit_body` before it reads.
    Inside,
    None,
}

/// Which rate limit counts (contract/14 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// Rules for the path.
    Path,
    /// Rules for these tags of the collection in the path (`{collection}`, looked up first), then for the path.
    Tags(&'static [&'static str]),
    /// The handler asks itself, by `Call::count`: records do it after the collection look-up.
    Inside,
}

/// Whether successful requests are logged (contract/14 §7). Errors always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogWhen {
    Always,
    OnError,
}

/// What the API description says about a route.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// Groups operations, e.g. `Records`.
    pub group: &'static str,
    /// One sentence.
    pub summary: &'static str,
}

/// One route.
pub struct Route {
    pub method: Method,
    /// `/api/collections/{collection}/records/{id}`; `{*rest}` takes everything that follows.
    pub pattern: &'static str,
    pub guard: Guard,
    pub body_limit: BodyLimit,
    pub rate_limit: RateLimit,
    pub log_when: LogWhen,
    pub doc: Option<Doc>,
    pub(super) handler: Handler,
}

impl Route {
    /// A route that answers `GET`, and `HEAD` by the same handler without the body.
    pub fn get<F: Future<Output = Result<Response>> + 'static>(
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::GET, pattern, handler)
    }

    pub fn post<F: Future<Output = Result<Response>> + 'static>(
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::POST, pattern, handler)
    }

    pub fn put<F: Future<Output = Result<Response>> + 'static>(
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::PUT, pattern, handler)
    }

    pub fn patch<F: Future<Output = Result<Response>> + 'static>(
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::PATCH, pattern, handler)
    }

    pub fn delete<F: Future<Output = Result<Response>> + 'static>(
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::DELETE, pattern, handler)
    }

    pub fn guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    pub fn body_limit(mut self, limit: BodyLimit) -> Self {
        self.body_limit = limit;
        self
    }

    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = limit;
        self
    }

    pub fn log_when(mut self, when: LogWhen) -> Self {
        self.log_when = when;
        self
    }

    pub fn doc(mut self, group: &'static str, summary: &'static str) -> Self {
        self.doc = Some(Doc { group, summary });
        self
    }

    fn new<F: Future<Output = Result<Response>> + 'static>(
        method: Method,
        pattern: &'static str,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            method,
            pattern,
            guard: Guard::None,
            body_limit: BodyLimit::Default,
            rate_limit: RateLimit::Path,
            log_when: LogWhen::Always,
            doc: None,
            handler: Box::new(move |call| Box::pin(handler(call))),
        }
    }
}
