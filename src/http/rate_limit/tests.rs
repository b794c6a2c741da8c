use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::query::AuthRecord;
use crate::schema::{CollectionKind, Record, Rules};
use crate::settings::Settings;

fn collection(name: &str) -> Arc<Collection> {
    Arc::new(Collection {
        id: format!("id_{name}").into(),
        name: name.into(),
        kind: CollectionKind::Base,
        system: false,
        fields: Vec::new(),
        indexes: Vec::new(),
        rules: Rules::default(),
        created: String::new(),
        updated: String::new(),
        unknown_options: serde_json::Map::new(),
    })
}

/// A server with these rules as `(label, audience, max requests)`, each for 10 s.
struct Bench {
    limiter: RateLimiter,
    settings: LiveSettings,
    now_ms: i64,
    users: Arc<Collection>,
}

impl Bench {
    fn new(rules: &[(&str, &str, i64)]) -> Self {
        let rules: Vec<_> = rules
            .iter()
            .map(|(label, audience, max)| {
                json!({"label": label, "audience": audience, "duration": 10, "maxRequests": max})
            })
            .collect();
        let change = json!({"rateLimits": {"enabled": true, "rules": rules, "excludedIPs": ["10.0.0.0/8"]}});
        let settings = LiveSettings::new(Settings::default().merged(change).unwrap(), 0);
        Self { limiter: RateLimiter::new(), settings, now_ms: 1_795_527_974_000, users: collection("users") }
    }

    fn passes(&self, method: &str, path: &str, counted: Counted<'_>, caller: &Caller, ip: &str) -> bool {
        let now = Timestamp::from_millisecond(self.now_ms).unwrap();
        let counting = Counting { method, path, counted, caller, ip: ip.parse().unwrap(), now };
        match self.limiter.count(&self.settings, counting) {
            Ok(()) => true,
            Err(Error::TooMany { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    fn get(&self, path: &str) -> bool {
        self.passes("GET", path, Counted::Path, &Caller::Guest, "1.1.1.1")
    }

    fn tagged(&self, route: &str, tags: &[&str]) -> bool {
        let counted = Counted::Tagged { collection: &self.users, route, tags };
        self.passes("GET", "/api/collections/users/records", counted, &Caller::Guest, "1.1.1.1")
    }

    /// How many of ten in a row pass.
    fn count(&self, mut one: impl FnMut(&Self) -> bool) -> usize {
        (0..10).filter(|_| one(self)).count()
    }
}

fn record_caller() -> Caller {
    Caller::Record(AuthRecord { record: Arc::new(Record::new(collection("users"), Vec::new())) })
}

#[test]
fn only_the_first_fitting_rule_counts() {
    let bench = Bench::new(&[("/api/", "", 5), ("*:list", "", 3), ("users:list", "", 1)]);
    assert_eq!(bench.count(|b| b.tagged("list", &["list"])), 1);
    assert_eq!(bench.count(|b| b.get("/api/health")), 5);
}

#[test]
fn any_of_a_routes_tags_fits() {
    let bench = Bench::new(&[("*:auth", "", 1)]);
    assert_eq!(bench.count(|b| b.tagged("password", &["authWithPassword", "auth"])), 1);
    assert_eq!(bench.count(|b| b.tagged("otp", &["authWithOTP", "auth"])), 1);
    assert_eq!(bench.count(|b| b.tagged("refresh", &["authRefresh"])), 10);
}

#[test]
fn a_rule_with_the_method_comes_first() {
    let bench = Bench::new(&[("GET /api/health", "", 1), ("/api/health", "", 5)]);
    assert_eq!(bench.count(|b| b.get("/api/health")), 1);
    let head = |b: &Bench| b.passes("HEAD", "/api/health", Counted::Path, &Caller::Guest, "1.1.1.1");
    assert_eq!(bench.count(head), 5);
    let bench = Bench::new(&[("/api/health", "", 1), ("GET /api/", "", 3)]);
    assert_eq!(bench.count(|b| b.get("/api/health")), 3);
}

#[test]
fn audiences_have_budgets_of_their_own() {
    let bench = Bench::new(&[("/api/x", "@guest", 1), ("/api/x", "@auth", 3)]);
    assert_eq!(bench.count(|b| b.get("/api/x")), 1);
    let caller = record_caller();
    assert_eq!(bench.count(|b| b.passes("GET", "/api/x", Counted::Path, &caller, "1.1.1.1")), 3);
}

#[test]
fn a_prefix_rule_counts_paths_together_but_collections_and_routes_apart() {
    let bench = Bench::new(&[("/api/", "", 3)]);
    assert!(bench.get("/api/a") && bench.get("/api") && bench.get("/api/b"));
    assert!(!bench.get("/api/c"));
    assert!(bench.get("/apis"), "another path");
    assert_eq!(bench.count(|b| b.tagged("list", &["list"])), 3);
    assert_eq!(bench.count(|b| b.tagged("view", &["view"])), 3);
}

#[test]
fn addresses_count_apart_and_some_not_at_all() {
    let bench = Bench::new(&[("/api/", "", 1)]);
    for ip in ["1.1.1.1", "2.2.2.2", "2001:db8::1"] {
        assert_eq!(bench.count(|b| b.passes("GET", "/api/x", Counted::Path, &Caller::Guest, ip)), 1, "{ip}");
    }
    assert_eq!(bench.count(|b| b.passes("GET", "/api/x", Counted::Path, &Caller::Guest, "10.1.2.3")), 10);
    let superuser =
        Caller::Superuser(AuthRecord { record: Arc::new(Record::new(collection("_superusers"), Vec::new())) });
    assert_eq!(bench.count(|b| b.passes("GET", "/api/x", Counted::Path, &superuser, "3.3.3.3")), 10);
}

#[test]
fn a_window_starts_with_its_first_request_and_refusals_cost_nothing() {
    let mut bench = Bench::new(&[("/api/", "", 2)]);
    assert_eq!(bench.count(|b| b.get("/api/x")), 2);
    bench.now_ms += 9_999;
    assert_eq!(bench.count(|b| b.get("/api/x")), 0);
    bench.now_ms += 1;
    assert_eq!(bench.count(|b| b.get("/api/x")), 2);
    bench.now_ms -= 60_000;
    assert_eq!(bench.count(|b| b.get("/api/x")), 2, "a clock that was set back locks nobody out");
}

#[test]
fn a_refusal_says_when_to_come_again_and_names_its_rule_for_the_log() {
    let mut bench = Bench::new(&[("/api/", "@guest", 1)]);
    assert!(bench.get("/api/x"));
    bench.now_ms += 1_500;
    let now = Timestamp::from_millisecond(bench.now_ms).unwrap();
    let caller = Caller::Guest;
    let ip = "1.1.1.1".parse().unwrap();
    let counting = Counting { method: "GET", path: "/api/x", counted: Counted::Path, caller: &caller, ip, now };
    let Err(Error::TooMany { retry_after_seconds, cause, .. }) = bench.limiter.count(&bench.settings, counting) else {
        panic!("must be refused");
    };
    assert_eq!(retry_after_seconds, 9);
    assert_eq!(cause, r#"{"label":"/api/","audience":"@guest","duration":10,"maxRequests":1}"#);
}

#[test]
fn a_saved_change_begins_all_counts_anew() {
    let mut bench = Bench::new(&[("/api/", "", 1)]);
    assert_eq!(bench.count(|b| b.get("/api/x")), 1);
    bench.settings.generation += 1;
    assert_eq!(bench.count(|b| b.get("/api/x")), 1);
}

#[test]
fn a_million_addresses_take_bounded_memory() {
    let bench = Bench::new(&[("/api/", "", 1)]);
    for number in 0..1_000_000u32 {
        let ip = IpAddr::from((0x2000_0000_u32 + number).to_be_bytes());
        let now = Timestamp::from_millisecond(bench.now_ms).unwrap();
        let caller = &Caller::Guest;
        let counting = Counting { method: "GET", path: "/api/x", counted: Counted::Path, caller, ip, now };
        assert!(bench.limiter.count(&bench.settings, counting).is_ok());
    }
    assert!(bench.limiter.windows.len() as u64 <= WINDOWS_MAX);
}

#[test]
fn idle_windows_are_dropped() {
    let mut bench = Bench::new(&[("/api/", "", 1)]);
    assert!(bench.get("/api/x"));
    bench.now_ms += 10_000 + IDLE_MS - 1;
    bench.limiter.drop_idle(Timestamp::from_millisecond(bench.now_ms).unwrap());
    assert_eq!(bench.limiter.windows.len(), 1);
    bench.limiter.drop_idle(Timestamp::from_millisecond(bench.now_ms + 1).unwrap());
    assert_eq!(bench.limiter.windows.len(), 0);
}
