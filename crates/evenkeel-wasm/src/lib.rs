//! evenkeel's core as WebAssembly: handles and conversions, no arithmetic.
//!
//! Names and enumerations here are for `ts/` alone, which gives them a shape for people. Settings, reports and errors
//! cross as the bytes of `evenkeel::value`; prose is made in TypeScript.
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

/// The codes of the warnings since the last call.
#[wasm_bindgen(js_name = takeWarnings)]
pub fn take_warnings() -> Vec<String> {
    evenkeel::nn::take_warnings().iter().map(|w| w.code.to_owned()).collect()
}

/// Whether this build's arithmetic is relaxed.
#[wasm_bindgen(js_name = isRelaxed)]
pub fn is_relaxed() -> bool {
    evenkeel::simd::RELAXED
}

/// The life of a worker: takes part in the core's work until the worker is ended. Only in the build with threads.
#[wasm_bindgen(js_name = workerMain)]
pub fn worker_main() {
    #[cfg(feature = "threads")]
    evenkeel::threads::serve();
}

/// Called in a worker whose `workerMain` has trapped: whoever waits for it gives up.
#[wasm_bindgen(js_name = workerFailed)]
pub fn worker_failed() {
    #[cfg(feature = "threads")]
    evenkeel::threads::worker_failed();
}

/// Whether arithmetic on this host gives the bits it should: a small product, exponentials, a sum.
#[wasm_bindgen(js_name = selfTest)]
pub fn self_test() -> bool {
    evenkeel::self_test()
}
