//! Importing many collections in one transaction: wholly or not at all (contract/02 §11).

mod report;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::schema::sql_text::{Token, tokens, unquote};
use crate::schema::{Collection, CollectionKind, Field, Schema};
use crate::store::{Event, Tx};

use super::body::{CollectionBody, Source};
use super::catalog::Catalog;
use super::change::{Collections, InferredView, infer_view, settle_auth};
use super::draft::{Draft, adopt_ids};
use super::normalise::normalise;
use super::save::{Fault, Saving};
use super::validate::{Candidate, Tables, check_identity, validate};

const NOT_LOADED: &str = "An error occurred while loading the submitted data.";
const NOT_VALID: &str = "An error occurred while validating the submitted data.";
const NOT_IMPORTED: &str = "Failed to import collections.";

/// What is to be imported.
#[derive(Clone, Debug)]
pub struct ImportBody {
    items: Vec<Map<String, Json>>,
    missing: Missing,
}

/// What becomes of stored collections and fields that the import doesn't name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Stays,
    /// All but system ones go.
    Goes,
}

impl ImportBody {
    /// Reads the body of the route.
    ///
    /// # Errors
    /// `BadRequest` for wrong JSON types, `Invalid` when there is no collection.
    pub fn read(mut object: Map<String, Json>) -> Result<Self> {
        let missing = match object.get("deleteMissing") {
            None | Some(Json::Null | Json::Bool(false)) => Missing::Stays,
            Some(Json::Bool(true)) => Missing::Goes,
            Some(_) => return Err(Error::bad_request_with(NOT_LOADED)),
        };
        let items = match object.shift_remove("collections") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(items)) => items,
            Some(_) => return Err(Error::bad_request_with(NOT_LOADED)),
        };
        if items.is_empty() {
            return Err(Error::invalid(NOT_VALID, FieldErrors::one("collections", FieldError::required())));
        }
        let items = items.into_iter().map(|item| match item {
            Json::Object(object) => Ok(object),
            Json::Null => Ok(Map::new()),
            _ => Err(Error::bad_request_with(NOT_LOADED)),
        });
        Ok(Self { items: items.collect::<Result<_>>()?, missing })
    }
}

/// One item on its way.
struct Item {
    draft: Draft,
    /// The stored collection that it changes.
    stored: Option<Arc<Collection>>,
}

impl Collections {
    /// Imports collections: creates, changes and, if asked, deletes.
    ///
    /// # Errors
    /// `Invalid` with the first collection that can't be saved, or that isn't valid once all are.
    pub fn import(&self, tx: &dyn Tx, body: &ImportBody) -> Result<()> {
        let before = self.schema.current();
        self.import_all(tx, &before, body).map_err(|fault| match fault {
            Fault::Raw(reason) => report::raw(&reason),
            fault => fault.titled(NOT_IMPORTED),
        })?;
        tx.after_commit(Event::SchemaChanged);
        Ok(())
    }

    fn import_all(&self, tx: &dyn Tx, before: &Arc<Schema>, body: &ImportBody) -> Result<(), Fault> {
        let mut items = plan(before, body)?;
        let mut saving = Saving::of_many(tx, &self.clock, before.clone());
        if body.missing == Missing::Goes {
            delete_missing(&mut saving, before, &items)?;
        }
        check_identities(tx, saving.schema(), &items)?;
        for index in saving_order(&items) {
            let item = &mut items[index];
            self.save_item(&mut saving, item).map_err(|fault| match fault {
                Fault::Raw(text) => {
                    Fault::Raw(format!("failed to save collection \"{}\": {text}", item.draft.collection.name))
                }
                fault => fault,
            })?;
        }
        let names: Vec<String> = items.iter().map(|item| item.draft.collection.name.to_string()).collect();
        saving.finish(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        validate_all(tx, saving.schema(), &items)
    }

    /// Saves one item without judging it: the database refuses what it can't do.
    fn save_item(&self, saving: &mut Saving<'_>, item: &mut Item) -> Result<(), Fault> {
        let tx = saving.tx;
        let now = self.clock.now_text();
        if item.stored.is_none() {
            item.draft.collection.created.clone_from(&now);
        }
        item.draft.collection.updated = now;
        // Another item may have changed the same collection before.
        let current = item.stored.as_ref().and_then(|stored| saving.schema().find_by_id(&stored.id).cloned());
        let schema = saving.schema().clone();
        let InferredView { shape, fault } = infer_view(tx, &schema, &mut item.draft, current.as_deref(), None)?;
        if let Some(fault) = fault {
            return Err(Fault::Raw(fault.reason));
        }
        let collection = &mut item.draft.collection;
        if let CollectionKind::Auth(options) = &mut collection.kind {
            settle_auth(options, &collection.name, item.stored.as_deref().and_then(Collection::auth));
        }
        let collection = Arc::new(collection.clone());
        let Some(current) = current else { return saving.create(collection, shape.as_ref()) };
        saving.change(&current, collection.clone(), shape.as_ref())?;
        if current.name != collection.name {
            (self.on_rename)(tx, &current.name, &collection.name)?;
        }
        Ok(())
    }
}

/// Reads the items and lays each over its stored collection.
fn plan(before: &Schema, body: &ImportBody) -> Result<Vec<Item>, Fault> {
    let mut new_ids: HashSet<Arc<str>> = HashSet::new();
    let mut items = Vec::with_capacity(body.items.len());
    for object in &body.items {
        let mut item = plan_item(before, object, body.missing)?;
        normalise(&mut item.draft, |id| before.find_by_id(id).is_some() || new_ids.contains(id));
        new_ids.insert(item.draft.collection.id.clone());
        items.push(item);
    }
    Ok(items)
}

fn plan_item(before: &Schema, object: &Map<String, Json>, missing: Missing) -> Result<Item, Fault> {
    let body = CollectionBody::read(object.clone(), Source::Json).map_err(|wrong| Fault::Raw(wrong.to_string()))?;
    let id = body.id.as_deref().filter(|id| !id.is_empty());
    let stored = match (id, body.name.as_deref()) {
        (Some(id), _) => before.find_by_id(id).cloned(),
        (None, Some(name)) => before.find_by_name(name).cloned(),
        (None, None) => None,
    };
    let draft = match &stored {
        Some(stored) => {
            let body = CollectionBody { id: None, ..body };
            let mut draft = Draft::changed(stored, &body).map_err(|wrong| Fault::Raw(wrong.to_string()))?;
            draft.collection.fields = merge_fields(stored, body.fields, missing);
            draft
        }
        None => Draft::new_collection(&body).map_err(|wrong| Fault::Raw(wrong.to_string()))?,
    };
    Ok(Item { draft, stored })
}

/// The new list, with the stored fields that it doesn't name behind it.
fn merge_fields(stored: &Collection, sent: Option<Vec<Arc<Field>>>, missing: Missing) -> Vec<Arc<Field>> {
    let stays = |field: &&Arc<Field>| missing == Missing::Stays || field.system;
    let Some(sent) = sent else { return stored.fields.iter().filter(stays).cloned().collect() };
    let mut fields = adopt_ids(sent, &stored.fields);
    let left_out: Vec<Arc<Field>> = stored
        .fields
        .iter()
        .filter(stays)
        .filter(|field| !fields.iter().any(|other| other.id == field.id))
        .cloned()
        .collect();
    fields.extend(left_out);
    fields
}

/// Deletes the collections that no item names. What refers to them or reads them must be among the items, and is
/// validated later, or go too.
fn delete_missing(saving: &mut Saving<'_>, before: &Schema, items: &[Item]) -> Result<(), Fault> {
    let named: HashSet<&str> = items.iter().filter_map(|item| item.stored.as_ref()).map(|stored| &*stored.id).collect();
    let gone = before.collections().iter().filter(|collection| !collection.system && !named.contains(&*collection.id));
    let (views, tables): (Vec<_>, Vec<_>) = gone.partition(|collection| collection.is_view());
    let mut ids = Vec::new();
    for collection in views.into_iter().chain(tables) {
        saving.drop(collection)?;
        ids.push(collection.id.clone());
    }
    saving.forget(&ids);
    Ok(())
}

/// Ids, names and types are judged before anything is made of them.
fn check_identities(tx: &dyn Tx, schema: &Arc<Schema>, items: &[Item]) -> Result<(), Fault> {
    let planned = Arc::new(schema.with(items.iter().map(|item| Arc::new(item.draft.collection.clone()))));
    let catalog = Catalog::load(tx).map_err(Fault::store)?;
    for item in items {
        let errors = check_identity(&item.candidate(&planned, &catalog));
        if !errors.is_empty() {
            return Err(Fault::Other(report::not_valid(&item.draft.collection, &errors)));
        }
    }
    Ok(())
}

fn validate_all(tx: &dyn Tx, schema: &Arc<Schema>, items: &[Item]) -> Result<(), Fault> {
    let catalog = Catalog::load(tx).map_err(Fault::store)?;
    for item in items {
        let errors = validate(&item.candidate(schema, &catalog));
        if !errors.is_empty() {
            return Err(Fault::Other(report::not_valid(&item.draft.collection, &errors)));
        }
    }
    Ok(())
}

impl Item {
    /// The item beside everything as it will be, its own table included.
    fn candidate<'a>(&'a self, schema: &'a Arc<Schema>, catalog: &'a Catalog) -> Candidate<'a> {
        Candidate {
            draft: &self.draft,
            stored: self.stored.as_deref(),
            schema,
            after: schema,
            catalog,
            view_fault: None,
            tables: Tables::AsAfter,
        }
    }
}

/// Tables before views; else by age, then as sent; a view behind the views of the import that it reads.
fn saving_order(items: &[Item]) -> Vec<usize> {
    let collection = |index: usize| &items[index].draft.collection;
    let mut waiting: Vec<usize> = (0..items.len()).collect();
    waiting.sort_by_key(|&index| {
        let collection = collection(index);
        (collection.is_view(), collection.created.clone(), collection.updated.clone(), index)
    });
    let read: Vec<HashSet<String>> = items.iter().map(|item| names_read(&item.draft.collection)).collect();
    let name = |index: usize| collection(index).name.to_ascii_lowercase();
    let is_view = |index: &usize| collection(*index).is_view();
    let mut unsaved: HashSet<String> = waiting.iter().copied().filter(is_view).map(name).collect();
    let mut order = Vec::with_capacity(items.len());
    while !waiting.is_empty() {
        let is_ready = |index: usize| !read[index].iter().any(|read| *read != name(index) && unsaved.contains(read));
        let position = waiting.iter().position(|&index| is_ready(index)).unwrap_or(0);
        let index = waiting.remove(position);
        unsaved.remove(&name(index));
        order.push(index);
    }
    order
}

/// What a view's query may name, in lower case; nothing for a table.
fn names_read(collection: &Collection) -> HashSet<String> {
    let CollectionKind::View { query } = &collection.kind else { return HashSet::new() };
    let names = tokens(query).filter_map(|(token, range)| match token {
        Token::Word => Some(query[range].to_ascii_lowercase()),
        Token::Quoted => Some(unquote(&query[range]).to_ascii_lowercase()),
        Token::Space | Token::Sign(_) => None,
    });
    names.collect()
}
