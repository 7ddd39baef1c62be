//! Walks over arrays whose numbers belong to channels, with constants of each channel: the shape of batch norm over
//! `[n, features]` and over images, of bias gradients, of any sum over rows.
//!
//! Sums keep the accumulators of sixteen columns in registers while rows pass, row after row: 128 rows of a matrix, or
//! the rows of sixteen into which 512 numbers of a plane fall. Then they are added to the result: the order is the same
//! wherever a column stands. Maps write, so they walk along the rows, a few side by side that share what is read of the
//! constants. What fills no step goes vector by vector; in maps the last vector may overlap the one before.

use crate::simd::{LANES, Lanes, Real};
use core::array::from_fn;

/// Rows per partial sum.
const CHUNK: usize = 128;
/// Numbers of a plane per partial sum.
const PLANE_CHUNK: usize = 512;
/// Vectors in a step.
const STEP: usize = 4;
/// Columns in a step.
const WIDE: usize = STEP * LANES;

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
    pub(super) fn planes(&self, mut f: impl FnMut(usize, core::ops::Range<usize>)) {
        for i in 0..self.n * self.channels {
            f(i % self.channels, i * self.length..(i + 1) * self.length);
        }
    }
}

/// A step's vectors from `at` on.
#[inline(always)]
fn vectors<T: Real>(x: &[T], at: usize) -> [T::V; STEP] {
    let x = x[at..at + WIDE].as_chunks::<LANES>().0;
    from_fn(|w| T::V::load(&x[w]))
}

/// A vector of each array from `at` on.
#[inline(always)]
fn vector<T: Real, const K: usize>(x: [&[T]; K], at: usize) -> [T::V; K] {
    x.map(|x| T::V::load(&x[at..at + LANES].as_chunks::<LANES>().0[0]))
}

/// One number of each array, in all lanes.
#[inline(always)]
fn number<T: Real, const K: usize>(x: [&[T]; K], at: usize) -> [T::V; K] {
    x.map(|x| T::V::splat(x[at]))
}

/// `count` vectors in memory from `at` on.
#[inline(always)]
fn line<T>(x: &[T], at: usize, count: usize) -> &[[T; LANES]] {
    &x[at..at + count * LANES].as_chunks::<LANES>().0[..count]
}

/// `out[s][j] (+)= Σ f(x₀, x₁, ..; c₀[j], ..)[s]` over all numbers of channel j.
#[inline(always)]
pub fn channel_sums<T: Real, const K: usize, const M: usize, const S: usize>(
    d: Layout,
    x: [&[T]; K],
    c: [&[T]; M],
    mut out: [&mut [T]; S],
    add: bool,
    f: impl Fn([T::V; K], [T::V; M]) -> [T::V; S],
) {
    let columns = d.channels;
    if !add {
        out.iter_mut().for_each(|o| o[..columns].fill(T::ZERO));
    }
    let planes = d.length > 1;
    // A matrix is taken by 128 rows, of which steps of columns are summed; images plane by plane, of which 512 numbers.
    let (blocks, width, step) = match planes {
        true => (d.n * columns, d.length, PLANE_CHUNK),
        false => (d.n.div_ceil(CHUNK), columns / WIDE * WIDE, WIDE),
    };
    for block in 0..blocks {
        let top = block * CHUNK;
        let rows = d.n.saturating_sub(top).min(CHUNK);
        let mut total = [T::ZERO; S];
        for j in (0..width).step_by(step) {
            let size = step.min(width - j);
            let (at, stride, rows, channel) = match planes {
                true => (block * width + j, WIDE, size / WIDE, block % columns),
                false => (top * columns + j, columns, rows, j),
            };
            let c: [[T::V; STEP]; M] = match planes {
                true => c.map(|c| [T::V::splat(c[channel]); STEP]),
                false => c.map(|c| vectors(c, channel)),
            };
            let mut sums = [[T::V::zero(); STEP]; S];
            for r in 0..rows {
                let x: [[T::V; STEP]; K] = x.map(|x| vectors(x, at + r * stride));
                for w in 0..STEP {
                    let t = f(x.map(|x| x[w]), c.map(|c| c[w]));
                    (0..S).for_each(|s| sums[s][w] += t[s]);
                }
            }
            if !planes {
                for (out, sums) in out.iter_mut().zip(sums) {
                    for (to, sum) in out[j..j + WIDE].as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
                        (T::V::load(to) + sum).store(to);
                    }
                }
                continue;
            }
            // What fills no step, and one by one what fills no vector: lanes that do not exist must not add anything.
            let (from, rest) = (at + rows * WIDE, size % WIDE);
            if rest > 0 {
                let (c, mut more) = (c.map(|c| c[0]), sums);
                for (i, at) in (from..).step_by(LANES).take(rest / LANES).enumerate() {
                    let t = f(vector(x, at), c);
                    (0..S).for_each(|s| more[s][i] += t[s]);
                }
                for i in rest / LANES * LANES..rest {
                    let t = f(number(x, from + i), c);
                    (0..S).for_each(|s| total[s] += t[s].first());
                }
                sums = more;
            }
            for (total, sums) in total.iter_mut().zip(sums) {
                *total += ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
            }
        }
        if planes {
            (0..S).for_each(|s| out[s][block % columns] += total[s]);
            continue;
        }
        let mut j = width;
        while j < columns {
            let lanes = if columns - j < LANES { 1 } else { LANES };
            let read = |x: &[T], at: usize| match lanes {
                1 => T::V::splat(x[at]),
                _ => T::V::load(&x[at..at + LANES].as_chunks::<LANES>().0[0]),
            };
            let c: [T::V; M] = c.map(|c| read(c, j));
            let mut sums = [T::V::zero(); S];
            for r in top..top + rows {
                let t = f(x.map(|x| read(x, r * columns + j)), c);
                (0..S).for_each(|s| sums[s] += t[s]);
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                out[j..j + lanes].iter_mut().zip(sum.to_array()).for_each(|(to, sum)| *to += sum);
            }
            j += lanes;
        }
    }
}

/// `y[r, j] = f(x₀[r, j], x₁[r, j], ..; c₀[j], ..)`; `ROWS` rows are walked side by side.
#[inline(always)]
pub fn map_columns<T: Real, const ROWS: usize, const K: usize, const M: usize>(
    columns: usize,
    x: [&[T]; K],
    c: [&[T]; M],
    y: &mut [T],
    f: impl Fn([T::V; K], [T::V; M]) -> T::V,
) {
    let rows = y.len().checked_div(columns).unwrap_or(0);
    let whole = rows / ROWS * ROWS;
    let steps = columns / LANES;
    for (group, y) in y.chunks_exact_mut((ROWS * columns).max(1)).enumerate() {
        let x: [[&[[T; LANES]]; ROWS]; K] = x.map(|x| from_fn(|i| line(x, (group * ROWS + i) * columns, steps)));
        let c: [&[[T; LANES]]; M] = c.map(|c| line(c, 0, steps));
        let mut rows = y.chunks_exact_mut(columns).map(|y| &mut y.as_chunks_mut::<LANES>().0[..steps]);
        let y: [&mut [[T; LANES]]; ROWS] = from_fn(|_| rows.next().unwrap_or_default());
        let y = y.map(|y| &mut y[..steps]);
        for j in 0..steps {
            let c: [T::V; M] = c.map(|c| T::V::load(&c[j]));
            for i in 0..ROWS {
                f(x.map(|x| T::V::load(&x[i][j])), c).store(&mut y[i][j]);
            }
        }
    }
    // Of all rows the columns that fill no vector, and the last rows.
    for r in if columns == steps * LANES { whole } else { 0 }..rows {
        let row = r * columns;
        for j in (if r < whole { steps * LANES } else { 0 }..columns).step_by(LANES) {
            if steps > 0 {
                let j = j.min(columns - LANES);
                let y = &mut y[row + j..row + j + LANES];
                f(vector(x, row + j), vector(c, j)).store(&mut y.as_chunks_mut::<LANES>().0[0]);
            } else {
                (0..columns).for_each(|j| y[row + j] = f(number(x, row + j), number(c, j)).first());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ragged_matrices_match_plain_loops() {
        for rows in [0, 1, 3, 4, 5, 127, 128, 131, 260] {
            for columns in [1, 2, 4, 5, 7, 255, 256, 257, 263] {
                let x: Vec<f64> = (0..rows * columns).map(|i| ((i * 37) % 101) as f64 - 50.0).collect();
                let c: Vec<f64> = (0..columns).map(|j| j as f64).collect();
                let (mut a, mut b) = (vec![7.0; columns], vec![7.0; columns]);
                let d = Layout { n: rows, channels: columns, length: 1 };
                channel_sums(d, [&x[..]], [&c[..]], [&mut a, &mut b], false, |[x], [c]| [x + c, x * x]);
                let mut y = vec![1.0; rows * columns];
                map_columns::<_, 4, 1, 1>(columns, [&x[..]], [&c[..]], &mut y, |[x], [c]| x * c);
                for j in 0..columns {
                    let column = || (0..rows).map(|r| x[r * columns + j]);
                    assert_eq!(a[j], column().map(|v| v + c[j]).sum::<f64>(), "{rows} {columns}");
                    assert_eq!(b[j], column().map(|v| v * v).sum::<f64>(), "{rows} {columns}");
                    (0..rows).for_each(|r| assert_eq!(y[r * columns + j], x[r * columns + j] * c[j]));
                }
            }
        }
    }
}
