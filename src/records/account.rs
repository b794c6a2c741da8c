//! The create of an account that a sign-in makes in its own transaction (contract/11 §9.3).

use std::sync::Arc;

use crate::access::{Action, check_action, live_request};
use crate::error::Result;
use crate::input::RecordBody;
use crate::query::Request;
use crate::rows::NewPassword;
use crate::schema::{Collection, Record};
use crate::store::Tx;

use super::Records;
use super::shape::record_of;
use super::write::WriteInput;

/// A record whose create is ready: passwords hashed, uploads stored.
pub struct AccountToBe {
    records: Arc<Records>,
    request: Request,
    input: WriteInput,
}

impl Records {
    /// Readies the create of an account. `password` is one that nobody typed, for a body without one.
    ///
    /// # Errors
    /// `Forbidden` for a locked create rule.
    pub async fn ready_account(
        self: Arc<Self>,
        request: Request,
        collection: Arc<Collection>,
        body: RecordBody,
        password: Option<NewPassword>,
    ) -> Result<AccountToBe> {
        check_action(&request.caller, &collection, Action::Create)?;
        let mut input = self.ready_input(&request, &collection, None, body).await?;
        input.random_password = password;
        Ok(AccountToBe { records: self, request, input })
    }
}

impl AccountToBe {
    /// Creates it.
    ///
    /// # Errors
    /// Those of a create.
    pub fn create_in(&self, tx: &dyn Tx) -> Result<Record> {
        let live = live_request(tx, &self.records.schema.current(), &self.request)?;
        let written = self.records.create_in(tx, &live, &self.input)?;
        Ok(record_of(&written.collection, &written.row))
    }

    /// The transaction is committed: the uploads stay.
    pub fn committed(&self) {
        self.input.committed();
    }
}
