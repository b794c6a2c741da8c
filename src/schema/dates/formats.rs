//! The accepted formats, read by hand.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Two-digit years from here on are of the last century.
const PIVOT_YEAR: i16 = 69;

/// The instant, when all of the text is a date in one of the formats.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let formats: [fn(&mut Reader<'_>) -> Option<Parts>; 4] = [iso, day_first, weekday_comma, weekday_blank];
    formats.iter().find_map(|format| {
        let mut reader = Reader { rest: text };
        format(&mut reader).filter(|_| reader.rest.is_empty()).and_then(|parts| parts.instant())
    })
}

/// What a text says, not yet held against the calendar.
#[derive(Default)]
struct Parts {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// Seconds east of UTC.
    offset: i64,
}

impl Parts {
    fn instant(self) -> Option<Timestamp> {
        if self.second > 59 {
            return None; // a leap second isn't read
        }
        let civil =
            DateTime::new(self.year, self.month, self.day, self.hour, self.minute, self.second, self.nanosecond)
                .ok()?;
        let as_utc = TimeZone::UTC.to_timestamp(civil).ok()?;
        as_utc.checked_sub(jiff::SignedDuration::from_secs(self.offset)).ok()
    }
}

/// `YYYY-MM-DD`, with a time after a blank or `T`, with a zone.
fn iso(reader: &mut Reader<'_>) -> Option<Parts> {
    let mut parts = Parts { year: reader.number(4, 4)?, ..Parts::default() };
    reader.skip("-")?;
    parts.month = reader.number(2, 2)? as i8;
    reader.skip("-")?;
    parts.day = reader.number(2, 2)? as i8;
    if reader.rest.is_empty() {
        return Some(parts);
    }
    reader.skip(" ").or_else(|| reader.skip("T"))?;
    reader.clock(&mut parts)?;
    let has_blank = reader.skip(" ").is_some();
    if reader.rest.is_empty() {
        return (!has_blank).then_some(parts);
    }
    if reader.skip("Z").is_none() {
        parts.offset = reader.offset()?;
        if reader.skip(" ").is_some() {
            reader.zone_name()?;
        }
    }
    Some(parts)
}

/// `02 Jan 2006`, and RFC 822 with its two-digit year and no seconds: `02 Jan 06 15:04 MST` or `-0700`.
fn day_first(reader: &mut Reader<'_>) -> Option<Parts> {
    let mut parts = Parts { day: reader.number(2, 2)? as i8, ..Parts::default() };
    reader.skip(" ")?;
    parts.month = reader.month()?;
    reader.skip(" ")?;
    if reader.rest.len() == 4 {
        parts.year = reader.number(4, 4)?;
        return Some(parts);
    }
    parts.year = reader.short_year()?;
    reader.skip(" ")?;
    parts.hour = reader.number(1, 2)? as i8;
    reader.skip(":")?;
    parts.minute = reader.number(2, 2)? as i8;
    reader.skip(" ")?;
    parts.offset = reader.offset().or_else(|| reader.zone_name())?;
    Some(parts)
}

/// RFC 1123 `Tue, 02 Jan 2024 03:04:05 GMT` (or `+0200`) and RFC 850 `Tuesday, 02-Jan-24 03:04:05 GMT`.
fn weekday_comma(reader: &mut Reader<'_>) -> Option<Parts> {
    reader.weekday()?;
    reader.skip(", ")?;
    let mut parts = Parts { day: reader.number(2, 2)? as i8, ..Parts::default() };
    if reader.skip("-").is_some() {
        parts.month = reader.month()?;
        reader.skip("-")?;
        parts.year = reader.short_year()?;
    } else {
        reader.skip(" ")?;
        parts.month = reader.month()?;
        reader.skip(" ")?;
        parts.year = reader.number(4, 4)?;
    }
    reader.skip(" ")?;
    reader.clock(&mut parts)?;
    reader.skip(" ")?;
    parts.offset = reader.offset().or_else(|| reader.zone_name())?;
    Some(parts)
}

/// ANSI C `Tue Jan  2 03:04:05 2024`; Unix and Ruby dates have a zone before the year.
fn weekday_blank(reader: &mut Reader<'_>) -> Option<Parts> {
    reader.weekday()?;
    reader.skip(" ")?;
    let mut parts = Parts { month: reader.month()?, ..Parts::default() };
    reader.skip(" ")?;
    reader.skip(" ");
    parts.day = reader.number(1, 2)? as i8;
    reader.skip(" ")?;
    reader.clock(&mut parts)?;
    reader.skip(" ")?;
    if !reader.rest.starts_with(|c: char| c.is_ascii_digit()) {
        parts.offset = reader.offset().or_else(|| reader.zone_name())?;
        reader.skip(" ")?;
    }
    parts.year = reader.number(4, 4)?;
    Some(parts)
}

/// What is still to be read. Every method reads something and moves on, or gives `None` and leaves it.
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn skip(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// A number of `least` to `most` digits (at most four).
    fn number(&mut self, least: usize, most: usize) -> Option<i16> {
        let digits = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok()
    }

    fn short_year(&mut self) -> Option<i16> {
        let year = self.number(2, 2)?;
        Some(if year >= PIVOT_YEAR { 1900 + year } else { 2000 + year })
    }

    /// `HH:MM:SS` with an hour of one or two digits and any fraction.
    fn clock(&mut self, parts: &mut Parts) -> Option<()> {
        parts.hour = self.number(1, 2)? as i8;
        self.skip(":")?;
        parts.minute = self.number(2, 2)? as i8;
        self.skip(":")?;
        parts.second = self.number(2, 2)? as i8;
        let fraction = self.rest.strip_prefix(['.', ',']).unwrap_or_default();
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            let nanoseconds: String = fraction[..digits].chars().chain("000000000".chars()).take(9).collect();
            parts.nanosecond = nanoseconds.parse().ok()?;
            self.rest = &fraction[digits..];
        }
        Some(())
    }

    /// `+02:00`, `-0730`: seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let before = self.rest;
        let sign = match self.rest.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let offset = self.number(2, 2).and_then(|hours| {
            self.skip(":");
            let minutes = self.number(2, 2)?;
            (hours <= 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
        });
        if offset.is_none() {
            self.rest = before;
        }
        offset
    }

    /// `UTC`, `EET`: an abbreviation tells no offset and counts as UTC; `GMT+3` tells its hours.
    fn zone_name(&mut self) -> Option<i64> {
        let letters = self.rest.bytes().take_while(u8::is_ascii_uppercase).count();
        if !(3..=5).contains(&letters) {
            return None;
        }
        let (name, rest) = self.rest.split_at(letters);
        self.rest = rest;
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') if name == "GMT" => 1,
            Some(b'-') if name == "GMT" => -1,
            _ => return Some(0),
        };
        self.rest = &self.rest[1..];
        let hours = self.number(1, 2)?;
        Some(sign * i64::from(hours) * 3600)
    }

    fn month(&mut self) -> Option<i8> {
        let index = MONTHS.iter().position(|name| self.name(name).is_some())?;
        Some(index as i8 + 1)
    }

    /// A weekday in full or by its first three letters. Whether it fits the date isn't asked.
    fn weekday(&mut self) -> Option<()> {
        DAYS.iter().find_map(|day| self.name(day).or_else(|| self.name(&day[..3])))
    }

    /// A name in any case.
    fn name(&mut self, name: &str) -> Option<()> {
        let found = self.rest.get(..name.len())?;
        if !found.eq_ignore_ascii_case(name) {
            return None;
        }
        self.rest = &self.rest[name.len()..];
        Some(())
    }
}
