//! Functions that rules and filters need and SQLite lacks.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

/// Kilometres, of the sphere that `geoDistance` is defined on (contract/04 §6).
const EARTH_RADIUS_KM: f64 = 6371.0;

/// Adds the functions to a connection.
pub fn register(db: &Connection) -> Result<()> {
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    db.create_scalar_function(c"mb_geo_distance", 4, pure, geo_distance)
}

/// `mb_geo_distance(lonA, latA, lonB, latB)` in kilometres; NULL if an argument is no number.
fn geo_distance(context: &mut Context<'_>) -> Result<Option<f64>> {
    let mut degrees = [0.0; 4];
    for (index, slot) in degrees.iter_mut().enumerate() {
        *slot = match context.get_raw(index) {
            ValueRef::Integer(number) => number as f64,
            ValueRef::Real(number) => number,
            ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => return Ok(None),
        };
    }
    Ok(distance_km(degrees))
}

/// The great-circle distance of `[lonA, latA, lonB, latB]` in degrees; `None` when it isn't a number.
pub fn distance_km([lon_a, lat_a, lon_b, lat_b]: [f64; 4]) -> Option<f64> {
    let (lat_a, lat_b) = (lat_a.to_radians(), lat_b.to_radians());
    let cosine =
        lat_a.cos() * lat_b.cos() * (lon_b.to_radians() - lon_a.to_radians()).cos() + lat_a.sin() * lat_b.sin();
    // `acos` of what rounding pushed past 1 has no value, as in SQL.
    let distance = EARTH_RADIUS_KM * cosine.acos();
    (!distance.is_nan()).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_follows_the_formula_and_is_null_without_numbers() {
        let db = Connection::open_in_memory().unwrap();
        register(&db).unwrap();
        let ask = |sql: &str| db.query_row(&format!("SELECT {sql}"), [], |row| row.get::<_, Option<f64>>(0)).unwrap();
        let sofia_to_vienna = ask("mb_geo_distance(23.3219, 42.6977, 16.3738, 48.2082)").unwrap();
        assert!((sofia_to_vienna - 817.0).abs() < 1.0, "{sofia_to_vienna}");
        assert_eq!(ask("mb_geo_distance(1, 2, NULL, 4)"), None);
        assert_eq!(ask("mb_geo_distance(1, 2, '3', 4)"), None);
    }
}
