//! The rules at work: what a request may do to which records.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::query::{Base, Caller, Compiled, Part, Planner, Purpose, Query, QueryError, Request, Scene};
use crate::schema::{Collection, Record, Schema};
use crate::store::{Conn, ConnExt, Dialect, StoreError};

use super::action::{Action, Permit, check_action};
use super::reach::{ListReach, Reach};
use super::select::Select;

/// One request before the rules. Cheap to make; the decisions are made on the `conn` or `tx` of the act they allow.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    pub planner: &'a Planner,
    pub schema: &'a Arc<Schema>,
    pub request: &'a Request,
    pub now: Timestamp,
    pub dialect: &'static dyn Dialect,
}

impl Gate<'_> {
    /// What the list rule and the client's filter let through, in the order of its sort.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule or a superuser's word in filter or sort; `BadRequest` for a fault in any of the
    /// three.
    pub fn reach_list(&self, collection: &Arc<Collection>, filter: &str, sort: &str) -> Result<ListReach> {
        let rule = rule_of(check_action(&self.request.caller, collection, Action::List)?);
        if rule.is_empty() && filter.is_empty() && sort.is_empty() {
            return Ok(ListReach::whole(collection, self.dialect));
        }
        let parts = [Part::Rule(rule), Part::Filter(filter)];
        let compiled = self.compile(collection, Base::Table, &parts, sort, Purpose::List)?;
        Ok(ListReach::of(compiled, self.dialect))
    }

    /// The stored records on which an action is allowed; the caller pins one of them.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule; `NotFound` for one that can't be resolved (contract/04 §12).
    pub fn reach_one(&self, collection: &Arc<Collection>, action: Action) -> Result<Reach> {
        let rule = rule_of(check_action(&self.request.caller, collection, action)?);
        self.reach(collection, rule, Purpose::One).map_err(|error| {
            log_broken_rule(collection, &error);
            Error::not_found()
        })
    }

    /// The same for records that are looked up by the hundred, as expand does. `None`: nobody but superusers may, or the
    /// rule can't be resolved.
    pub fn reach_many(&self, collection: &Arc<Collection>, action: Action) -> Option<Reach> {
        let rule = rule_of(check_action(&self.request.caller, collection, action).ok()?);
        self.reach(collection, rule, Purpose::List).inspect_err(|error| log_broken_rule(collection, error)).ok()
    }

    /// Whether the action is allowed on the stored record with this id; a missing record isn't.
    pub fn may(&self, conn: &dyn Conn, collection: &Arc<Collection>, action: Action, id: &str) -> Result<bool> {
        has_one(conn, self.reach_one(collection, action)?, id)
    }

    /// Whether the record to be may be created (contract/05 §1, Create rule). A rule that can't be resolved says no.
    ///
    /// # Errors
    /// `Forbidden` for a locked rule.
    pub fn may_create(&self, conn: &dyn Conn, record: &Record) -> Result<bool> {
        let rule = rule_of(check_action(&self.request.caller, record.collection(), Action::Create)?);
        self.matches_new(conn, record, rule)
    }

    /// Whether a rule that isn't one of the API rules (`authRule`, an MFA rule) matches the stored record with this id;
    /// `""` does.
    ///
    /// # Errors
    /// `BadRequest` for a rule that can't be resolved.
    pub fn matches(&self, conn: &dyn Conn, collection: &Arc<Collection>, rule: &str, id: &str) -> Result<bool> {
        let reach = self.reach(collection, rule, Purpose::One).map_err(|error| {
            log_broken_rule(collection, &error);
            Error::bad_request_from("", error)
        })?;
        has_one(conn, reach, id)
    }

    /// Whether the caller manages the stored auth record with this id (contract/11 §11); superusers do.
    pub fn may_manage(&self, conn: &dyn Conn, collection: &Arc<Collection>, id: &str) -> Result<bool> {
        match self.manage_rule(collection) {
            Permit::All => Ok(true),
            Permit::Matching("") => Ok(false),
            Permit::Matching(rule) => match self.reach(collection, rule, Purpose::One) {
                Ok(reach) => has_one(conn, reach, id),
                Err(error) => {
                    log_broken_rule(collection, &error);
                    Ok(false)
                }
            },
        }
    }

    /// Whether the caller would manage the auth record to be.
    pub fn may_manage_new(&self, conn: &dyn Conn, record: &Record) -> Result<bool> {
        match self.manage_rule(record.collection()) {
            Permit::All => Ok(true),
            Permit::Matching("") => Ok(false),
            Permit::Matching(rule) => self.matches_new(conn, record, rule),
        }
    }

    /// Those of the auth records with these ids that the caller manages. One statement for all of them.
    pub fn list_managed(
        &self,
        conn: &dyn Conn,
        collection: &Arc<Collection>,
        ids: &[String],
    ) -> Result<HashSet<String>> {
        let rule = match self.manage_rule(collection) {
            Permit::All => return Ok(ids.iter().cloned().collect()),
            Permit::Matching("") => return Ok(HashSet::new()),
            Permit::Matching(rule) => rule,
        };
        let reach = self.reach(collection, rule, Purpose::List);
        let reach = reach.inspect_err(|error| log_broken_rule(collection, error)).ok();
        let Some(mut select) = reach.and_then(|reach| reach.select) else { return Ok(HashSet::new()) };
        select.and_id_in(ids);
        let id = self.dialect.quote("id");
        let managed = conn.list_rows(&select.sql(&id, ""), select.params(), |row| row.cell(0).as_text().to_owned());
        Ok(managed.map_err(StoreError::into_refusal)?.into_iter().collect())
    }

    /// The rule that makes a manager of the caller: it needs one who is signed in, and `""` is none.
    fn manage_rule<'c>(&self, collection: &'c Collection) -> Permit<'c> {
        match (&self.request.caller, collection.auth()) {
            (Caller::Superuser(_), _) => Permit::All,
            (Caller::Record(_), Some(options)) => Permit::Matching(options.manage_rule.as_deref().unwrap_or_default()),
            (Caller::Guest | Caller::Record(_), _) => Permit::Matching(""),
        }
    }

    fn reach(&self, collection: &Arc<Collection>, rule: &str, purpose: Purpose) -> Result<Reach, QueryError> {
        if rule.is_empty() {
            return Ok(Reach::whole(collection, self.dialect));
        }
        let compiled = self.compile(collection, Base::Table, &[Part::Rule(rule)], "", purpose)?;
        Ok(Reach::of(compiled, self.dialect))
    }

    fn matches_new(&self, conn: &dyn Conn, record: &Record, rule: &str) -> Result<bool> {
        if rule.is_empty() {
            return Ok(true);
        }
        let collection = record.collection();
        match self.compile(collection, Base::Record(record), &[Part::Rule(rule)], "", Purpose::One) {
            Ok(compiled) => has_match(conn, Select::of(compiled, self.dialect)),
            Err(error) => {
                log_broken_rule(collection, &error);
                Ok(false)
            }
        }
    }

    pub(super) fn compile(
        &self,
        collection: &Arc<Collection>,
        base: Base<'_>,
        parts: &[Part<'_>],
        sort: &str,
        purpose: Purpose,
    ) -> Result<Compiled, QueryError> {
        let scene = Scene { schema: self.schema, request: self.request, now: self.now, dialect: self.dialect };
        self.planner.compile(&Query { collection, base, parts, sort, purpose }, &scene)
    }
}

/// The text of the rule that is left to be asked; `""` when none is.
pub(super) fn rule_of(permit: Permit<'_>) -> &str {
    match permit {
        Permit::All => "",
        Permit::Matching(rule) => rule,
    }
}

pub(super) fn has_one(conn: &dyn Conn, reach: Reach, id: &str) -> Result<bool> {
    let select = reach.select.map(|mut select| {
        select.and_id(id);
        select
    });
    has_match(conn, select)
}

pub(super) fn has_match(conn: &dyn Conn, select: Option<Select>) -> Result<bool> {
    let Some(select) = select else { return Ok(false) };
    conn.has_row(&select.sql("1", " LIMIT 1"), select.params()).map_err(StoreError::into_refusal)
}

/// A stored rule that can't be resolved lets nobody in; whoever runs the server should know.
fn log_broken_rule(collection: &Collection, error: &QueryError) {
    tracing::warn!(collection = &*collection.name, %error, "an API rule can't be resolved and refuses everybody");
}
