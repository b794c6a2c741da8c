//! Who listens to what: connections, what they subscribe to, and who they are; indexed so that a change touches only
//! those who could want it.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::query::{AuthRecord, Caller, Request};
use crate::store::Position;

use super::cursor::Place;
use super::judge::Judge;
use super::outlet::{Backlog, Encoding};
use super::topic::{Target, Topic};

/// A connection as the hub knows it, unique for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// One open stream.
pub struct Connection {
    /// What the client calls it by: a bearer secret (contract/12 §1).
    pub client_id: Arc<str>,
    /// The address that opened it; only from there may its topics be set.
    pub ip: IpAddr,
    pub encoding: Encoding,
    /// Which of the hub's outlets leads to it.
    pub outlet: usize,
    /// How much it still has to write.
    pub backlog: Arc<Backlog>,
    pub caller: Caller,
    /// When the token that bound it expires, unix seconds.
    pub expires_at: Option<i64>,
    pub topics: Vec<Arc<Topic>>,
    /// Where its messages begin when its first topics are set.
    pub starts_at: Place,
    pub opened_at_ms: i64,
    /// Whether its topics were set once.
    pub has_begun: bool,
    pub pace: Pace,
    /// Counts the changes of `pace`: a replay that was asked for under another one is out of date.
    pub pace_number: u64,
    /// Whether a reader works on what it is owed.
    pub is_catching_up: bool,
    /// Changes up to here were told by a replay; it may be ahead of the hub.
    pub told: Position,
    /// The last change of which a message was handed to its outlet: the others of that change follow whatever the
    /// backlog says, so that a change is sent wholly or not at all.
    pub admitted: Position,
}

/// Most log entries that one replay reads: bounds its time and memory when little of a busy log concerns it.
pub(super) const ENTRIES_MAX: usize = 200_000;

/// Whether a connection is told of changes as they come.
#[derive(Clone, Debug, Default)]
pub enum Pace {
    /// It gets each change at once.
    #[default]
    Live,
    /// It reads the log at its own pace; meanwhile it gets nothing live.
    Behind(Vec<Owed>),
}

/// Topics whose changes after a place of the log a connection has still to be told of.
#[derive(Clone, Debug)]
pub struct Owed {
    pub place: Place,
    pub topics: Vec<Arc<Topic>>,
    /// Most log entries that the next replay reads of it. Fewer once it was too much at once: the rest would be read for
    /// nothing each time.
    pub entries_max: usize,
}

impl Owed {
    pub fn new(place: Place, topics: Vec<Arc<Topic>>) -> Self {
        Self { place, topics, entries_max: ENTRIES_MAX }
    }
}

impl Pace {
    /// What the connection surely has, if it isn't live.
    pub fn behind_at(&self) -> Option<Position> {
        match self {
            Pace::Live => None,
            Pace::Behind(owed) => owed.iter().map(|owed| owed.place.after).min(),
        }
    }
}

/// Those who get the same message: the same topic, string and all, asked by the same caller over the same transport.
pub struct Group {
    pub topic: Arc<Topic>,
    /// What rules see behind the topic; its caller is the members'.
    pub request: Request,
    pub encoding: Encoding,
    pub members: BTreeSet<ConnectionId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(u64);

/// The record behind a caller, as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AuthKey {
    collection_id: Box<str>,
    record_id: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct GroupKey {
    topic: Arc<Topic>,
    auth: Option<AuthKey>,
    encoding: Encoding,
}

/// All connections, and the indexes over them.
///
/// Invariant: a connection is a member of exactly the groups of its topics under its caller.
#[derive(Default)]
pub struct Audience {
    last_id: u64,
    /// Boxed, so that a map that grows by doubling holds no room for as many again.
    connections: HashMap<ConnectionId, Box<Connection>>,
    by_client_id: HashMap<Arc<str>, ConnectionId>,
    by_auth: HashMap<AuthKey, BTreeSet<ConnectionId>>,
    groups: HashMap<GroupId, Group>,
    by_group_key: HashMap<GroupKey, GroupId>,
    /// Groups by the collection's name or id, as the topics give it.
    by_collection: HashMap<Box<str>, BTreeSet<GroupId>>,
    /// Groups by collection and record.
    by_record: HashMap<(Box<str>, Box<str>), BTreeSet<GroupId>>,
}

impl Audience {
    pub fn add(&mut self, connection: Connection) -> ConnectionId {
        self.last_id += 1;
        let id = ConnectionId(self.last_id);
        self.by_client_id.insert(connection.client_id.clone(), id);
        self.connections.insert(id, Box::new(connection));
        id
    }

    pub fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.leave_groups(id);
        self.unbind(id);
        let connection = self.connections.remove(&id)?;
        self.by_client_id.remove(&connection.client_id);
        Some(*connection)
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id).map(|connection| &**connection)
    }

    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(&id).map(|connection| &mut **connection)
    }

    pub fn find(&self, client_id: &str) -> Option<ConnectionId> {
        self.by_client_id.get(client_id).copied()
    }

    pub fn len(&self) -> usize {
        self.connections.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.connections.keys().copied()
    }

    /// Replaces who a connection is and what it listens to.
    pub fn set(&mut self, id: ConnectionId, caller: Caller, topics: Vec<Arc<Topic>>) {
        self.leave_groups(id);
        self.unbind(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.caller = caller;
        connection.topics = topics;
        self.bind(id);
        self.join_groups(id);
    }

    /// Replaces who a connection is; its topics stay.
    pub fn set_caller(&mut self, id: ConnectionId, caller: Caller) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let topics = std::mem::take(&mut connection.topics);
        self.leave_groups_of(id, &topics);
        self.unbind(id);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.caller = caller;
            connection.topics = topics;
        }
        self.bind(id);
        self.join_groups(id);
    }

    /// Takes one topic from a connection; whether it had it.
    pub fn drop_topic(&mut self, id: ConnectionId, target: &Target) -> bool {
        let Some(connection) = self.connections.get(&id) else { return false };
        let (dropped, kept): (Vec<_>, Vec<_>) =
            connection.topics.iter().cloned().partition(|topic| topic.target == *target);
        if dropped.is_empty() {
            return false;
        }
        let caller = connection.caller.clone();
        self.set(id, caller, kept);
        true
    }

    /// The connections bound to a record.
    pub fn bound_to(&self, collection_id: &str, record_id: &str) -> Vec<ConnectionId> {
        if self.by_auth.is_empty() {
            return Vec::new();
        }
        let key = AuthKey { collection_id: collection_id.into(), record_id: record_id.into() };
        self.by_auth.get(&key).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    /// The groups that could want a change of a record: its collection under either name, the record itself.
    pub fn groups_for(&self, collection_id: &str, collection_name: &str, record_id: &str) -> Vec<&Group> {
        let names = if collection_id == collection_name {
            [Some(collection_id), None]
        } else {
            [Some(collection_id), Some(collection_name)]
        };
        let mut found = Vec::new();
        for name in names.into_iter().flatten() {
            let whole = self.by_collection.get(name);
            let single = if self.by_record.is_empty() {
                None
            } else {
                self.by_record.get(&(Box::from(name), Box::from(record_id)))
            };
            let ids = whole.into_iter().flatten().chain(single.into_iter().flatten());
            found.extend(ids.filter_map(|id| self.groups.get(id)));
        }
        found
    }

    fn join_groups(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (caller, encoding) = (connection.caller.clone(), connection.encoding);
        let mut topics = connection.topics.clone();
        for topic in &mut topics {
            let key = GroupKey { topic: topic.clone(), auth: caller.auth().map(auth_key), encoding };
            let request = Judge::request(topic, &caller);
            let group_id = match self.by_group_key.get(&key) {
                Some(group_id) => *group_id,
                None => {
                    self.last_id += 1;
                    let group_id = GroupId(self.last_id);
                    self.index(group_id, &topic.target);
                    self.by_group_key.insert(key, group_id);
                    let (topic, request) = (topic.clone(), request.clone());
                    let group = Group { topic, request, encoding, members: BTreeSet::new() };
                    self.groups.insert(group_id, group);
                    group_id
                }
            };
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.request = request; // the newest of them knows the caller best
                group.members.insert(id);
                *topic = group.topic.clone(); // ten thousand listeners to one topic hold it once
            }
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.topics = topics;
        }
    }

    fn leave_groups(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let topics = std::mem::take(&mut connection.topics);
            self.leave_groups_of(id, &topics);
        }
    }

    fn leave_groups_of(&mut self, id: ConnectionId, topics: &[Arc<Topic>]) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (auth, encoding) = (connection.caller.auth().map(auth_key), connection.encoding);
        for topic in topics {
            let key = GroupKey { topic: topic.clone(), auth: auth.clone(), encoding };
            let Some(&group_id) = self.by_group_key.get(&key) else { continue };
            let Some(group) = self.groups.get_mut(&group_id) else { continue };
            group.members.remove(&id);
            if group.members.is_empty() {
                self.groups.remove(&group_id);
                self.by_group_key.remove(&key);
                self.unindex(group_id, &topic.target);
            }
        }
    }

    fn index(&mut self, group_id: GroupId, target: &Target) {
        match target {
            Target::Collection(name) => {
                self.by_collection.entry(name.clone()).or_default().insert(group_id);
            }
            Target::Record { collection, record_id } => {
                self.by_record.entry((collection.clone(), record_id.clone())).or_default().insert(group_id);
            }
            Target::OAuth2 | Target::Reset | Target::Nothing => {}
        }
    }

    fn unindex(&mut self, group_id: GroupId, target: &Target) {
        match target {
            Target::Collection(name) => remove_from(&mut self.by_collection, name, group_id),
            Target::Record { collection, record_id } => {
                remove_from(&mut self.by_record, &(collection.clone(), record_id.clone()), group_id);
            }
            Target::OAuth2 | Target::Reset | Target::Nothing => {}
        }
    }

    fn auth_key(&self, id: ConnectionId) -> Option<AuthKey> {
        self.connections.get(&id)?.caller.auth().map(auth_key)
    }

    fn bind(&mut self, id: ConnectionId) {
        if let Some(key) = self.auth_key(id) {
            self.by_auth.entry(key).or_default().insert(id);
        }
    }

    fn unbind(&mut self, id: ConnectionId) {
        if let Some(key) = self.auth_key(id) {
            remove_from(&mut self.by_auth, &key, id);
        }
    }
}

fn auth_key(auth: &AuthRecord) -> AuthKey {
    AuthKey { collection_id: auth.collection().id.as_ref().into(), record_id: auth.id().into() }
}

/// Takes a member out of an index, and the entry with its last member.
fn remove_from<K: Eq + std::hash::Hash, V: Ord>(index: &mut HashMap<K, BTreeSet<V>>, key: &K, value: V) {
    if let Some(members) = index.get_mut(key) {
        members.remove(&value);
        if members.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
#[path = "audience/tests.rs"]
mod tests;
