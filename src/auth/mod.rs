//! Who is calling, and every way in: tokens, accounts, superusers.
//!
//! Start at [`AuthCache`] (a token → a caller), [`issue_token`] and [`verify_token`] (all kinds of token),
//! [`Accounts`] (every way in, and the mail-driven changes), [`superusers`] (the accounts that the command line keeps).
//! Called by `http` for each request, by the auth routes, by `cli`; its cache hears the store's events.
//!
//! Invariant: a token is valid as long as its record's key and its collection's secret are what signed it; whoever
//! changes either shuts old tokens out before the change is answered.
//! Invariant: an unknown account costs what a known one costs, and gets the same answer.
//! Never: HTTP, SQL of its own where `rows` has a function, a plain secret outside `Secret`.
//!
//! Implements contract/10, contract/11, contract/22 §3. Tests: beside the code and in `tests/api/{tokens,auth}.rs`.

mod accounts;
pub mod apple;
mod cache;
mod cleanup;
mod email_change;
pub mod forms;
mod identity;
mod login;
mod mail_links;
mod mails;
pub mod oauth2;
pub mod otp;
mod owned;
mod password_reset;
pub mod superusers;
pub mod test_mail;
mod tokens;
mod verification;

pub use accounts::{Accounts, AccountsParts, PasswordLogin};
pub use cache::AuthCache;
pub use login::{LoginCall, LoginEnd, Method};
pub use mails::{Letter, compose};
pub use password_reset::{PasswordReset, check_password_auth};
pub use tokens::{Claims, Issue, TokenKind, VerifiedToken, is_of, issue_token, peek_claims, verify_token};
