//! Kernels, and what the machine can do at best, each as a [`Case`] that JavaScript times. Not shipped.

#![allow(missing_docs, reason = "classes and functions of JavaScript, described in bench/limits")]

mod kernels;
mod machine;

use wasm_bindgen::prelude::*;

/// Some work on buffers of its own.
#[wasm_bindgen]
pub struct Case(Box<dyn FnMut()>);

#[wasm_bindgen]
impl Case {
    /// Does it so many times.
    pub fn run(&mut self, times: u32) {
        for _ in 0..times {
            (self.0)();
        }
    }
}

fn case(work: impl FnMut() + 'static) -> Case {
    Case(Box::new(work))
}

/// Numbers in (-1, 1) without a pattern: neither zeros nor subnormal numbers, which would change the times.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; count];
    evenkeel::Rng::new(seed).fill_normal(&mut x, 0.0, 0.5);
    x
}
