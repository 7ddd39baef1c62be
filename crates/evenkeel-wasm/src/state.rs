//! A model's state on its way in or out.

use crate::convert::{answered, pack, parse};
use crate::rows::{answer_value, rows};
use crate::table::{give, made, shared, state};
use evenkeel::io;
use evenkeel::nn::StateValue;
use evenkeel::value::Value;
use wasm_bindgen::prelude::*;

/// Without values yet.
#[wasm_bindgen(js_name = makeState)]
pub fn make_state() -> u32 {
    give(shared(Vec::new()))
}
/// From a file. Rows: header, data.
#[wasm_bindgen(js_name = stateFromParts)]
pub fn state_from_parts(header: usize, data: usize) -> u32 {
    let rows = rows();
    made(parse(rows.next(header)).and_then(|h| io::state_from_parts(&h, rows.next(data))).map(shared))
}
/// The state as the parts of a file.
#[wasm_bindgen(js_name = stateToParts)]
pub fn state_to_parts(s: u32) -> bool {
    answered(pack(io::state_to_parts(&state(s).borrow())))
}
/// Leaves each entry's name and shape, or the number that it is.
#[wasm_bindgen(js_name = stateEntries)]
pub fn state_entries(s: u32) -> bool {
    let entry = |(name, value): &(String, StateValue<f32>)| {
        let what = match value {
            StateValue::Tensor(_, shape) => shape.clone().into(),
            StateValue::Integer(n) => Value::from(*n as f64),
        };
        Value::from(vec![name.as_str().into(), what])
    };
    answer_value(Value::from(state(s).borrow().iter().map(entry).collect::<Vec<_>>()))
}
/// Where the values of entry `i` lie; 0 for a number.
#[wasm_bindgen(js_name = stateAddress)]
pub fn state_address(s: u32, i: usize) -> *const f32 {
    match &state(s).borrow()[i].1 {
        StateValue::Tensor(data, _) => data.as_ptr(),
        StateValue::Integer(_) => core::ptr::null(),
    }
}
/// Adds values. Rows: name, values, shape.
#[wasm_bindgen(js_name = statePush)]
pub fn state_push(s: u32, name: usize, len: usize, rank: usize) {
    let rows = rows();
    let (name, data) = (rows.text(name), rows.next(len).to_vec());
    state(s).borrow_mut().push((name, StateValue::Tensor(data, rows.next(rank).to_vec())));
}
/// Adds a number. Rows: name.
#[wasm_bindgen(js_name = statePushInteger)]
pub fn state_push_integer(s: u32, name: usize, value: f64) {
    let name = rows().text(name);
    state(s).borrow_mut().push((name, StateValue::Integer(value as i64)));
}
