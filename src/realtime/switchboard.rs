//! The hub's thread: owns every connection, tails the change log, sends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids;
use crate::query::Caller;
use crate::rows;
use crate::schema::{Schema, SharedSchema};
use crate::store::{ChangeKind, Conn, Position, Store};

use super::announce::{Announcer, Delivery};
use super::audience::{Audience, Connection, ConnectionId, Pace};
use super::bindings::may_bind;
use super::coalesce::LogEntry;
use super::cursor::{Cursor, LogId, Place};
use super::hub::{Command, News, Opened, Opening, ProviderAnswer, TopicChange};
use super::judge::Judge;
use super::log;
use super::message;
use super::outlet::{Backlog, Outlet, Parcel};
use super::progress::Ending;
use super::restart::RestartWindow;
use super::resume::ResumePoints;
use super::topic::{Target, Topic};

/// How often the thread looks at what time brings: expired tokens, dead streams, drained queues.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Entries of the log that are read at once.
const LOG_PIECE: usize = 512;
/// A place that no log reaches back to.
const BEFORE_THE_LOG: Position = -1;
/// Topics set within this time after the opening count from the opening (contract/12 §9 B).
const FIRST_TOPICS_WITHIN_MS: i64 = 15_000;

/// What the hub works with.
pub struct Setup {
    pub store: Store,
    pub schema: Arc<SharedSchema>,
    pub judge: Judge,
    pub clock: Clock,
    pub log: LogId,
    /// Runs replays.
    pub runtime: Handle,
}

/// All state of the hub.
///
/// Invariant: every change up to `position` has been offered to every live connection, and none after it.
pub(super) struct Switchboard {
    pub(super) setup: Arc<Setup>,
    /// Whose long replay is read; one at a time, since a reader that replays serves nobody else.
    pub(super) replay_turn: Arc<Semaphore>,
    pub(super) commands: SyncSender<Command>,
    pub(super) audience: Audience,
    pub(super) position: Position,
    pub(super) outlets: Vec<Arc<dyn Outlet>>,
    pub(super) parcels: Vec<Vec<Parcel>>,
    restart: RestartWindow,
    pub(super) resume: ResumePoints,
    /// When resume points were saved last, unix milliseconds.
    pub(super) saved_at_ms: i64,
}

impl Switchboard {
    pub fn new(setup: Setup, commands: SyncSender<Command>) -> Result<Self> {
        let clock = setup.clock.clone();
        let (position, restart, resume) = setup.store.read_seldom(move |conn| {
            Ok((log::extent(conn)?.last, RestartWindow::read(conn, &clock)?, ResumePoints::load(conn)?))
        })?;
        Ok(Self {
            setup: Arc::new(setup),
            replay_turn: Arc::new(Semaphore::new(1)),
            commands,
            audience: Audience::default(),
            position,
            outlets: Vec::new(),
            parcels: Vec::new(),
            restart,
            resume,
            saved_at_ms: 0,
        })
    }

    /// Handles commands until `Stop`. A panic in one is caught: it costs that command, not the process.
    pub fn run(&mut self, queue: &Receiver<Command>, news: &News) {
        let mut next_look = Instant::now() + LOOK_INTERVAL;
        loop {
            let command = match queue.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
            };
            let is_time = Instant::now() >= next_look;
            let step = catch_unwind(AssertUnwindSafe(|| {
                // Commits first: a command then meets a position that includes all that was answered before it.
                self.take_news(news);
                if let Some(command) = command {
                    self.handle(command);
                }
                if is_time {
                    self.look_around();
                }
            }));
            if is_time {
                next_look = Instant::now() + LOOK_INTERVAL;
            }
            if step.is_err() {
                tracing::error!("a realtime command panicked; its effect may be missing");
            }
            self.send_parcels();
        }
        let ids: Vec<ConnectionId> = self.audience.ids().collect();
        for id in ids {
            self.end(id);
        }
        self.send_parcels();
        self.save_points_now();
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Open(opening, answer) => {
                let opened = self.open(opening);
                let connection = opened.connection;
                if answer.send(opened).is_err() {
                    self.audience.remove(connection);
                }
            }
            Command::SetTopics(change, answer) => {
                // Whoever asked may be gone; the change stands all the same.
                let _ = answer.send(self.set_topics(change));
            }
            Command::Tell(provider_answer, answer) => {
                let _ = answer.send(self.tell(&provider_answer));
            }
            Command::Drained(id) => self.catch_up(id),
            Command::Closed(id) => self.forget(id),
            Command::CaughtUp(caught_up) => self.caught_up(caught_up),
            Command::Committed | Command::Stop => {}
        }
    }

    fn open(&mut self, opening: Opening) -> Opened {
        let now_ms = self.setup.clock.now().as_millisecond();
        let client_id: Arc<str> = ids::secret(40).into();
        let backlog = Arc::new(Backlog::default());
        let mut starts_at = Place::from(self.restart.starts_after(now_ms).unwrap_or(self.position));
        if let Some(place) = opening.since.as_deref().and_then(|since| self.place_of(since)) {
            starts_at = place;
        }
        let outlet = self.outlet_index(&opening.outlet);
        let cursor = self.cursor(starts_at.clone());
        let connection = self.audience.add(Connection {
            client_id: client_id.clone(),
            ip: opening.ip,
            encoding: opening.encoding,
            outlet,
            backlog: backlog.clone(),
            caller: Caller::Guest,
            expires_at: None,
            topics: Vec::new(),
            starts_at,
            opened_at_ms: now_ms,
            has_begun: false,
            pace: Pace::Live,
            pace_number: 0,
            is_catching_up: false,
            told: 0,
            admitted: 0,
        });
        let first_frame = message::connect_frame(opening.encoding, &client_id, &cursor);
        backlog.admit_always(first_frame.len());
        Opened { connection, client_id, first_frame, backlog }
    }

    fn set_topics(&mut self, change: TopicChange) -> Result<()> {
        let id = self
            .audience
            .find(&change.client_id)
            .ok_or_else(|| Error::NotFound("Missing or invalid client id.".into()))?;
        let connection = self.audience.get_mut(id).ok_or_else(Error::not_found)?;
        if connection.ip != change.ip {
            return Err(Error::bad_request_with("Invalid realtime client."));
        }
        if !may_bind(&connection.caller, &change.caller) {
            let text = "The current and the previous request authorization don't match.";
            return Err(Error::Forbidden(text.into()));
        }
        let is_first = !std::mem::replace(&mut connection.has_begun, true);
        connection.expires_at = change.expires_at;
        let age_ms = self.setup.clock.now().as_millisecond() - connection.opened_at_ms;
        let opened_at = connection.starts_at.clone();
        let counts_from_opening = is_first && age_ms <= FIRST_TOPICS_WITHIN_MS;
        let begins_at = if counts_from_opening { opened_at } else { Place::from(self.position) };
        let begin = |(topic, since): (Arc<Topic>, Option<String>)| {
            let asked = since.as_deref().and_then(|since| self.place_of(since));
            let place = asked.or_else(|| self.resumes_after(&topic, &change.caller).map(Place::from));
            (topic, place)
        };
        let topics: Vec<(Arc<Topic>, Option<Place>)> = change.topics.into_iter().map(begin).collect();
        for (topic, place) in &topics {
            self.note_beginning(topic, &change.caller, place.as_ref().unwrap_or(&begins_at).after);
        }
        let owed = self.owed_after(id, &topics, &begins_at);
        let topics = topics.into_iter().map(|(topic, _)| topic).collect();
        self.audience.set(id, change.caller, topics);
        self.set_pace(id, owed);
        Ok(())
    }

    /// Hands a provider's answer over; the topic is used up by it, whoever asked (contract/12 §6).
    fn tell(&mut self, answer: &ProviderAnswer) -> bool {
        let Some(id) = self.audience.find(&answer.state) else { return false };
        if !self.audience.drop_topic(id, &Target::OAuth2) {
            return false;
        }
        let Some(connection) = self.audience.get(id).filter(|connection| connection.ip == answer.ip) else {
            return false;
        };
        let frame = message::oauth2_frame(connection.encoding, &answer.state, &answer.code, &answer.error);
        self.push(id, frame);
        answer.error.is_empty() && !answer.code.is_empty()
    }

    /// Announces what was committed since the last look.
    fn take_news(&mut self, news: &News) {
        let schema_changed = news.schema.swap(false, Ordering::AcqRel);
        let has_records = news.records.swap(false, Ordering::AcqRel);
        if !schema_changed && !has_records {
            return;
        }
        let setup = self.setup.clone();
        let looked = setup.store.read_here(|conn| {
            if schema_changed {
                self.refresh_bindings(conn)?;
            }
            self.announce_new(conn)
        });
        if let Err(error) = looked {
            tracing::error!(%error, "the change log can't be read; realtime goes on with the next commit");
        }
    }

    fn announce_new(&mut self, conn: &dyn Conn) -> Result<()> {
        if self.audience.len() == 0 {
            self.position = log::extent(conn)?.last;
            return Ok(());
        }
        loop {
            let log::Piece { entries, is_last } = log::list(conn, self.position, Position::MAX, LOG_PIECE)?;
            let schema = self.setup.schema.current();
            for entry in entries {
                self.announce(conn, &schema, &entry);
                self.position = entry.position;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn announce(&mut self, conn: &dyn Conn, schema: &Arc<Schema>, entry: &LogEntry) {
        let Some(collection) = schema.find_by_id(&entry.collection_id) else { return };
        let is_wanted = !self.audience.groups_for(&collection.id, &collection.name, &entry.record_id).is_empty();
        let bound = self.audience.bound_to(&collection.id, &entry.record_id);
        if !is_wanted && bound.is_empty() {
            return;
        }
        let record = match entry.kind {
            ChangeKind::Create | ChangeKind::Update => {
                log::find_told(conn, collection, entry.position, &entry.record_id)
            }
            ChangeKind::Delete => {
                Ok(entry.old.as_deref().and_then(|old| rows::record_from_old(collection, &entry.record_id, old)))
            }
        };
        let record = match record {
            Ok(Some(record)) => Arc::new(record),
            Ok(None) => return, // its entry has no state to tell
            Err(error) => {
                tracing::error!(%error, collection = &*collection.name, "a change can't be announced");
                return;
            }
        };
        // A new token key ends the binding before the change is told, a deletion after it (contract/12 §5).
        if entry.kind == ChangeKind::Update {
            self.rebind(&bound, &record);
        }
        if is_wanted {
            let announcer = Announcer { conn, schema, judge: &self.setup.judge, log: self.setup.log };
            let deliveries = announcer.deliveries(&self.audience, &record, entry.kind, entry.position);
            for Delivery { frame, to } in deliveries {
                to.into_iter().for_each(|id| self.offer(id, &frame, entry.position));
            }
        }
        if entry.kind == ChangeKind::Delete {
            for id in bound {
                self.make_guest(id);
            }
        }
    }

    /// What time brings: streams whose peer or token is gone, and those that drained unnoticed.
    fn look_around(&mut self) {
        let now = self.setup.clock.now_seconds();
        let ids: Vec<ConnectionId> = self.audience.ids().collect();
        for id in ids {
            let Some(connection) = self.audience.get(id) else { continue };
            if connection.backlog.is_gone() {
                self.forget(id);
            } else if connection.expires_at.is_some_and(|at| at <= now) {
                self.end(id);
            } else if matches!(connection.pace, Pace::Behind(_)) && connection.backlog.is_empty() {
                self.catch_up(id);
            }
            self.note_progress(id, Ending::None);
        }
        self.save_points();
    }

    /// A connection whose transport is gone.
    fn forget(&mut self, id: ConnectionId) {
        self.note_progress(id, Ending::BrokenOff);
        self.audience.remove(id);
    }

    pub(super) fn end(&mut self, id: ConnectionId) {
        self.note_progress(id, Ending::Orderly);
        if let Some(connection) = self.audience.remove(id) {
            self.parcels[connection.outlet].push(Parcel::End(id));
        }
    }

    fn send_parcels(&mut self) {
        for (outlet, parcels) in self.outlets.iter().zip(&mut self.parcels) {
            if !parcels.is_empty() {
                outlet.deliver(std::mem::take(parcels));
            }
        }
    }

    fn outlet_index(&mut self, outlet: &Arc<dyn Outlet>) -> usize {
        match self.outlets.iter().position(|known| Arc::ptr_eq(known, outlet)) {
            Some(index) => index,
            None => {
                self.outlets.push(outlet.clone());
                self.parcels.push(Vec::new());
                self.outlets.len() - 1
            }
        }
    }

    /// The place that a cursor or an open stream's client id names. A cursor of another log names a place before its
    /// beginning, so that the client is told to read its lists again; an unknown client id names none.
    pub(super) fn place_of(&self, since: &str) -> Option<Place> {
        if let Some(cursor) = Cursor::parse(since) {
            let is_ours = cursor.log == self.setup.log;
            return Some(if is_ours { cursor.place } else { Place::from(BEFORE_THE_LOG) });
        }
        let connection = self.audience.get(self.audience.find(since)?)?;
        Some(Place::from(connection.pace.behind_at().unwrap_or(self.position)))
    }

    fn cursor(&self, place: Place) -> Cursor {
        Cursor::at(self.setup.log, place)
    }
}
