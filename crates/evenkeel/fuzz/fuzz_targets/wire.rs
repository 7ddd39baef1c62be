//! Bytes that a host sends as settings, whatever they are, are data or refused. What was data writes itself the same.
#![no_main]

use evenkeel::value::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(value) = Value::from_wire(bytes) {
        // Any byte string has one meaning at most, so what was read is what is written.
        assert_eq!(value.to_wire(), bytes);
    }
});
