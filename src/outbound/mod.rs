//! The one client for requests to addresses that people or other servers name: OAuth2 providers, avatars.
//!
//! Start at [`Outbound::send`] and [`Ask`]. A leaf: uses nothing of ours. (S3 and SMTP have clients of their own: their
//! servers are named by the settings alone and speak other protocols or other sizes.)
//!
//! Invariant: no connection is opened to a private address, judged after the name was resolved and again for each
//! redirect, unless the URL has an origin that the operator wrote ([`Ask::trusted`]). Link-local addresses, where clouds
//! keep their machines' credentials, are never reached.
//! Invariant: bytes, time, redirects and requests in flight are bounded.
//! Never: a proxy of the environment (it would resolve names out of sight), a cookie, a redirected `POST`, a credential
//! that follows a redirect to another origin.
//!
//! Implements contract/11 §9.3 (avatars), STYLE's "outbound requests". Tests: beside the code, `tests/api/oauth2.rs`.

mod addresses;
mod client;
mod origin;

pub use client::{Answer, Ask, Outbound, OutboundError, Payload};
pub use origin::Origin;
