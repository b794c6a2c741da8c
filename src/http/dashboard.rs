//! What every answer under `/_/` carries, errors included (contract/14 §6).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};

/// The dashboard's map shows tiles of OpenStreetMap and asks it for places; its development server is on 127.0.0.1.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' http://127.0.0.1:* \
    https://tile.openstreetmap.org data: blob:; connect-src 'self' http://127.0.0.1:* \
    https://nominatim.openstreetmap.org; script-src 'self' http://127.0.0.1:*; frame-ancestors 'none'";
/// The page itself is asked for anew each time; what it names has the build's hash in its name.
const CACHED: &str = "max-age=1209600, stale-while-revalidate=86400";

/// Whether files under `/_/` may be kept by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DashboardCaching {
    On,
    /// While the dashboard itself is being worked on (`--dev`).
    Off,
}

/// Whether `path` belongs to the dashboard.
pub(super) fn is_part(path: &str) -> bool {
    path.starts_with("/_/")
}

/// The headers of an answer under `/_/`.
pub(super) fn headers(path: &str, caching: DashboardCaching) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let is_cached = path != "/_/" && caching == DashboardCaching::On;
    let policy = (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    let cached = is_cached.then(|| (CACHE_CONTROL, HeaderValue::from_static(CACHED)));
    std::iter::once(policy).chain(cached)
}
