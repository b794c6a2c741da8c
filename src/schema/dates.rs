//! Dates between texts and the stored form `2006-01-02 15:04:05.000Z` (contract/03 §3, contract/01 §7): UTC, always 24
//! bytes, so that their texts sort as they do.

mod formats;

use jiff::Timestamp;

use crate::clock::date_text;

/// The instants of the years 0 to 9999, ms since 1970.
const STORED_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
/// Midnight of the first day of year 1 stands for "no date".
const EMPTY: &str = "0001-01-01 00:00:00.000Z";

/// The instant that a text names in one of the accepted formats; without a zone it is UTC.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    formats::parse(text)
}

/// A text in the stored form, cut to milliseconds; `""` for what is no date.
pub fn stored_date(text: &str) -> String {
    if is_stored_form(text) {
        return if text == EMPTY { String::new() } else { text.to_owned() };
    }
    let Some(at) = parse_date(text) else { return String::new() };
    let at = floor_to_milliseconds(at);
    // A zone can carry the date out of the years 0 to 9999, which have no stored form.
    if !STORED_MS.contains(&at.as_millisecond()) {
        return String::new();
    }
    let stored = date_text(at);
    if stored == EMPTY { String::new() } else { stored }
}

/// Whether a text is a date in the stored form; checks the calendar too.
pub fn is_stored_form(text: &str) -> bool {
    let bytes: &[u8; 24] = match text.as_bytes().try_into() {
        Ok(bytes) => bytes,
        Err(_) => return false,
    };
    let has_form = bytes.iter().zip(b"dddd-dd-dd dd:dd:dd.dddZ").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    if !has_form {
        return false;
    }
    let pair = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    let (month, day) = (pair(5), pair(8));
    let year = u16::from(pair(0)) * 100 + u16::from(pair(2));
    (1..=12).contains(&month)
        && day >= 1
        && day <= days_of(year, month)
        && pair(11) < 24
        && pair(14) < 60
        && pair(17) < 60
}

/// A stored date as bounds are told in messages: `2024-01-01 00:00:00 +0000 UTC`.
pub fn spoken_date(stored: &str) -> String {
    format!("{} +0000 UTC", without_zero_fraction(stored))
}

/// A stored date as bounds are told in parameters: `2024-01-01T00:00:00Z`.
pub fn rfc3339_date(stored: &str) -> String {
    format!("{}Z", without_zero_fraction(stored).replacen(' ', "T", 1))
}

fn without_zero_fraction(stored: &str) -> &str {
    stored.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.').get(..).map_or("", |cut| {
        // Zeros of the seconds must stay: `…:00.000Z` loses its fraction only.
        let seconds_end = "2006-01-02 15:04:05".len();
        if cut.len() < seconds_end { stored.get(..seconds_end).unwrap_or(stored) } else { cut }
    })
}

fn floor_to_milliseconds(at: Timestamp) -> Timestamp {
    let nanoseconds = at.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(nanoseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(at)
}

fn days_of(year: u16, month: u8) -> u8 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read() {
        let at = "2024-01-02 03:04:05.000Z";
        for text in [
            "2024-01-02 03:04:05.000Z",
            "2024-01-02 03:04:05",
            "2024-01-02T03:04:05",
            "2024-01-02 3:04:05",
            "2024-01-02 03:04:05Z",
            "2024-01-02T03:04:05Z",
            "2024-01-02T05:04:05+02:00",
            "2024-01-02T05:04:05+0200",
            "2024-01-02 05:04:05 +02:00",
            "2024-01-02 05:04:05 +0200",
            "2024-01-02 05:04:05 +0200 EET",
            "2024-01-02 03:04:05 +0000 UTC",
            "2024-01-02 03:04:05.000000 +0000 UTC",
            "Tue, 02 Jan 2024 03:04:05 GMT",
            "Tue, 02 Jan 2024 05:04:05 +0200",
            "Tuesday, 02-Jan-24 03:04:05 UTC",
            "Tue Jan  2 03:04:05 2024",
            "Tue Jan  2 03:04:05 UTC 2024",
            "Tue Jan 02 05:04:05 +0200 2024",
        ] {
            assert_eq!(stored_date(text), at, "{text:?}");
        }
        for (text, stored) in [
            ("2024-01-02", "2024-01-02 00:00:00.000Z"),
            ("02 Jan 2024", "2024-01-02 00:00:00.000Z"),
            ("02 Jan 24 03:04 GMT", "2024-01-02 03:04:00.000Z"),
            ("02 Jan 24 05:04 +0200", "2024-01-02 03:04:00.000Z"),
            ("02 Jan 69 03:04 GMT", "1969-01-02 03:04:00.000Z"),
            ("2024-01-02T23:59:59.9999Z", "2024-01-02 23:59:59.999Z"),
            ("1969-12-31 23:59:59.9999", "1969-12-31 23:59:59.999Z"),
            ("2024-02-29 00:00:00.1", "2024-02-29 00:00:00.100Z"),
            ("2023-12-31T23:00:00-02:00", "2024-01-01 01:00:00.000Z"),
            ("0000-01-01", "0000-01-01 00:00:00.000Z"),
        ] {
            assert_eq!(stored_date(text), stored, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_date_is_empty() {
        for text in [
            "",
            "abc",
            "2024-01-02T03:04",
            "01/02/2024",
            "1704164645",
            "Jan 2 2024",
            "2024-13-01",
            "2024-02-30",
            "2023-02-29 00:00:00.000Z",
            "2024-01-02 24:00:00",
            "2024-01-02 00:60:00",
            "2024-01-02 00:00:60",
            "2024-01-02 03:04:05 ",
            " 2024-01-02",
            "2024-1-2",
            "3:04PM",
            "15:04:05",
            "0001-01-01 00:00:00.000Z",
            "0001-01-01",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2024-01-02 03:04:05+25:00",
            "Foo, 02 Jan 2024 03:04:05 GMT",
            "2024-01-02 03:04:05.000Z and more",
        ] {
            assert_eq!(stored_date(text), "", "{text:?}");
        }
    }

    #[test]
    fn bounds_are_told_without_an_empty_fraction() {
        assert_eq!(spoken_date("2024-01-01 00:00:00.000Z"), "2024-01-01 00:00:00 +0000 UTC");
        assert_eq!(spoken_date("2024-01-01 00:00:10.120Z"), "2024-01-01 00:00:10.12 +0000 UTC");
        assert_eq!(rfc3339_date("2024-12-31 00:00:00.000Z"), "2024-12-31T00:00:00Z");
    }

    proptest::proptest! {
        #[test]
        fn the_stored_form_is_kept(ms in -62_167_219_200_000_i64..253_402_207_200_000) {
            let stored = date_text(Timestamp::from_millisecond(ms).unwrap());
            proptest::prop_assert!(is_stored_form(&stored));
            proptest::prop_assert_eq!(parse_date(&stored).unwrap().as_millisecond(), ms);
            proptest::prop_assert_eq!(stored_date(&stored), stored);
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:+. a-zA-Z,-]{0,40}") {
            let stored = stored_date(&text);
            proptest::prop_assert!(stored.is_empty() || is_stored_form(&stored));
        }
    }
}
