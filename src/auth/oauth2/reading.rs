//! A provider's answer read by the language of the provider table.

use serde_json::{Map, Value as Json};

use crate::formats::{is_email, parse_flag};
use crate::schema::oauth2::{Condition, Pick};

use super::exchange::{ProviderError, Tokens};

/// What a provider answered.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub user: &'a Json,
    pub tokens: &'a Tokens,
}

impl<'a> Reading<'a> {
    /// What `pick` names; `""` where nothing is.
    pub fn pick(self, pick: &Pick) -> Result<String, ProviderError> {
        match pick {
            Pick::Nothing => Ok(String::new()),
            Pick::Text(path) => Ok(self.text(path)?.to_owned()),
            Pick::Number(path) => self.number(path),
            Pick::Filled(template) => self.fill(template, Empty::MakesAllEmpty),
            Pick::Joined(template) => self.fill(template, Empty::Stays),
            Pick::Trimmed(template) => Ok(self.fill(template, Empty::Stays)?.trim().to_owned()),
            Pick::BeforeAt(path) => Ok(self.text(path)?.split('@').next().unwrap_or_default().to_owned()),
            Pick::When(condition, pick) => {
                if self.holds(condition)? {
                    self.pick(pick)
                } else {
                    Ok(String::new())
                }
            }
            Pick::First(picks) => {
                for pick in *picks {
                    let found = self.pick(pick)?;
                    if !found.is_empty() {
                        return Ok(found);
                    }
                }
                Ok(String::new())
            }
            Pick::FromToken(key) => Ok(self.tokens.text(key).to_owned()),
        }
    }

    pub fn holds(self, condition: &Condition) -> Result<bool, ProviderError> {
        match condition {
            Condition::True(path) => match self.find(path)? {
                None => Ok(false),
                Some(Json::Bool(flag)) => Ok(*flag),
                Some(_) => Err(ProviderError::Malformed(path)),
            },
            Condition::Truthy(path) => Ok(match self.find(path)? {
                Some(Json::Bool(flag)) => *flag,
                Some(Json::Number(number)) => number.as_f64() == Some(1.0),
                Some(Json::String(text)) => parse_flag(text) == Some(true),
                _ => false,
            }),
            Condition::Is(path, text) => Ok(self.text(path)? == *text),
            Condition::IsNumber(path, wanted) => match self.find(path)? {
                None => Ok(false),
                Some(Json::Number(number)) => Ok(number.as_i64() == Some(*wanted)),
                Some(_) => Err(ProviderError::Malformed(path)),
            },
            Condition::Date(path) => {
                let date: Option<jiff::Timestamp> = self.text(path)?.parse().ok();
                Ok(date.is_some_and(|date| date.as_second() > ZERO_DATE_SECONDS))
            }
            Condition::Email(path) => Ok(is_email(self.text(path)?)),
            Condition::Present(path) => Ok(self.find(path)?.is_some()),
            Condition::Contains(path, text) => match self.find(path)? {
                None => Ok(false),
                Some(Json::Array(items)) => Ok(items.iter().any(|item| item.as_str() == Some(*text))),
                Some(_) => Err(ProviderError::Malformed(path)),
            },
            Condition::Not(condition) => Ok(!self.holds(condition)?),
            Condition::All(conditions) => {
                for condition in *conditions {
                    if !self.holds(condition)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// The same answer, looked at from one of its parts.
    pub fn at(self, user: &'a Json) -> Self {
        Self { user, ..self }
    }

    /// The items of a list; the answer itself if the path is empty.
    pub fn items(self, path: &'static str) -> Result<&'a [Json], ProviderError> {
        let list = if path.is_empty() { Some(self.user) } else { self.find(path)? };
        match list {
            None => Ok(&[]),
            Some(Json::Array(items)) => Ok(items),
            Some(_) => Err(ProviderError::Malformed(path)),
        }
    }

    fn text(self, path: &'static str) -> Result<&'a str, ProviderError> {
        match self.find(path)? {
            None => Ok(""),
            Some(Json::String(text)) => Ok(text),
            Some(_) => Err(ProviderError::Malformed(path)),
        }
    }

    fn number(self, path: &'static str) -> Result<String, ProviderError> {
        match self.find(path)? {
            None => Ok(String::new()),
            Some(Json::Number(number)) if number.is_i64() || number.is_u64() => {
                Ok(if number.as_i64() == Some(0) { String::new() } else { number.to_string() })
            }
            Some(_) => Err(ProviderError::Malformed(path)),
        }
    }

    /// Null counts as missing.
    fn find(self, path: &'static str) -> Result<Option<&'a Json>, ProviderError> {
        let mut value = self.user;
        for segment in path.split('.') {
            let next = match (value, segment.parse::<usize>()) {
                (Json::Object(object), _) => object.get(segment),
                (Json::Array(items), Ok(index)) => items.get(index),
                (Json::Null, _) => None,
                _ => return Err(ProviderError::Malformed(path)),
            };
            match next {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        Ok((!value.is_null()).then_some(value))
    }

    fn fill(self, template: &'static str, empty: Empty) -> Result<String, ProviderError> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (path, behind) = after.split_once('}').unwrap_or((after, ""));
            let part = self.text(path)?;
            if part.is_empty() && empty == Empty::MakesAllEmpty {
                return Ok(String::new());
            }
            text.push_str(before);
            text.push_str(part);
            rest = behind;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// What an empty part does to a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    MakesAllEmpty,
    Stays,
}

/// The first day of the year 1, in which some servers write "never".
const ZERO_DATE_SECONDS: i64 = -62_135_596_800 + 366 * 24 * 3600;

/// The object that a provider answered.
pub fn read_object(body: &[u8]) -> Result<Map<String, Json>, ProviderError> {
    match serde_json::from_slice(body) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(ProviderError::Unreadable),
    }
}
