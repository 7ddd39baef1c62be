//! evenkeel's core as WebAssembly: handles and conversions, no arithmetic.
//!
//! Only numbers cross: numbers of objects (`table.rs`), and lengths of rows, which lie in memory (`rows.rs`). A function that
//! makes an object gives its number, one that may fail and makes none gives a truth; 0 is failure, and the error waits as
//! the answer. `rows: a, b` says which rows a function takes off the stage; their lengths are arguments.
//!
//! Names and enumerations here are for `ts/` alone, which gives them a shape for people. Settings, reports and errors
//! cross as the bytes of `evenkeel::value`; prose is made in TypeScript.
#![allow(missing_docs, reason = "the TypeScript API documents what people use")]

mod convert;
mod layer;
mod loss;
mod optim;
mod random;
mod rows;
mod state;
mod table;
mod tensor;
mod train;

use rows::{answer_value, note};
use wasm_bindgen::prelude::*;

/// Live and pooled bytes of tensors, as numbers.
#[wasm_bindgen(js_name = memoryUse)]
pub fn memory_use() {
    let m = evenkeel::tensor::memory();
    note(0, &[m.live as f64, m.pooled as f64]);
}

/// Gives pooled buffers back to the allocator.
#[wasm_bindgen]
pub fn trim() {
    evenkeel::tensor::trim();
}

/// Whether there were warnings since the last call; leaves their codes.
#[wasm_bindgen(js_name = takeWarnings)]
pub fn take_warnings() -> bool {
    let all = evenkeel::nn::take_warnings();
    !all.is_empty() && answer_value(all.iter().map(|w| w.code).collect::<Vec<_>>().into())
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
