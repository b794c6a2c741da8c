//! A time as text or number: `YYYY-MM-DD`, `HH:MM`, `now`, a Julian day, a Unix time.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::{Moment, UNIX_EPOCH_MS, days_of_month, until_nul};
use crate::query::affinity::{parse_number, text_of};
use crate::store::Value;

impl Moment {
    pub(super) fn parse(value: &Value, now: Timestamp) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Int(number) => Some(Self::of_number(*number as f64)),
            Value::Real(number) => Some(Self::of_number(*number)),
            Value::Text(_) | Value::Blob(_) => Self::parse_text(until_nul(&text_of(value)?), now),
        }
    }

    fn parse_text(text: &str, now: Timestamp) -> Option<Self> {
        let current = |shows_fraction| Self {
            julian: Some(now.as_millisecond() + UNIX_EPOCH_MS),
            is_utc: true,
            shows_fraction,
            ..Self::default()
        };
        if let Some(moment) = Self::parse_date(text).or_else(|| Self::parse_time(text)) {
            return Some(moment);
        }
        if text.eq_ignore_ascii_case("now") {
            return Some(current(false));
        }
        if let Some(number) = number_of(text) {
            return Some(Self::of_number(number));
        }
        let is_subsecond = text.eq_ignore_ascii_case("subsec") || text.eq_ignore_ascii_case("subsecond");
        is_subsecond.then(|| current(true))
    }

    fn of_number(number: f64) -> Self {
        let julian = (0.0..5_373_484.5).contains(&number).then_some((number * 86_400_000.0 + 0.5) as i64);
        Self { raw: Some(number), julian, ..Self::default() }
    }

    /// `[-]YYYY-MM-DD`, optionally with a time.
    fn parse_date(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut year = digits(rest, 0, 4, 0..=14712)?;
        let mut month = digits(behind(rest, 4, '-')?, 0, 2, 1..=12)?;
        let mut day = digits(behind(rest, 7, '-')?, 0, 2, 1..=31)?;
        let rest = rest[10..].trim_start_matches(|c| is_space(c) || c == 'T');
        let mut moment = if rest.is_empty() { Self::default() } else { Self::parse_time(rest)? };
        if let Some((24, minutes, seconds)) = moment.time {
            moment.time = Some((0, minutes, seconds));
            day += 1;
            if day > days_of_month(year, month) {
                day -= days_of_month(year, month);
                month += 1;
            }
            if month > 12 {
                month = 1;
                year += 1;
            }
        }
        moment.date = Some((if negative { -year } else { year }, month, day));
        moment.compute_overflow();
        if moment.zone_minutes != 0 {
            moment.compute_julian();
        }
        Some(moment)
    }

    /// `HH:MM[:SS[.FFF]][zone]`.
    pub(super) fn parse_time(text: &str) -> Option<Self> {
        let hours = digits(text, 0, 2, 0..=24)?;
        let minutes = digits(behind(text, 2, ':')?, 0, 2, 0..=59)?;
        let mut rest = &text[5..];
        let (mut seconds, mut fraction) = (0, 0.0);
        if let Some(tail) = rest.strip_prefix(':') {
            seconds = digits(tail, 0, 2, 0..=59)?;
            rest = &tail[2..];
            if let Some(tail) = rest.strip_prefix('.').filter(|tail| tail.starts_with(|c: char| c.is_ascii_digit())) {
                let length = tail.bytes().take_while(u8::is_ascii_digit).count();
                let scale = tail[..length]
                    .bytes()
                    .fold((0.0, 1.0), |(value, scale), digit| (value * 10.0 + f64::from(digit - b'0'), scale * 10.0));
                fraction = (scale.0 / scale.1).min(0.999);
                rest = &tail[length..];
            }
        }
        if hours == 24 && (minutes != 0 || seconds != 0 || fraction != 0.0) {
            return None;
        }
        let mut moment = Self { time: Some((hours, minutes, seconds as f64 + fraction)), ..Self::default() };
        moment.parse_zone(rest)?;
        Some(moment)
    }

    fn parse_zone(&mut self, text: &str) -> Option<()> {
        let text = text.trim_start_matches(is_space);
        let (sign, rest) = match text.chars().next() {
            None => return Some(()),
            Some('-') => (-1, &text[1..]),
            Some('+') => (1, &text[1..]),
            Some('Z' | 'z') => {
                self.is_utc = true;
                return text[1..].trim_start_matches(is_space).is_empty().then_some(());
            }
            Some(_) => return None,
        };
        let hours = digits(rest, 0, 2, 0..=14)?;
        let minutes = digits(behind(rest, 2, ':')?, 0, 2, 0..=59)?;
        self.zone_minutes = sign * (hours * 60 + minutes);
        self.is_utc |= self.zone_minutes == 0;
        rest[5..].trim_start_matches(is_space).is_empty().then_some(())
    }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

pub(super) fn number_of(text: &str) -> Option<f64> {
    match parse_number(text)? {
        Value::Int(number) => Some(number as f64),
        Value::Real(number) => Some(number),
        Value::Null | Value::Text(_) | Value::Blob(_) => None,
    }
}

/// Exactly `count` digits from byte `at` on, within `range`.
pub(super) fn digits(text: &str, at: usize, count: usize, range: RangeInclusive<i64>) -> Option<i64> {
    let found = text.get(at..at + count)?;
    let number = found.bytes().all(|byte| byte.is_ascii_digit()).then(|| found.parse().ok())??;
    range.contains(&number).then_some(number)
}

/// What stands behind the character at byte `at`, which must be `separator`.
pub(super) fn behind(text: &str, at: usize, separator: char) -> Option<&str> {
    text.get(at..)?.strip_prefix(separator)
}
