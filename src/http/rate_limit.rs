//! Rate limits (contract/14 §2): which rule a request falls under, and fixed windows per rule and address, in memory
//! that is bounded whatever comes.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;
use serde_json::json;

use crate::error::{Error, Result};
use crate::query::Caller;
use crate::schema::Collection;
use crate::settings::{LiveSettings, RateLimitRule};

/// Windows that are kept: some 150 bytes each, so 15 MiB. When more addresses come, the least used windows go, and their
/// clients begin anew: a flood of addresses can't make memory grow nor lock anybody out.
const WINDOWS_MAX: u64 = 100_000;
const WINDOWS_EXPECTED: usize = 256;
/// A window that nobody has used for so long after its end is dropped (contract/14 §2).
const IDLE_MS: i64 = 30 * 60 * 1000;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted<'a> {
    /// A route without tags, or an unknown path.
    Path,
    /// A route with tags on a collection. `route` tells kinds of route apart.
    Tagged { collection: &'a Collection, route: &'a str, tags: &'a [&'a str] },
}

/// A request as limits see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting<'a> {
    pub method: &'a str,
    /// As sent, without query.
    pub path: &'a str,
    pub counted: Counted<'a>,
    pub caller: &'a Caller,
    pub ip: IpAddr,
    pub now: Timestamp,
}

#[derive(Debug)]
struct Window {
    start_ms: i64,
    duration_ms: i64,
    used: i64,
}

type Key = (u64, IpAddr);

/// The counters of a server.
#[derive(Debug)]
pub(super) struct RateLimiter {
    windows: Cache<Key, Arc<Mutex<Window>>, UnitWeighter>,
    hasher: RandomState,
}

impl RateLimiter {
    pub fn new() -> Self {
        Self { windows: Cache::with_weighter(WINDOWS_EXPECTED, WINDOWS_MAX, UnitWeighter), hasher: RandomState::new() }
    }

    /// Counts a request under the one rule that applies to it, if any.
    ///
    /// # Errors
    /// `TooMany` when the rule's window is used up; that costs nothing.
    pub fn count(&self, settings: &LiveSettings, counting: Counting<'_>) -> Result<()> {
        let limits = &settings.document.rate_limits;
        let is_excluded = || settings.excluded_blocks.iter().any(|block| block.contains(counting.ip));
        if !limits.enabled || counting.caller.is_superuser() || is_excluded() {
            return Ok(());
        }
        let Some(rule) = find_rule(&limits.rules, &counting) else { return Ok(()) };
        // A saved change of the settings begins all counts anew: it moves the generation (contract/14 §2).
        let counter = match counting.counted {
            Counted::Path => self.hasher.hash_one((settings.generation, &rule.label, &rule.audience)),
            Counted::Tagged { collection, route, tags } => {
                self.hasher.hash_one((settings.generation, &collection.id, route, tags, &rule.audience))
            }
        };
        self.take((counter, counting.ip), rule, counting.now.as_millisecond())
    }

    fn take(&self, key: Key, rule: &RateLimitRule, now_ms: i64) -> Result<()> {
        let duration_ms = rule.duration.saturating_mul(1000);
        let fresh = || Window { start_ms: now_ms, duration_ms, used: 0 };
        let window = self.windows.get_or_insert_with(&key, || Ok(Arc::new(Mutex::new(fresh()))));
        let window = window.unwrap_or_else(|never: Infallible| match never {});
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not prolong a window.
        if now_ms < window.start_ms || now_ms - window.start_ms >= duration_ms {
            *window = fresh();
        }
        if window.used >= rule.max_requests {
            let left_ms = duration_ms - (now_ms - window.start_ms);
            let rule = json!({"label": rule.label, "audience": rule.audience, "duration": rule.duration,
                "maxRequests": rule.max_requests});
            let retry_after_seconds = u64::try_from(left_ms).unwrap_or(0).div_ceil(1000);
            return Err(Error::TooMany { message: "".into(), retry_after_seconds, cause: rule.to_string().into() });
        }
        window.used += 1;
        Ok(())
    }

    /// Drops windows that ended long ago.
    pub fn drop_idle(&self, now: Timestamp) {
        let now_ms = now.as_millisecond();
        self.windows.retain(|_, window| {
            let window = window.lock().unwrap_or_else(PoisonError::into_inner);
            now_ms < window.start_ms.saturating_add(window.duration_ms).saturating_add(IDLE_MS)
        });
    }
}

/// The first rule that fits the request's labels in their order, and its audience.
fn find_rule<'r>(rules: &'r [RateLimitRule], counting: &Counting<'_>) -> Option<&'r RateLimitRule> {
    let fits = |rule: &&RateLimitRule| match rule.audience.as_str() {
        "@guest" => counting.caller.auth().is_none(),
        "@auth" => counting.caller.auth().is_some(),
        _ => true,
    };
    let find = |label: &str| {
        let equal = rules.iter().filter(|rule| rule.label == label);
        let prefix = rules.iter().filter(|rule| is_prefix(&rule.label, label));
        equal.chain(prefix).find(fits)
    };
    let tagged = match counting.counted {
        Counted::Path => None,
        Counted::Tagged { collection, tags, .. } => {
            let owners = [&*collection.name, "*"];
            owners.iter().flat_map(|owner| tags.iter().map(move |tag| format!("{owner}:{tag}"))).find_map(|l| find(&l))
        }
    };
    tagged.or_else(|| find(&format!("{} {}", counting.method, counting.path))).or_else(|| find(counting.path))
}

/// Whether a rule is for everything that begins so: `/api/` fits `/api/x`, and `/api` too.
fn is_prefix(rule: &str, label: &str) -> bool {
    rule.ends_with('/') && (label.starts_with(rule) || rule.strip_suffix('/') == Some(label))
}

#[cfg(test)]
mod tests;
