//! Sign-in through OAuth2 and OpenID Connect providers (contract/11 §9).
//!
//! Start at [`offers`] (what `auth-methods` shows), [`Accounts::begin_oauth2`](super::Accounts::begin_oauth2) (the code
//! becomes an [`Identity`]) and [`Accounts::finish_oauth2`](super::Accounts::finish_oauth2) (the identity becomes an
//! account). A provider is data in `schema::oauth2`; the requests go through `outbound`.
//!
//! Invariant: an address counts as the user's only if the provider vouches for it; no other one ever links.
//! Invariant: whoever held an unverified account before its owner signed in holds nothing afterwards (`linking`).
//! Never: a provider's token or a client secret in a log or an error.
//!
//! Tests: beside the code, `tests/api/oauth2.rs`.

mod offer;
mod configured;
mod exchange;
mod user;
mod reading;
mod id_token;
mod keys;
mod sign_in;
mod linking;
mod avatar;
mod parked;

pub use configured::Configured;
pub use exchange::{Code, Tokens};
pub use offer::{Offer, offers};
pub use parked::ParkedNames;
pub use sign_in::{CreateAccount, NewAccount, OAuth2End, OAuth2Form, SignIn};
pub use user::Identity;
