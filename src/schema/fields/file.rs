//! The kind `file`: names of stored files (contract/03 §2, contract/13 §4).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::mime;
use crate::schema::{Field, FieldValue, Shape};

use super::checks::{INTEGER_MAX, check_range, check_required};
use super::{FieldKind, OptionsContext};

/// What `maxSize` 0 stands for.
const BYTES_MAX_DEFAULT: i64 = 5 << 20;
const NAME_BYTES_MAX: usize = 150;
/// Bytes of a name that is shown in an error, and of a client's own name.
const SHOWN_BYTES_MAX: usize = 250;
const SHOWN_ORIGINAL_BYTES_MAX: usize = 300;
/// Why a size can't be used; these four would keep nothing of an image.
const EMPTY_SIZES: [&str; 4] = ["0x0", "0x0t", "0x0b", "0x0f"];

/// Options of a file field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileOptions {
    /// 0 is 1; several from 2 on.
    pub max_select: i64,
    /// Bytes per file; 0 is 5 MiB.
    pub max_size: i64,
    /// Allowed types; none or empty is any.
    pub mime_types: Option<Vec<String>>,
    /// Sizes of the thumbs that may be asked for, such as `100x50t`.
    pub thumbs: Option<Vec<String>>,
    /// Whether a download needs a file token.
    pub protected: bool,
}

/// An upload on its way into a file field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// What it will be stored as, and what the record's value holds.
    pub name: String,
    /// What the client called it.
    pub original_name: String,
    pub size_bytes: u64,
    /// Told from the content, with parameters.
    pub mime_type: String,
}

impl FileOptions {
    /// The most bytes one file may have.
    pub fn bytes_max(&self) -> i64 {
        if self.max_size == 0 { BYTES_MAX_DEFAULT } else { self.max_size }
    }

    /// All checks of a value that names stored files and uploads: `kept` are the names that the stored record holds,
    /// `new` the uploads of this request.
    pub fn check_files(
        &self,
        field: &Field,
        value: &FieldValue,
        kept: &[String],
        new: &[NewFile],
    ) -> Result<(), FieldError> {
        check_required(field, value)?;
        let names = value.items();
        let is_known = |name: &&String| kept.contains(name) || new.iter().any(|file| file.name == **name);
        let unknown: Vec<&str> = names.iter().filter(|name| !is_known(name)).map(|name| shown(name)).collect();
        if !unknown.is_empty() {
            return Err(FieldError::with_params(
                "validation_invalid_file",
                format!("Invalid new files: [{}].", unknown.join(" ")),
                json!({ "invalidFiles": unknown }),
            ));
        }
        self.validate(field, value)?;
        new.iter().filter(|file| names.contains(&file.name)).try_for_each(|file| self.check_new(file))
    }

    fn check_new(&self, file: &NewFile) -> Result<(), FieldError> {
        if file.name.is_empty() || file.name.len() > NAME_BYTES_MAX {
            return Err(FieldError::length_outside(1, NAME_BYTES_MAX));
        }
        if file.name.starts_with('.') || file.name.contains(['/', '\\']) || file.name.chars().count() < 2 {
            return Err(FieldError::bad_format());
        }
        let max = self.bytes_max();
        if file.size_bytes > max as u64 {
            let name = shown_original(&file.original_name);
            return Err(FieldError::with_params(
                "validation_file_size_limit",
                format!("Failed to upload {name} - the maximum allowed file size is {max} bytes."),
                json!({ "file": name, "maxSize": max }),
            ));
        }
        let allowed = self.mime_types.as_deref().unwrap_or_default();
        if !allowed.is_empty() && !allowed.iter().any(|listed| mime::is_same_type(&file.mime_type, listed)) {
            let text = format!("{:?} mime type must be one of: {}.", file.name, allowed.join(", "));
            return Err(FieldError::code("validation_invalid_mime_type", text));
        }
        Ok(())
    }
}

impl FieldKind for FileOptions {
    fn shape(&self) -> Shape {
        if self.max_select >= 2 { Shape::Multiple } else { Shape::Single }
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        check_range(&mut errors, "maxSelect", self.max_select, 0, INTEGER_MAX);
        check_range(&mut errors, "maxSize", self.max_size, 0, INTEGER_MAX);
        let mut wrong = FieldErrors::new();
        for (index, size) in self.thumbs.iter().flatten().enumerate() {
            if !is_thumb_size(size) {
                wrong.add(index.to_string(), FieldError::bad_format());
            } else if EMPTY_SIZES.contains(&size.as_str()) {
                let error = FieldError::code("validation_not_in_invalid", "Must not be in list.");
                wrong.add(index.to_string(), error);
            }
        }
        errors.add_tree("thumbs", wrong);
        errors
    }

    /// Checks what the names alone tell; with uploads, [`FileOptions::check_files`] is asked.
    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let max = self.max_select.max(1);
        if value.items().len() as i64 > max {
            return Err(FieldError::with_params(
                "validation_too_many_files",
                format!("The maximum allowed files is {max}."),
                json!({ "maxSelect": max }),
            ));
        }
        Ok(())
    }

    fn body_bytes_max(&self) -> i64 {
        self.bytes_max().saturating_mul(self.max_select.max(1))
    }

    fn openapi(&self) -> Json {
        let name = json!({ "type": "string", "description": "name of a stored file" });
        match self.shape() {
            Shape::Multiple => json!({ "type": "array", "items": name, "maxItems": self.max_select }),
            _ => name,
        }
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        let most = self.max_select.max(1) as usize;
        proptest::collection::vec("[a-z]{3,8}_[a-z0-9]{10}\\.txt", 0..=most).prop_map(Json::from).boxed()
    }
}

/// `WxH`, with `t`, `b` or `f` behind it.
fn is_thumb_size(size: &str) -> bool {
    let sides = size.strip_suffix(['t', 'b', 'f']).unwrap_or(size);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    sides.split_once('x').is_some_and(|(width, height)| is_number(width) && is_number(height))
}

fn shown(name: &str) -> &str {
    &name[..name.floor_char_boundary(SHOWN_BYTES_MAX)]
}

fn shown_original(name: &str) -> String {
    if name.len() <= SHOWN_ORIGINAL_BYTES_MAX {
        return name.to_owned();
    }
    format!("{}...", &name[..name.floor_char_boundary(SHOWN_ORIGINAL_BYTES_MAX)])
}
