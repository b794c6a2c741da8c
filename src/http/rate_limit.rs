//! Rate limits (contract/14 §2): which rule a request falls under, and fixed windows per rule and address, in memory
//! that is bounded whatever comes.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::json;

use crate::error::{Error, Result};
use crate::query::Caller;
use crate::schema::Collection;
use crate::settings::{LiveSettings, RateLimitRule};
use crate::windows::{FixedWindows, UsedUp};

/// Windows that are kept: some 150 bytes each, so 15 MiB. When more addresses come, the least used windows go, and their
/// clients begin anew: a flood of addresses can't make memory grow nor lock anybody out.
const WINDOWS_MAX: u64 = 100_000;
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

type Key = (u64, IpAddr);

/// The counters of a server.
#[derive(Debug)]
pub(super) struct RateLimiter {
    windows: FixedWindows<Key>,
    hasher: RandomState,
}

impl RateLimiter {
    pub fn new() -> Self {
        Self { windows: FixedWindows::new(WINDOWS_MAX), hasher: RandomState::new() }
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
        self.windows.take(&key, rule.max_requests, duration_ms, now_ms).map_err(|UsedUp { left_ms }| {
            let rule = json!({"label": rule.label, "audience": rule.audience, "duration": rule.duration,
                "maxRequests": rule.max_requests});
            let retry_after_seconds = u64::try_from(left_ms).unwrap_or(0).div_ceil(1000);
            Error::TooMany { message: "".into(), retry_after_seconds, cause: rule.to_string().into() }
        })
    }

    /// Drops windows that ended long ago.
    pub fn drop_idle(&self, now: Timestamp) {
        self.windows.drop_idle(IDLE_MS, now.as_millisecond());
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
