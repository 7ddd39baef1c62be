//! The module-wide generator: initial weights and `rand` draw from it unless they bring a seed.

use core::cell::RefCell;
use evenkeel::Rng;
use wasm_bindgen::prelude::*;

thread_local! {
    static RNG: RefCell<Rng> = const { RefCell::new(Rng::new(0)) };
}

/// Calls `f` with the generator of this seed, or with the module-wide one if the seed is NaN.
pub fn with<R>(seed: f64, f: impl FnOnce(&mut Rng) -> R) -> R {
    if seed.is_nan() { RNG.with_borrow_mut(f) } else { f(&mut Rng::new(seed as u64)) }
}

/// Seeds the module-wide generator.
#[wasm_bindgen(js_name = manualSeed)]
pub fn manual_seed(seed: f64) {
    RNG.set(Rng::new(seed as u64));
}
