use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
fn connection(number: usize) -> Connection {
    Connection {
        client_id: format!("client{number}").into(),
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        encoding: Encoding::Sse,
        outlet: 0,
        backlog: Arc::default(),
        caller: Caller::Guest,
        expires_at: None,
        topics: Vec::new(),
        starts_at: Place::from(0),
        opened_at_ms: 0,
        has_begun: false,
        pace: Pace::Live,
        pace_number: 0,
        is_catching_up: false,
        told: 0,
        admitted: 0,
    }
}

const TOPICS: [&str; 5] = ["posts/*", "posts", "c1/*", "posts/r1", "other/*"];

/// Which topics a change of record `r1` in the collection `posts` (id `c1`) concerns.
fn concerns(topic: &str) -> bool {
    topic != "other/*"
}

proptest! {
    /// After any sequence of openings, subscriptions and ends the index finds exactly the members it should.
    #[test]
    fn the_index_agrees_with_what_connections_say(
        steps in prop::collection::vec((0usize..6, prop::collection::vec(0usize..TOPICS.len(), 0..4), any::<bool>()), 0..40),
    ) {
        let mut audience = Audience::default();
        let mut open: HashMap<usize, (ConnectionId, Vec<usize>)> = HashMap::new();
        for (number, topics, ends) in steps {
            if ends {
                if let Some((id, _)) = open.remove(&number) {
                    prop_assert!(audience.remove(id).is_some());
                }
                continue;
            }
            let mut topics = topics;
            topics.sort_unstable();
            topics.dedup();
            let entry = open.entry(number).or_insert_with(|| (audience.add(connection(number)), Vec::new()));
            audience.set(entry.0, Caller::Guest, topics.iter().map(|&index| Topic::parse(TOPICS[index])).collect());
            entry.1 = topics;
        }
        let mut expected: Vec<(ConnectionId, &str)> = open
            .values()
            .flat_map(|(id, topics)| topics.iter().map(|&index| (*id, TOPICS[index])))
            .filter(|(_, topic)| concerns(topic))
            .collect();
        let mut found: Vec<(ConnectionId, &str)> = Vec::new();
        for group in audience.groups_for("c1", "posts", "r1") {
            let topic = TOPICS.iter().find(|topic| ***topic == *group.topic.text).expect("a known topic");
            found.extend(group.members.iter().map(|id| (*id, *topic)));
        }
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(audience.len(), open.len());
        for (id, _) in open.into_values() {
            audience.remove(id);
        }
        prop_assert!(audience.groups.is_empty() && audience.by_collection.is_empty() && audience.by_record.is_empty());
        prop_assert!(audience.by_group_key.is_empty() && audience.by_client_id.is_empty());
    }
}

#[test]
fn dropping_a_topic_leaves_the_others() {
    let mut audience = Audience::default();
    let id = audience.add(connection(1));
    audience.set(id, Caller::Guest, vec![Topic::parse("@oauth2"), Topic::parse("posts/*")]);
    assert!(audience.drop_topic(id, &Target::OAuth2));
    assert!(!audience.drop_topic(id, &Target::OAuth2));
    assert_eq!(audience.groups_for("c1", "posts", "r1").len(), 1);
}
