//! JSON text, by the crate `serde_json`.

use super::{Map, Value};
use core::fmt;

/// From JSON text.
impl core::str::FromStr for Value {
    type Err = crate::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str::<serde_json::Value>(text)
            .map(Value::from)
            .map_err(|_| crate::Error::file("the text is not JSON"))
    }
}

/// As JSON text; NaN and infinities, which JSON lacks, as null.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde_json::Value::from(self).fmt(f)
    }
}

impl From<serde_json::Value> for Value {
    fn from(v: serde_json::Value) -> Self {
        match v {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(s) => Value::Text(s),
            serde_json::Value::Array(a) => Value::List(a.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(o) => Value::Map(Map(o.into_iter().map(|(k, v)| (k, v.into())).collect())),
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(v: &Value) -> Self {
        match v {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            // Whole numbers without a point.
            Value::Number(x) if *x as i64 as f64 == *x && x.abs() < 9_007_199_254_740_992.0 => (*x as i64).into(),
            Value::Number(x) => (*x).into(),
            Value::Text(s) => s.as_str().into(),
            Value::List(items) => items.iter().map(serde_json::Value::from).collect(),
            Value::Map(map) => serde_json::Value::Object(map.0.iter().map(|(k, v)| (k.clone(), v.into())).collect()),
        }
    }
}
