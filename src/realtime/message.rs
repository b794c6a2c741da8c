//! Messages as they go out: one JSON per distinct view of a change, one frame per topic and encoding.

use bytes::Bytes;

use crate::store::ChangeKind;

use super::cursor::Cursor;
use super::outlet::Encoding;

/// The word for a change in messages.
pub fn action(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Create => "create",
        ChangeKind::Update => "update",
        ChangeKind::Delete => "delete",
    }
}

/// A message about a record: `record` is its JSON as the receiver may see it (contract/12 §4).
pub fn change_frame(encoding: Encoding, topic: &str, record: &[u8], kind: ChangeKind, cursor: &Cursor) -> Bytes {
    let cursor = cursor.to_text();
    let mut data = Vec::with_capacity(record.len() + 64);
    data.extend_from_slice(b"{\"record\":");
    data.extend_from_slice(record);
    data.extend_from_slice(b",\"action\":\"");
    data.extend_from_slice(action(kind).as_bytes());
    data.extend_from_slice(b"\",\"cursor\":\"");
    data.extend_from_slice(cursor.as_bytes());
    data.extend_from_slice(b"\"}");
    frame(encoding, Some(&cursor), topic, &data)
}

/// The first message of a stream: the client id under which its topics are set, and where its messages begin.
pub fn connect_frame(encoding: Encoding, client_id: &str, cursor: &Cursor) -> Bytes {
    let data = format!(r#"{{"clientId":"{client_id}","cursor":"{}"}}"#, cursor.to_text());
    frame(encoding, Some(client_id), "PB_CONNECT", data.as_bytes())
}

/// Tells that the messages of these topics can't be made up for: read the lists again (contract/12 §9, Replay).
pub fn reset_frame(encoding: Encoding, topic: &str, topics: &[&str], cursor: &Cursor) -> Bytes {
    let data = serde_json::json!({ "topics": topics, "cursor": cursor.to_text() }).to_string();
    frame(encoding, Some(&cursor.to_text()), topic, data.as_bytes())
}

/// The answer of an OAuth2 provider, for the page that waits for it (contract/12 §6).
pub fn oauth2_frame(encoding: Encoding, state: &str, code: &str, error: &str) -> Bytes {
    let mut data = serde_json::json!({ "state": state, "code": code });
    if !error.is_empty() {
        data["error"] = error.into();
    }
    frame(encoding, None, "@oauth2", data.to_string().as_bytes())
}

/// `data` is a JSON object on one line.
fn frame(encoding: Encoding, id: Option<&str>, topic: &str, data: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(data.len() + topic.len() + 48);
    match encoding {
        Encoding::Sse => {
            if let Some(id) = id {
                out.extend_from_slice(b"id:");
                out.extend_from_slice(id.as_bytes());
                out.push(b'\n');
            }
            out.extend_from_slice(b"event:");
            out.extend_from_slice(topic.as_bytes());
            out.extend_from_slice(b"\ndata:");
            out.extend_from_slice(data);
            out.extend_from_slice(b"\n\n");
        }
        Encoding::WebSocket => {
            out.extend_from_slice(b"{\"topic\":");
            out.extend_from_slice(serde_json::Value::from(topic).to_string().as_bytes());
            if data.len() > 2 {
                out.push(b',');
            }
            out.extend_from_slice(&data[1..]); // the object goes on
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::LogId;

    fn here() -> Cursor {
        Cursor::at(LogId(7), 42)
    }

    #[test]
    fn an_sse_message_is_three_lines_and_a_blank_one() {
        let cursor = here().to_text();
        let frame = change_frame(Encoding::Sse, "posts/*", br#"{"id":"a"}"#, ChangeKind::Create, &here());
        let expected = format!(
            "id:{cursor}\nevent:posts/*\ndata:{{\"record\":{{\"id\":\"a\"}},\"action\":\"create\",\"cursor\":\"{cursor}\"}}\n\n"
        );
        assert_eq!(frame, expected);
    }

    #[test]
    fn a_websocket_message_is_one_object_with_its_topic() {
        let frame = change_frame(Encoding::WebSocket, "a\"b/*", br#"{"id":"a"}"#, ChangeKind::Delete, &here());
        let message: serde_json::Value = serde_json::from_slice(&frame).expect("JSON");
        let expected = serde_json::json!({
            "topic": "a\"b/*", "record": { "id": "a" }, "action": "delete", "cursor": here().to_text(),
        });
        assert_eq!(message, expected);
    }

    #[test]
    fn the_first_message_has_the_client_id_as_its_id() {
        let frame = connect_frame(Encoding::Sse, "xYz", &here());
        let expected =
            format!("id:xYz\nevent:PB_CONNECT\ndata:{{\"clientId\":\"xYz\",\"cursor\":\"{}\"}}\n\n", here().to_text());
        assert_eq!(frame, expected);
    }
}
