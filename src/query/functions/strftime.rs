//! `strftime` for the memory evaluator: the date arithmetic of SQLite's function of that name, to the millisecond, with
//! all its modifiers. Held against the engine itself by the oracle test.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::query::affinity::{parse_number, text_of};
use crate::store::Value;

const DAY_MS: i64 = 86_400_000;
/// Julian milliseconds of 1970-01-01.
const UNIX_EPOCH_MS: i64 = 210_866_760_000_000;
/// Julian milliseconds of 9999-12-31 23:59:59.999.
const MOMENT_MAX_MS: i64 = 464_269_060_799_999;

/// `strftime(format, time, modifiers…)`; `None` is NULL.
pub(super) fn strftime(format: &str, time: &Value, modifiers: &[&str], now: Timestamp) -> Option<String> {
    let mut moment = Moment::parse(time, now)?;
    for (index, modifier) in modifiers.iter().enumerate() {
        moment.modify(until_nul(modifier), index)?;
    }
    moment.compute_julian();
    if moment.is_error || !(0..=MOMENT_MAX_MS).contains(&moment.julian?) {
        return None;
    }
    if modifiers.is_empty() && moment.date.is_some_and(|(_, _, day)| day > 28) {
        moment.date = None; // 2023-02-31 is 2023-03-03
    }
    moment.format(until_nul(format))
}

fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// A moment in the forms that were computed so far.
#[derive(Clone, Debug, Default)]
struct Moment {
    /// Julian day number times milliseconds.
    julian: Option<i64>,
    date: Option<(i64, i64, i64)>,
    /// Hours, minutes, seconds.
    time: Option<(i64, i64, f64)>,
    /// A bare number that may be a Julian day or a Unix time.
    raw: Option<f64>,
    zone_minutes: i64,
    is_utc: bool,
    is_local: bool,
    /// Days by which the day is past the end of its month.
    overflow_days: i64,
    shows_fraction: bool,
    is_error: bool,
}

impl Moment {
    fn parse(value: &Value, now: Timestamp) -> Option<Self> {
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
    fn parse_time(text: &str) -> Option<Self> {
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

    fn fail(&mut self) {
        *self = Self { is_error: true, julian: Some(0), ..Self::default() };
    }

    fn compute_julian(&mut self) {
        if self.julian.is_some() {
            return;
        }
        let (mut year, mut month, mut day) = self.date.unwrap_or((2000, 1, 1));
        if let (None, Some((24, minutes, seconds))) = (self.date, self.time) {
            self.time = Some((0, minutes, seconds));
            day = 2;
        }
        if !(-4713..=9999).contains(&year) || self.raw.is_some() {
            return self.fail();
        }
        if month <= 2 {
            year -= 1;
            month += 12;
        }
        let century = (year + 4800) / 100;
        let days = 36525 * (year + 4716) / 100 + 306_001 * (month + 1) / 10000 + day + 38 - century + century / 4;
        let mut julian = ((days as f64 - 1524.5) * 86_400_000.0) as i64;
        if let Some((hours, minutes, seconds)) = self.time {
            julian += hours * 3_600_000 + minutes * 60_000 + (seconds * 1000.0 + 0.5) as i64;
            if self.zone_minutes != 0 {
                julian -= self.zone_minutes * 60_000;
                self.forget_fields();
                self.is_utc = true;
                self.is_local = false;
            }
        }
        self.julian = Some(julian);
    }

    fn compute_date(&mut self) {
        if self.date.is_some() {
            return;
        }
        let Some(julian) = self.julian else {
            self.date = Some((2000, 1, 1));
            return;
        };
        if !(0..=MOMENT_MAX_MS).contains(&julian) {
            return self.fail();
        }
        let days = (julian + DAY_MS / 2) / DAY_MS;
        let centuries = ((days as f64 + 32044.75) / 36524.25) as i64 - 52;
        let a = days + 1 + centuries - (centuries + 100) / 4 + 25;
        let b = a + 1524;
        let c = ((b as f64 - 122.1) / 365.25) as i64;
        let d = 36525 * (c & 32767) / 100;
        let e = ((b - d) as f64 / 30.6001) as i64;
        let month = if e < 14 { e - 1 } else { e - 13 };
        let year = if month > 2 { c - 4716 } else { c - 4715 };
        self.date = Some((year, month, b - d - (30.6001 * e as f64) as i64));
    }

    fn compute_time(&mut self) {
        if self.time.is_some() {
            return;
        }
        self.compute_julian();
        let ms = (self.julian.unwrap_or_default() + DAY_MS / 2) % DAY_MS;
        let minutes = ms / 60_000;
        self.time = Some((minutes / 60, minutes % 60, (ms % 60_000) as f64 / 1000.0));
        self.raw = None;
    }

    fn compute_overflow(&mut self) {
        if let Some((year, month, day)) = self.date {
            self.overflow_days = (day - days_of_month(year, month)).max(0);
        }
    }

    fn forget_fields(&mut self) {
        self.date = None;
        self.time = None;
        self.zone_minutes = 0;
    }

    fn add_ms(&mut self, ms: i64) {
        self.compute_julian();
        self.julian = self.julian.map(|julian| julian.saturating_add(ms));
    }

    /// Applies a modifier; `None` for one that isn't known or doesn't fit.
    fn modify(&mut self, modifier: &str, index: usize) -> Option<()> {
        let lower = modifier.to_ascii_lowercase();
        match lower.as_str() {
            "auto" | "julianday" | "unixepoch" => self.interpret_raw(&lower, index),
            "ceiling" => {
                self.compute_julian();
                self.forget_fields();
                self.overflow_days = 0;
                Some(())
            }
            "floor" => {
                self.add_ms(-self.overflow_days * DAY_MS);
                self.forget_fields();
                Some(())
            }
            "localtime" => {
                if !self.is_local {
                    self.compute_julian();
                    self.add_ms(local_offset_ms(self.julian?)?);
                    self.forget_fields();
                }
                self.is_utc = false;
                self.is_local = true;
                Some(())
            }
            "utc" => {
                if !self.is_utc {
                    self.compute_julian();
                    let guess = self.julian? - local_offset_ms(self.julian?)?;
                    let julian = Some(self.julian? - local_offset_ms(guess)?);
                    *self = Self { julian, is_utc: true, ..Self::default() };
                }
                Some(())
            }
            "subsec" | "subsecond" => {
                self.shows_fraction = true;
                Some(())
            }
            _ if lower.starts_with("start of ") => self.move_to_edge(&lower[9..], Edge::Start),
            _ if lower.starts_with("end of ") => self.move_to_edge(&lower[7..], Edge::End),
            _ if lower.starts_with("weekday ") => self.move_to_weekday(&lower[8..]),
            _ if lower.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')) => self.add(&lower),
            _ => None,
        }
    }

    fn interpret_raw(&mut self, modifier: &str, index: usize) -> Option<()> {
        let number = match (modifier, self.raw) {
            ("auto", None) => return (index == 0).then_some(()),
            (_, number) => number?,
        };
        if index > 0 {
            return None;
        }
        let of_unix = number * 1000.0 + UNIX_EPOCH_MS as f64;
        match modifier {
            "auto" if self.julian.is_some() => self.raw = None,
            "auto" if (-210_866_760_000.0..=253_402_300_799.0).contains(&number) => self.set_unix(of_unix),
            "auto" => {}
            "julianday" if self.julian.is_some() => self.raw = None,
            "unixepoch" if (0.0..464_269_060_800_000.0).contains(&of_unix) => self.set_unix(of_unix),
            _ => return None,
        }
        Some(())
    }

    fn set_unix(&mut self, julian_ms: f64) {
        self.forget_fields();
        self.julian = Some((julian_ms + 0.5) as i64);
        self.raw = None;
    }

    fn move_to_edge(&mut self, unit: &str, edge: Edge) -> Option<()> {
        if self.julian.is_none() && self.date.is_none() && self.time.is_none() {
            return None;
        }
        self.compute_date();
        let (year, month, day) = self.date?;
        self.raw = None;
        self.zone_minutes = 0;
        self.julian = None;
        let (date, time) = match (edge, unit) {
            (Edge::Start, "day") => ((year, month, day), (0, 0, 0.0)),
            (Edge::Start, "month") => ((year, month, 1), (0, 0, 0.0)),
            (Edge::Start, "year") => ((year, 1, 1), (0, 0, 0.0)),
            (Edge::End, "day") => ((year, month, day), (23, 59, 59.999)),
            (Edge::End, "month") => ((year, month, days_of_month(year, month)), (23, 59, 59.999)),
            (Edge::End, "year") => ((year, 12, 31), (23, 59, 59.999)),
            _ => return None,
        };
        self.date = Some(date);
        self.time = Some(time);
        if (edge, unit) == (Edge::End, "month") {
            self.compute_julian();
            self.forget_fields();
            self.overflow_days = 0;
        }
        Some(())
    }

    fn move_to_weekday(&mut self, text: &str) -> Option<()> {
        let number = number_of(text).filter(|number| number.abs() <= 6.0 && number.fract() == 0.0)?;
        let wanted = (number as i64).abs();
        self.compute_date();
        self.compute_time();
        self.zone_minutes = 0;
        self.julian = None;
        self.compute_julian();
        let mut weekday = ((self.julian? + 129_600_000) / DAY_MS) % 7;
        if weekday != wanted {
            if weekday > wanted {
                weekday -= 7;
            }
            self.add_ms((wanted - weekday) * DAY_MS);
            if text.contains('-') {
                self.add_ms(-7 * DAY_MS);
            }
        }
        self.forget_fields();
        Some(())
    }

    /// `±N unit`, `±HH:MM[:SS]`, `±YYYY-MM-DD[ HH:MM[:SS]]`.
    fn add(&mut self, text: &str) -> Option<()> {
        let is_year = |length: usize| text.get(1..=length).is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit()));
        let end = text.char_indices().skip(1).find(|&(at, c)| {
            c == ':' || is_space(c) || (c == '-' && ((at == 5 && is_year(4)) || (at == 6 && is_year(5))))
        });
        let end = end.map_or(text.len(), |(at, _)| at);
        let number = number_of(&text[..end])?;
        let signed = text.starts_with(['+', '-']);
        if text[end..].starts_with('-') {
            return if signed { self.add_date(text, end) } else { None };
        }
        if text[end..].starts_with(':') {
            let time = if signed { &text[1..] } else { text };
            return self.add_time(time, text.starts_with('-'));
        }
        self.add_units(number, text[end..].trim_start_matches(is_space))
    }

    fn add_date(&mut self, text: &str, year_end: usize) -> Option<()> {
        let limit = if year_end == 5 { 14712 } else { 99_999 };
        let years = digits(text, 1, year_end - 1, 0..=limit)?;
        if years > 14712 {
            return None;
        }
        let months = digits(behind(text, year_end, '-')?, 0, 2, 0..=11)?;
        let days = digits(behind(text, year_end + 3, '-')?, 0, 2, 0..=30)?;
        let sign = if text.starts_with('-') { -1 } else { 1 };
        self.compute_date();
        self.compute_time();
        self.add_months(sign * years, sign * months)?;
        self.julian = None;
        self.compute_julian();
        self.date = None;
        self.time = None;
        self.add_ms(sign * days * DAY_MS);
        let rest = &text[year_end + 6..];
        if rest.is_empty() {
            return Some(());
        }
        let time = rest.strip_prefix(is_space)?;
        digits(behind(time, 2, ':').and(Some(time))?, 0, 2, 0..=24)?;
        self.add_time(time, sign < 0)
    }

    /// Moves the date by whole years and months; a day past the end of its month runs over.
    fn add_months(&mut self, years: i64, months: i64) -> Option<()> {
        let (year, month, day) = self.date?;
        let month = month + months;
        let carry = if month > 0 { (month - 1) / 12 } else { (month - 12) / 12 };
        self.date = Some((year + years + carry, month - carry * 12, day));
        self.compute_overflow();
        Some(())
    }

    fn add_time(&mut self, text: &str, is_negative: bool) -> Option<()> {
        let mut time = Self::parse_time(text)?;
        time.compute_julian();
        let ms = (time.julian? - DAY_MS / 2) % DAY_MS;
        self.compute_julian();
        self.forget_fields();
        self.add_ms(if is_negative { -ms } else { ms });
        Some(())
    }

    fn add_units(&mut self, mut number: f64, unit: &str) -> Option<()> {
        if !(3..=10).contains(&unit.len()) {
            return None;
        }
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (limit, seconds) = match unit {
            "second" => (4.6427e14_f32, 1.0),
            "minute" => (7.7379e12, 60.0),
            "hour" => (1.2897e11, 3600.0),
            "day" => (5_373_485.0, 86_400.0),
            "month" => (176_546.0, 2_592_000.0),
            "year" => (14_713.0, 31_536_000.0),
            _ => return None,
        };
        self.compute_julian();
        self.overflow_days = 0;
        if number.abs() >= f64::from(limit) {
            return None;
        }
        let half = if number < 0.0 { -0.5 } else { 0.5 };
        if matches!(unit, "month" | "year") {
            self.compute_date();
            self.compute_time();
            let whole = number.trunc() as i64;
            let (years, months) = if unit == "year" { (whole, 0) } else { (0, whole) };
            self.add_months(years, months)?;
            self.julian = None;
            number -= number.trunc();
        }
        self.add_ms((number * 1000.0 * seconds + half) as i64);
        self.forget_fields();
        Some(())
    }

    fn days_after_january_1(&self) -> i64 {
        let year = self.date.unwrap_or_default().0;
        let mut january = Self { date: Some((year, 1, 1)), time: self.time, ..Self::default() };
        january.compute_julian();
        (self.julian.unwrap_or_default() - january.julian.unwrap_or_default() + DAY_MS / 2) / DAY_MS
    }

    fn days_after_monday(&self) -> i64 {
        (self.julian.unwrap_or_default() + DAY_MS / 2) / DAY_MS % 7
    }

    fn days_after_sunday(&self) -> i64 {
        (self.julian.unwrap_or_default() + 129_600_000) / DAY_MS % 7
    }

    /// The Thursday of the same week: its year is the week's.
    fn thursday(&self) -> Self {
        let mut thursday = self.clone();
        thursday.add_ms((3 - self.days_after_monday()) * DAY_MS);
        thursday.date = None;
        thursday.compute_date();
        thursday
    }

    fn format(mut self, format: &str) -> Option<String> {
        self.compute_date();
        self.compute_time();
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c == '%' {
                self.write_part(&mut out, chars.next()?)?;
            } else {
                out.push(c);
            }
        }
        Some(out)
    }

    fn write_part(&self, out: &mut String, part: char) -> Option<()> {
        let julian = self.julian?;
        let (year, month, day) = self.date?;
        let (hours, minutes, seconds) = self.time?;
        let whole = seconds as i64;
        let twelve = if hours % 12 == 0 { 12 } else { hours % 12 };
        let day_of_year = || self.days_after_january_1();
        let written = match part {
            'd' => write!(out, "{day:02}"),
            'e' => write!(out, "{day:2}"),
            'f' => write!(out, "{seconds:06.3}"),
            'F' => write!(out, "{}-{month:02}-{day:02}", padded(year)),
            'g' => write!(out, "{:02}", self.thursday().date?.0 % 100),
            'G' => write!(out, "{}", padded(self.thursday().date?.0)),
            'H' => write!(out, "{hours:02}"),
            'k' => write!(out, "{hours:2}"),
            'I' => write!(out, "{twelve:02}"),
            'l' => write!(out, "{twelve:2}"),
            'j' => write!(out, "{:03}", day_of_year() + 1),
            'J' => write!(out, "{}", sixteen_digits(julian as f64 / 86_400_000.0)),
            'm' => write!(out, "{month:02}"),
            'M' => write!(out, "{minutes:02}"),
            'p' => write!(out, "{}", if hours >= 12 { "PM" } else { "AM" }),
            'P' => write!(out, "{}", if hours >= 12 { "pm" } else { "am" }),
            'R' => write!(out, "{hours:02}:{minutes:02}"),
            's' if self.shows_fraction => write!(out, "{:.3}", (julian - UNIX_EPOCH_MS) as f64 / 1000.0),
            's' => write!(out, "{}", julian / 1000 - UNIX_EPOCH_MS / 1000),
            'S' => write!(out, "{whole:02}"),
            'T' => write!(out, "{hours:02}:{minutes:02}:{whole:02}"),
            'u' => write!(out, "{}", self.days_after_monday() + 1),
            'w' => write!(out, "{}", self.days_after_sunday()),
            'U' => write!(out, "{:02}", (day_of_year() - self.days_after_sunday() + 7) / 7),
            'V' => write!(out, "{:02}", self.thursday().days_after_january_1() / 7 + 1),
            'W' => write!(out, "{:02}", (day_of_year() - self.days_after_monday() + 7) / 7),
            'Y' => write!(out, "{}", padded(year)),
            '%' => write!(out, "%"),
            _ => return None,
        };
        written.ok()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

/// Four digits with zeros in front, the sign counted among them as C's `%04d` does.
fn padded(year: i64) -> String {
    format!("{year:04}")
}

/// `%.16g`: 16 significant digits without trailing zeros.
fn sixteen_digits(number: f64) -> String {
    let whole_digits = if number >= 1.0 { number.log10().floor() as usize + 1 } else { 1 };
    let text = format!("{number:.*}", 16_usize.saturating_sub(whole_digits));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

fn number_of(text: &str) -> Option<f64> {
    match parse_number(text)? {
        Value::Int(number) => Some(number as f64),
        Value::Real(number) => Some(number),
        Value::Null | Value::Text(_) | Value::Blob(_) => None,
    }
}

/// Exactly `count` digits from byte `at` on, within `range`.
fn digits(text: &str, at: usize, count: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let found = text.get(at..at + count)?;
    let number = found.bytes().all(|byte| byte.is_ascii_digit()).then(|| found.parse().ok())??;
    range.contains(&number).then_some(number)
}

/// What stands behind the character at byte `at`, which must be `separator`.
fn behind(text: &str, at: usize, separator: char) -> Option<&str> {
    text.get(at..)?.strip_prefix(separator)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// How far the machine's own time zone is ahead of UTC at a moment.
fn local_offset_ms(julian: i64) -> Option<i64> {
    let at = Timestamp::from_millisecond(julian - UNIX_EPOCH_MS).ok()?;
    Some(i64::from(TimeZone::system().to_offset(at).seconds()) * 1000)
}
