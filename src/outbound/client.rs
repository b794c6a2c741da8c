//! Requests, each redirect judged anew.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use url::{Host, Url};

use super::addresses::Reach;
use super::origin::Origin;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Idle connections are kept for the second request of a sign-in.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);
/// A `GET` follows so many.
const REDIRECTS_MAX: usize = 3;
/// Requests under way at once in the process; more are refused, so that a provider that hangs doesn't fill the memory.
const IN_FLIGHT_MAX: usize = 256;
const USER_AGENT: &str = concat!("monobase/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer. Never holds a URL's query, a credential or a body.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{0} is no URL that can be asked")]
    Url(String),
    #[error("{0} has a private address")]
    Private(String),
    #[error("{host} can't be asked: {reason}")]
    Failed { host: String, reason: &'static str },
    #[error("{0} redirects too often, or where it may not")]
    Redirect(String),
    #[error("the answer of {host} has more than {bytes_max} bytes")]
    TooLarge { host: String, bytes_max: usize },
    #[error("{0} doesn't answer in time")]
    Slow(String),
    #[error("too many outbound requests are under way")]
    Full,
    #[error("no client can be made: {0}")]
    Client(String),
    #[error("the answer can't be kept: {0}")]
    Kept(io::Error),
}

/// What is sent along.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// A `GET`.
    None,
    /// A `POST` of form values.
    Form(&'a [(&'a str, &'a str)]),
    /// A `POST` of JSON.
    Json(&'a serde_json::Value),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub url: &'a str,
    /// The whole value of `Authorization`; it doesn't follow a redirect to another origin.
    pub authorization: Option<&'a str>,
    pub headers: &'a [(&'a str, &'a str)],
    pub payload: Payload<'a>,
    /// Origins that the operator wrote: they may be private.
    pub trusted: &'a [Origin],
    /// Most bytes of the answer.
    pub bytes_max: usize,
    /// For the whole exchange.
    pub time_max: Duration,
}

/// An answer, of whatever status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Without parameters, in lower case; `""` when there is none.
    pub content_type: String,
    pub body: Bytes,
    /// Where the answer came from, after redirects.
    pub url: Url,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The client. One per process.
#[derive(Debug, Default)]
pub struct Outbound {
    /// Made at the first use: without certificates on the machine it can't be made, and most installations never need it.
    public: OnceLock<Client>,
    private: OnceLock<Client>,
    in_flight: AtomicUsize,
}

impl Outbound {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, ask: Ask<'_>) -> Result<Answer, OutboundError> {
        let mut body = Vec::new();
        let take = async |chunk: Bytes| {
            body.extend_from_slice(&chunk);
            Ok(())
        };
        let answer = self.exchange(ask, |_| true, take).await?;
        Ok(Answer { body: body.into(), ..answer })
    }

    /// Sends a request and hands the body of a successful answer over as it comes; that of another one isn't read.
    pub async fn stream(
        &self,
        ask: Ask<'_>,
        take: impl AsyncFnMut(Bytes) -> io::Result<()>,
    ) -> Result<Answer, OutboundError> {
        self.exchange(ask, Answer::is_success, take).await
    }

    /// Sends a request and hands the body over, if its answer is one whose body is wanted.
    async fn exchange(
        &self,
        ask: Ask<'_>,
        is_wanted: impl Fn(&Answer) -> bool,
        take: impl AsyncFnMut(Bytes) -> io::Result<()>,
    ) -> Result<Answer, OutboundError> {
        let _place = self.take_place()?;
        let host = Origin::parse(ask.url).map_or_else(|| "the address".to_owned(), |origin| origin.host().to_owned());
        let time_max = ask.time_max;
        let exchange = async {
            let (response, url) = self.follow(&ask).await?;
            let status = response.status().as_u16();
            let content_type = media_type(&response);
            let answer = Answer { status, content_type, body: Bytes::new(), url };
            if is_wanted(&answer) {
                read(response, &answer.url, ask.bytes_max, take).await?;
            }
            Ok(answer)
        };
        tokio::time::timeout(time_max, exchange).await.map_err(|_| OutboundError::Slow(host))?
    }

    async fn follow(&self, ask: &Ask<'_>) -> Result<(Response, Url), OutboundError> {
        let mut url = Url::parse(ask.url).map_err(|_| OutboundError::Url("the address".to_owned()))?;
        let first = Origin::of(&url);
        for _ in 0..=REDIRECTS_MAX {
            let origin = Origin::of(&url).ok_or_else(|| OutboundError::Url(shown(&url)))?;
            let is_first = first.as_ref() == Some(&origin);
            let reach = if ask.trusted.contains(&origin) { Reach::Private } else { Reach::Public };
            let request = self.request(ask, &url, reach, is_first)?;
            let response = request.send().await.map_err(|error| failure(&url, &error))?;
            if !is_redirect(response.status()) {
                return Ok((response, url));
            }
            // A `POST` carries secrets, and no token endpoint redirects (RFC 6749 §3.2).
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.filter(|_| matches!(ask.payload, Payload::None));
            let target = target.and_then(|target| url.join(target).ok());
            url = target.ok_or_else(|| OutboundError::Redirect(shown(&url)))?;
        }
        Err(OutboundError::Redirect(shown(&url)))
    }

    fn request(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        reach: Reach,
        is_first_origin: bool,
    ) -> Result<RequestBuilder, OutboundError> {
        check_literal(url, reach)?;
        let client = self.client(reach)?;
        let mut request = match &ask.payload {
            Payload::None => client.request(Method::GET, url.clone()),
            Payload::Form(values) => client.request(Method::POST, url.clone()).form(values),
            Payload::Json(body) => client.request(Method::POST, url.clone()).json(body),
        };
        if ask.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case(ACCEPT.as_str())) {
            request = request.header(ACCEPT, "application/json");
        }
        if is_first_origin {
            for (name, value) in ask.headers {
                request = request.header(*name, *value);
            }
            if let Some(authorization) = ask.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
        }
        Ok(request)
    }

    fn client(&self, reach: Reach) -> Result<&Client, OutboundError> {
        let cell = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIME_MAX)
            .pool_idle_timeout(IDLE_TIME_MAX)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { reach }))
            .build()
            .map_err(|error| OutboundError::Client(error.to_string()))?;
        Ok(cell.get_or_init(|| client))
    }

    fn take_place(&self) -> Result<Place<'_>, OutboundError> {
        let place = Place(&self.in_flight);
        match self.in_flight.fetch_add(1, Ordering::Relaxed) < IN_FLIGHT_MAX {
            true => Ok(place),
            false => Err(OutboundError::Full),
        }
    }
}

/// A request that is under way.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Resolves names, and leaves out the addresses that may not be reached: what is checked is what is connected to.
struct Resolver {
    reach: Reach,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| is_allowed(reach, found.ip())).collect();
            if allowed.is_empty() {
                return Err(PrivateName.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the name has private addresses alone")]
struct PrivateName;

/// An address in place of a name isn't resolved, so it is judged here.
fn check_literal(url: &Url, reach: Reach) -> Result<(), OutboundError> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(OutboundError::Url(shown(url))),
    };
    if is_allowed(reach, address) { Ok(()) } else { Err(OutboundError::Private(shown(url))) }
}

#[cfg(not(feature = "faults"))]
fn is_allowed(reach: Reach, address: IpAddr) -> bool {
    reach.allows(address)
}

/// Tests have no public network: `MONOBASE_FAULT_PUBLIC` names an address of this machine that counts as public.
#[cfg(feature = "faults")]
fn is_allowed(reach: Reach, address: IpAddr) -> bool {
    let named = std::env::var("MONOBASE_FAULT_PUBLIC").ok().and_then(|text| text.parse().ok());
    named == Some(address) || reach.allows(address)
}

async fn read(
    mut response: Response,
    url: &Url,
    bytes_max: usize,
    mut take: impl AsyncFnMut(Bytes) -> io::Result<()>,
) -> Result<(), OutboundError> {
    let too_large = || OutboundError::TooLarge { host: shown(url), bytes_max };
    if response.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let mut left = bytes_max;
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(url, &error))? {
        left = left.checked_sub(chunk.len()).ok_or_else(too_large)?;
        take(chunk).await.map_err(OutboundError::Kept)?;
    }
    Ok(())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn media_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A URL for people: its host alone, since the rest may hold secrets.
fn shown(url: &Url) -> String {
    url.host_str().unwrap_or("the address").to_owned()
}

fn failure(url: &Url, error: &reqwest::Error) -> OutboundError {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if cause.is::<PrivateName>() {
            return OutboundError::Private(shown(url));
        }
        source = cause.source();
    }
    let reason = if error.is_timeout() {
        "it doesn't answer in time"
    } else if error.is_connect() {
        "there is no connection"
    } else if error.is_builder() {
        "the request can't be written"
    } else {
        "the exchange broke off"
    };
    OutboundError::Failed { host: shown(url), reason }
}
