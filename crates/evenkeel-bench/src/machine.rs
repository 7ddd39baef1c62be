//! What nothing can beat: the register tile on panels in the first cache, copies, one pass over memory.

use crate::{Case, case, numbers};
use core::hint::black_box;
use evenkeel::kernels::gemm;
use evenkeel::simd::{LANES, Lanes, Real};
use wasm_bindgen::prelude::*;

type V = <f32 as Real>::V;

/// The register tile alone, on packed panels of this length: `2 * 4 * 8 * k` operations.
#[wasm_bindgen]
pub fn tile(k: usize) -> Case {
    let (a, b, mut c) = (numbers(4 * k, 1), numbers(8 * k, 2), numbers(32, 3));
    case(move || {
        gemm::bare_tile(&a, &b, &mut c);
        black_box(&mut c);
    })
}

/// `memory.copy` of so many numbers.
#[wasm_bindgen]
pub fn copy(count: usize) -> Case {
    let (x, mut y) = (numbers(count, 1), numbers(count, 2));
    case(move || {
        y.copy_from_slice(&x);
        black_box(&mut y);
    })
}

/// A copy through vector registers: the fastest loop that a kernel can be.
#[wasm_bindgen(js_name = copyLoop)]
pub fn copy_loop(count: usize) -> Case {
    let (x, mut y) = (numbers(count, 1), numbers(count, 2));
    case(move || {
        let x = black_box(&x[..]).as_chunks::<LANES>().0;
        for (x, y) in x.iter().zip(y.as_chunks_mut::<LANES>().0) {
            // An operation, or it would be compiled to `memory.copy`.
            (V::load(x) + V::load(x)).store(y);
        }
        black_box(&mut y);
    })
}

/// Reads so many numbers once, into four vectors of sums.
#[wasm_bindgen]
pub fn read(count: usize) -> Case {
    let x = numbers(count, 1);
    case(move || {
        let mut sums = [V::zero(); 4];
        for x in black_box(&x[..]).as_chunks::<16>().0 {
            for (sum, x) in sums.iter_mut().zip(x.as_chunks::<LANES>().0) {
                *sum += V::load(x);
            }
        }
        black_box(sums.map(V::to_array));
    })
}

/// One pass over parameters, gradients and `slots` state arrays of so many numbers: reads all, writes all but the
/// gradients, with one addition each.
#[wasm_bindgen]
pub fn pass(count: usize, slots: usize) -> Case {
    let g = numbers(count, 1);
    let mut p = numbers(count, 2);
    let mut state: Vec<Vec<f32>> = (0..slots).map(|i| numbers(count, 3 + i as u64)).collect();
    case(move || {
        let g = black_box(&g[..]).as_chunks::<LANES>().0;
        let p4 = &mut p.as_chunks_mut::<LANES>().0[..g.len()];
        match &mut state[..] {
            [] => {
                for (p, g) in p4.iter_mut().zip(g) {
                    (V::load(p) + V::load(g)).store(p);
                }
            }
            [m] => {
                let m = &mut m.as_chunks_mut::<LANES>().0[..g.len()];
                for ((p, m), g) in p4.iter_mut().zip(m).zip(g) {
                    let g = V::load(g);
                    (V::load(m) + g).store(m);
                    (V::load(p) + g).store(p);
                }
            }
            [m, v, ..] => {
                let m = &mut m.as_chunks_mut::<LANES>().0[..g.len()];
                let v = &mut v.as_chunks_mut::<LANES>().0[..g.len()];
                for (((p, m), v), g) in p4.iter_mut().zip(m).zip(v).zip(g) {
                    let g = V::load(g);
                    (V::load(m) + g).store(m);
                    (V::load(v) + g).store(v);
                    (V::load(p) + g).store(p);
                }
            }
        }
        black_box((&mut p, &mut state));
    })
}

/// One root and one quotient for each of so many numbers: what Adam cannot do without, and a processor does slowly.
#[wasm_bindgen(js_name = rootAndQuotient)]
pub fn root_and_quotient(count: usize) -> Case {
    let (x, mut y) = (vec![0.5; count], numbers(count, 2));
    case(move || {
        let x = black_box(&x[..]).as_chunks::<LANES>().0;
        for (x, y) in x.iter().zip(y.as_chunks_mut::<LANES>().0) {
            (V::load(x) / V::load(x).sqrt()).store(y);
        }
        black_box(&mut y);
    })
}
