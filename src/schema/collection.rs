//! A collection as it is stored and served (contract/02 §2).

use std::sync::Arc;

use super::auth_options::AuthOptions;
use super::field::Field;
use super::index::Index;

/// The name of the collection of superusers.
pub const SUPERUSERS: &str = "_superusers";

/// What a collection's options are.
#[derive(Clone, Debug)]
pub enum CollectionKind {
    Base,
    Auth(Box<AuthOptions>),
    View { query: String },
}

/// The five API rules: `None` locks to superusers, `""` opens to everybody, else a filter (contract/05 §1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub list: Option<String>,
    pub view: Option<String>,
    pub create: Option<String>,
    pub update: Option<String>,
    pub delete: Option<String>,
}

/// A collection. Immutable once it stands in a snapshot.
#[derive(Clone, Debug)]
pub struct Collection {
    pub id: Arc<str>,
    /// Also the name of its table or view.
    pub name: Arc<str>,
    pub kind: CollectionKind,
    pub system: bool,
    /// In the order of the stored list; `id` is among them. Collections share fields that are the same to the letter.
    pub fields: Vec<Arc<Field>>,
    /// `CREATE INDEX` statements as the user wrote them.
    pub indexes: Vec<String>,
    pub rules: Rules,
    /// Stored text form (contract/00 §2, Dates).
    pub created: String,
    pub updated: String,
    /// Keys of the stored `options` that this version doesn't know, kept when the row is written again (contract/01 §9).
    pub unknown_options: serde_json::Map<String, serde_json::Value>,
}

impl Collection {
    /// The field of exactly this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name).map(|field| &**field)
    }

    /// The position of the field of exactly this name: that of its value in a [`super::Record`].
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// Whether this is the collection of superusers (contract/11 §13); its name can't change.
    pub fn is_superusers(&self) -> bool {
        &*self.name == SUPERUSERS
    }

    /// The collection's indexes, read. One whose statement can't be read is left out.
    pub fn read_indexes(&self) -> impl Iterator<Item = Index> + '_ {
        self.indexes.iter().filter_map(|statement| Index::parse_stored(statement))
    }

    pub fn is_auth(&self) -> bool {
        matches!(self.kind, CollectionKind::Auth(_))
    }

    pub fn is_view(&self) -> bool {
        matches!(self.kind, CollectionKind::View { .. })
    }

    /// The options of an auth collection.
    pub fn auth(&self) -> Option<&AuthOptions> {
        match &self.kind {
            CollectionKind::Auth(options) => Some(options),
            CollectionKind::Base | CollectionKind::View { .. } => None,
        }
    }

    /// Every rule that has an expression: the five of the API, and those of an auth collection's options.
    pub fn all_rules(&self) -> impl Iterator<Item = &str> {
        let Rules { list, view, create, update, delete } = &self.rules;
        let of_auth = self.auth().map(|options| {
            [options.auth_rule.as_deref(), options.manage_rule.as_deref(), Some(options.mfa.rule.as_str())]
        });
        let of_api = [list, view, create, update, delete].map(Option::as_deref);
        of_api.into_iter().chain(of_auth.into_iter().flatten()).flatten().filter(|rule| !rule.is_empty())
    }

    /// `base`, `auth` or `view`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            CollectionKind::Base => "base",
            CollectionKind::Auth(_) => "auth",
            CollectionKind::View { .. } => "view",
        }
    }
}

#[cfg(test)]
impl Collection {
    /// A base collection without rules, for tests; `fields` as in a body of the collections API.
    pub(crate) fn of_fields(name: &str, fields: &serde_json::Value) -> Self {
        let of_json = |json: &serde_json::Value| json.as_object().and_then(|field| Field::from_json(field).ok());
        let fields = fields.as_array().into_iter().flatten().map(|json| of_json(json).expect("a field's JSON").into());
        Self {
            id: "pbc_1".into(),
            name: name.into(),
            kind: CollectionKind::Base,
            system: false,
            fields: fields.collect(),
            indexes: Vec::new(),
            rules: Rules::default(),
            created: String::new(),
            updated: String::new(),
            unknown_options: Default::default(),
        }
    }
}
