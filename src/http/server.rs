//! The listening server: workers, time-outs, signals, the orderly stop.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, ServiceRequest, fn_service};
use actix_web::rt::System;
use actix_web::rt::net::TcpStream;
use actix_web::{App as ActixApp, HttpServer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::signal::unix::{SignalKind, signal};

use super::cors::Origins;
use super::door::{self, Door, Worker};
use super::rate_limit::RateLimiter;
use super::request_id::RequestIds;
use super::router::Router;
use super::routes::routes;
use crate::app::App;

/// A connection has this long to send a request's head (contract/14 §6): what holds against clients that trickle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);
/// An idle connection is kept this long. Longer than proxies keep theirs (nginx: 60 s), so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client that takes none of its answer for this long is cut off (contract/14 §6).
const STALLED_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// Running requests have this long to end when the server stops (contract/00 §5).
const STOP_TIME_MAX_SECONDS: u64 = 10;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// `host:port`; an empty host is every address, port 0 a free port.
    pub address: String,
    pub origins: Origins,
}

/// A server that has its port but doesn't answer yet.
pub struct Server {
    app: Arc<App>,
    options: ServeOptions,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port.
    pub fn bind(app: Arc<App>, options: ServeOptions) -> io::Result<Self> {
        let listener = listen(&options.address)?;
        let address = listener.local_addr()?;
        Ok(Self { app, options, listener, address })
    }

    /// The address with the port it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until SIGTERM or SIGINT, then stops in order: nothing new is accepted, streams end at once, running
    /// requests have 10 s. Blocks the calling thread.
    pub fn run(self) -> io::Result<()> {
        System::new().block_on(self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let Self { app, options, listener, .. } = self;
        let door = Arc::new(Door {
            app: Arc::clone(&app),
            router: Router::new(routes()),
            origins: options.origins,
            request_ids: RequestIds::new(),
            limiter: RateLimiter::new(),
        });
        let server = HttpServer::new(move || {
            let worker: Worker = Rc::new(Arc::clone(&door));
            ActixApp::new().default_service(fn_service(move |request: ServiceRequest| {
                let answering = door::serve(Rc::clone(&worker), request);
                async { Ok(answering.await) }
            }))
        })
        .on_connect(set_up_connection)
        // Without this a client that left is noticed only by a write: its open stream would stay (actix-web 1313).
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .client_request_timeout(HEAD_TIME_MAX)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(STOP_TIME_MAX_SECONDS)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut running = std::pin::pin!(server);
        tokio::select! {
            ended = &mut running => return ended,
            _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
        }
        app.stopping.begin();
        tokio::join!(handle.stop(true), &mut running).1
    }
}

/// A listening socket. The address may name a host, which is looked up; its first usable address is taken.
fn listen(address: &str) -> io::Result<TcpListener> {
    let address = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, format!("{address} names no address"));
    for candidate in address.to_socket_addrs()? {
        match listen_at(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for old connections to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The kernel closes a connection whose peer takes no bytes: actix waits for such a one without end.
fn set_up_connection(connection: &dyn Any, _data: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(STALLED_TIME_MAX))
    {
        tracing::debug!(%error, "no time-out for stalled clients on this connection");
    }
}
