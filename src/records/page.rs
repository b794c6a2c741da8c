//! The parameters of a list (contract/05 §2).

use crate::error::{Error, Result};
use crate::formats;

const PER_PAGE_DEFAULT: u64 = 30;
const PER_PAGE_MAX: u64 = 1000;

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// From 1.
    pub page: u64,
    pub per_page: u64,
    /// No count is made.
    pub skip_total: bool,
    pub filter: String,
    pub sort: String,
    /// The cursor of the page before, `""` for the first page; `None`: by page number.
    pub after: Option<String>,
}

impl PageQuery {
    /// Reads the URL's parameters (first values, decoded).
    ///
    /// # Errors
    /// `BadRequest` for a number or flag that is none.
    pub fn parse(query: &[(String, String)]) -> Result<Self> {
        let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let number = |name: &str| match value(name).unwrap_or_default() {
            "" => Ok(0),
            text => text.parse::<i64>().map_err(|error| Error::bad_request_from("", error)),
        };
        let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
        Ok(Self {
            page: positive(number("page")?).unwrap_or(1),
            per_page: positive(number("perPage")?).unwrap_or(PER_PAGE_DEFAULT).min(PER_PAGE_MAX),
            skip_total: parse_flag(value("skipTotal").unwrap_or_default())?,
            filter: value("filter").unwrap_or_default().to_owned(),
            sort: value("sort").unwrap_or_default().to_owned(),
            after: value("after").map(str::to_owned),
        })
    }

    /// How many rows stand before the page.
    pub fn offset(&self) -> u64 {
        (self.page - 1).saturating_mul(self.per_page).min(i64::MAX as u64)
    }
}

fn parse_flag(text: &str) -> Result<bool> {
    if text.is_empty() { Ok(false) } else { formats::parse_flag(text).ok_or_else(Error::bad_request) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<PageQuery> {
        let owned: Vec<_> = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        PageQuery::parse(&owned)
    }

    #[test]
    fn numbers_are_put_into_their_bounds() {
        for (page, per_page, expected) in [
            ("", "", (1, 30)),
            ("0", "0", (1, 30)),
            ("-3", "-1", (1, 30)),
            ("2", "1001", (2, 1000)),
            ("7", "5", (7, 5)),
        ] {
            let query = parse(&[("page", page), ("perPage", per_page)]).unwrap();
            assert_eq!((query.page, query.per_page), expected, "{page} {per_page}");
        }
        assert_eq!(parse(&[("page", "9223372036854775807"), ("perPage", "1000")]).unwrap().offset(), i64::MAX as u64);
    }

    #[test]
    fn what_is_no_number_or_flag_is_refused() {
        for (name, text) in [
            ("page", "x"),
            ("page", "1.5"),
            ("perPage", "9223372036854775808"),
            ("skipTotal", "yes"),
            ("skipTotal", "2"),
        ] {
            assert!(parse(&[(name, text)]).is_err(), "{name}={text}");
        }
    }
}
