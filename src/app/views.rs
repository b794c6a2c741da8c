//! How realtime makes its messages: by the records' service.

use std::sync::Arc;

use crate::error::Result;
use crate::query::Request;
use crate::realtime::RecordViews;
use crate::records::Records;
use crate::schema::{Record, Schema};
use crate::store::Conn;

pub(super) struct Views(pub Arc<Records>);

impl RecordViews for Views {
    fn render(&self, conn: &dyn Conn, schema: &Arc<Schema>, request: &Request, record: &Record) -> Result<Vec<u8>> {
        self.0.render(conn, schema, request, record)
    }
}
