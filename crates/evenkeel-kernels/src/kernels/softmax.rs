//! Softmax and log-softmax over the rows of a `[rows, n]` matrix, in the stable form (shifted by the row's maximum).

use super::binary::zip_assign;
use super::reduce::{sum_map, sum_map2};
use crate::simd::{LANES, Lanes, Real};

/// Largest value of a row.
pub fn row_max<T: Real>(x: &[T]) -> T {
    let (x4, rest) = x.as_chunks::<LANES>();
    let mut m = T::V::splat(-T::INFINITY);
    for v in x4 {
        m = T::V::load(v).max(m);
    }
    rest.iter().fold(m.max_lane(), |a, &b| b.max2(a))
}

/// y = e^(x−max) / Σ e^(x−max), or its logarithm (x − max) − ln Σ e^(x−max).
pub fn forward<T: Real>(x: &[T], n: usize, log: bool, y: &mut [T]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))) {
        let max = T::V::splat(row_max(x));
        zip_assign(y, x, |_, v| (v - max).exp());
        let sum = sum_map(y, |v| v);
        if log {
            let ln = T::V::splat(sum.lane(|s| s.ln()));
            zip_assign(y, x, |_, v| (v - max) - ln);
        } else {
            let scale = T::V::splat(T::ONE / sum);
            zip_assign(y, x, |e, _| e * scale);
        }
    }
}

/// ln Σ e^x of each row.
pub fn log_sum_exp<T: Real>(x: &[T], n: usize, y: &mut [T]) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y) {
        let max = row_max(x);
        // A maximum that is infinite or NaN is the answer itself (and would give NaN below).
        *y = if max.is_finite() {
            let m = T::V::splat(max);
            max + sum_map(x, |v| (v - m).exp()).lane(|s| s.ln())
        } else {
            max
        };
    }
}

/// Softmax: dx = y·(g − Σ g·y). Log-softmax: dx = g − e^y·Σ g.
pub fn backward<T: Real>(y: &[T], g: &[T], n: usize, log: bool, dx: &mut [T]) {
    for ((y, g), dx) in y.chunks_exact(n.max(1)).zip(g.chunks_exact(n.max(1))).zip(dx.chunks_exact_mut(n.max(1))) {
        let s = if log { sum_map(g, |v| v) } else { sum_map2(g, y, |a, b| a * b) };
        let s = T::V::splat(s);
        let each = |y: T::V, g: T::V| if log { g - y.exp() * s } else { y * (g - s) };
        let (d4, d_rest) = dx.as_chunks_mut::<LANES>();
        let (y4, y_rest) = y.as_chunks::<LANES>();
        let (g4, g_rest) = g.as_chunks::<LANES>();
        for ((d, y), g) in d4.iter_mut().zip(y4).zip(g4) {
            each(T::V::load(y), T::V::load(g)).store(d);
        }
        each(T::V::load_part(y_rest, T::ZERO), T::V::load_part(g_rest, T::ZERO)).store_part(d_rest);
    }
}
