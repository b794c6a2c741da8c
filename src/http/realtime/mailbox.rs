//! What the hub sends to one worker, sorted into the queues of its streams. Everything behind the channel is local to
//! the worker's thread, so that a frame costs a push and a wake-up, no lock.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::realtime::{ConnectionId, Outlet, Parcel};

thread_local! {
    static MAILBOX: OnceCell<(Arc<Mailbox>, Streams)> = const { OnceCell::new() };
}

type Streams = Rc<RefCell<HashMap<ConnectionId, Rc<Queue>>>>;

/// The hub's way to the streams of one worker. Its channel has no bound of its own: each stream's share is bounded by
/// its backlog, which the hub asks before it sends.
pub struct Mailbox {
    sender: UnboundedSender<Vec<Parcel>>,
}

impl Outlet for Mailbox {
    fn deliver(&self, parcels: Vec<Parcel>) {
        // A worker that is gone has no streams left.
        let _ = self.sender.send(parcels);
    }
}

/// What one stream has still to write.
#[derive(Default)]
pub struct Queue {
    frames: RefCell<VecDeque<Bytes>>,
    has_ended: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Queue {
    pub fn push(&self, frame: Bytes) {
        self.frames.borrow_mut().push_back(frame);
        self.wake();
    }

    pub fn is_empty(&self) -> bool {
        self.frames.borrow().is_empty()
    }

    /// Whether nothing will be added any more.
    pub fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// The next frame.
    pub fn pop(&self) -> Option<Bytes> {
        self.frames.borrow_mut().pop_front()
    }

    /// Everything that waits as one piece, and of how many frames it is; the queue must not be empty.
    pub fn take_all(&self) -> (Bytes, usize) {
        let mut frames = self.frames.borrow_mut();
        let count = frames.len();
        if count == 1
            && let Some(frame) = frames.pop_front()
        {
            return (frame, 1);
        }
        let mut all = Vec::with_capacity(frames.iter().map(Bytes::len).sum());
        frames.drain(..).for_each(|frame| all.extend_from_slice(&frame));
        // An emptied queue gives its memory back: ten thousand idle streams keep none.
        *frames = VecDeque::new();
        (all.into(), count)
    }

    /// Who is to be woken by the next frame.
    pub fn set_waker(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }

    fn end(&self) {
        self.has_ended.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A stream's place in the mailbox of its worker; given back when dropped.
pub struct Place {
    connection: ConnectionId,
    pub queue: Rc<Queue>,
}

impl Drop for Place {
    fn drop(&mut self) {
        MAILBOX.with(|mailbox| {
            if let Some((_, streams)) = mailbox.get() {
                streams.borrow_mut().remove(&self.connection);
            }
        });
    }
}

/// The mailbox of the calling worker.
pub fn of_this_worker() -> Arc<Mailbox> {
    MAILBOX.with(|mailbox| {
        let (mailbox, _) = mailbox.get_or_init(|| {
            let (sender, receiver) = unbounded_channel();
            let streams = Streams::default();
            actix_web::rt::spawn(sort(receiver, streams.clone()));
            (Arc::new(Mailbox { sender }), streams)
        });
        mailbox.clone()
    })
}

/// Takes a place for a stream that the hub has just opened, with its first frame in the queue.
pub fn take_place(connection: ConnectionId, first_frame: Bytes) -> Place {
    let queue = Rc::new(Queue::default());
    queue.push(first_frame);
    MAILBOX.with(|mailbox| {
        if let Some((_, streams)) = mailbox.get() {
            streams.borrow_mut().insert(connection, queue.clone());
        }
    });
    Place { connection, queue }
}

async fn sort(mut parcels: UnboundedReceiver<Vec<Parcel>>, streams: Streams) {
    while let Some(parcels) = parcels.recv().await {
        let streams = streams.borrow();
        for parcel in parcels {
            match parcel {
                Parcel::Frame(connection, frame) => {
                    if let Some(queue) = streams.get(&connection) {
                        queue.push(frame);
                    }
                }
                Parcel::End(connection) => {
                    if let Some(queue) = streams.get(&connection) {
                        queue.end();
                    }
                }
            }
        }
    }
}
