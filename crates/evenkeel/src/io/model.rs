//! Models and states as the parts of a file, and back.
//!
//! The metadata of a file of ours is `{"format":1,"architecture":...}`.

use super::{Entry, Parts, Values, read, write};
use crate::error::{Error, Result};
use crate::nn::{Module, StateValue};
use crate::rng::Rng;
use crate::tensor::Float;
use crate::value::{Map, Value};

/// The version of what the metadata holds.
const FORMAT: u64 = 1;

/// A state as entries of a file, names prefixed.
pub(crate) fn entries_of_state<T: Float>(prefix: &str, state: Vec<(String, StateValue<T>)>) -> Vec<Entry<T>> {
    state
        .into_iter()
        .map(|(name, value)| {
            let name = [prefix, &name].concat();
            match value {
                StateValue::Tensor(data, shape) => Entry { name, shape, values: Values::Float(data) },
                StateValue::Integer(n) => Entry { name, shape: Vec::new(), values: Values::Integer(vec![n]) },
            }
        })
        .collect()
}

/// Entries whose name starts with `prefix`, as a state.
pub(crate) fn state_of_entries<T: Float>(prefix: &str, entries: &[Entry<T>]) -> Vec<(String, StateValue<T>)> {
    entries
        .iter()
        .filter_map(|e| {
            let name = e.name.strip_prefix(prefix)?.to_owned();
            let value = match &e.values {
                Values::Float(v) => StateValue::Tensor(v.clone(), e.shape.clone()),
                Values::Integer(v) if v.len() == 1 => StateValue::Integer(v[0]),
                Values::Integer(v) => StateValue::Tensor(v.iter().map(|&x| T::of(x as f64)).collect(), e.shape.clone()),
            };
            Some((name, value))
        })
        .collect()
}

/// Metadata of this version.
pub(crate) fn metadata() -> Map {
    let mut map = Map::default();
    map.insert("format", FORMAT as usize);
    map
}

/// A model as the parts of a file from which [`model_from_parts`] rebuilds it alone.
pub fn model_to_parts<T: Float>(model: &Module<T>) -> Result<Parts> {
    let mut metadata = metadata();
    metadata.insert("architecture", model.spec());
    write(entries_of_state("", model.state()), metadata)
}

/// Rebuilds a model, in eval mode.
pub fn model_from_parts<T: Float>(header: &Value, data: &[u8]) -> Result<Module<T>> {
    let entries = read::<T>(header, data)?;
    let metadata = &header["metadata"];
    check_format(metadata)?;
    if metadata["kind"].as_str() == Some("checkpoint") {
        return Err(Error::file("a checkpoint of a training, not a model: load it into a trainer built the same way"));
    }
    let architecture = &metadata["architecture"];
    if architecture.is_null() {
        return Err(Error::file("the file has values but no architecture; build the model and use loadState"));
    }
    check_size(architecture, &entries)?;
    let model = Module::from_spec(architecture, &mut Rng::new(0))?;
    model.load_state(&state_of_entries("", &entries), true)?;
    model.eval();
    Ok(model)
}

/// The state in a file, whoever wrote it.
pub fn state_from_parts<T: Float>(header: &Value, data: &[u8]) -> Result<Vec<(String, StateValue<T>)>> {
    Ok(state_of_entries("", &read::<T>(header, data)?))
}

/// A state alone as the parts of a file.
pub fn state_to_parts<T: Float>(state: &[(String, StateValue<T>)]) -> Result<Parts> {
    write(entries_of_state("", state.to_vec()), metadata())
}

pub(crate) fn check_format(metadata: &Value) -> Result<()> {
    match metadata["format"].as_u64() {
        Some(f) if f > FORMAT => Err(Error::file("written by a newer version").with("format", f as f64)),
        _ => Ok(()),
    }
}

/// A hostile file must not make us allocate more than it holds: the layers it describes cannot have more values than
/// the file.
fn check_size<T>(architecture: &Value, entries: &[Entry<T>]) -> Result<()> {
    fn values(spec: &Value, depth: usize) -> f64 {
        let n = |key: &str| spec[key].as_f64().unwrap_or(0.0);
        let own = n("in_features") * n("out_features") + n("features");
        let children = spec["children"].items();
        if depth > 64 {
            return f64::INFINITY;
        }
        own + children.iter().map(|c| values(c, depth + 1)).sum::<f64>()
    }
    let held: usize = entries.iter().map(|e| e.shape.iter().product::<usize>()).sum();
    // A batch norm without affine parameters or statistics holds no values, hence the slack.
    if values(architecture, 0) > held as f64 * 2.0 + 1e6 {
        return Err(Error::file("the architecture is larger than the file's values"));
    }
    Ok(())
}
