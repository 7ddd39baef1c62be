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

/// Which build this is: 1 if its arithmetic is relaxed, plus 2 if it can have threads.
#[wasm_bindgen(js_name = buildKind)]
pub fn build_kind() -> u32 {
    u32::from(evenkeel::simd::RELAXED) + 2 * u32::from(cfg!(feature = "threads"))
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

/// How many threads work, the caller's among them.
#[wasm_bindgen(js_name = threadCount)]
pub fn thread_count() -> u32 {
    #[cfg(feature = "threads")]
    return evenkeel::threads::count() as u32;
    #[cfg(not(feature = "threads"))]
    1
}

/// Whether arithmetic on this host gives the bits it should: a small product, exponentials, a sum.
#[wasm_bindgen(js_name = selfTest)]
pub fn self_test() -> bool {
    evenkeel::self_test()
}
