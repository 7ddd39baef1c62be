//! Batch normalisation over `[n, channels, length]` (length 1 is `[n, features]`): statistics, normalise, backward.
//!
//! Statistics are shifted sums. One pass takes Σ(x − s) and Σ(x − s)² with the channel's first value as s, so that
//! x − s is exact for values near it and a constant channel has δ = 0 and variance 0 exactly. The variance is then
//! Σ(x − s)²/n − δ² with δ = Σ(x − s)/n: where δ² is not small against it (the first value lies far out), digits would
//! cancel, and a second pass is made around the mean (Chan, Golub & LeVeque, "Algorithms for computing the sample
//! variance", 1983). The mean is kept as the pair s + δ, because s + δ itself is rounded to the grid of large values: a
//! mean of 10⁶ costs no digits.
//!
//! Everything is walked by rows; each pass reads its inputs once.

use super::columns::{column_sums, map_columns};
use crate::simd::{LANES, Lanes, Real};

/// How a tensor is laid out for normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Batch size.
    pub n: usize,
    /// Channels: what is normalised separately.
    pub channels: usize,
    /// Positions of a channel that lie side by side (1 for `[n, features]`, H·W for images).
    pub length: usize,
}

impl Layout {
    /// Values that share one mean.
    pub fn count(&self) -> usize {
        self.n * self.length
    }
    /// Calls `f(channel, range)` for each contiguous run of one channel (only used for length > 1).
    #[inline(always)]
    fn planes(&self, mut f: impl FnMut(usize, core::ops::Range<usize>)) {
        for i in 0..self.n * self.channels {
            f(i % self.channels, i * self.length..(i + 1) * self.length);
        }
    }
}

/// Shift s, rest δ (mean = s + δ) and biased variance of each channel.
pub fn statistics<T: Real>(x: &[T], d: Layout, shift: &mut [T], delta: &mut [T], var: &mut [T]) {
    for (j, s) in shift.iter_mut().enumerate() {
        *s = x[j * d.length];
    }
    moments(x, d, shift, delta, var);
    let four = T::of(4.0);
    if (0..d.channels).any(|j| delta[j] * delta[j] > four * var[j]) {
        for (s, e) in shift.iter_mut().zip(delta.iter()) {
            *s += *e;
        }
        moments(x, d, shift, delta, var);
    }
    let inv = T::ONE / T::of(d.count() as f64);
    for j in 0..d.channels {
        if !delta[j].is_finite() {
            // Shifting an infinity gives NaN; its mean is infinite, as a plain sum has it. The variance stays NaN.
            (shift[j], delta[j]) = (plain_sum(x, d, j) * inv, T::ZERO);
        }
    }
}

/// δ and variance around this shift, in one pass.
fn moments<T: Real>(x: &[T], d: Layout, shift: &[T], delta: &mut [T], var: &mut [T]) {
    if d.length == 1 {
        column_sums(d.n, d.channels, [x], [shift], [delta, var], false, |[x], [s]| {
            let v = x - s;
            [v, v * v]
        });
    } else {
        delta.fill(T::ZERO);
        var.fill(T::ZERO);
        d.planes(|j, at| {
            let s = T::V::splat(shift[j]);
            let [sum, squares] = plane_sums([&x[at]], |[x]| {
                let v = x - s;
                [v, v * v]
            });
            delta[j] += sum;
            var[j] += squares;
        });
    }
    let inv = T::ONE / T::of(d.count() as f64);
    for (e, v) in delta.iter_mut().zip(var) {
        *e *= inv;
        *v = (*v * inv - *e * *e).max2(T::ZERO);
    }
}

/// Σ x of one channel, number by number.
fn plain_sum<T: Real>(x: &[T], d: Layout, channel: usize) -> T {
    (0..d.n).fold(T::ZERO, |sum, i| {
        let at = (i * d.channels + channel) * d.length;
        x[at..at + d.length].iter().fold(sum, |sum, &v| sum + v)
    })
}

/// y = (x − shift)·scale + offset per channel, then max(y, 0) if `relu`.
pub fn normalize<T: Real>(x: &[T], d: Layout, shift: &[T], scale: &[T], offset: &[T], relu: bool, y: &mut [T]) {
    let low = T::V::splat(if relu { T::ZERO } else { -T::INFINITY });
    let each = |x: T::V, s: T::V, a: T::V, b: T::V| ((x - s) * a + b).max(low);
    if d.length == 1 {
        map_columns(d.channels, [x], [shift, scale, offset], y, |_, [x], [s, a, b]| each(x, s, a, b));
    } else {
        d.planes(|j, at| {
            let [s, a, b] = [shift[j], scale[j], offset[j]].map(T::V::splat);
            map_plane([&x[at.clone()]], &mut y[at], |_, [x]| each(x, s, a, b));
        });
    }
}

/// The gradient that reaches the normalised value: dy, or 0 where a fused ReLU gave 0.
#[inline(always)]
fn masked<V: Lanes<T>, T: Real>(dy: V, y: V) -> V {
    V::select(V::zero().lt(y), dy, V::zero())
}

/// Σ g and Σ g·(x − shift) per channel, where g is dy (masked by y > 0 when `y` is given: a fused ReLU).
pub fn backward_sums<T: Real>(
    x: &[T],
    dy: &[T],
    y: Option<&[T]>,
    d: Layout,
    shift: &[T],
    sum: &mut [T],
    product: &mut [T],
) {
    let terms = |x: T::V, g: T::V, s: T::V| [g, g * (x - s)];
    if d.length == 1 {
        let out = [&mut *sum, &mut *product];
        match y {
            None => column_sums(d.n, d.channels, [x, dy], [shift], out, false, |[x, g], [s]| terms(x, g, s)),
            Some(y) => column_sums(d.n, d.channels, [x, dy, y], [shift], out, false, |[x, g, y], [s]| {
                terms(x, masked(g, y), s)
            }),
        }
        return;
    }
    sum.fill(T::ZERO);
    product.fill(T::ZERO);
    d.planes(|j, at| {
        let s = T::V::splat(shift[j]);
        let (x, dy) = (&x[at.clone()], &dy[at.clone()]);
        let [a, b] = match y {
            None => plane_sums([x, dy], |[x, g]| terms(x, g, s)),
            Some(y) => plane_sums([x, dy, &y[at]], |[x, g, y]| terms(x, masked(g, y), s)),
        };
        sum[j] += a;
        product[j] += b;
    });
}

/// dx (+)= a·g + (x − shift)·b + c per channel, with g as in [`backward_sums`].
#[allow(clippy::too_many_arguments)]
pub fn backward_input<T: Real>(
    x: &[T],
    dy: &[T],
    y: Option<&[T]>,
    d: Layout,
    shift: &[T],
    coefficients: [&[T]; 3],
    dx: &mut [T],
    add: bool,
) {
    let [a, b, c] = coefficients;
    let each = |old: T::V, x: T::V, g: T::V, s: T::V, a: T::V, b: T::V, c: T::V| {
        let v = a * g + (x - s) * b + c;
        if add { old + v } else { v }
    };
    if d.length == 1 {
        let constants = [shift, a, b, c];
        match y {
            None => {
                map_columns(d.channels, [x, dy], constants, dx, |old, [x, g], [s, a, b, c]| each(old, x, g, s, a, b, c))
            }
            Some(y) => map_columns(d.channels, [x, dy, y], constants, dx, |old, [x, g, y], [s, a, b, c]| {
                each(old, x, masked(g, y), s, a, b, c)
            }),
        }
        return;
    }
    d.planes(|j, at| {
        let [s, a, b, c] = [shift[j], a[j], b[j], c[j]].map(T::V::splat);
        let (x, dy, to) = (&x[at.clone()], &dy[at.clone()], &mut dx[at.clone()]);
        match y {
            None => map_plane([x, dy], to, |old, [x, g]| each(old, x, g, s, a, b, c)),
            Some(y) => map_plane([x, dy, &y[at]], to, |old, [x, g, y]| each(old, x, masked(g, y), s, a, b, c)),
        }
    });
}

/// Σ f over slices of one length, two sums at once: two vectors a step, partial sums of 512.
#[inline(always)]
fn plane_sums<T: Real, const K: usize>(x: [&[T]; K], f: impl Fn([T::V; K]) -> [T::V; 2]) -> [T; 2] {
    const STEP: usize = 512;
    let n = x[0].len();
    let mut total = [T::ZERO; 2];
    for top in (0..n).step_by(STEP) {
        let len = (n - top).min(STEP);
        let nv = len / LANES;
        let v: [&[[T; LANES]]; K] = core::array::from_fn(|k| &x[k][top..top + len].as_chunks::<LANES>().0[..nv]);
        let mut acc = [[T::V::zero(); 2]; 2];
        for j in 0..nv {
            let t = f(core::array::from_fn(|k| T::V::load(&v[k][j])));
            for s in 0..2 {
                acc[j % 2][s] += t[s];
            }
        }
        let done = top + nv * LANES;
        // Numbers that fill no vector, one by one: lanes that do not exist must not add anything.
        for i in done..top + len {
            let t = f(x.map(|x| T::V::splat(x[i])));
            for s in 0..2 {
                total[s] += t[s].first();
            }
        }
        for s in 0..2 {
            total[s] += (acc[0][s] + acc[1][s]).sum();
        }
    }
    total
}

/// `y = f(y, x₀, ..)` over slices of one length.
#[inline(always)]
fn map_plane<T: Real, const K: usize>(x: [&[T]; K], y: &mut [T], f: impl Fn(T::V, [T::V; K]) -> T::V) {
    map_columns(y.len(), x, [], y, |y, x, []| f(y, x));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: mean and variance by the book, in f64.
    fn plain(x: &[f64], d: Layout, j: usize) -> (f64, f64) {
        let of_channel = || (0..x.len()).filter(move |i| (i / d.length) % d.channels == j).map(|i| x[i]);
        let n = d.count() as f64;
        let mean = of_channel().sum::<f64>() / n;
        (mean, of_channel().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
    }

    #[test]
    fn statistics_match_the_definition_on_ragged_layouts() {
        for (n, channels, length) in
            [(1, 3, 2), (2, 1, 1), (5, 7, 1), (300, 5, 1), (3, 130, 1), (4, 3, 5), (2, 5, 600), (130, 2, 3)]
        {
            let d = Layout { n, channels, length };
            let x: Vec<f64> = (0..n * channels * length).map(|i| 1e6 + ((i * 31) % 17) as f64 * 0.25).collect();
            let x32: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let mut s = vec![0f32; channels * 3];
            let (shift, rest) = s.split_at_mut(channels);
            let (delta, var) = rest.split_at_mut(channels);
            statistics(&x32, d, shift, delta, var);
            for j in 0..channels {
                let (mean, v) = plain(&x, d, j);
                assert!((shift[j] as f64 + delta[j] as f64 - mean).abs() < 1e-5, "{d:?}");
                assert!((var[j] as f64 - v).abs() <= 1e-5 * v + 1e-9, "{d:?} {} {v}", var[j]);
            }
        }
    }

    #[test]
    fn constants_are_exact() {
        for value in [1e10f32, 0.1, -3.3e7] {
            let x = vec![value; 100_000];
            let (mut s, mut e, mut v) = ([0.0], [1.0], [1.0]);
            statistics(&x, Layout { n: x.len(), channels: 1, length: 1 }, &mut s, &mut e, &mut v);
            assert_eq!((s[0], e[0], v[0]), (value, 0.0, 0.0));
            statistics(&x, Layout { n: 10, channels: 1, length: 10_000 }, &mut s, &mut e, &mut v);
            assert_eq!((s[0], e[0], v[0]), (value, 0.0, 0.0));
        }
    }
}
