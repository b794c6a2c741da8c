//! Which fields of a collection's records a caller may read, and which of a body's keys it may set.

use crate::query::Caller;
use crate::schema::fields::Kind;
use crate::schema::{Collection, Field, Modifier};

/// The fields that a caller may read of a collection's records (contract/05 §3).
///
/// Invariant: what isn't shown here reaches no serialiser; the guarded e-mail only by [`FieldView::shows_email_of`].
#[derive(Clone, Debug)]
pub struct FieldView {
    /// By field position.
    shown: Box<[bool]>,
    /// The e-mail of an auth record is private until the record, its owner or a manager says otherwise.
    guard: Option<EmailGuard>,
}

/// Where the fields are that decide about a private e-mail.
#[derive(Clone, Copy, Debug)]
pub struct EmailGuard {
    pub id: usize,
    pub email: usize,
    pub email_visibility: usize,
}

impl FieldView {
    pub fn new(is_superuser: bool, collection: &Collection) -> Self {
        let is_shown = |field: &Field| !is_secret(collection, field) && (is_superuser || !field.hidden);
        let guard = if is_superuser || !collection.is_auth() { None } else { EmailGuard::new(collection) };
        Self { shown: collection.fields.iter().map(|field| is_shown(field)).collect(), guard }
    }

    /// Whether the field at this position may be read, of whatever record; a guarded e-mail may not.
    pub fn shows(&self, index: usize) -> bool {
        self.shown[index] && self.guard.is_none_or(|guard| guard.email != index)
    }

    /// The e-mail that only some records show; `None` if there is none to hide.
    pub fn guarded_email(&self) -> Option<EmailGuard> {
        self.guard.filter(|guard| self.shown[guard.email])
    }
}

impl EmailGuard {
    fn new(collection: &Collection) -> Option<Self> {
        Some(Self {
            id: collection.field_index("id")?,
            email: collection.field_index("email")?,
            email_visibility: collection.field_index("emailVisibility")?,
        })
    }
}

/// Whether the caller is the record with this id of `collection`.
pub fn is_own_record(caller: &Caller, collection: &Collection, id: &str) -> bool {
    caller.auth().is_some_and(|auth| auth.id() == id && auth.collection().id == collection.id)
}

/// What leaves the server for nobody, superusers included: the credentials of auth records, also through a view.
pub fn is_secret(collection: &Collection, field: &Field) -> bool {
    match (&field.kind, collection.type_name()) {
        (Kind::Password(_), "auth" | "view") => true,
        (Kind::Text(_), "auth") => field.name == "tokenKey",
        // A view's clone of a token key may have another name, but keeps the original's options (contract/02 §9): no
        // other field is a hidden system text that generates itself.
        (Kind::Text(text), "view") => field.hidden && field.system && !text.autogenerate_pattern.as_str().is_empty(),
        _ => false,
    }
}

/// Whether a caller may set a field by a body's key with this modifier: hidden fields are a superuser's, but for the
/// password of auth records (contract/05 §5).
pub fn may_set(is_superuser: bool, collection: &Collection, field: &Field, modifier: Option<Modifier>) -> bool {
    let is_password = collection.is_auth() && field.name == "password" && modifier.is_none();
    is_superuser || !field.hidden || is_password
}
