//! evenkeel's core as WebAssembly: handles and conversions, no arithmetic.
//!
//! Names and enumerations here are for `ts/` alone, which gives them a shape for people. An error crosses as a JSON text
//! `{"code":..,"layer":..,"data":{..}}`; prose is made in TypeScript.
#![allow(missing_docs, reason = "the TypeScript API documents what people use")]

mod convert;
mod layer;
mod loss;
mod optim;
mod random;
mod state;
mod tensor;
mod train;

use wasm_bindgen::prelude::*;

/// Live and pooled bytes of tensors.
#[wasm_bindgen(js_name = memoryUse)]
pub fn memory_use() -> Vec<u32> {
    let m = evenkeel::tensor::memory();
    vec![m.live as u32, m.pooled as u32]
}

/// Gives pooled buffers back to the allocator.
#[wasm_bindgen]
pub fn trim() {
    evenkeel::tensor::trim();
}

/// The warnings since the last call, as JSON `[[code, value], ..]`; empty text if none.
#[wasm_bindgen(js_name = takeWarnings)]
pub fn take_warnings() -> Option<String> {
    let all = evenkeel::nn::take_warnings();
    if all.is_empty() {
        return None;
    }
    let list: Vec<serde_json::Value> = all.iter().map(|w| serde_json::json!([w.code, w.value])).collect();
    Some(serde_json::Value::from(list).to_string())
}

/// Whether arithmetic on this host gives the bits it should: a small product, exponentials, a sum.
#[wasm_bindgen(js_name = selfTest)]
pub fn self_test() -> bool {
    evenkeel::self_test()
}
