//! One request as a handler sees it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use futures_util::Stream;
use percent_encoding::percent_decode_str;

use serde::de::DeserializeOwned;

use super::body::{self, BodyReader, Document, LoadError};
use super::connections::Connection;
use super::credentials;
use super::door::Worker;
use super::query_string;
use super::rate_limit::{Counted, Counting};
use super::route::Route;
use super::router::Params;
use crate::app::App;
use crate::error::{Error, Result};
use crate::input::RecordBody;
use crate::query::{Caller, Context, Request};
use crate::schema::{Collection, reads_headers};

/// One request: who asks, for what, with what. Handlers own it; reading the body needs `&mut`.
pub struct Call {
    pub(super) worker: Worker,
    pub(super) http: HttpRequest,
    pub(super) params: Params,
    pub(super) caller: Caller,
    pub(super) real_ip: IpAddr,
    pub(super) query: OnceCell<Vec<(String, String)>>,
    pub(super) body: BodyReader,
}

impl Call {
    pub fn app(&self) -> &Arc<App> {
        &self.worker.app
    }

    /// The route table.
    pub fn routes(&self) -> &[Route] {
        self.worker.router.routes()
    }

    /// Who asks. A token that is missing, malformed, expired or foreign makes a guest (contract/00 §1).
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The part of the path that stands for `{name}` in the route's pattern, percent-decoded; `""` if the pattern has no
    /// such name. Bytes that are no UTF-8 become U+FFFD, and so match nothing that is stored.
    pub fn param(&self, name: &str) -> Cow<'_, str> {
        percent_decode_str(self.params.get(self.path(), name).unwrap_or("")).decode_utf8_lossy()
    }

    /// The URL's parameters in order, decoded, the first value of each name.
    pub fn query(&self) -> &[(String, String)] {
        self.query.get_or_init(|| query_string::first_values(self.http.query_string()))
    }

    /// The first value of a URL parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        if self.http.query_string().is_empty() {
            return None;
        }
        self.query().iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The query string as sent, without `?`.
    pub fn raw_query(&self) -> &str {
        self.http.query_string()
    }

    /// The path as sent.
    pub fn path(&self) -> &str {
        self.http.uri().path()
    }

    pub fn method(&self) -> &Method {
        self.http.method()
    }

    /// The first value of a header, unless it isn't visible ASCII. `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.http.headers()
    }

    /// The token that the request carries, valid or not.
    pub fn token(&self) -> Option<&str> {
        credentials::token(self.http.headers())
    }

    /// The raw body, for a connection that goes on as something else.
    pub(super) fn into_payload(self) -> Payload {
        self.body.into_payload()
    }

    /// Turns the connection to one answer that never ends.
    pub(super) fn hold_open(&self) {
        if let Some(connection) = self.http.conn_data::<Arc<Connection>>() {
            connection.hold_open(self.worker.unread_max);
        }
    }

    /// The client's address, from the trusted proxy headers or else the connection (contract/14 §3).
    pub fn real_ip(&self) -> IpAddr {
        self.real_ip
    }

    /// Counts this request under the collection's rate limits, for a route with `RateLimit::Inside`. `route` tells what is
    /// counted apart from other routes with the same tags.
    pub fn count(&self, collection: &Collection, route: &str, tags: &[&str]) -> Result<()> {
        let app = self.app();
        let counting = Counting {
            method: self.method().as_str(),
            path: self.path(),
            counted: Counted::Tagged { collection, route, tags },
            caller: &self.caller,
            ip: self.real_ip,
            now: app.clock.now(),
        };
        self.worker.limiter.count(&app.settings.current(), counting)
    }

    /// The body of any type as `T`, which needs `#[serde(default)]`: absent keys and top-level nulls are left out,
    /// unknown keys ignored, form values read as what `T` wants.
    pub async fn load<T: DeserializeOwned>(&mut self) -> Result<T, LoadError> {
        body::load(&mut self.body).await
    }

    /// The body of any type as it came, for routes whose keys decide how values are read.
    pub async fn document(&mut self) -> Result<Document, LoadError> {
        body::document(&mut self.body).await
    }

    /// The body of any type as a record's data (contract/05 §5): values, inferred in forms, and uploads in temporary files.
    pub async fn record_body(&mut self) -> Result<RecordBody, LoadError> {
        body::record_body(&mut self.body).await
    }

    /// The body as it comes, counted and timed.
    pub fn body_stream(&mut self) -> impl Stream<Item = Result<Bytes, LoadError>> + Unpin + use<> {
        self.body.stream()
    }

    /// Sets the limit of a route with [`super::BodyLimit::Inside`], before the body is read. `None`: unlimited.
    pub fn limit_body(&mut self, limit_bytes: Option<u64>) -> Result<()> {
        self.body.limit(limit_bytes).map_err(|_| Error::TooLarge)
    }

    /// The facts that rules and filters read (`@request.*`), with an empty body. Allocates: only for those who need it.
    /// Headers are left out when neither a rule nor a parameter mentions them.
    pub fn facts(&self, context: Context) -> Request {
        let is_asked_for_headers =
            || self.app().schema.current().reads_headers() || self.query().iter().any(|(_, text)| reads_headers(text));
        Request {
            caller: self.caller.clone(),
            context,
            method: method_name(self.method()),
            query: self.query().to_vec(),
            headers: if is_asked_for_headers() { self.headers_as_facts() } else { Vec::new() },
            body: serde_json::Map::new(),
        }
    }

    fn headers_as_facts(&self) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::with_capacity(self.http.headers().len());
        for (name, value) in self.http.headers() {
            let name = name.as_str().replace('-', "_"); // the server keeps names in lower case
            if name != "host" && !headers.iter().any(|(seen, _)| *seen == name) {
                headers.push((name, String::from_utf8_lossy(value.as_bytes()).into_owned()));
            }
        }
        headers
    }
}

/// The method as rules see it.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "",
    }
}
