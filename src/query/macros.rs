//! The macros (contract/04 §5). A new one is a line in [`MACROS`] and an arm in [`Macro::value`].

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::clock::date_text;
use crate::store::Value;

/// A word that stands for a moment or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Macro {
    Now,
    Yesterday,
    Tomorrow,
    TodayStart,
    TodayEnd,
    MonthStart,
    MonthEnd,
    YearStart,
    YearEnd,
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
    Weekday,
}

const MACROS: &[(&str, Macro)] = &[
    ("@now", Macro::Now),
    ("@yesterday", Macro::Yesterday),
    ("@tomorrow", Macro::Tomorrow),
    ("@todayStart", Macro::TodayStart),
    ("@todayEnd", Macro::TodayEnd),
    ("@monthStart", Macro::MonthStart),
    ("@monthEnd", Macro::MonthEnd),
    ("@yearStart", Macro::YearStart),
    ("@yearEnd", Macro::YearEnd),
    ("@second", Macro::Second),
    ("@minute", Macro::Minute),
    ("@hour", Macro::Hour),
    ("@day", Macro::Day),
    ("@month", Macro::Month),
    ("@year", Macro::Year),
    ("@weekday", Macro::Weekday),
];

impl Macro {
    /// The macro of this name, `@` included; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        MACROS.iter().find(|(known, _)| *known == name).map(|&(_, found)| found)
    }

    /// The macro's value at `now`, in UTC: text in the stored form of dates, or an integer.
    pub fn value(self, now: Timestamp) -> Value {
        let at = TimeZone::UTC.to_datetime(now);
        let start = |date: jiff::civil::Date| text(date.to_datetime(Time::midnight()));
        let end = |date: jiff::civil::Date| text(date.at(23, 59, 59, 999_000_000));
        match self {
            Macro::Now => text(at),
            Macro::Yesterday => text(at.saturating_sub(1.day())),
            Macro::Tomorrow => text(at.saturating_add(1.day())),
            Macro::TodayStart => start(at.date()),
            Macro::TodayEnd => end(at.date()),
            Macro::MonthStart => start(at.date().first_of_month()),
            Macro::MonthEnd => end(at.date().last_of_month()),
            Macro::YearStart => start(at.date().first_of_year()),
            Macro::YearEnd => end(at.date().last_of_year()),
            Macro::Second => Value::Int(at.second().into()),
            Macro::Minute => Value::Int(at.minute().into()),
            Macro::Hour => Value::Int(at.hour().into()),
            Macro::Day => Value::Int(at.day().into()),
            Macro::Month => Value::Int(at.month().into()),
            Macro::Year => Value::Int(at.year().into()),
            Macro::Weekday => Value::Int(at.weekday().to_sunday_zero_offset().into()),
        }
    }
}

fn text(at: DateTime) -> Value {
    // Only the last moments of year 9999 have no timestamp; a clock doesn't show them.
    let timestamp = TimeZone::UTC.to_timestamp(at).unwrap_or(Timestamp::MAX);
    Value::from(date_text(timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_give_their_parts_of_the_moment() {
        let now: Timestamp = "2024-02-29T12:34:56.789Z".parse().expect("a moment");
        for (name, value) in [
            ("@now", Value::from("2024-02-29 12:34:56.789Z")),
            ("@yesterday", Value::from("2024-02-28 12:34:56.789Z")),
            ("@tomorrow", Value::from("2024-03-01 12:34:56.789Z")),
            ("@todayStart", Value::from("2024-02-29 00:00:00.000Z")),
            ("@todayEnd", Value::from("2024-02-29 23:59:59.999Z")),
            ("@monthStart", Value::from("2024-02-01 00:00:00.000Z")),
            ("@monthEnd", Value::from("2024-02-29 23:59:59.999Z")),
            ("@yearStart", Value::from("2024-01-01 00:00:00.000Z")),
            ("@yearEnd", Value::from("2024-12-31 23:59:59.999Z")),
            ("@second", Value::Int(56)),
            ("@minute", Value::Int(34)),
            ("@hour", Value::Int(12)),
            ("@day", Value::Int(29)),
            ("@month", Value::Int(2)),
            ("@year", Value::Int(2024)),
            ("@weekday", Value::Int(4)),
        ] {
            let found = Macro::parse(name).expect(name);
            assert_eq!(found.value(now), value, "{name}");
        }
        assert_eq!(Macro::parse("@Now"), None);
    }
}
