//! Records as JSON, their keys prepared once per collection.

use crate::schema::fields::Kind;
use crate::schema::{Collection, Record, Shape};
use crate::store::Cell;

use super::write::{write_cell, write_string, write_value};

/// How the records of a collection are written: keys in byte order, `collectionId`, `collectionName` and `expand` in
/// their places, each with its text ready (contract/05 §3).
#[derive(Clone, Debug)]
pub struct RecordJson {
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    /// `,"name":`, for a constant its value too.
    text: Box<[u8]>,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// The field at this position.
    Field {
        index: usize,
        shape: Shape,
    },
    /// A password field: always `""`.
    Password {
        index: usize,
    },
    Expand,
    Constant,
}

impl RecordJson {
    pub fn new(collection: &Collection) -> Self {
        let fields = collection.fields.iter().enumerate().map(|(index, field)| {
            let content = match field.kind {
                Kind::Password(_) => Content::Password { index },
                _ => Content::Field { index, shape: field.shape() },
            };
            (field.name.as_str(), content, "")
        });
        let mut keys: Vec<_> = fields.collect();
        keys.push(("collectionId", Content::Constant, &collection.id));
        keys.push(("collectionName", Content::Constant, &collection.name));
        keys.push(("expand", Content::Expand, ""));
        keys.sort_unstable_by_key(|(name, ..)| *name);
        let ready = |(name, content, value): (&str, Content, &str)| {
            let mut text = vec![b','];
            write_string(name, &mut text);
            text.push(b':');
            if matches!(content, Content::Constant) {
                write_string(value, &mut text);
            }
            Key { text: text.into(), content }
        };
        Self { keys: keys.into_iter().map(ready).collect() }
    }

    /// Writes a row as an object. `cell` gives the cell of the field at a position, `None` where it isn't shown;
    /// `expand` is the JSON of the key, absent without one.
    pub fn write_row<'c>(&self, cell: impl Fn(usize) -> Option<Cell<'c>>, expand: Option<&[u8]>, out: &mut Vec<u8>) {
        self.write(
            |index, shape, key, out| {
                let Some(cell) = cell(index) else { return };
                out.extend_from_slice(key);
                write_cell(shape, cell, out);
            },
            |index| cell(index).is_some(),
            expand,
            out,
        );
    }

    /// Writes a record as an object, with the fields at the positions that `is_shown` lets through.
    pub fn write_record(
        &self,
        record: &Record,
        is_shown: impl Fn(usize) -> bool,
        expand: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        self.write(
            |index, _, key, out| {
                if is_shown(index) {
                    out.extend_from_slice(key);
                    write_value(record.value_at(index), out);
                }
            },
            &is_shown,
            expand,
            out,
        );
    }

    fn write(
        &self,
        mut put_field: impl FnMut(usize, Shape, &[u8], &mut Vec<u8>),
        is_shown: impl Fn(usize) -> bool,
        expand: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        let from = out.len();
        for key in &self.keys {
            match (key.content, expand) {
                (Content::Field { index, shape }, _) => put_field(index, shape, &key.text, out),
                (Content::Password { index }, _) if is_shown(index) => {
                    out.extend_from_slice(&key.text);
                    out.extend_from_slice(b"\"\"");
                }
                (Content::Constant, _) => out.extend_from_slice(&key.text),
                (Content::Expand, Some(expanded)) => {
                    out.extend_from_slice(&key.text);
                    out.extend_from_slice(expanded);
                }
                (Content::Password { .. } | Content::Expand, _) => {}
            }
        }
        out[from] = b'{'; // in place of the first comma; the two constants are always there
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldValue;
    use serde_json::json;
    use std::sync::Arc;

    fn collection() -> Collection {
        let fields = json!([
            {"type": "text", "name": "id"}, {"type": "number", "name": "zoo"}, {"type": "bool", "name": "Flag"},
            {"type": "password", "name": "pin"}, {"type": "json", "name": "data"}, {"type": "text", "name": "collect"},
        ]);
        Collection::of_fields("things", &fields)
    }

    const CELLS: [Cell<'_>; 6] =
        [Cell::Text("r1"), Cell::Int(7), Cell::Int(1), Cell::Text("$2a$…"), Cell::Text("[1]"), Cell::Text("c")];

    #[test]
    fn keys_stand_in_byte_order_and_passwords_are_blank() {
        let mut out = Vec::new();
        RecordJson::new(&collection()).write_row(|index| Some(CELLS[index]), Some(b"{}"), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"Flag":true,"collect":"c","collectionId":"pbc_1","collectionName":"things","data":[1],"expand":{},"id":"r1","pin":"","zoo":7}"#
        );
    }

    #[test]
    fn what_is_not_shown_is_absent() {
        let mut out = b"[".to_vec();
        let json = RecordJson::new(&collection());
        json.write_row(|index| (index == 0).then_some(CELLS[index]), None, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"[{"collectionId":"pbc_1","collectionName":"things","id":"r1"}"#);
    }

    #[test]
    fn a_record_and_its_row_give_the_same() {
        let collection = Arc::new(collection());
        let json = RecordJson::new(&collection);
        let values =
            collection.fields.iter().zip(CELLS).map(|(field, cell)| FieldValue::from_cell(field.shape(), cell));
        let record = Record::new(collection.clone(), values.collect());
        let (mut by_row, mut by_record) = (Vec::new(), Vec::new());
        json.write_row(|index| (index != 2).then_some(CELLS[index]), None, &mut by_row);
        json.write_record(&record, |index| index != 2, None, &mut by_record);
        assert_eq!(String::from_utf8(by_row).unwrap(), String::from_utf8(by_record).unwrap());
    }
}
