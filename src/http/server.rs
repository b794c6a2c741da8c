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

use super::connections::Connections;
use super::cors::Origins;
use super::dashboard::DashboardCaching;
use super::door::{self, Door, Worker};
use super::rate_limit::RateLimiter;
use super::request_id::RequestIds;
use super::router::Router;
use super::routes::routes;
use super::statics::Statics;
use super::time_limits::TimeLimits;
use crate::app::App;

/// How often rate limits forget clients that are gone (contract/14 §2).
const IDLE_CLIENTS_INTERVAL: Duration = Duration::from_secs(3600);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// `host:port`; an empty host is every address, port 0 a free port.
    pub address: String,
    pub origins: Origins,
    pub statics: Statics,
    pub dashboard_caching: DashboardCaching,
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
    ///
    /// `announce` says that the server is there; by then a signal ends it in order.
    pub fn run(self, announce: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let system = System::new();
        // Before the runtime drives this thread: it waits for reads.
        let runtime = system.runtime().tokio_runtime().handle().clone();
        self.app.start_realtime(runtime).map_err(io::Error::other)?;
        system.block_on(self.serve(announce))
    }

    async fn serve(self, announce: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Self { app, options, listener, .. } = self;
        let limits = TimeLimits::of_process();
        let door = Arc::new(Door {
            app: Arc::clone(&app),
            router: Router::new(routes()),
            origins: options.origins,
            statics: options.statics,
            dashboard_caching: options.dashboard_caching,
            request_ids: RequestIds::new(),
            limiter: RateLimiter::new(),
            request_time_max: limits.request,
            unread_max: limits.unread,
        });
        let connections = Arc::new(Connections::new());
        let watched = Arc::clone(&connections);
        actix_web::rt::spawn(forget_idle_clients(Arc::clone(&door)));
        let server = HttpServer::new(move || {
            let worker: Worker = Rc::new(Arc::clone(&door));
            ActixApp::new().default_service(fn_service(move |request: ServiceRequest| {
                let answering = door::serve(Rc::clone(&worker), request);
                async { Ok(answering.await) }
            }))
        })
        .on_connect(move |connection, data| set_up_connection(connection, data, &watched, limits.stalled))
        // Without this a client that left is noticed only by a write: its open stream would stay (actix-web 1313).
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .client_request_timeout(limits.head)
        .keep_alive(limits.idle)
        .shutdown_timeout(limits.stop.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        announce()?;
        let mut running = std::pin::pin!(server);
        tokio::select! {
            ended = &mut running => return ended,
            _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
            () = connections.end_hanging(limits.idle + limits.stalled) => {}
        }
        app.stopping.begin();
        app.end_streams();
        tokio::join!(handle.stop(true), &mut running).1
    }
}

/// Gives back the memory of rate limits whose clients are gone. Ends with the runtime.
async fn forget_idle_clients(door: Arc<Door>) {
    let mut hourly = tokio::time::interval(IDLE_CLIENTS_INTERVAL);
    loop {
        hourly.tick().await;
        door.limiter.drop_idle(door.app.clock.now());
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

/// The kernel closes a connection whose peer takes no bytes, since actix waits for such a one without end; and it is
/// watched for a peer that sends half a request.
fn set_up_connection(connection: &dyn Any, data: &mut Extensions, connections: &Connections, stalled: Duration) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(stalled)) {
        tracing::debug!(%error, "no time-out for stalled clients on this connection");
    }
    if let Some(watched) = connections.watch(stream) {
        data.insert(watched);
    }
}
