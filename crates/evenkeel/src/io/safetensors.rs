//! Safetensors, the format: an 8-byte length, a JSON header, the values little-endian. The header tells each tensor's type,
//! shape and place; the places must cover the data without gaps or overlaps
//! (<https://github.com/huggingface/safetensors>).
//!
//! Read are F64, F32, F16, BF16 (converted to the core's type) and I64, I32 (scalars: counters; vectors: indices);
//! written are F32 and I64.

use crate::error::{Error, Result};
use crate::tensor::Float;
use crate::value::{Map, Value};

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

/// A file in its two parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// `metadata`: what the writer says of the file; `tensors`: the entries of the file's header.
    pub header: Value,
    /// The values.
    pub data: Vec<u8>,
}

/// Entries and metadata as the parts of a file. Floats are stored as F32.
///
/// Whole numbers go first, so that all values stay aligned; of one type the names are in order.
pub fn write<T: Float>(mut entries: Vec<Entry<T>>, metadata: impl Into<Value>) -> Result<Parts> {
    let kind = |e: &Entry<T>| matches!(e.values, Values::Float(_));
    entries.sort_unstable_by(|a, b| kind(a).cmp(&kind(b)).then_with(|| a.name.cmp(&b.name)));
    let mut data = Vec::new();
    let mut tensors = Map::default();
    for e in &entries {
        let start = data.len();
        let (dtype, len) = match &e.values {
            Values::Float(v) => {
                v.iter().for_each(|x| data.extend_from_slice(&(x.f64() as f32).to_le_bytes()));
                ("F32", v.len())
            }
            Values::Integer(v) => {
                v.iter().for_each(|x| data.extend_from_slice(&x.to_le_bytes()));
                ("I64", v.len())
            }
        };
        if e.shape.iter().product::<usize>() != len {
            return Err(Error::file("a tensor's values do not fill its shape").with("name", e.name.as_str()));
        }
        let mut tensor = Map::default();
        tensor.insert("dtype", dtype);
        tensor.insert("shape", e.shape.clone());
        tensor.insert("data_offsets", vec![start, data.len()]);
        tensors.insert(&e.name, tensor);
    }
    let mut header = Map::default();
    header.insert("metadata", metadata);
    header.insert("tensors", tensors);
    Ok(Parts { header: header.into(), data })
}

/// All tensors, by name in order. Anything malformed is [`BadFile`](crate::Code::BadFile).
pub fn read<T: Float>(header: &Value, data: &[u8]) -> Result<Vec<Entry<T>>> {
    let bad = || Error::file("not a safetensors file, or cut short").with("bytes", data.len());
    let mut entries = Vec::new();
    let mut places = Vec::new();
    for (name, tensor) in header["tensors"].entries() {
        let (size, decode) = number_type(tensor["dtype"].as_str().ok_or_else(bad)?)
            .ok_or_else(|| Error::file("a type of number that is not read here").with("name", name.as_str()))?;
        let shape = dims(&tensor["shape"]).ok_or_else(bad)?;
        let [start, end] = dims(&tensor["data_offsets"]).ok_or_else(bad)?[..] else { return Err(bad()) };
        let bytes = data.get(start..end).ok_or_else(bad)?;
        let filled = shape.iter().try_fold(size, |n, &d| n.checked_mul(d)) == Some(bytes.len());
        if !filled {
            return Err(bad());
        }
        places.push((start, end));
        entries.push(Entry { name: name.clone(), shape, values: decode(bytes) });
    }
    places.sort_unstable();
    let covered = places.iter().try_fold(0, |at, &(start, end)| (start == at).then_some(end));
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if covered != Some(data.len()) || entries.windows(2).any(|pair| pair[0].name == pair[1].name) {
        return Err(bad());
    }
    Ok(entries)
}

/// A list of whole numbers.
fn dims(v: &Value) -> Option<Vec<usize>> {
    let Value::List(items) = v else { return None };
    items.iter().map(|v| v.as_u64().and_then(|n| usize::try_from(n).ok())).collect()
}

/// How the numbers of a tensor are read.
type Decode<T> = fn(&[u8]) -> Values<T>;

/// Bytes of a number of this type, and how such numbers are read.
fn number_type<T: Float>(dtype: &str) -> Option<(usize, Decode<T>)> {
    Some(match dtype {
        "F64" => (8, |data| floats(data, f64::from_le_bytes)),
        "F32" => (4, |data| floats(data, |b| f32::from_le_bytes(b) as f64)),
        "BF16" => (2, |data| floats(data, |[low, high]| f32::from_le_bytes([0, 0, low, high]) as f64)),
        "F16" => (2, |data| floats(data, |b| half(u16::from_le_bytes(b)))),
        "I64" => (8, |data| integers(data, i64::from_le_bytes)),
        "I32" => (4, |data| integers(data, |b| i32::from_le_bytes(b) as i64)),
        _ => return None,
    })
}

fn floats<T: Float, const N: usize>(data: &[u8], number: fn([u8; N]) -> f64) -> Values<T> {
    Values::Float(data.as_chunks().0.iter().map(|&b| T::of(number(b))).collect())
}

fn integers<T, const N: usize>(data: &[u8], number: fn([u8; N]) -> i64) -> Values<T> {
    Values::Integer(data.as_chunks().0.iter().map(|&b| number(b)).collect())
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
