//! A body laid over a new or a stored collection (contract/02 §4–5): what the caller wants, not yet judged.

mod options;

use std::sync::Arc;

use serde_json::Map;

use crate::schema::{AuthOptions, Collection, CollectionKind, Field, Rules};

use super::body::{CollectionBody, WrongBody};

/// A collection on its way to be saved.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub collection: Collection,
    /// The type as sent: validation judges it, `collection.kind` is the nearest there is.
    pub type_name: String,
    /// Whether the index list was sent; a new auth collection otherwise begins with its default ones.
    pub has_own_indexes: bool,
}

impl Draft {
    /// A new collection: the scaffold of its type with `body` laid over it.
    pub fn new_collection(body: &CollectionBody) -> Result<Self, WrongBody> {
        let type_name = body.type_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "base".to_owned());
        let kind = match type_name.as_str() {
            "auth" => CollectionKind::Auth(Box::new(AuthOptions::new())),
            "view" => CollectionKind::View { query: String::new() },
            _ => CollectionKind::Base,
        };
        let collection = Collection {
            id: Arc::from(body.id.as_deref().unwrap_or_default()),
            name: Arc::from(""),
            kind,
            system: false,
            fields: Vec::new(),
            indexes: Vec::new(),
            rules: Rules::default(),
            created: String::new(),
            updated: String::new(),
            unknown_options: Map::new(),
        };
        let mut draft = Self { collection, type_name, has_own_indexes: body.indexes.is_some() };
        draft.lay_over(body)?;
        if let Some(fields) = &body.fields {
            draft.collection.fields = fields.clone();
        }
        Ok(draft)
    }

    /// A stored collection with `body` laid over it.
    pub fn changed(stored: &Collection, body: &CollectionBody) -> Result<Self, WrongBody> {
        let mut collection = stored.clone();
        let type_name = body.type_name.clone().unwrap_or_else(|| stored.type_name().to_owned());
        if type_name != stored.type_name() {
            // Refused later; its options are judged as those of an empty collection of that type.
            collection.kind = match type_name.as_str() {
                "auth" => CollectionKind::Auth(Box::default()),
                "view" => CollectionKind::View { query: String::new() },
                _ => CollectionKind::Base,
            };
        }
        if let Some(id) = &body.id {
            collection.id = id.as_str().into();
        }
        let mut draft = Self { collection, type_name, has_own_indexes: true };
        draft.lay_over(body)?;
        if let Some(fields) = &body.fields {
            draft.collection.fields = adopt_ids(fields.clone(), &stored.fields);
        }
        Ok(draft)
    }

    /// Everything but the identity and the fields.
    fn lay_over(&mut self, body: &CollectionBody) -> Result<(), WrongBody> {
        let collection = &mut self.collection;
        if let Some(name) = &body.name {
            collection.name = name.as_str().into();
        }
        if let Some(system) = body.system {
            collection.system = system;
        }
        if let Some(indexes) = &body.indexes {
            collection.indexes = indexes.clone();
        }
        let rules = &mut collection.rules;
        for (rule, sent) in [
            (&mut rules.list, &body.rules.list),
            (&mut rules.view, &body.rules.view),
            (&mut rules.create, &body.rules.create),
            (&mut rules.update, &body.rules.update),
            (&mut rules.delete, &body.rules.delete),
        ] {
            if let Some(sent) = sent {
                rule.clone_from(sent);
            }
        }
        match &mut collection.kind {
            CollectionKind::Base => {}
            CollectionKind::View { query } => {
                if let Some(sent) = body.option_text("viewQuery")? {
                    *query = sent;
                }
            }
            CollectionKind::Auth(auth) => **auth = options::lay_over(auth, &body.options, body.source())?,
        }
        Ok(())
    }
}

/// Lets each field that came without an id keep the one of the stored field of its name and type, unless another entry
/// names that id: a column isn't lost because an id was left out (contract/00 §5, 02 §5). Keys of newer versions stay
/// with their field.
pub(super) fn adopt_ids(mut fields: Vec<Arc<Field>>, stored: &[Arc<Field>]) -> Vec<Arc<Field>> {
    for index in 0..fields.len() {
        if !fields[index].id.is_empty() {
            continue;
        }
        let field = &fields[index];
        let twin = stored.iter().find(|twin| twin.name == field.name && twin.kind.name() == field.kind.name());
        if let Some(twin) = twin.filter(|twin| fields.iter().all(|other| other.id != twin.id)) {
            Arc::make_mut(&mut fields[index]).id.clone_from(&twin.id);
        }
    }
    for field in &mut fields {
        if let Some(same) = stored.iter().find(|same| same.id == field.id) {
            Arc::make_mut(field).unknown.clone_from(&same.unknown);
        }
    }
    fields
}
