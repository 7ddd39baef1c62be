//! evenkeel's core as WebAssembly: handles and conversions, no arithmetic.
//!
//! Names and enumerations here are for `ts/` alone, which gives them a shape for people. Settings, reports and errors cross as the bytes of
//! `evenkeel::value`; prose is made in TypeScript.
#![allow(missing_docs, reason = "the TypeScript API documents what people use")]

mod convert;
#[cfg(target_family = "wasm")]
mod heap;
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

/// The codes of the warnings since the last call.
#[wasm_bindgen(js_name = takeWarnings)]
pub fn take_warnings() -> Vec<String> {
    evenkeel::nn::take_warnings().iter().map(|w| w.code.to_owned()).collect()
}

/// Whether arithmetic on this host gives the bits it should: a small product, exponentials, a sum.
#[wasm_bindgen(js_name = selfTest)]
pub fn self_test() -> bool {
    evenkeel::self_test()
}
