//! Ends connections that hang between two requests. actix times the head of a connection's first request and idle
//! connections, but a client that sends the beginning of a second head and no more would be kept for ever (seen on
//! 4.18.1), with up to 128 KiB of it.

use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// A client that sends on though its body was refused gets this long to read why.
const REFUSED_LINGER: Duration = Duration::from_secs(2);

/// All connections of a server.
pub(super) struct Connections {
    began: Instant,
    all: Mutex<Vec<Weak<Connection>>>,
}

/// One connection. Lives as long as the data of the connection does that actix hands to each request.
pub(super) struct Connection {
    /// Another handle of the same socket; given back by an event stream or a WebSocket.
    socket: Mutex<Option<Socket>>,
    /// Requests that are being answered, bodies included.
    answering: AtomicUsize,
    /// When the last answer was handed over, milliseconds since `began`.
    free_since_ms: AtomicU64,
    began: Instant,
}

impl Connections {
    pub fn new() -> Self {
        Self { began: Instant::now(), all: Mutex::default() }
    }

    /// Watches a new connection; `None` when there is no handle to be had, so that it stays unwatched.
    pub fn watch(&self, stream: &TcpStream) -> Option<Arc<Connection>> {
        let connection = Arc::new(Connection {
            socket: Mutex::new(Some(SockRef::from(stream).try_clone().ok()?)),
            answering: AtomicUsize::new(0),
            free_since_ms: AtomicU64::new(milliseconds(self.began.elapsed())),
            began: self.began,
        });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
        Some(connection)
    }

    /// Ends, for as long as it is polled, the connections whose last answer is older than `free_max` and which have
    /// sent no whole request since.
    pub async fn end_hanging(&self, free_max: Duration) {
        let pause = (free_max / 10).clamp(Duration::from_millis(100), Duration::from_secs(10));
        loop {
            tokio::time::sleep(pause).await;
            let now_ms = milliseconds(self.began.elapsed());
            let oldest_ms = now_ms.saturating_sub(milliseconds(free_max));
            self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                if connection.is_free_since(oldest_ms) {
                    connection.end();
                }
                true
            });
        }
    }
}

impl Connection {
    /// Turns to one long answer: a peer that acknowledges nothing for `unread_max` is gone. The second handle is closed,
    /// since each counts against the open files that a process may have, and a stream's idle time isn't watched.
    pub fn hold_open(&self, unread_max: Duration) {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = socket.map(|socket| socket.set_tcp_user_timeout(Some(unread_max))) {
            tracing::debug!(%error, "no time-out for a stream whose peer is gone");
        }
    }

    fn end(&self) {
        if let Some(socket) = &*self.socket.lock().unwrap_or_else(PoisonError::into_inner) {
            // The peer may have closed it meanwhile; then there is nothing left to end.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn is_free_since(&self, oldest_ms: u64) -> bool {
        self.answering.load(Ordering::Acquire) == 0 && self.free_since_ms.load(Ordering::Acquire) < oldest_ms
    }
}

/// Held while a request is being answered.
pub(super) struct Answering(Arc<Connection>);

impl Answering {
    pub fn on(connection: &Arc<Connection>) -> Self {
        connection.answering.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(connection))
    }

    /// Ends the connection soon: actix would read on to the end of a body of unknown length, however long it takes.
    pub fn end_soon(&self) {
        let connection = Arc::downgrade(&self.0);
        actix_web::rt::spawn(async move {
            tokio::time::sleep(REFUSED_LINGER).await;
            if let Some(connection) = connection.upgrade() {
                connection.end();
            }
        });
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let now_ms = milliseconds(self.0.began.elapsed());
        self.0.free_since_ms.store(now_ms, Ordering::Release);
        self.0.answering.fetch_sub(1, Ordering::AcqRel);
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
