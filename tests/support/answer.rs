//! An answer, with the assertions that tests make of it; a failure shows the request and the whole answer.

use serde_json::Value;

/// Status, headers and body as they came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) request: String,
    pub status: u16,
    /// Names lower-cased, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name (lower-case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}):\n{self}"))
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "expected {status}:\n{self}");
        self
    }

    /// Asserts success and gives the JSON (`null` of an empty body).
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "expected success:\n{self}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts a refusal in the error envelope (contract/00 §3), whole; gives its `data`.
    #[track_caller]
    pub fn refused(self, status: u16, message: &str) -> Value {
        assert!(self.status == status, "expected {status}:\n{self}");
        let envelope = self.json();
        assert!(envelope["data"].is_object(), "`data` must be an object:\n{self}");
        let expected = serde_json::json!({"data": envelope["data"], "message": message, "status": status});
        assert!(envelope == expected, "expected {expected}:\n{self}");
        envelope["data"].clone()
    }

    /// Whether the end of the body shows without the end of the connection.
    pub(crate) fn has_length(&self) -> bool {
        self.header("content-length").is_some()
            || self.header("transfer-encoding").is_some()
            || matches!(self.status, 204 | 304)
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "> {}\n< {}", self.request, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "< {name}: {value}")?;
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => writeln!(f, "{json:#}"),
            Err(_) => writeln!(f, "{}", self.text()),
        }
    }
}
