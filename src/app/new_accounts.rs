//! The create action of records, as sign-ins use it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::auth::oauth2::{CreateAccount, NewAccount};
use crate::error::Result;
use crate::input::RecordBody;
use crate::query::Request;
use crate::records::{AccountToBe, Records};
use crate::rows::NewPassword;
use crate::schema::{Collection, Record};
use crate::store::Tx;

/// Makes accounts through the records service.
pub struct NewAccounts(pub Arc<Records>);

impl CreateAccount for NewAccounts {
    fn ready(
        &self,
        request: Request,
        collection: Arc<Collection>,
        body: RecordBody,
        password: Option<NewPassword>,
    ) -> BoxFuture<'static, Result<Arc<dyn NewAccount>>> {
        let records = self.0.clone();
        Box::pin(async move {
            let ready = records.ready_account(request, collection, body, password).await?;
            let ready: Arc<dyn NewAccount> = Arc::new(ready);
            Ok(ready)
        })
    }
}

impl NewAccount for AccountToBe {
    fn create(&self, tx: &dyn Tx) -> Result<Record> {
        self.create_in(tx)
    }

    fn committed(&self) {
        AccountToBe::committed(self);
    }
}
