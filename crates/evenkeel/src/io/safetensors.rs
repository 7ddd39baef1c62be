//! Safetensors, by the `safetensors` crate: an 8-byte length, a JSON header, the values little-endian.
//!
//! The metadata has a single key, `evenkeel`, whose value is JSON (`{"format":1,"architecture":...}`); a single key
//! keeps the bytes of a file the same from run to run. Values may be F64, F32, F16, BF16 (converted to the core's type)
//! and I64, I32 (scalars: counters; vectors: indices).

use crate::error::{Error, Result};
use crate::nn::{Module, StateValue};
use crate::rng::Rng;
use crate::tensor::Float;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView, serialize};
use serde_json::{Value, json};

/// The version of what the metadata holds.
const FORMAT: u64 = 1;
const KEY: &str = "evenkeel";

/// Values of one tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<T> {
    /// Floating point.
    Float(Vec<T>),
    /// Whole numbers.
    Integer(Vec<i64>),
}

/// One named tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<T> {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Values<T>,
}

/// Writes entries and metadata as one file. Floats are stored as F32.
pub fn write<T: Float>(entries: &[Entry<T>], metadata: &Value) -> Result<Vec<u8>> {
    let bytes: Vec<(Dtype, Vec<u8>)> = entries
        .iter()
        .map(|e| match &e.values {
            Values::Float(v) => (Dtype::F32, v.iter().flat_map(|x| (x.f64() as f32).to_le_bytes()).collect()),
            Values::Integer(v) => (Dtype::I64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        })
        .collect();
    let mut views = Vec::with_capacity(entries.len());
    for (e, (dtype, data)) in entries.iter().zip(&bytes) {
        let view = TensorView::new(*dtype, e.shape.clone(), data)
            .map_err(|_| Error::file("a tensor's values do not fill its shape").with("name", e.name.as_str()))?;
        views.push((e.name.as_str(), view));
    }
    let info = [(KEY.to_owned(), metadata.to_string())].into_iter().collect();
    serialize(views, Some(info)).map_err(|_| Error::file("the header would be too large"))
}

/// Reads all tensors and our metadata (null where a file has none). Anything malformed is [`BadFile`].
///
/// [`BadFile`]: crate::Code::BadFile
pub fn read<T: Float>(bytes: &[u8]) -> Result<(Vec<Entry<T>>, Value)> {
    let bad = |_| Error::file("not a safetensors file, or cut short").with("bytes", bytes.len());
    let (_, header): (_, Metadata) = SafeTensors::read_metadata(bytes).map_err(bad)?;
    let file = SafeTensors::deserialize(bytes).map_err(bad)?;
    let metadata = match header.metadata().as_ref().and_then(|m| m.get(KEY)) {
        Some(text) => serde_json::from_str(text).map_err(|_| Error::file("the metadata is not JSON"))?,
        None => Value::Null,
    };
    let mut entries = Vec::with_capacity(file.len());
    for (name, view) in file.tensors() {
        let values = decode(view.dtype(), view.data())
            .ok_or_else(|| Error::file("a type of number that is not read here").with("name", name.as_str()))?;
        entries.push(Entry { shape: view.shape().to_vec(), values, name });
    }
    // The crate lists tensors in hash order.
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((entries, metadata))
}

fn decode<T: Float>(dtype: Dtype, data: &[u8]) -> Option<Values<T>> {
    let floats = |width: usize, f: &dyn Fn(&[u8]) -> f64| {
        Some(Values::Float(data.chunks_exact(width).map(|b| T::of(f(b))).collect()))
    };
    match dtype {
        Dtype::F32 => floats(4, &|b| f32::from_le_bytes(four(b)) as f64),
        Dtype::F64 => floats(8, &|b| f64::from_le_bytes(eight(b))),
        Dtype::BF16 => floats(2, &|b| f32::from_le_bytes([0, 0, b[0], b[1]]) as f64),
        Dtype::F16 => floats(2, &|b| half(u16::from_le_bytes([b[0], b[1]]))),
        Dtype::I64 => Some(Values::Integer(data.chunks_exact(8).map(|b| i64::from_le_bytes(eight(b))).collect())),
        Dtype::I32 => Some(Values::Integer(data.chunks_exact(4).map(|b| i32::from_le_bytes(four(b)) as i64).collect())),
        _ => None,
    }
}

fn four(b: &[u8]) -> [u8; 4] {
    core::array::from_fn(|i| b[i])
}
fn eight(b: &[u8]) -> [u8; 8] {
    core::array::from_fn(|i| b[i])
}

/// IEEE half precision: 1 sign, 5 exponent, 10 fraction bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = ((bits >> 10) & 31, (bits & 1023) as f64);
    let power = |e: i32| f64::from_bits(((1023 + e) as u64) << 52);
    sign * match exponent {
        0 => fraction * power(-24),
        31 => {
            if fraction == 0.0 {
                f64::INFINITY
            } else {
                f64::NAN
            }
        }
        e => (1024.0 + fraction) * power(e as i32 - 25),
    }
}

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

/// A model as one file that [`load_model`] rebuilds alone.
pub fn save_model<T: Float>(model: &Module<T>) -> Result<Vec<u8>> {
    let metadata = json!({ "format": FORMAT, "architecture": model.spec() });
    write(&entries_of_state("", model.state()), &metadata)
}

/// Rebuilds a model from its file, in eval mode.
pub fn load_model<T: Float>(bytes: &[u8]) -> Result<Module<T>> {
    let (entries, metadata) = read::<T>(bytes)?;
    check_format(&metadata)?;
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
pub fn read_state<T: Float>(bytes: &[u8]) -> Result<Vec<(String, StateValue<T>)>> {
    Ok(state_of_entries("", &read::<T>(bytes)?.0))
}

/// A state alone as a file, with metadata of the caller's.
pub fn write_state<T: Float>(state: &[(String, StateValue<T>)], metadata: &Value) -> Result<Vec<u8>> {
    write(&entries_of_state("", state.to_vec()), metadata)
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
        let children = spec["children"].as_array().map_or(&[][..], Vec::as_slice);
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
