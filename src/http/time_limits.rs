//! How long clients may take (contract/14 §6).

use std::time::Duration;

use crate::realtime::UNREAD_MAX;

/// The time limits of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// A connection has this long to send a request's head: what holds against clients that trickle.
    pub head: Duration,
    /// A request has to be here whole this long after its head.
    pub request: Duration,
    /// An idle connection is kept this long. Longer than proxies keep theirs (nginx: 60 s), so that they close first.
    pub idle: Duration,
    /// A client that takes none of its answer for this long is cut off.
    pub stalled: Duration,
    /// The same for event streams and WebSockets, whose lost messages have to be sent again (contract/12 §9 D).
    pub unread: Duration,
    /// Running requests have this long to end when the server stops (contract/00 §5).
    pub stop: Duration,
}

const LIMITS: TimeLimits = TimeLimits {
    head: Duration::from_secs(60),
    request: Duration::from_secs(5 * 60),
    idle: Duration::from_secs(75),
    stalled: Duration::from_secs(5 * 60),
    unread: UNREAD_MAX,
    stop: Duration::from_secs(10),
};

impl TimeLimits {
    #[cfg(not(feature = "faults"))]
    pub fn of_process() -> Self {
        LIMITS
    }

    /// The usual ones, unless `MONOBASE_FAULT_TIME_LIMIT_MS` gives one for all: no test can wait for minutes.
    #[cfg(feature = "faults")]
    pub fn of_process() -> Self {
        let given = std::env::var("MONOBASE_FAULT_TIME_LIMIT_MS").ok().and_then(|text| text.parse().ok());
        given.map(Duration::from_millis).map_or(LIMITS, |limit| Self {
            head: limit,
            request: limit,
            idle: limit,
            stalled: limit,
            unread: limit,
            stop: limit,
        })
    }
}
