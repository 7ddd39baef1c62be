//! Values as bytes, for hosts that read and write JSON themselves. One byte says what follows, all little-endian: 0 null,
//! 1 false, 2 true, 3 a number (f64), 4 a text (u32 bytes, UTF-8), 5 a list (u32 values), 6 a map (u32 times text and value).

use super::{MAX_DEPTH, Map, Value};

impl Value {
    /// As bytes.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(0),
            Value::Bool(b) => out.push(1 + u8::from(*b)),
            Value::Number(x) => {
                out.push(3);
                out.extend_from_slice(&x.to_le_bytes());
            }
            Value::Text(s) => {
                out.push(4);
                write_text(s, out);
            }
            Value::List(items) => {
                out.push(5);
                write_count(items.len(), out);
                items.iter().for_each(|v| v.write(out));
            }
            Value::Map(map) => {
                out.push(6);
                write_count(map.0.len(), out);
                for (k, v) in &map.0 {
                    write_text(k, out);
                    v.write(out);
                }
            }
        }
    }

    /// From bytes; `None` if they are malformed, nested too deeply, or go on afterwards.
    pub fn from_wire(bytes: &[u8]) -> Option<Value> {
        let mut rest = bytes;
        let value = read(&mut rest, 0)?;
        rest.is_empty().then_some(value)
    }
}

fn write_count(n: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n as u32).to_le_bytes());
}

fn write_text(s: &str, out: &mut Vec<u8>) {
    write_count(s.len(), out);
    out.extend_from_slice(s.as_bytes());
}

fn read(from: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match *from.split_off_first()? {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Number(f64::from_le_bytes(*from.split_off(..8)?.first_chunk()?)),
        4 => Value::Text(read_text(from)?),
        5 => {
            // Grows as it is read: a count alone must not make us allocate.
            let mut items = Vec::new();
            for _ in 0..read_count(from)? {
                items.push(read(from, depth + 1)?);
            }
            Value::List(items)
        }
        6 => {
            let mut map = Map::default();
            for _ in 0..read_count(from)? {
                let key = read_text(from)?;
                map.push(key, read(from, depth + 1)?);
            }
            Value::Map(map)
        }
        _ => return None,
    })
}

fn read_count(from: &mut &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(*from.split_off(..4)?.first_chunk()?) as usize)
}

fn read_text(from: &mut &[u8]) -> Option<String> {
    let n = read_count(from)?;
    Some(core::str::from_utf8(from.split_off(..n)?).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_filter("NaN is unlike itself", |x| !x.is_nan()).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::vec((".{0,4}", inner), 0..5).prop_map(|e| Value::Map(Map(e))),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_survive(v in values()) {
            prop_assert_eq!(Value::from_wire(&v.to_wire()), Some(v));
        }
        #[test]
        fn cut_short_or_too_long_is_refused(v in values(), cut in any::<prop::sample::Index>()) {
            let mut bytes = v.to_wire();
            prop_assert_eq!(Value::from_wire(&bytes[..cut.index(bytes.len())]), None);
            bytes.push(0);
            prop_assert_eq!(Value::from_wire(&bytes), None);
        }
        #[test]
        fn garbage_is_no_panic(bytes in prop::collection::vec(0u8..8, 0..40)) {
            let _ = Value::from_wire(&bytes);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut bytes = [5, 1, 0, 0, 0].repeat(MAX_DEPTH + 1);
        bytes.push(0);
        assert_eq!(Value::from_wire(&bytes), None);
        assert!(Value::from_wire(&bytes[5..]).is_some());
    }
}
