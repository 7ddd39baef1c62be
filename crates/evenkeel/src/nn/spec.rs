//! Descriptions of layers: what files carry and what the TypeScript API sends.
//!
//! A spec is an object with `type`, the layer's own settings in snake case, and `children` for layers made of layers:
//! `{"type":"sequential","children":[{"type":"linear","in_features":4,"out_features":2,"bias":true}]}`.

use super::{Activation, BatchNorm, Dropout, FeatureNorm, Flatten, Linear, Module, Parallel, Residual, Sequential};
use crate::error::{Code, Error, Result};
use crate::init::{Init, Mode, Nonlinearity};
use crate::rng::Rng;
use crate::tensor::Float;
use crate::value::{Map, Value};

/// Deepest nesting that is read: a hostile file must not exhaust the stack.
const MAX_DEPTH: usize = 64;

/// A whole number that must be there.
pub(super) fn number(spec: &Value, key: &'static str) -> Result<usize> {
    match spec[key].as_u64() {
        // No dimension of a real layer is larger, and their products stay addressable on 32-bit hosts.
        Some(n) if n <= 1 << 28 => Ok(n as usize),
        _ => Err(Error::argument(key, "a whole number", shown(&spec[key]))),
    }
}

/// A number that may be missing or null.
pub(super) fn optional(spec: &Value, key: &'static str) -> Result<Option<f64>> {
    match &spec[key] {
        Value::Null => Ok(None),
        v => match v.as_f64() {
            Some(x) => Ok(Some(x)),
            None => Err(Error::argument(key, "a number", shown(v))),
        },
    }
}

/// Which of these names a text is; nothing where it is missing.
pub(super) fn choice(spec: &Value, key: &'static str, names: &[&str], expected: &str) -> Result<Option<usize>> {
    let Some(given) = spec[key].as_str() else { return Ok(None) };
    match names.iter().position(|name| *name == given) {
        None => Err(Error::argument(key, expected, given)),
        found => Ok(found),
    }
}

/// What stood where something else was expected, for an error.
fn shown(v: &Value) -> &str {
    match v {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "another number",
        Value::Text(s) => s,
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
    }
}

/// An initialisation: its name, or an object with `name`, `values` (its numbers in order), `mode`, `nonlinearity`.
pub(super) fn init(v: &Value) -> Result<Init> {
    let name = v.as_str().or_else(|| v["name"].as_str()).unwrap_or("");
    let mode = Mode::from_name(v["mode"].as_str().unwrap_or("fan_in"));
    // PyTorch's default for kaiming_*.
    let nonlinearity = Nonlinearity::from_name(v["nonlinearity"].as_str().unwrap_or("leaky_relu"));
    mode.zip(nonlinearity)
        .and_then(|(mode, nonlinearity)| Init::from_name(name, &v["values"].numbers(), mode, nonlinearity))
        .ok_or_else(|| Error::argument("init", "the name of an initialisation", name))
}

impl<T: Float> Module<T> {
    /// The description from which [`from_spec`](Self::from_spec) builds the same layers anew.
    pub fn spec(&self) -> Value {
        let mut map = Map::default();
        map.insert("type", self.layer().kind());
        self.layer().describe(&mut map);
        let children = self.layer().children();
        if !children.is_empty() {
            map.insert("children", children.iter().map(|(_, m)| m.spec()).collect::<Vec<_>>());
        }
        map.into()
    }

    /// Builds layers from their description; initial values come from `rng`.
    pub fn from_spec(spec: &Value, rng: &mut Rng) -> Result<Self> {
        Self::build(spec, rng, 0)
    }

    /// The same from JSON text.
    #[cfg(feature = "json")]
    pub fn from_json(json: &str, rng: &mut Rng) -> Result<Self> {
        Self::from_spec(&json.parse()?, rng)
    }

    fn build(spec: &Value, rng: &mut Rng, depth: usize) -> Result<Self> {
        if depth > MAX_DEPTH {
            return Err(Error::file("the architecture is nested too deeply"));
        }
        let children = spec["children"].items();
        let mut nested = || children.iter().map(|c| Self::build(c, rng, depth + 1)).collect::<Result<Vec<Self>>>();
        Ok(match spec["type"].as_str().unwrap_or("") {
            "sequential" => Sequential::new(nested()?).into(),
            "residual" => {
                let mut body = nested()?;
                match (body.pop(), body.is_empty()) {
                    (Some(b), true) => Residual::new(b).into(),
                    _ => return Err(Error::argument("children", "one body", children.len())),
                }
            }
            "parallel" => Parallel::new(nested()?, Parallel::<T>::join_of(spec)?)?.into(),
            "linear" => Linear::from_spec(spec, rng)?.into(),
            "batch_norm" => BatchNorm::from_spec(spec)?.into(),
            "feature_norm" => FeatureNorm::from_spec(spec)?.into(),
            "dropout" => Dropout::from_spec(spec, rng)?.into(),
            "flatten" => Flatten::from_spec(spec)?.into(),
            other => match Activation::from_spec(spec)? {
                Some(a) => a.into(),
                None => return Err(Error::new(Code::UnknownLayer).with("given", other)),
            },
        })
    }
}
