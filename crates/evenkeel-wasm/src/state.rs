//! A model's state on its way in or out.

use crate::convert::{Js, js, pack, parse};
use evenkeel::io;
use evenkeel::nn::StateValue;
use wasm_bindgen::prelude::*;

/// Named values.
#[wasm_bindgen]
pub struct CoreState(pub(crate) Vec<(String, StateValue<f32>)>);

#[wasm_bindgen]
impl CoreState {
    #[wasm_bindgen(constructor)]
    pub fn new() -> CoreState {
        CoreState(Vec::new())
    }
    #[wasm_bindgen(js_name = fromParts)]
    pub fn from_parts(header: &[u8], data: &[u8]) -> Js<CoreState> {
        io::state_from_parts(&parse(header)?, data).map(CoreState).map_err(js)
    }
    /// The state as the parts of a file.
    #[wasm_bindgen(js_name = toParts)]
    pub fn to_parts(&self) -> Js<Vec<u8>> {
        pack(io::state_to_parts(&self.0))
    }
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(n, _)| n.clone()).collect()
    }
    /// Shape of entry `i`; `undefined` for an integer.
    pub fn shape(&self, i: usize) -> Option<Vec<usize>> {
        match &self.0[i].1 {
            StateValue::Tensor(_, shape) => Some(shape.clone()),
            StateValue::Integer(_) => None,
        }
    }
    pub fn data(&self, i: usize) -> Vec<f32> {
        match &self.0[i].1 {
            StateValue::Tensor(data, _) => data.clone(),
            StateValue::Integer(_) => Vec::new(),
        }
    }
    pub fn integer(&self, i: usize) -> f64 {
        match &self.0[i].1 {
            StateValue::Integer(n) => *n as f64,
            StateValue::Tensor(..) => f64::NAN,
        }
    }
    pub fn push(&mut self, name: String, data: Vec<f32>, shape: Vec<usize>) {
        self.0.push((name, StateValue::Tensor(data, shape)));
    }
    #[wasm_bindgen(js_name = pushInteger)]
    pub fn push_integer(&mut self, name: String, value: f64) {
        self.0.push((name, StateValue::Integer(value as i64)));
    }
}
