//! Batch normalisation over `[n, channels, length]` (length 1 is `[n, features]`): statistics, normalise, backward.
//!
//! Statistics are shifted two-pass sums: the first pass takes s = x₀ + Σ(x − x₀)/n, the second Σ(x − s) and Σ(x − s)²
//! (Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983). The mean is kept as the pair s + δ,
//! because s alone is rounded to the grid of large values: x − s is exact where x is near s, so a mean of 10⁶ costs no
//! digits, and a constant channel has x − s = 0 and δ = 0 exactly.
//!
//! Everything is walked by rows; each pass reads its inputs once.

use super::reduce::{lanes_at, sum_map, sum_map2, sum_rows};
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
    let c = d.channels;
    let inv = T::ONE / T::of(d.count() as f64);
    if d.length == 1 {
        let first = &x[..c];
        sum_rows(d.n, c, shift, false, |r, j, k| [lanes_at::<T>(x, r * c + j, k) - lanes_at::<T>(first, j, k)]);
        for j in 0..c {
            shift[j] = first[j] + shift[j] * inv;
        }
        let (mut low, mut high) = (0, 0);
        // Two sums side by side want one output: walk in pieces that fit a small buffer.
        while low < c {
            high = (high + 64).min(c);
            let mut both = [T::ZERO; 128];
            let w = high - low;
            sum_rows(d.n, w, &mut both, false, |r, j, k| {
                let v = lanes_at::<T>(x, r * c + low + j, k) - lanes_at::<T>(shift, low + j, k);
                [v, v * v]
            });
            delta[low..high].copy_from_slice(&both[..w]);
            var[low..high].copy_from_slice(&both[w..2 * w]);
            low = high;
        }
    } else {
        shift.fill(T::ZERO);
        delta.fill(T::ZERO);
        var.fill(T::ZERO);
        d.planes(|j, at| {
            let first = T::V::splat(x[j * d.length]);
            shift[j] += sum_map(&x[at], |v| v - first);
        });
        for j in 0..c {
            shift[j] = x[j * d.length] + shift[j] * inv;
        }
        d.planes(|j, at| {
            let s = T::V::splat(shift[j]);
            delta[j] += sum_map(&x[at.clone()], |v| v - s);
            var[j] += sum_map(&x[at], |v| (v - s) * (v - s));
        });
    }
    for j in 0..c {
        delta[j] *= inv;
        var[j] = (var[j] * inv - delta[j] * delta[j]).max2(T::ZERO);
        if !delta[j].is_finite() {
            // Shifting an infinity gives NaN; its mean is infinite, as a plain sum has it. The variance stays NaN.
            (shift[j], delta[j]) = (plain_sum(x, d, j) * inv, T::ZERO);
        }
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
    let each = |x: T::V, s: T::V, a: T::V, b: T::V| {
        let y = (x - s) * a + b;
        y.max(low)
    };
    each_channel(d, y, |i, k, j| {
        let (s, a, b) = j.load::<T>(shift, scale, offset, k);
        each(lanes_at::<T>(x, i, k), s, a, b)
    });
}

/// Where a vector lies: its channel, and whether all lanes share it.
struct Channel {
    index: usize,
    shared: bool,
}

impl Channel {
    #[inline(always)]
    fn load<T: Real>(&self, a: &[T], b: &[T], c: &[T], k: usize) -> (T::V, T::V, T::V) {
        if self.shared {
            (T::V::splat(a[self.index]), T::V::splat(b[self.index]), T::V::splat(c[self.index]))
        } else {
            let at = |x: &[T]| lanes_at::<T>(x, self.index, k);
            (at(a), at(b), at(c))
        }
    }
}

/// Writes each vector of `y` as `f(position, lanes, channel)`.
#[inline(always)]
fn each_channel<T: Real>(d: Layout, y: &mut [T], f: impl Fn(usize, usize, Channel) -> T::V) {
    let shared = d.length > 1;
    let width = if shared { d.length } else { d.channels };
    for (r, row) in y.chunks_exact_mut(width.max(1)).enumerate() {
        let start = r * width;
        let channel = |j: usize| Channel { index: if shared { r % d.channels } else { j }, shared };
        let (full, rest) = row.as_chunks_mut::<LANES>();
        for (q, to) in full.iter_mut().enumerate() {
            f(start + q * LANES, LANES, channel(q * LANES)).store(to);
        }
        if !rest.is_empty() {
            let j = width - rest.len();
            f(start + j, rest.len(), channel(j)).store_part(rest);
        }
    }
}

/// The gradient that reaches the normalised value: dy, or 0 where a fused ReLU gave 0.
#[inline(always)]
fn masked<V: Lanes<T>, T: Real>(dy: V, y: Option<V>) -> V {
    match y {
        Some(y) => V::select(V::zero().lt(y), dy, V::zero()),
        None => dy,
    }
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
    let c = d.channels;
    if d.length == 1 {
        let mut low = 0;
        while low < c {
            let high = (low + 64).min(c);
            let w = high - low;
            let mut both = [T::ZERO; 128];
            sum_rows(d.n, w, &mut both, false, |r, j, k| {
                let i = r * c + low + j;
                let g = masked(lanes_at::<T>(dy, i, k), y.map(|y| lanes_at::<T>(y, i, k)));
                [g, g * (lanes_at::<T>(x, i, k) - lanes_at::<T>(shift, low + j, k))]
            });
            sum[low..high].copy_from_slice(&both[..w]);
            product[low..high].copy_from_slice(&both[w..2 * w]);
            low = high;
        }
    } else {
        sum.fill(T::ZERO);
        product.fill(T::ZERO);
        d.planes(|j, at| {
            let s = T::V::splat(shift[j]);
            let (x, dy) = (&x[at.clone()], &dy[at.clone()]);
            match y {
                None => {
                    sum[j] += sum_map(dy, |g| g);
                    product[j] += sum_map2(dy, x, |g, x| g * (x - s));
                }
                Some(y) => {
                    let y = &y[at];
                    sum[j] += sum_map2(dy, y, |g, y| masked(g, Some(y)));
                    let mut part = T::ZERO;
                    for i in (0..x.len()).step_by(LANES) {
                        let k = (x.len() - i).min(LANES);
                        let g = masked(lanes_at::<T>(dy, i, k), Some(lanes_at::<T>(y, i, k)));
                        let mut p = g * (lanes_at::<T>(x, i, k) - s);
                        if k < LANES {
                            p = T::V::load_part(&p.to_array()[..k], T::ZERO);
                        }
                        part += p.sum();
                    }
                    product[j] += part;
                }
            }
        });
    }
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
    let shared = d.length > 1;
    let width = if shared { d.length } else { d.channels };
    for (r, row) in dx.chunks_exact_mut(width.max(1)).enumerate() {
        for (q, to) in row.chunks_mut(LANES).enumerate() {
            let (j, k) = (q * LANES, to.len());
            let i = r * width + j;
            let channel = Channel { index: if shared { r % d.channels } else { j }, shared };
            let (a, b, c) = channel.load::<T>(a, b, c, k);
            let s = if shared { T::V::splat(shift[channel.index]) } else { lanes_at::<T>(shift, j, k) };
            let g = masked(lanes_at::<T>(dy, i, k), y.map(|y| lanes_at::<T>(y, i, k)));
            let mut v = a * g + (lanes_at::<T>(x, i, k) - s) * b + c;
            if add {
                v += T::V::load_part(to, T::ZERO);
            }
            v.store_part(to);
        }
    }
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
