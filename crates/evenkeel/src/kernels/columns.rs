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

/// A step's numbers.
type Wide<T> = [[T; LANES]; STEP];

/// The whole steps of `n` numbers from `at` on.
#[inline(always)]
fn wide<T>(x: &[T], at: usize, n: usize) -> &[Wide<T>] {
    &x[at..at + n].as_chunks::<LANES>().0.as_chunks::<STEP>().0[..n / (STEP * LANES)]
}
/// The same to write.
#[inline(always)]
fn wide_mut<T>(x: &mut [T], at: usize, n: usize) -> &mut [Wide<T>] {
    &mut x[at..at + n].as_chunks_mut::<LANES>().0.as_chunks_mut::<STEP>().0[..n / (STEP * LANES)]
}

/// A step's vectors from `at` on.
#[inline(always)]
fn vectors<T: Real>(x: &[T], at: usize) -> [T::V; STEP] {
    let x = x[at..at + STEP * LANES].as_chunks::<LANES>().0;
    from_fn(|w| T::V::load(&x[w]))
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
                for (to, sum) in wide_mut(out, j, STEP * LANES)[0].iter_mut().zip(sums) {
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

/// `y[r, j] = f(x₀[r, j], x₁[r, j], ..; c₀[j], ..)`, or `+=` where `ADD`; `ROWS` rows are walked side by side.
#[inline(always)]
pub fn map_columns<T: Real, const ROWS: usize, const ADD: bool, const K: usize, const M: usize>(
    columns: usize,
    x: [&[T]; K],
    c: [&[T]; M],
    y: &mut [T],
    f: impl Fn([T::V; K], [T::V; M]) -> T::V,
) {
    let f = |old: T::V, x: [T::V; K], c: [T::V; M]| if ADD { old + f(x, c) } else { f(x, c) };
    let rows = y.len().checked_div(columns).unwrap_or(0);
    let whole = rows / ROWS * ROWS;
    let steps = columns / (STEP * LANES);
    for (group, y) in y.chunks_exact_mut((ROWS * columns).max(1)).enumerate() {
        let x: [[&[Wide<T>]; ROWS]; K] = x.map(|x| from_fn(|i| wide(x, (group * ROWS + i) * columns, columns)));
        let c: [&[Wide<T>]; M] = c.map(|c| wide(c, 0, columns));
        let mut rows = y.chunks_exact_mut(columns);
        let y: [&mut [Wide<T>]; ROWS] = from_fn(|_| rows.next().map_or(&mut [][..], |y| wide_mut(y, 0, columns)));
        let y = y.map(|y| &mut y[..steps]);
        for j in 0..steps {
            for w in 0..STEP {
                let c: [T::V; M] = c.map(|c| T::V::load(&c[j][w]));
                for i in 0..ROWS {
                    let to = &mut y[i][j][w];
                    f(T::V::load(to), x.map(|x| T::V::load(&x[i][j][w])), c).store(to);
                }
            }
        }
    }
    for (rows, from) in [(0..whole, steps * (STEP * LANES)), (whole..rows, 0)] {
        for j in (from..columns).step_by(LANES) {
            let lanes = (columns - j).min(LANES);
            let c: [T::V; M] = c.map(|c| part(c, j, lanes));
            for r in rows.clone() {
                let at = r * columns + j;
                let to = &mut y[at..at + lanes];
                f(T::V::load_part(to, T::ZERO), x.map(|x| part(x, at, lanes)), c).store_part(to);
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
                map_columns::<_, 4, true, 1, 1>(columns, [&x[..]], [&c[..]], &mut y, |[x], [c]| x * c);
                for j in 0..columns {
                    let column = || (0..rows).map(|r| x[r * columns + j]);
                    assert_eq!(a[j], column().map(|v| v + c[j]).sum::<f64>(), "{rows} {columns}");
                    assert_eq!(b[j], column().map(|v| v * v).sum::<f64>(), "{rows} {columns}");
                    (0..rows).for_each(|r| assert_eq!(y[r * columns + j], 1.0 + x[r * columns + j] * c[j]));
                }
            }
        }
    }
}
