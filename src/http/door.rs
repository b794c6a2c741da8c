//! What every request passes, in the order of contract/14 §1.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;

use super::activity::{self, Asker, Ending};
use super::answer::{self, Common};
use super::body::{BodyReader, content_length};
use super::call::Call;
use super::connections::{Answering, Connection};
use super::cors::Origins;
use super::dashboard::DashboardCaching;
use super::rate_limit::{Counted, Counting, RateLimiter};
use super::request_id::RequestIds;
use super::response::Response;
use super::route::{BodyLimit, Guard, LogWhen, RateLimit, Route};
use super::router::{Params, Router};
use super::statics::Statics;
use super::{body_limit, clean_path, credentials, dashboard, guard, real_ip, routes};
use crate::app::App;
use crate::error::{Error, Result};
use crate::picker::Picker;
use crate::query::Caller;
use crate::schema::Collection;
use crate::settings::LiveSettings;

/// What all requests of a server share. Each worker has a handle of its own, so that a request touches no shared counter.
pub(super) struct Door {
    pub app: Arc<App>,
    pub router: Router,
    pub origins: Origins,
    pub statics: Statics,
    pub dashboard_caching: DashboardCaching,
    pub request_ids: RequestIds,
    pub limiter: RateLimiter,
    /// How long a body may take.
    pub request_time_max: Duration,
    /// A stream whose peer acknowledges nothing for so long ends.
    pub unread_max: Duration,
}

pub(super) type Worker = Rc<Arc<Door>>;

/// Answers one request. Doesn't fail and doesn't unwind.
pub(super) async fn serve(worker: Worker, request: ServiceRequest) -> ServiceResponse {
    let (http, payload) = request.into_parts();
    let answering = http.conn_data::<Arc<Connection>>().map(Answering::on);
    if let Some(location) = clean_path::redirect(http.uri().path(), http.query_string()) {
        return ServiceResponse::new(http, answer::bare_redirect(&location));
    }
    if http.method() == Method::OPTIONS {
        let mut answer = worker.origins.preflight(http.headers());
        routes::announce(http.uri().path(), &worker.app.schema.current(), &mut answer);
        return ServiceResponse::new(http, answer);
    }
    let answer = pass(&worker, http.clone(), payload, answering).await;
    ServiceResponse::new(http, answer)
}

/// Steps 3 to 12.
async fn pass(worker: &Worker, http: HttpRequest, payload: Payload, answering: Option<Answering>) -> HttpResponse {
    let mut common = Common {
        origin: worker.origins.allowed(http.headers()),
        secured: true,
        dashboard: dashboard::is_part(http.uri().path()),
        request_id: worker.request_ids.next(),
    };
    let begun = Instant::now();
    let visit = Visit::new(worker, &http);
    let result = match AssertUnwindSafe(visit.run(payload)).catch_unwind().await {
        Ok(result) => result,
        // The panic hook has logged what and where.
        Err(_) => Err(Error::internal("a handler panicked")),
    };
    common.secured = visit.secured.get().is_some();
    visit.log(&result, begun);
    let mut response = result.unwrap_or_else(|error| {
        log_failure(&error, &http, &common);
        answer::of_error(&error)
    });
    if common.dashboard {
        dashboard::complete(http.uri().path(), worker.dashboard_caching, &mut response);
    }
    answer::finish(response, common, http.headers(), answering).await
}

fn log_failure(error: &Error, http: &HttpRequest, common: &Common) {
    if let Error::Internal(source) = error {
        let request_id = common.request_id.to_str().unwrap_or("");
        tracing::error!(request_id, method = %http.method(), path = http.uri().path(), error = %chain(source), "request failed");
    }
}

/// An error with its causes, `: ` between them.
fn chain(source: &crate::error::Source) -> String {
    let mut text = source.to_string();
    let mut cause = source.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// One request on its way through the steps.
struct Visit<'a> {
    worker: &'a Worker,
    http: &'a HttpRequest,
    found: Option<(&'a Route, Params)>,
    /// Set once step 8 is reached.
    secured: OnceCell<()>,
    /// Set once step 6 is done.
    asker: OnceCell<Asker>,
}

impl<'a> Visit<'a> {
    fn new(worker: &'a Worker, http: &'a HttpRequest) -> Self {
        let found = worker.router.find(http.method(), http.uri().path());
        Self { worker, http, found, secured: OnceCell::new(), asker: OnceCell::new() }
    }

    async fn run(&self, payload: Payload) -> Result<Response> {
        let settings = self.app().settings.current();
        let real_ip = real_ip::real_ip(self.http.headers(), self.remote_ip(), &settings);
        let caller = self.authenticate()?;
        self.asker.get_or_init(|| Asker { real_ip, caller: caller.clone() });
        if caller.is_superuser() && !settings.lets_superusers_in_from(real_ip) {
            return Err(Error::forbidden());
        }
        self.secured.get_or_init(|| ());
        self.count(&settings, &caller, real_ip)?;
        drop(settings);
        let limit_bytes = self.body_limit()?;
        if let Some(limit) = limit_bytes
            && content_length(self.http.headers()).is_some_and(|length| length > limit)
        {
            return Err(Error::TooLarge);
        }
        let Some((route, params)) = self.found else { return self.fall_through().await };
        self.check_guard(route, &caller)?;
        let call = Call {
            worker: Rc::clone(self.worker),
            params,
            caller,
            real_ip,
            query: OnceCell::new(),
            body: BodyReader::new(Rc::clone(self.worker), self.http.clone(), payload, limit_bytes),
            http: self.http.clone(),
        };
        // Before anything is done: a broken modifier must not answer a write that happened.
        let picker = match call.query_value("fields") {
            Some(fields) => Picker::parse(fields)?.map(Rc::new),
            None => None,
        };
        let response = (route.handler)(call).await?;
        Ok(match &picker {
            Some(picker) => answer::pick(response, picker),
            None => response,
        })
    }

    fn app(&self) -> &App {
        &self.worker.app
    }

    /// Step 4. Pages and static files, and routes that say so, are logged only when they fail.
    fn log(&self, result: &Result<Response>, begun: Instant) {
        let is_quiet = self.found.is_none_or(|(route, _)| route.log_when == LogWhen::OnError)
            || dashboard::is_part(self.http.uri().path());
        let ending = match result {
            Ok(_) if is_quiet => return,
            Ok(response) => Ending::Answered { status: response.status.as_u16(), meta: response.log_meta.clone() },
            Err(error) => Ending::Failed(error),
        };
        activity::log(self.app(), self.http, self.remote_ip(), self.asker.get(), &ending, begun);
    }

    /// Step 6.
    fn authenticate(&self) -> Result<Caller> {
        let Some(token) = credentials::token(self.http.headers()) else { return Ok(Caller::Guest) };
        self.app().authenticate(token)
    }

    /// Step 9, but for routes that count inside the handler.
    fn count(&self, settings: &LiveSettings, caller: &Caller, ip: IpAddr) -> Result<()> {
        let collection;
        let counted = match self.found.map(|(route, _)| (route, route.rate_limit)) {
            None | Some((_, RateLimit::Path)) => Counted::Path,
            Some((_, RateLimit::Inside)) => return Ok(()),
            Some((route, RateLimit::Tags(tags))) => {
                collection = self.collection()?;
                Counted::Tagged { collection: &collection, route: route.pattern, tags }
            }
        };
        let (method, path) = (self.http.method().as_str(), self.http.uri().path());
        let counting = Counting { method, path, counted, caller, ip, now: self.app().clock.now() };
        self.worker.limiter.count(settings, counting)
    }

    /// What no route has: static files for `GET`, else 404.
    async fn fall_through(&self) -> Result<Response> {
        let http = self.http;
        match *http.method() {
            Method::GET | Method::HEAD => {
                self.worker.statics.serve(http.method(), http.uri().path(), http.query_string(), http.headers()).await
            }
            _ => Err(Error::not_found()),
        }
    }

    fn body_limit(&self) -> Result<Option<u64>> {
        match self.found.map(|(route, _)| route.body_limit) {
            None | Some(BodyLimit::Default) => Ok(Some(body_limit::DEFAULT_BYTES)),
            Some(BodyLimit::Collection) => Ok(Some(body_limit::of_record(&*self.collection()?))),
            Some(BodyLimit::Inside | BodyLimit::None) => Ok(None),
        }
    }

    fn check_guard(&self, route: &Route, caller: &Caller) -> Result<()> {
        match route.guard {
            Guard::None => Ok(()),
            Guard::SameCollection => guard::check(route.guard, caller, Some(&*self.collection()?), ""),
            Guard::SuperuserOrOwner(name) => guard::check(route.guard, caller, None, &self.param(name)),
            Guard::Superuser | Guard::AnyAuth | Guard::GuestOnly => guard::check(route.guard, caller, None, ""),
        }
    }

    /// The collection in the path.
    fn collection(&self) -> Result<Arc<Collection>> {
        let name = self.param("collection");
        let schema = self.worker.app.schema.current();
        schema.find(&name).cloned().ok_or_else(|| Error::NotFound("Missing or invalid collection context.".into()))
    }

    fn param(&self, name: &str) -> std::borrow::Cow<'_, str> {
        let raw = self.found.and_then(|(_, params)| params.get(self.http.uri().path(), name)).unwrap_or("");
        percent_encoding::percent_decode_str(raw).decode_utf8_lossy()
    }

    /// The peer's address. Every connection has one; the fallback is for tests without a socket.
    fn remote_ip(&self) -> IpAddr {
        self.http.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
    }
}
