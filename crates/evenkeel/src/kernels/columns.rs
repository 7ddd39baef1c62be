//! Walks over row-major matrices with one set of constants a column: the shape of batch norm over `[n, features]`, of
//! bias gradients, of any sum over rows.
//!
//! Sums keep the accumulators of sixteen columns in registers while 128 rows pass, row after row, and then add them to
//! the result: the order is the same wherever a column stands. Maps write, so they walk along the rows, a few side by
//! side that share what is read of the constants. Columns that fill no step of sixteen go vector by vector.

use crate::simd::{LANES, Lanes, Real};
use core::array::from_fn;

/// Rows per partial sum.
const CHUNK: usize = 128;
/// Vectors in a step.
const STEP: usize = 4;

/// A step's vectors from `at` on.
#[inline(always)]
fn vectors<T: Real>(x: &[T], at: usize) -> [T::V; STEP] {
    let x = x[at..at + STEP * LANES].as_chunks::<LANES>().0;
    from_fn(|w| T::V::load(&x[w]))
}

/// `count` vectors in memory from `at` on.
#[inline(always)]
fn line<T>(x: &[T], at: usize, count: usize) -> &[[T; LANES]] {
    &x[at..at + count * LANES].as_chunks::<LANES>().0[..count]
}

/// Up to four numbers from `at` on.
#[inline(always)]
fn part<T: Real>(x: &[T], at: usize, n: usize) -> T::V {
    T::V::load_part(&x[at..at + n], T::ZERO)
}

/// `out[s][j] (+)= Σ_r f(x₀[r, j], x₁[r, j], ..; c₀[j], ..)[s]` for matrices `x` and constants `c` of `columns` columns.
#[inline(always)]
pub fn column_sums<T: Real, const K: usize, const M: usize, const S: usize>(
    rows: usize,
    columns: usize,
    x: [&[T]; K],
    c: [&[T]; M],
    mut out: [&mut [T]; S],
    add: bool,
    f: impl Fn([T::V; K], [T::V; M]) -> [T::V; S],
) {
    if !add {
        out.iter_mut().for_each(|o| o[..columns].fill(T::ZERO));
    }
    let steps = columns / (STEP * LANES) * (STEP * LANES);
    for top in (0..rows).step_by(CHUNK) {
        let rows = top..(top + CHUNK).min(rows);
        for j in (0..steps).step_by(STEP * LANES) {
            let c: [[T::V; STEP]; M] = c.map(|c| vectors(c, j));
            let mut sums = [[T::V::zero(); STEP]; S];
            for r in rows.clone() {
                let x: [[T::V; STEP]; K] = x.map(|x| vectors(x, r * columns + j));
                for w in 0..STEP {
                    let t = f(x.map(|x| x[w]), c.map(|c| c[w]));
                    (0..S).for_each(|s| sums[s][w] += t[s]);
                }
            }
            for (out, sums) in out.iter_mut().zip(sums) {
                for (to, sum) in out[j..j + STEP * LANES].as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
                    (T::V::load(to) + sum).store(to);
                }
            }
        }
        for j in (steps..columns).step_by(LANES) {
            let lanes = (columns - j).min(LANES);
            let c: [T::V; M] = c.map(|c| part(c, j, lanes));
            let mut sums = [T::V::zero(); S];
            for r in rows.clone() {
                let t = f(x.map(|x| part(x, r * columns + j, lanes)), c);
                (0..S).for_each(|s| sums[s] += t[s]);
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                let to = &mut out[j..j + lanes];
                (T::V::load_part(to, T::ZERO) + sum).store_part(to);
            }
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
    // The last rows, and of all rows the columns that fill no vector.
    for (rows, from) in [(0..whole, steps * LANES), (whole..rows, 0)] {
        for j in (from..columns).step_by(LANES) {
            let lanes = (columns - j).min(LANES);
            let c: [T::V; M] = c.map(|c| part(c, j, lanes));
            for r in rows.clone() {
                let at = r * columns + j;
                f(x.map(|x| part(x, at, lanes)), c).store_part(&mut y[at..at + lanes]);
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
                column_sums(rows, columns, [&x[..]], [&c[..]], [&mut a, &mut b], false, |[x], [c]| [x + c, x * x]);
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
