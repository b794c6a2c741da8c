//! The hub: the handle that transports and the store hold. All state lives on one thread behind a queue (`switchboard`).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::query::Caller;
use crate::store::{Conn, Event, Subscriber};

use super::audience::ConnectionId;
use super::outlet::{Backlog, Encoding, Outlet};
use super::pace::CaughtUp;
use super::switchboard::{Setup, Switchboard};
use super::topic::Topic;

/// Most commands that wait for the hub's thread, which takes some microseconds for each; more are refused with 503. Their
/// places are taken from memory at the start.
const COMMANDS_MAX: usize = 2_048;
/// How long a refused client should wait, seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// A stream that is being opened.
pub struct Opening {
    /// The address that opens it: topics may only be set from there.
    pub ip: IpAddr,
    pub encoding: Encoding,
    pub outlet: Arc<dyn Outlet>,
    /// A cursor, or the client id of a former connection: where its messages begin.
    pub since: Option<String>,
}

/// An open stream: what the transport writes first, and what it counts its queue with.
#[derive(Clone, Debug)]
pub struct Opened {
    pub connection: ConnectionId,
    pub client_id: Arc<str>,
    pub first_frame: bytes::Bytes,
    pub backlog: Arc<Backlog>,
}

/// New topics of a stream; they replace those it had.
pub struct TopicChange {
    pub client_id: String,
    pub ip: IpAddr,
    pub caller: Caller,
    /// When the caller's token expires, unix seconds.
    pub expires_at: Option<i64>,
    /// Each with where its messages begin, if that isn't now: a cursor, or the client id of a former connection.
    pub topics: Vec<(Arc<Topic>, Option<String>)>,
}

/// The answer of an OAuth2 provider on its way to the page that waits for it.
pub struct ProviderAnswer {
    pub state: String,
    pub code: String,
    pub error: String,
    pub ip: IpAddr,
}

/// What the hub's thread is asked to do.
pub(super) enum Command {
    Open(Opening, oneshot::Sender<Opened>),
    SetTopics(TopicChange, oneshot::Sender<Result<()>>),
    Tell(ProviderAnswer, oneshot::Sender<bool>),
    /// The transport has written all it was given.
    Drained(ConnectionId),
    Closed(ConnectionId),
    /// Something was committed: look at the news.
    Committed,
    CaughtUp(CaughtUp),
    Stop,
}

/// What commits tell the thread: set by them and taken by it, so that a thousand commits are one wake-up.
#[derive(Default)]
pub(super) struct News {
    pub records: AtomicBool,
    pub schema: AtomicBool,
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    commands: SyncSender<Command>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    news: News,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Hub {
    /// Starts the hub's thread.
    pub fn start(setup: Setup) -> Result<Self> {
        let (commands, queue) = sync_channel(COMMANDS_MAX);
        let hub = Self { commands: commands.clone(), shared: Arc::default() };
        let mut switchboard = Switchboard::new(setup, commands)?;
        let shared = hub.shared.clone();
        let thread = std::thread::Builder::new()
            .name("realtime".into())
            .spawn(move || switchboard.run(&queue, &shared.news))
            .map_err(Error::internal)?;
        *hub.shared.thread.lock().expect("nobody panics while holding it") = Some(thread);
        Ok(hub)
    }

    /// Opens a stream; it is a guest's and has no topics.
    pub async fn open(&self, opening: Opening) -> Result<Opened> {
        let (answer, wait) = oneshot::channel();
        self.send(Command::Open(opening, answer))?;
        wait.await.map_err(|_| stopping())
    }

    /// Replaces the topics of a stream and binds it to the caller (contract/12 §2).
    pub async fn set_topics(&self, change: TopicChange) -> Result<()> {
        let (answer, wait) = oneshot::channel();
        self.send(Command::SetTopics(change, answer))?;
        wait.await.map_err(|_| stopping())?
    }

    /// Hands a provider's answer to the page that waits for it; whether it stands there and may go on.
    pub async fn tell(&self, provider_answer: ProviderAnswer) -> Result<bool> {
        let (answer, wait) = oneshot::channel();
        self.send(Command::Tell(provider_answer, answer))?;
        wait.await.map_err(|_| stopping())
    }

    /// Says that everything handed over for a connection has been written.
    pub fn drained(&self, connection: ConnectionId) {
        // When the queue is full the hub finds the empty backlog at its next look.
        let _ = self.commands.try_send(Command::Drained(connection));
    }

    /// Says that a connection is gone. Its backlog is marked too, so that the hub learns of it even past a full queue.
    pub fn closed(&self, connection: ConnectionId, backlog: &Backlog) {
        backlog.mark_gone();
        let _ = self.commands.try_send(Command::Closed(connection));
    }

    /// Ends all streams and the thread. Blocks until it is gone.
    pub fn stop(&self) {
        let thread = self.shared.thread.lock().expect("nobody panics while holding it").take();
        if let Some(thread) = thread
            && self.commands.send(Command::Stop).is_ok()
            && thread.join().is_err()
        {
            tracing::error!("the realtime thread ended with a panic");
        }
    }

    fn send(&self, command: Command) -> Result<()> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy {
                message: "Too many realtime requests, please try again.".into(),
                retry_after_seconds: RETRY_AFTER_SECONDS,
            },
            TrySendError::Disconnected(_) => stopping(),
        })
    }
}

fn stopping() -> Error {
    Error::Busy { message: "The server is stopping.".into(), retry_after_seconds: RETRY_AFTER_SECONDS }
}

impl Subscriber for Hub {
    fn on_commit(&self, _conn: &dyn Conn, events: &[Event]) {
        let news = &self.shared.news;
        let mut is_first = false;
        for event in events {
            is_first |= match event {
                Event::Change(_) | Event::ForeignWrite => !news.records.swap(true, Ordering::AcqRel),
                Event::SchemaChanged => !news.schema.swap(true, Ordering::AcqRel),
                Event::SettingsChanged | Event::OutboxFilled { .. } => false,
            };
        }
        if is_first {
            // A full queue is no loss: the thread is awake then, and looks at the news after each command.
            let _ = self.commands.try_send(Command::Committed);
        }
    }
}
