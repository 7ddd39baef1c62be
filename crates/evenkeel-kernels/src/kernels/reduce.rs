//! Reductions over the middle of `[outer, n, inner]`: any run of axes of a row-major tensor has this form.
//!
//! Sums are taken in chunks whose partial sums are then added, in an order fixed by the shape alone: error grows with
//! the number of chunks instead of the number of elements, and every host gets the same bits.

use super::columns::{Layout, channel_sums};
use crate::simd::{LANES, Lanes, Real};

/// Elements (or rows) per partial sum.
const CHUNK: usize = 128;
/// Σ f(x) over a contiguous slice: four vector accumulators a chunk of 512.
#[inline(always)]
pub fn sum_map<T: Real>(x: &[T], f: impl Fn(T::V) -> T::V) -> T {
    sum_map2(x, x, |a, _| f(a))
}

/// Σ f(x, y) over two contiguous slices of one length, in the order of [`sum_map`].
#[inline(always)]
pub fn sum_map2<T: Real>(x: &[T], y: &[T], f: impl Fn(T::V, T::V) -> T::V) -> T {
    let mut total = Total::new();
    for (cx, cy) in x.chunks(4 * CHUNK).zip(y.chunks(4 * CHUNK)) {
        let (x16, x_rest) = cx.as_chunks::<16>();
        let (y16, y_rest) = cy.as_chunks::<16>();
        let mut acc = [T::V::zero(); 4];
        for (a, b) in x16.iter().zip(y16) {
            let (a, _) = a.as_chunks::<LANES>();
            let (b, _) = b.as_chunks::<LANES>();
            for i in 0..4 {
                acc[i] += f(T::V::load(&a[i]), T::V::load(&b[i]));
            }
        }
        let (x4, x_tail) = x_rest.as_chunks::<LANES>();
        let (y4, y_tail) = y_rest.as_chunks::<LANES>();
        for (i, (a, b)) in x4.iter().zip(y4).enumerate() {
            acc[i] += f(T::V::load(a), T::V::load(b));
        }
        let mut part = ((acc[0] + acc[1]) + (acc[2] + acc[3])).sum();
        for (a, b) in x_tail.iter().zip(y_tail) {
            part += f(T::V::splat(*a), T::V::splat(*b)).first();
        }
        total.add(part);
    }
    total.sum
}

/// A running sum of partial sums that keeps what rounding took away (Kahan, 1965).
struct Total<T> {
    sum: T,
    lost: T,
}

impl<T: Real> Total<T> {
    fn new() -> Self {
        Total { sum: T::ZERO, lost: T::ZERO }
    }
    #[inline(always)]
    fn add(&mut self, x: T) {
        let y = x - self.lost;
        let sum = self.sum + y;
        // An infinite sum stays infinite: its correction would be NaN.
        self.lost = if sum.is_finite() { (sum - self.sum) - y } else { T::ZERO };
        self.sum = sum;
    }
}

/// `y[o, i] = Σ x[o, :, i]`, added to `y` if `add`.
pub fn sum<T: Real>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T], add: bool) {
    for o in 0..outer {
        let x = &x[o * n * inner..(o + 1) * n * inner];
        let y = &mut y[o * inner..(o + 1) * inner];
        if inner == 1 {
            let s = sum_map(x, |v| v);
            y[0] = if add { y[0] + s } else { s };
        } else {
            let d = Layout { n, channels: inner, length: 1 };
            channel_sums(d, [x], [], [y], add, |[x], []| [x]);
        }
    }
}

/// The gradient of a sum: `dx[o, r, i] = g[o, i] · scale`.
pub fn spread<T: Real>(g: &[T], outer: usize, n: usize, inner: usize, scale: T, dx: &mut [T]) {
    for o in 0..outer {
        let g = &g[o * inner..(o + 1) * inner];
        let dx = &mut dx[o * n * inner..(o + 1) * n * inner];
        if inner == 1 {
            dx.fill(g[0] * scale);
        } else {
            let scale = T::V::splat(scale);
            for row in dx.chunks_exact_mut(inner.max(1)) {
                super::binary::zip_assign(row, g, |_, g| g * scale);
            }
        }
    }
}

/// Mean and Σ(x − mean)² over the middle axis, in two passes shifted by the first value: no cancellation.
pub fn moments<T: Real>(x: &[T], outer: usize, n: usize, inner: usize, mean: &mut [T], squares: &mut [T]) {
    let count = T::of(n as f64);
    for o in 0..outer {
        for i in 0..inner {
            let at = |r: usize| x[(o * n + r) * inner + i];
            let first = at(0);
            let mut sum = Chunked::new();
            (0..n).for_each(|r| sum.add(at(r) - first));
            let m = first + sum.total() / count;
            let (mut s1, mut s2) = (Chunked::new(), Chunked::new());
            for r in 0..n {
                let d = at(r) - m;
                s1.add(d);
                s2.add(d * d);
            }
            let rest = s1.total() / count;
            mean[o * inner + i] = m + rest;
            squares[o * inner + i] = (s2.total() - rest * rest * count).max2(T::ZERO);
        }
    }
}

/// A running sum in chunks.
struct Chunked<T> {
    total: Total<T>,
    part: T,
    n: usize,
}

impl<T: Real> Chunked<T> {
    fn new() -> Self {
        Chunked { total: Total::new(), part: T::ZERO, n: 0 }
    }
    #[inline(always)]
    fn add(&mut self, x: T) {
        self.part += x;
        self.n += 1;
        if self.n == CHUNK {
            self.total.add(self.part);
            self.part = T::ZERO;
            self.n = 0;
        }
    }
    fn total(&self) -> T {
        self.total.sum + self.part
    }
}

/// First index of the largest (or smallest) value along the middle axis, and the value; a NaN wins, as in PyTorch.
pub fn extreme<T: Real>(
    x: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    largest: bool,
    value: &mut [T],
    index: &mut [i32],
) {
    for o in 0..outer {
        for i in 0..inner {
            let mut best = x[o * n * inner + i];
            let mut at = 0;
            for r in 1..n {
                let v = x[(o * n + r) * inner + i];
                let better = if largest { v > best } else { v < best };
                #[allow(clippy::eq_op)]
                if (better || v != v) && best == best {
                    best = v;
                    at = r;
                }
            }
            value[o * inner + i] = best;
            index[o * inner + i] = at as i32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_match_a_plain_loop() {
        for (outer, n, inner) in [(1, 1, 1), (2, 5, 1), (3, 700, 1), (2, 300, 7), (1, 513, 261), (2, 3, 4), (1, 0, 3)] {
            let x: Vec<f64> = (0..outer * n * inner).map(|i| ((i * 37 % 101) as f64) - 50.0).collect();
            let mut y = vec![1.0; outer * inner];
            for add in [false, true] {
                y.fill(1.0);
                sum(&x, outer, n, inner, &mut y, add);
                for o in 0..outer {
                    for i in 0..inner {
                        let want: f64 = (0..n).map(|r| x[(o * n + r) * inner + i]).sum::<f64>() + add as i32 as f64;
                        assert_eq!(y[o * inner + i], want);
                    }
                }
            }
        }
    }

    #[test]
    fn long_sums_keep_their_digits() {
        let x = vec![0.1f32; 1_000_000];
        let mut y = [0.0];
        sum(&x, 1, x.len(), 1, &mut y, false);
        assert!((y[0] - 100_000.0).abs() < 0.1, "{}", y[0]);
        sum(&x, 1, x.len() / 2, 2, &mut [0.0, 0.0], false);
    }
}
