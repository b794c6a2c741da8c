//! A real OpenID provider (npm `oidc-provider`, certified), and somebody who signs in at it.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::process::{Part, Printed, project};
use crate::{Answer, Request};

const HINT: &str = "run `npm ci --prefix tests/support` (make test does)";
/// Requests of one sign-in; a page asks for the login, one for the consent.
const STEPS_MAX: usize = 12;

/// A running provider with one client.
pub struct Oidc {
    pub issuer: String,
    _part: Part,
    _printed: Printed,
}

impl Oidc {
    /// Starts it; people may only be sent back to these addresses.
    #[track_caller]
    pub fn start(redirect_uris: &[&str]) -> Self {
        let script = project().join("tests/support/oidc.mjs");
        let (part, mut printed) = Part::start(Command::new("node").arg(script).args(redirect_uris), HINT);
        let is_issuer = |line: &String| line.starts_with("http://");
        let issuer = printed.by_ref().map_while(Result::ok).find(is_issuer);
        let issuer = issuer.unwrap_or_else(|| panic!("the provider ended: {HINT}"));
        Self { issuer, _part: part, _printed: printed }
    }

    /// How a collection names it, with its user-info URL or, without, by its ID tokens.
    pub fn options(&self, user_info: UserInfo) -> Value {
        let issuer = &self.issuer;
        let user_info_url = if user_info == UserInfo::Asked { format!("{issuer}/me") } else { String::new() };
        json!({
            "name": "oidc", "clientId": "app", "clientSecret": "s3:cr%et", "authURL": format!("{issuer}/auth"),
            "tokenURL": format!("{issuer}/token"), "userInfoURL": user_info_url,
        })
    }

    /// Signs `login` in at `auth_url` and consents; gives the URL that they are sent back to.
    #[track_caller]
    pub fn sign_in(&self, auth_url: &str, login: &str) -> String {
        let mut cookies: Vec<(String, String)> = Vec::new();
        let mut answer = self.visit("GET", auth_url, &mut cookies, &[]);
        let mut page = auth_url.to_owned();
        for _ in 0..STEPS_MAX {
            let location = answer.header("location").map(str::to_owned);
            match location {
                Some(target) if target.starts_with('/') || target.starts_with(&self.issuer) => {
                    answer = self.visit("GET", &target, &mut cookies, &[]);
                    page = target;
                }
                Some(target) => return target,
                None => {
                    assert_eq!(answer.status, 200, "{page}: {}", answer.text());
                    let form: &[(&str, &str)] = match answer.text().contains("name=\"login\"") {
                        true => &[("prompt", "login"), ("login", login), ("password", "any")],
                        false => &[("prompt", "consent")],
                    };
                    answer = self.visit("POST", &page, &mut cookies, form);
                }
            }
        }
        panic!("{login} is never sent back");
    }

    fn visit(&self, method: &str, url: &str, cookies: &mut Vec<(String, String)>, form: &[(&str, &str)]) -> Answer {
        let target = url.strip_prefix(&self.issuer).unwrap_or(url);
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::to(self.address(), method, target).header("Cookie", &pairs.join("; "));
        if !form.is_empty() {
            request = request.form(form);
        }
        let answer = request.send();
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = value.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            cookies.retain(|(known, _)| known != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    fn address(&self) -> SocketAddr {
        self.issuer.trim_start_matches("http://").parse().expect("the issuer is an address")
    }
}

/// Where the user's data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserInfo {
    Asked,
    InIdToken,
}
