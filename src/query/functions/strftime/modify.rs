//! Modifiers: `+1 month`, `start of day`, `weekday 0`, `localtime` and the like.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::read::{behind, digits, is_space, number_of};
use super::{DAY_MS, Moment, UNIX_EPOCH_MS, days_of_month};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

impl Moment {
    /// Applies a modifier; `None` for one that isn't known or doesn't fit.
    pub(super) fn modify(&mut self, modifier: &str, index: usize) -> Option<()> {
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
}

/// How far the machine's own time zone is ahead of UTC at a moment.
fn local_offset_ms(julian: i64) -> Option<i64> {
    let at = Timestamp::from_millisecond(julian - UNIX_EPOCH_MS).ok()?;
    Some(i64::from(TimeZone::system().to_offset(at).seconds()) * 1000)
}
