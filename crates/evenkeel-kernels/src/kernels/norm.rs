//! Batch normalisation over `[n, channels, length]` (length 1 is `[n, features]`): statistics, normalise, backward.
//!
//! Statistics are shifted sums. One pass takes Σ(x − s) and Σ(x − s)² with s the mean of eight of the channel's values,
//! so that x − s is exact for values near it and a constant channel has δ = 0 and variance 0 exactly. The variance is
//! then Σ(x − s)²/n − δ² with δ = Σ(x − s)/n: where δ² is not small against it (the eight values lie far out), digits
//! would cancel, and that channel gets a second pass around its mean (Chan, Golub & LeVeque, "Algorithms for computing
//! the sample variance", 1983). The mean is kept as the pair s + δ, because s + δ itself is rounded to the grid of large
//! values: a mean of 10⁶ costs no digits.
//!
//! Everything is walked by rows; each pass reads its inputs once. What a channel gets depends on that channel alone.

pub use super::columns::Layout;
use super::columns::{channel_sums, map_columns};
use crate::simd::{Lanes, Real};

/// Rows of `[n, features]` that are written side by side.
const ROWS: usize = 4;

/// Values whose mean is the shift: a power of two, so that the mean of equal ones is exact.
const SAMPLES: usize = 8;

/// Shift s, rest δ (mean = s + δ) and biased variance of each channel.
pub fn statistics<T: Real>(x: &[T], d: Layout, shift: &mut [T], delta: &mut [T], var: &mut [T]) {
    if x.is_empty() {
        return;
    }
    // Spread over the batch and, in an image, from corner to corner.
    let samples: [&[T]; SAMPLES] =
        core::array::from_fn(|k| &x[k * d.n / SAMPLES * d.channels * d.length + k * d.length / SAMPLES..]);
    let eighth = T::ONE / T::of(SAMPLES as f64);
    for (j, s) in shift.iter_mut().enumerate() {
        let [a, b, c, d, e, f, g, h] = samples.map(|x| x[j * d.length] * eighth);
        *s = ((a + b) + (c + d)) + ((e + f) + (g + h));
    }
    moments(x, d, shift, delta, var);
    let (four, inv) = (T::of(4.0), T::ONE / T::of(d.count() as f64));
    for j in 0..d.channels {
        if !delta[j].is_finite() {
            // Shifting an infinity gives NaN; its mean is infinite, as a plain sum has it. The variance stays NaN.
            (shift[j], delta[j]) = (plain_sum(x, d, j) * inv, T::ZERO);
        } else if delta[j] * delta[j] > four * var[j] {
            shift[j] += delta[j];
            [delta[j], var[j]] = finish(one_channel(x, d, j, shift[j]), inv);
        }
    }
}

/// δ and variance from Σ(x − s) and Σ(x − s)².
#[inline(always)]
fn finish<T: Real>([sum, squares]: [T; 2], inv: T) -> [T; 2] {
    let delta = sum * inv;
    [delta, (squares * inv - delta * delta).max2(T::ZERO)]
}

/// x − s and its square.
#[inline(always)]
fn powers<T: Real>(x: T::V, s: T::V) -> [T::V; 2] {
    let v = x - s;
    [v, v * v]
}

/// δ and variance around this shift, in one pass.
fn moments<T: Real>(x: &[T], d: Layout, shift: &[T], delta: &mut [T], var: &mut [T]) {
    channel_sums(d, [x], [shift], [&mut *delta, &mut *var], false, |[x], [s]| powers::<T>(x, s));
    let inv = T::ONE / T::of(d.count() as f64);
    for (e, v) in delta.iter_mut().zip(var) {
        [*e, *v] = finish([*e, *v], inv);
    }
}

/// Σ(x − s) and Σ(x − s)² of one channel, for the rare ones whose shift was far out.
#[cold]
fn one_channel<T: Real>(x: &[T], d: Layout, channel: usize, s: T) -> [T; 2] {
    let mut total = [T::ZERO; 2];
    for top in (0..d.n).step_by(128) {
        let mut part = [T::ZERO; 2];
        for i in top..(top + 128).min(d.n) {
            let at = (i * d.channels + channel) * d.length;
            for &v in &x[at..at + d.length] {
                let v = v - s;
                part = [part[0] + v, part[1] + v * v];
            }
        }
        total = [total[0] + part[0], total[1] + part[1]];
    }
    total
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
        map_columns::<T, ROWS, 1, 3>(d.channels, [x], [shift, scale, offset], y, |[x], [s, a, b]| each(x, s, a, b));
    } else {
        d.planes(|j, at| {
            let [s, a, b] = [shift[j], scale[j], offset[j]].map(T::V::splat);
            map_plane([&x[at.clone()]], &mut y[at], |[x]| each(x, s, a, b));
        });
    }
}

/// The gradient that reaches the normalised value: dy, or 0 where a fused ReLU gave 0.
#[inline(always)]
fn masked<V: Lanes<T>, T: Real>(dy: V, y: V) -> V {
    V::keep(V::zero().lt(y), dy)
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
    let out = [sum, product];
    match y {
        None => channel_sums(d, [x, dy], [shift], out, false, |[x, g], [s]| terms(x, g, s)),
        Some(y) => channel_sums(d, [x, dy, y], [shift], out, false, |[x, g, y], [s]| terms(x, masked(g, y), s)),
    }
}

/// dx = a·g + (x − shift)·b + c per channel, with g as in [`backward_sums`].
#[allow(clippy::too_many_arguments)]
pub fn backward_input<T: Real>(
    x: &[T],
    dy: &[T],
    y: Option<&[T]>,
    d: Layout,
    shift: &[T],
    coefficients: [&[T]; 3],
    dx: &mut [T],
) {
    match y {
        None => input([x, dy], |v| v, d, shift, coefficients, dx),
        Some(y) => input([x, dy, y], |[x, g, y]| [x, masked(g, y)], d, shift, coefficients, dx),
    }
}

/// The body of [`backward_input`]; `read` gives x and g of what was loaded.
#[inline(always)]
fn input<T: Real, const K: usize>(
    from: [&[T]; K],
    read: impl Fn([T::V; K]) -> [T::V; 2],
    d: Layout,
    shift: &[T],
    [a, b, c]: [&[T]; 3],
    dx: &mut [T],
) {
    let each = |v: [T::V; K], [s, a, b, c]: [T::V; 4]| {
        let [x, g] = read(v);
        a * g + (x - s) * b + c
    };
    if d.length == 1 {
        return map_columns::<T, ROWS, K, 4>(d.channels, from, [shift, a, b, c], dx, each);
    }
    d.planes(|j, at| {
        let constants = [shift[j], a[j], b[j], c[j]].map(T::V::splat);
        map_plane(from.map(|x| &x[at.clone()]), &mut dx[at.clone()], |v| each(v, constants));
    });
}

/// `y = f(x₀, ..)` over slices of one length.
#[inline(always)]
fn map_plane<T: Real, const K: usize>(x: [&[T]; K], y: &mut [T], f: impl Fn([T::V; K]) -> T::V) {
    map_columns::<T, 1, K, 0>(y.len(), x, [], y, |x, []| f(x));
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

    #[test]
    fn a_channel_does_not_depend_on_its_neighbours() {
        for length in [1, 18] {
            let d = Layout { n: 300, channels: 21, length };
            let mut x = vec![0f32; d.count() * d.channels];
            crate::rng::Rng::new(1).fill_normal(&mut x, 1.0, 2.0);
            // Values far out in the eight that the shift is made of: this channel needs its second pass.
            x.iter_mut().step_by(d.channels * length).for_each(|v| *v = 1e-3 * *v - 7.0);
            (0..300).step_by(2).for_each(|i| x[i * d.channels * length] = 1e4);
            let alone = Layout { channels: 1, ..d };
            let mut all = [0, 1, 2].map(|_| vec![0f32; d.channels]);
            let [s, e, v] = &mut all;
            statistics(&x, d, s, e, v);
            for j in 0..d.channels {
                let own: Vec<f32> = x
                    .chunks(d.channels * length)
                    .flat_map(|image| image[j * length..(j + 1) * length].to_vec())
                    .collect();
                let mut one = [[0f32]; 3];
                let [s, e, v] = &mut one;
                statistics(&own, alone, s, e, v);
                assert_eq!(one.map(|[v]| v), [all[0][j], all[1][j], all[2][j]], "{j} of {d:?}");
            }
        }
    }
}
