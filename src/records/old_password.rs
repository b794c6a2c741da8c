//! The old password that a plain caller must bring to set a new one (contract/05 §8): compared before the write job,
//! since bcrypt must not hold the writer, and judged in it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::access::Action;
use crate::crypto::{Secret, verify_password};
use crate::error::Result;
use crate::query::Request;
use crate::rows::Draft;
use crate::store::Conn;

use super::Records;
use super::auth_form::{Level, OldPassword};
use super::body::sent_text;
use super::shape::record_of;
use super::write::{WriteInput, find_collection, lay_request};

/// An old password compared with the stored hash before the write job: bcrypt must not hold the writer.
#[derive(Clone, Debug)]
pub struct ComparedPassword {
    hash: String,
    verdict: OldPassword,
}

/// What an update does when the stored hash isn't the one that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenMoved {
    /// Tells the caller, who compares again.
    Report,
    /// Compares in the job: in a batch an item may depend on the one before.
    CompareHere,
}

impl Records {
    /// Compares the old password that an update by a plain caller must bring. Nothing is compared for who may not
    /// update the record: the time it takes would tell that it is there.
    pub(super) async fn compare_old_password(
        self: &Arc<Self>,
        request: &Arc<Request>,
        input: &Arc<WriteInput>,
        id: &Arc<str>,
    ) -> Result<Option<ComparedPassword>> {
        let old = sent_text(&input.values, "oldPassword");
        let sets_password = ["password", "passwordConfirm"].iter().any(|key| !sent_text(&input.values, key).is_empty());
        let is_auth = self.schema.current().find_by_id(&input.collection_id).is_some_and(|found| found.is_auth());
        if !is_auth || old.is_empty() || !sets_password || request.caller.is_superuser() {
            return Ok(None);
        }
        let (records, of_job, of_input, of_id) = (self.clone(), request.clone(), input.clone(), id.clone());
        let hash = self.store.read(move |conn| records.find_compared_hash(conn, &of_job, &of_input, &of_id)).await?;
        let Some(hash) = hash else { return Ok(None) };
        let is_right = self.hasher.verify(Secret::new(old), hash.clone()).await?;
        Ok(Some(ComparedPassword { hash, verdict: verdict(is_right) }))
    }

    /// The password hash of a record that the caller may update.
    fn find_compared_hash(
        &self,
        conn: &dyn Conn,
        request: &Request,
        input: &WriteInput,
        id: &str,
    ) -> Result<Option<String>> {
        let schema = self.schema.current();
        let collection = find_collection(&schema, &input.collection_id)?;
        let Some(row) = self.find_row(conn, request, &collection, id)? else { return Ok(None) };
        let mut draft = Draft::of(record_of(&collection, &row));
        let request = lay_request(request, &mut draft, input);
        let may_update = self.gate(&schema, &request).may(conn, &collection, Action::Update, id)?;
        Ok(may_update.then(|| record_of(&collection, &row).text("password").to_owned()))
    }
}

/// Whether the old password is right; `None` when it was compared with a hash that is no longer the stored one.
pub fn judge(
    draft: &Draft,
    body: &Map<String, Json>,
    level: Level,
    compared: Option<&ComparedPassword>,
    when_moved: WhenMoved,
) -> Option<OldPassword> {
    let old = sent_text(body, "oldPassword");
    let stored = draft.stored().filter(|stored| stored.collection().is_auth() && level == Level::Plain);
    let (Some(stored), false) = (stored, old.is_empty()) else { return Some(OldPassword::Wrong) };
    let hash = stored.text("password");
    match (compared, when_moved) {
        (Some(compared), _) if compared.hash == hash => Some(compared.verdict),
        (None, WhenMoved::Report) => Some(OldPassword::Wrong),
        (Some(_), WhenMoved::Report) => None,
        (_, WhenMoved::CompareHere) => Some(verdict(verify_password(&old, hash))),
    }
}

fn verdict(is_right: bool) -> OldPassword {
    if is_right { OldPassword::Right } else { OldPassword::Wrong }
}
