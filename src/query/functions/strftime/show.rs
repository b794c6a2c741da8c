//! A moment as text, by a format.

use std::fmt::Write;

use super::{DAY_MS, Moment, UNIX_EPOCH_MS};

impl Moment {
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

    pub(super) fn format(mut self, format: &str) -> Option<String> {
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
