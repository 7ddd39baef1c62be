//! Whole files: the parts with the header as JSON text, by `serde_json`.
//!
//! The file's own metadata has a single key, `evenkeel`, whose value is JSON text; a single key keeps the bytes of a file the
//! same from run to run.

use super::{Parts, model_from_parts, model_to_parts, state_from_parts, state_to_parts};
use crate::error::{Error, Result};
use crate::nn::{Module, StateValue};
use crate::tensor::Float;
use crate::value::{Map, Value};

const KEY: &str = "evenkeel";
const METADATA: &str = "__metadata__";

impl Parts {
    /// The file.
    pub fn pack(&self) -> Vec<u8> {
        let mut own = Map::default();
        own.insert(KEY, self.header["metadata"].to_string());
        let mut all = Map::default();
        all.insert(METADATA, own);
        for (name, tensor) in self.header["tensors"].entries() {
            all.insert(name, tensor.clone());
        }
        let mut header = Value::from(all).to_string().into_bytes();
        // The values begin at a multiple of 8.
        header.resize(header.len().next_multiple_of(8), b' ');
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }
}

/// A file's header and data, as the functions on parts take them. The metadata is null in files of other writers.
pub fn unpack(bytes: &[u8]) -> Result<(Value, &[u8])> {
    let bad = || Error::file("not a safetensors file, or cut short").with("bytes", bytes.len());
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| bad())?;
    let (text, data) = rest.split_at_checked(length).ok_or_else(bad)?;
    let text = core::str::from_utf8(text).map_err(|_| bad())?;
    let Value::Map(all) = text.parse::<Value>().map_err(|_| bad())? else { return Err(bad()) };
    let metadata = match all.get(METADATA).unwrap_or(&Value::Null)[KEY].as_str() {
        Some(text) => text.parse().map_err(|_| Error::file("the metadata is not JSON"))?,
        None => Value::Null,
    };
    let mut tensors = Map::default();
    for (name, tensor) in all.entries() {
        if name != METADATA {
            tensors.insert(name, tensor.clone());
        }
    }
    let mut header = Map::default();
    header.insert("metadata", metadata);
    header.insert("tensors", tensors);
    Ok((header.into(), data))
}

/// A model as one file that [`load_model`] rebuilds alone.
pub fn save_model<T: Float>(model: &Module<T>) -> Result<Vec<u8>> {
    Ok(model_to_parts(model)?.pack())
}

/// Rebuilds a model from its file, in eval mode.
pub fn load_model<T: Float>(bytes: &[u8]) -> Result<Module<T>> {
    let (header, data) = unpack(bytes)?;
    model_from_parts(&header, data)
}

/// The state in a file, whoever wrote it.
pub fn read_state<T: Float>(bytes: &[u8]) -> Result<Vec<(String, StateValue<T>)>> {
    let (header, data) = unpack(bytes)?;
    state_from_parts(&header, data)
}

/// A state alone as a file.
pub fn write_state<T: Float>(state: &[(String, StateValue<T>)]) -> Result<Vec<u8>> {
    Ok(state_to_parts(state)?.pack())
}
