//! Cron expressions (grammar: contract/21 §2, texts: contract/20 §2). A leaf: settings check them, jobs run by them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Minute, hour, day, month, weekday (0 is Sunday): the least and the greatest value of each.
const SEGMENTS: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];

/// Minutes of UTC at which something is due: those that all five segments hold (day *and* weekday).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    expression: String,
    /// A bit per value.
    segments: [u64; 5],
}

/// Why an expression isn't read; the text is the contract's, for `validation_invalid_cron`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error("Invalid cron expression - must be a valid macro or to have exactly 5 space separated segments.")]
    Segments,
    #[error("Invalid segment value - must be between the min and max of the segment.")]
    Value,
    #[error("Invalid segment step boundary - the step must be between 1 and the {max}.")]
    StepBoundary { max: u32 },
    #[error("Invalid segment step format - must be in the format */n or 1-30/n.")]
    StepFormat,
    #[error("Invalid segment step - step > 1 could be used only with the wildcard or range format.")]
    StepOfValue,
    #[error("Invalid segment range minimum - must be between {min} and {max}.")]
    RangeMinimum { min: u32, max: u32 },
    #[error("Invalid segment range maximum - must be between {range_min} and {max}.")]
    RangeMaximum { range_min: u32, max: u32 },
    #[error("Invalid segment range format - the range must have 1 or 2 parts.")]
    RangeFormat,
    #[error("Strconv.Atoi: parsing {text:?}: {cause}.")]
    Number { text: String, cause: &'static str },
}

impl Cron {
    /// Reads an expression or a macro.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let expression = MACROS.iter().find(|(name, _)| *name == text).map_or(text, |(_, meaning)| meaning);
        let texts: Vec<&str> = expression.split(' ').collect();
        let texts: [&str; 5] = texts.try_into().map_err(|_| CronError::Segments)?;
        let mut segments = [0; 5];
        for ((values, text), (min, max)) in segments.iter_mut().zip(texts).zip(SEGMENTS) {
            // Two blanks in a row make an empty segment: then there aren't five.
            if text.is_empty() {
                return Err(CronError::Segments);
            }
            *values = parse_segment(text, min, max)?;
        }
        Ok(Self { expression: expression.to_owned(), segments })
    }

    /// The five segments; a macro's meaning.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whether the minute of `at` is one of those meant.
    pub fn is_due(&self, at: Timestamp) -> bool {
        let at = TimeZone::UTC.to_datetime(at);
        let values = [at.minute(), at.hour(), at.day(), at.month(), at.weekday().to_sunday_zero_offset()];
        // All are small and positive by their meaning.
        self.segments.iter().zip(values).all(|(segment, value)| segment & (1 << value) != 0)
    }
}

/// The values of a comma list as bits.
fn parse_segment(text: &str, min: u32, max: u32) -> Result<u64, CronError> {
    text.split(',').try_fold(0, |values, item| Ok(values | parse_item(item, min, max)?))
}

fn parse_item(text: &str, min: u32, max: u32) -> Result<u64, CronError> {
    let mut parts = text.split('/');
    let (base, step, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if more.is_some() {
        return Err(CronError::StepFormat);
    }
    let step = match step.map(parse_number).transpose()? {
        None => 1,
        Some(step) => within(step, 1, max).ok_or(CronError::StepBoundary { max })?,
    };
    let (first, last) = match base.split('-').collect::<Vec<_>>()[..] {
        ["*"] => (min, max),
        [_] if step > 1 => return Err(CronError::StepOfValue),
        [value] => {
            let value = within(parse_number(value)?, min, max).ok_or(CronError::Value)?;
            (value, value)
        }
        [first, last] => {
            let first = within(parse_number(first)?, min, max).ok_or(CronError::RangeMinimum { min, max })?;
            let maximum = CronError::RangeMaximum { range_min: first, max };
            (first, within(parse_number(last)?, first, max).ok_or(maximum)?)
        }
        _ => return Err(CronError::RangeFormat),
    };
    Ok((first..=last).step_by(step as usize).fold(0, |values, value| values | 1 << value))
}

fn within(number: i64, min: u32, max: u32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| (min..=max).contains(number))
}

/// As the reference reads whole numbers, error texts included.
fn parse_number(text: &str) -> Result<i64, CronError> {
    let failed = |cause| CronError::Number { text: text.to_owned(), cause };
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(failed("invalid syntax"));
    }
    digits.parse().map_err(|_| failed("value out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = "Invalid segment step boundary - the step must be between 1 and the 59.";
    const SEGMENTS: &str =
        "Invalid cron expression - must be a valid macro or to have exactly 5 space separated segments.";
    const VALUE: &str = "Invalid segment value - must be between the min and max of the segment.";

    #[test]
    fn what_is_refused_is_refused_with_the_texts_of_the_contract() {
        let cases = [
            ("x", SEGMENTS),
            ("* * * * * *", SEGMENTS),
            ("*  * * * *", SEGMENTS),
            ("*  * * *", SEGMENTS),
            ("* * * * * ", SEGMENTS),
            ("@reboot", SEGMENTS),
            ("60 * * * *", VALUE),
            ("* * 0 * *", VALUE),
            ("* * * * 7", VALUE),
            ("-1 * * * *", "Strconv.Atoi: parsing \"\": invalid syntax."),
            ("1,a * * * *", "Strconv.Atoi: parsing \"a\": invalid syntax."),
            ("99999999999999999999 * * * *", "Strconv.Atoi: parsing \"99999999999999999999\": value out of range."),
            ("1/0 * * * *", STEP),
            ("*/60 * * * *", STEP),
            ("x/99 * * * *", STEP),
            ("*/1/2 * * * *", "Invalid segment step format - must be in the format */n or 1-30/n."),
            ("1/2 * * * *", "Invalid segment step - step > 1 could be used only with the wildcard or range format."),
            ("60-61 * * * *", "Invalid segment range minimum - must be between 0 and 59."),
            ("5-1 * * * *", "Invalid segment range maximum - must be between 5 and 59."),
            ("1-2-3 * * * *", "Invalid segment range format - the range must have 1 or 2 parts."),
            ("*-5 * * * *", "Strconv.Atoi: parsing \"*\": invalid syntax."),
        ];
        for (text, expected) in cases {
            assert_eq!(Cron::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_minute_is_due_when_all_five_segments_hold_it() {
        // A Tuesday.
        let at: Timestamp = "2026-11-24T13:46:14Z".parse().unwrap();
        let due = |text: &str| Cron::parse(text).unwrap().is_due(at);
        for text in ["* * * * *", "46 13 24 11 2", "*/2 * * * *", "40-50/3 * * * *", "1,46 +13 * * *", "46/1 * * * *"] {
            assert!(due(text), "{text}");
        }
        for text in ["45 * * * *", "*/4 * * * *", "* * 25 * *", "46 13 24 11 0", "41-50/3 * * * *", "0 0 30 2 *"] {
            assert!(!due(text), "{text}");
        }
    }

    #[test]
    fn a_macro_is_shown_by_its_meaning() {
        assert_eq!(Cron::parse("@daily").unwrap().expression(), "0 0 * * *");
        assert_eq!(Cron::parse("@weekly").unwrap().expression(), "0 0 * * 0");
    }
}
