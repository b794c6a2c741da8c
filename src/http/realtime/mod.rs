//! Realtime's transports: server-sent events and WebSocket, two adapters over the hub (contract/12).
//!
//! Start at [`sse::stream`] and [`socket::upgrade`]. Each worker has one [`mailbox::Mailbox`], through which the hub
//! reaches its streams: one message a worker and commit, worker-local queues behind it (PERFORMANCE, Spikes, SSE).

mod mailbox;
pub mod socket;
pub mod sse;

use crate::app::App;
use crate::auth::peek_claims;
use crate::query::Caller;

use super::call::Call;

/// Who is behind a stream, and until when (unix seconds).
#[derive(Clone, Debug)]
pub struct KnownCaller {
    pub caller: Caller,
    pub expires_at: Option<i64>,
}

impl KnownCaller {
    /// The caller of a request, whose token is in its `Authorization` header.
    pub fn of_call(call: &Call) -> Self {
        Self::new(call.caller().clone(), call.token().unwrap_or_default())
    }

    /// The caller that a token stands for; a guest for anything that isn't a valid one.
    pub fn of_token(app: &App, token: &str) -> Self {
        let caller = app.authenticate(token).unwrap_or_else(|error| {
            tracing::error!(%error, "a caller can't be looked up");
            Caller::Guest
        });
        Self::new(caller, token)
    }

    fn new(caller: Caller, token: &str) -> Self {
        let claims = if caller.auth().is_some() { peek_claims(token) } else { None };
        Self { caller, expires_at: claims.map(|claims| claims.expires_at()) }
    }
}
