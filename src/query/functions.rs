//! The functions (contract/04 §6). A new one is a variant, its line in [`Function::parse`], its check, and its arms for
//! SQL and memory.

mod strftime;

use jiff::Timestamp;

use crate::store::{Dialect, Value};

use super::affinity::{parse_number, text_of};
use super::ast::{Operand, OperandKind};

/// Radius of the sphere that `geoDistance` measures on, km.
const EARTH_RADIUS_KM: f64 = 6371.0;

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Function {
    GeoDistance,
    Strftime,
}

impl Function {
    /// The function of this name; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "geoDistance" => Some(Self::GeoDistance),
            "strftime" => Some(Self::Strftime),
            _ => None,
        }
    }

    /// Whether its results are compared as JSON is: only NULL equals NULL.
    pub fn is_strict(self) -> bool {
        self == Self::GeoDistance
    }

    /// Whether a comparison with it holds if it holds for any values of its arguments, whatever the operator.
    pub fn is_any(self) -> bool {
        self == Self::GeoDistance
    }

    /// Whether the argument at `index` is a moment; the one behind the last argument given is then the current time.
    pub fn is_time(self, index: usize) -> bool {
        self == Self::Strftime && index == 1
    }

    /// Checks number, order and kinds of the arguments.
    pub fn check(self, arguments: &[Operand]) -> Result<(), String> {
        match self {
            Self::GeoDistance => check_geo_distance(arguments),
            Self::Strftime => check_strftime(arguments),
        }
    }

    /// The call as SQL.
    pub fn to_sql(self, dialect: &dyn Dialect, arguments: &[String]) -> String {
        match self {
            Self::GeoDistance => dialect.geo_distance(arguments),
            Self::Strftime => dialect.strftime(arguments),
        }
    }

    /// The call's value, as the engine would give it.
    pub fn value(self, arguments: &[Value], now: Timestamp) -> Value {
        match self {
            Self::GeoDistance => geo_distance(arguments).map_or(Value::Null, Value::Real),
            Self::Strftime => strftime_value(arguments, now).map_or(Value::Null, Value::from),
        }
    }
}

fn check_geo_distance(arguments: &[Operand]) -> Result<(), String> {
    if arguments.len() != 4 {
        return Err(format!("[geoDistance] expected 4 arguments, got {}", arguments.len()));
    }
    let is_fine = |argument: &Operand| matches!(argument.kind, OperandKind::Name(_) | OperandKind::Number(_));
    match arguments.iter().position(|argument| !is_fine(argument)) {
        Some(index) => Err(format!("[geoDistance] argument {} must be an identifier or number", index + 1)),
        None => Ok(()),
    }
}

fn check_strftime(arguments: &[Operand]) -> Result<(), String> {
    let Some((format, rest)) = arguments.split_first() else {
        return Err("[strftime] expected at least 1 argument, got 0".to_owned());
    };
    if arguments.len() > 10 {
        return Err(format!("[strftime] expected at most 10 arguments, got {}", arguments.len()));
    }
    let is_text = |argument: &Operand| matches!(argument.kind, OperandKind::Text(_));
    if !is_text(format) {
        return Err("[strftime] the format argument must be a text literal".to_owned());
    }
    let Some((time, modifiers)) = rest.split_first() else { return Ok(()) };
    if matches!(time.kind, OperandKind::Call(_)) {
        return Err("[strftime] the time argument must be an identifier, number or text".to_owned());
    }
    if !modifiers.iter().all(is_text) {
        return Err("[strftime] modifiers must be text literals".to_owned());
    }
    Ok(())
}

fn geo_distance(arguments: &[Value]) -> Option<f64> {
    let [lon_a, lat_a, lon_b, lat_b] = arguments else { return None };
    let angle = |value: &Value| match numeric(value)? {
        Value::Int(degrees) => Some(radians(degrees as f64)),
        Value::Real(degrees) => Some(radians(degrees)),
        Value::Null | Value::Text(_) | Value::Blob(_) => None,
    };
    let (lon_a, lat_a, lon_b, lat_b) = (angle(lon_a)?, angle(lat_a)?, angle(lon_b)?, angle(lat_b)?);
    let cosine = lat_a.cos() * lat_b.cos() * (lon_b - lon_a).cos() + lat_a.sin() * lat_b.sin();
    let distance = EARTH_RADIUS_KM * cosine.acos();
    (!distance.is_nan()).then_some(distance)
}

/// A number, or the number that a text is.
fn numeric(value: &Value) -> Option<Value> {
    match value {
        Value::Text(text) => parse_number(text),
        other => Some(other.clone()),
    }
}

/// Degrees to radians with the rounding of the engine's `radians()`.
fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

fn strftime_value(arguments: &[Value], now: Timestamp) -> Option<String> {
    let (format, rest) = arguments.split_first()?;
    let (time, modifiers) = rest.split_first()?;
    let modifiers: Vec<String> = modifiers.iter().filter_map(text_of).collect();
    let modifiers: Vec<&str> = modifiers.iter().map(String::as_str).collect();
    strftime::strftime(&text_of(format)?, time, &modifiers, now)
}
