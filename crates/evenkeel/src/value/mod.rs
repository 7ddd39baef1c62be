//! Settings as data: what descriptions of layers, reports and the headers of files are made of.
//!
//! The model is JSON's. Its text is read and written here only where the crate `serde_json` is wanted (the feature `json`,
//! on by default); a host that has JSON of its own, as JavaScript does, sends and takes [bytes](Value::to_wire) instead.

#[cfg(feature = "json")]
mod json;
mod wire;

use core::ops::Index;

/// Deepest nesting that is read, from text or bytes: a hostile file must not exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 128;

/// A value as JSON has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing; also what a missing key gives.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// Text.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Map(Map),
}

/// Values by name, in the order in which they were put in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

impl Map {
    /// Puts one in; the name must be new.
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) {
        self.push(key.to_owned(), value.into());
    }
    fn push(&mut self, key: String, value: Value) {
        self.0.push((key, value));
    }
    /// The value of this name.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    /// All of them.
    pub fn entries(&self) -> &[(String, Value)] {
        &self.0
    }
}

impl Value {
    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(x) => Some(*x),
            _ => None,
        }
    }
    /// The number, if it is whole, not negative and below 2⁵³.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(x) if *x >= 0.0 && *x < 9_007_199_254_740_992.0 && *x as u64 as f64 == *x => Some(*x as u64),
            _ => None,
        }
    }
    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(s) => Some(s),
            _ => None,
        }
    }
    /// The values of a list; empty for anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }
    /// The values of a map with their names; empty for anything else.
    pub fn entries(&self) -> &[(String, Value)] {
        match self {
            Value::Map(map) => &map.0,
            _ => &[],
        }
    }
    /// The numbers of a list; what is none is left out.
    pub fn numbers(&self) -> Vec<f64> {
        self.items().iter().filter_map(Value::as_f64).collect()
    }
    /// The value of this name, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }
    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// The value of this name; null where there is none, or no map.
impl Index<&str> for Value {
    type Output = Value;
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

/// The value at this place; null where there is none, or no list.
impl Index<usize> for Value {
    type Output = Value;
    fn index(&self, i: usize) -> &Value {
        self.items().get(i).unwrap_or(&Value::Null)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}
impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Value::Number(x)
    }
}
impl From<usize> for Value {
    fn from(x: usize) -> Self {
        Value::Number(x as f64)
    }
}
impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::Text(s.to_owned())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::Text(s)
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}
impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(v: Option<V>) -> Self {
        v.map_or(Value::Null, V::into)
    }
}
impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(v: Vec<V>) -> Self {
        Value::List(v.into_iter().map(V::into).collect())
    }
}
