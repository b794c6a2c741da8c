//! `strftime` for the memory evaluator: the date arithmetic of SQLite's function of that name, to the millisecond, with
//! all its modifiers. Held against the engine itself by the oracle test.

mod modify;
mod read;
mod show;

use jiff::Timestamp;

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
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}
