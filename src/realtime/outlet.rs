//! The way out: what a transport (SSE, WebSocket) gives the hub, and how far a connection is behind.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;

use super::audience::ConnectionId;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `id:…\nevent:…\ndata:…\n\n` (contract/12 §1).
    Sse,
    /// One JSON object a frame: `{"topic","record","action","cursor"}`.
    WebSocket,
}

/// What connections are sent.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// One message for all who get the same.
    Frame { frame: Bytes, to: Vec<ConnectionId> },
    /// The stream ends.
    End(ConnectionId),
}

/// Takes messages for the connections of one worker. Never blocks; each connection's share is bounded by its
/// [`Backlog`], which the hub looks at before it sends.
pub trait Outlet: Send + Sync {
    fn deliver(&self, parcels: Vec<Parcel>);
}

/// Frames handed to a transport and not yet written to the socket.
#[derive(Debug, Default)]
pub struct Backlog {
    frames: AtomicUsize,
    bytes: AtomicUsize,
    is_gone: AtomicBool,
    /// The hub waits for the queue to be empty.
    is_awaited: AtomicBool,
}

/// Most frames that wait in a connection's queue: some seconds of a busy topic.
const FRAMES_MAX: usize = 512;
/// Most bytes that wait in a connection's queue.
const BYTES_MAX: usize = 1024 * 1024;

impl Backlog {
    /// Counts a frame in; `false` if the queue is full, and then it isn't counted and must not be sent.
    pub fn admit(&self, bytes: usize) -> bool {
        let frames = self.frames.load(Ordering::Relaxed);
        let waiting = self.bytes.load(Ordering::Relaxed);
        // An empty queue takes a frame of any size, or a record over the bound could never be sent.
        if frames > 0 && (frames >= FRAMES_MAX || waiting + bytes > BYTES_MAX) {
            return false;
        }
        self.admit_always(bytes);
        true
    }

    /// Counts written frames out; whether the hub wants to hear that the queue is empty now.
    pub fn written(&self, frames: usize, bytes: usize) -> bool {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let is_empty = self.frames.fetch_sub(frames, Ordering::AcqRel) == frames;
        is_empty && self.is_awaited.swap(false, Ordering::AcqRel)
    }

    /// Asks to be told when the queue is empty; `false` if it is already.
    pub fn await_empty(&self) -> bool {
        self.is_awaited.store(true, Ordering::Release);
        !self.is_empty() || !self.is_awaited.swap(false, Ordering::AcqRel)
    }

    /// Counts a frame in, whatever waits already.
    pub fn admit_always(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says that nobody will write any more.
    pub fn mark_gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.frames.load(Ordering::Acquire) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_takes_again_once_it_was_written() {
        let backlog = Backlog::default();
        assert!(backlog.admit(5 * BYTES_MAX), "an empty queue takes anything");
        assert!(!backlog.admit(1));
        assert!(backlog.await_empty(), "a frame waits");
        assert!(backlog.written(1, 5 * BYTES_MAX), "the hub is told");
        assert!(!backlog.await_empty(), "nothing waits");
        for _ in 0..FRAMES_MAX {
            assert!(backlog.admit(1));
        }
        assert!(!backlog.admit(1));
        assert!(!backlog.written(1, 1));
        assert!(backlog.admit(1));
    }
}
