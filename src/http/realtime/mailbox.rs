//! What the hub sends to one worker, sorted into the queues of its streams. Everything behind the channel is local to
//! the worker's thread, so that a frame costs a push and a wake-up, no lock. One clock for all streams of the worker tells
//! them when to write: none has a timer of its own.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, interval, sleep_until};

use crate::realtime::{ConnectionId, Outlet, Parcel};

/// A sign of life after so long a silence: proxies cut at 60 s, and a dead peer shows as a failed write
/// (contract/12 §9 A).
pub const HEARTBEAT: Duration = Duration::from_secs(25);
/// How often silent streams are looked for.
const HEARTBEAT_LOOK: Duration = Duration::from_secs(1);
/// Frames that come within this time after a write are gathered for the next one: a write costs ten times what a frame
/// does (bench/README.md, realtime), and nobody sees 20 ms.
const GATHER: Duration = Duration::from_millis(20);
/// Writes that are due so soon are made at once with those that are due now.
const GATHER_SLACK: Duration = Duration::from_millis(4);

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
    wants_heartbeat: Cell<bool>,
    /// When it was woken last to write; `None` before the first time.
    woken_at: Cell<Option<Instant>>,
    /// Whether it stands in the list of those that are woken later.
    is_gathering: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.frames.borrow().is_empty()
    }

    /// Whether nothing will be added any more.
    pub fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Whether the peer should be given a sign of life; asking takes the wish away.
    pub fn take_heartbeat(&self) -> bool {
        self.wants_heartbeat.take()
    }

    /// The next frame. An emptied queue keeps no room: ten thousand idle streams need none.
    pub fn pop(&self) -> Option<Bytes> {
        let mut frames = self.frames.borrow_mut();
        let frame = frames.pop_front();
        if frames.is_empty() {
            *frames = VecDeque::new();
        }
        frame
    }

    /// Who is to be woken when there is something to write.
    pub fn set_waker(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }

    fn push(&self, frame: Bytes) {
        self.frames.borrow_mut().push_back(frame);
    }

    fn end(&self, now: Instant) {
        self.has_ended.set(true);
        self.wake(now);
    }

    fn wake(&self, now: Instant) {
        self.woken_at.set(Some(now));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// When its frames are to be written, if that isn't now.
    fn gathers_until(&self, now: Instant) -> Option<Instant> {
        self.woken_at.get().map(|at| at + GATHER).filter(|until| *until > now)
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
            actix_web::rt::spawn(beat(streams.clone()));
            (Arc::new(Mailbox { sender }), streams)
        });
        mailbox.clone()
    })
}

/// Takes a place for a stream that the hub has just opened, with its first frame in the queue.
pub fn take_place(connection: ConnectionId, first_frame: Bytes) -> Place {
    let queue = Rc::new(Queue::default());
    queue.push(first_frame);
    queue.woken_at.set(Some(Instant::now() - GATHER)); // its first change needn't wait
    MAILBOX.with(|mailbox| {
        if let Some((_, streams)) = mailbox.get() {
            streams.borrow_mut().insert(connection, queue.clone());
        }
    });
    Place { connection, queue }
}

/// Puts what comes into the queues, and wakes their streams when they are to write.
async fn sort(mut parcels: UnboundedReceiver<Vec<Parcel>>, streams: Streams) {
    let mut gathering = Gathering::default();
    loop {
        tokio::select! {
            biased;
            received = parcels.recv() => {
                let Some(received) = received else { return };
                let now = Instant::now();
                for parcel in received {
                    put(parcel, &streams.borrow(), now, &mut gathering);
                }
            }
            () = sleep_until(gathering.next.unwrap_or_else(Instant::now)), if gathering.next.is_some() => {
                gathering.wake_due(Instant::now());
            }
        }
    }
}

fn put(parcel: Parcel, streams: &HashMap<ConnectionId, Rc<Queue>>, now: Instant, gathering: &mut Gathering) {
    match parcel {
        Parcel::Frame { frame, to } => {
            for queue in to.iter().filter_map(|connection| streams.get(connection)) {
                queue.push(frame.clone());
                gathering.wake(queue, now);
            }
        }
        Parcel::End(connection) => {
            if let Some(queue) = streams.get(&connection) {
                queue.end(now);
            }
        }
    }
}

/// The streams of a worker that have written a moment ago and are to write again.
#[derive(Default)]
struct Gathering {
    queues: Vec<(Instant, Rc<Queue>)>,
    /// When the first of them is due.
    next: Option<Instant>,
}

impl Gathering {
    /// Wakes a stream now, or later if it has just written.
    fn wake(&mut self, queue: &Rc<Queue>, now: Instant) {
        let Some(due) = queue.gathers_until(now) else { return queue.wake(now) };
        if !queue.is_gathering.replace(true) {
            self.queues.push((due, queue.clone()));
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    fn wake_due(&mut self, now: Instant) {
        self.queues.retain(|(due, queue)| {
            let waits = *due > now + GATHER_SLACK;
            if !waits {
                queue.is_gathering.set(false);
                queue.wake(now);
            }
            waits
        });
        self.next = self.queues.iter().map(|(due, _)| *due).min();
    }
}

/// Lets streams that said nothing for long give a sign of life.
async fn beat(streams: Streams) {
    let mut look = interval(HEARTBEAT_LOOK);
    loop {
        let now = look.tick().await;
        for queue in streams.borrow().values() {
            if queue.woken_at.get().is_none_or(|at| at + HEARTBEAT <= now) {
                queue.wants_heartbeat.set(true);
                queue.wake(now);
            }
        }
    }
}
