//! Walks over row-major matrices with one set of constants a column: the shape of batch norm over `[n, features]`, of
//! bias gradients, of any sum over rows.
//!
//! A matrix is walked by rows, in blocks of columns whose accumulators fit the first cache. Sums are two-level: four
//! rows at a time into an accumulator, 128 rows at a time into the result, whatever the hardware.

use crate::simd::{LANES, Lanes, Real};

/// Rows per partial sum.
const CHUNK: usize = 128;
/// Vectors walked together: accumulators of up to two sums take 2 kB of the stack.
const BLOCK: usize = 64;

/// The `nv` whole vectors of row `r` that start at column `left`.
#[inline(always)]
fn vectors<T>(x: &[T], r: usize, columns: usize, left: usize, nv: usize) -> &[[T; LANES]] {
    let at = r * columns + left;
    &x[at..at + nv * LANES].as_chunks::<LANES>().0[..nv]
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
    let whole = columns / LANES * LANES;
    for left in (0..whole).step_by(BLOCK * LANES) {
        let nv = ((whole - left) / LANES).min(BLOCK);
        let c: [&[[T; LANES]]; M] = core::array::from_fn(|m| vectors(c[m], 0, columns, left, nv));
        for top in (0..rows).step_by(CHUNK) {
            let end = (top + CHUNK).min(rows);
            let mut acc = [[T::V::zero(); BLOCK]; S];
            let acc: [&mut [T::V]; S] = acc.each_mut().map(|a| &mut a[..nv]);
            let mut r = top;
            while r + 4 <= end {
                let x: [[&[[T; LANES]]; 4]; K] =
                    core::array::from_fn(|k| core::array::from_fn(|i| vectors(x[k], r + i, columns, left, nv)));
                for j in 0..nv {
                    let c: [T::V; M] = core::array::from_fn(|m| T::V::load(&c[m][j]));
                    let t: [[T::V; S]; 4] =
                        core::array::from_fn(|i| f(core::array::from_fn(|k| T::V::load(&x[k][i][j])), c));
                    for s in 0..S {
                        acc[s][j] += (t[0][s] + t[1][s]) + (t[2][s] + t[3][s]);
                    }
                }
                r += 4;
            }
            for r in r..end {
                let x: [&[[T; LANES]]; K] = core::array::from_fn(|k| vectors(x[k], r, columns, left, nv));
                for j in 0..nv {
                    let c: [T::V; M] = core::array::from_fn(|m| T::V::load(&c[m][j]));
                    let t = f(core::array::from_fn(|k| T::V::load(&x[k][j])), c);
                    for s in 0..S {
                        acc[s][j] += t[s];
                    }
                }
            }
            for s in 0..S {
                let to = &mut out[s][left..left + nv * LANES].as_chunks_mut::<LANES>().0[..nv];
                for j in 0..nv {
                    (T::V::load(&to[j]) + acc[s][j]).store(&mut to[j]);
                }
            }
        }
    }
    if whole < columns {
        // The last one to three columns, in the same order of rows.
        let n = columns - whole;
        let c: [T::V; M] = core::array::from_fn(|m| part(c[m], whole, n));
        let term = |r: usize| f(core::array::from_fn(|k| part(x[k], r * columns + whole, n)), c);
        for top in (0..rows).step_by(CHUNK) {
            let end = (top + CHUNK).min(rows);
            let mut acc = [T::V::zero(); S];
            let mut r = top;
            while r + 4 <= end {
                let t: [[T::V; S]; 4] = core::array::from_fn(|i| term(r + i));
                for s in 0..S {
                    acc[s] += (t[0][s] + t[1][s]) + (t[2][s] + t[3][s]);
                }
                r += 4;
            }
            for r in r..end {
                let t = term(r);
                for s in 0..S {
                    acc[s] += t[s];
                }
            }
            for s in 0..S {
                let to = &mut out[s][whole..columns];
                (T::V::load_part(to, T::ZERO) + acc[s]).store_part(to);
            }
        }
    }
}

/// `y[r, j] = f(y[r, j], x₀[r, j], ..; c₀[j], ..)`; `f` may ignore what `y` was.
#[inline(always)]
pub fn map_columns<T: Real, const K: usize, const M: usize>(
    columns: usize,
    x: [&[T]; K],
    c: [&[T]; M],
    y: &mut [T],
    f: impl Fn(T::V, [T::V; K], [T::V; M]) -> T::V,
) {
    let nv = columns / LANES;
    let tail = columns - nv * LANES;
    let whole: [&[[T; LANES]]; M] = core::array::from_fn(|m| vectors(c[m], 0, columns, 0, nv));
    for (r, row) in y.chunks_exact_mut(columns.max(1)).enumerate() {
        let x4: [&[[T; LANES]]; K] = core::array::from_fn(|k| vectors(x[k], r, columns, 0, nv));
        let (to, rest) = row.as_chunks_mut::<LANES>();
        let to = &mut to[..nv];
        for j in 0..nv {
            let c: [T::V; M] = core::array::from_fn(|m| T::V::load(&whole[m][j]));
            f(T::V::load(&to[j]), core::array::from_fn(|k| T::V::load(&x4[k][j])), c).store(&mut to[j]);
        }
        if tail > 0 {
            let at = nv * LANES;
            let c: [T::V; M] = core::array::from_fn(|m| part(c[m], at, tail));
            let x: [T::V; K] = core::array::from_fn(|k| part(x[k], r * columns + at, tail));
            f(T::V::load_part(rest, T::ZERO), x, c).store_part(rest);
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
                map_columns(columns, [&x[..]], [&c[..]], &mut y, |y, [x], [c]| y + x * c);
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
