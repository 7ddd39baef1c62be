//! One row times a matrix, without packing: the matrix is read once, which is all the time it takes.

use super::Matrix;
use crate::simd::{LANES, Lanes, Real};

/// Products summed before they are added to the result.
const BLOCK: usize = 512;
/// Dot products that share what is read of the row.
const LINES: usize = 4;
/// Vectors of columns whose sums stay in registers.
const WIDE: usize = 8;

/// c += a·B for one row a.
pub(super) fn multiply<T: Real>(n: usize, a: &[T], b: Matrix<T>, c: &mut [T]) {
    if b.column == 1 {
        // Where B has one row only, both strides are 1.
        return scaled_rows(n, a, b.data, b.row.max(n), c);
    }
    // B is the transpose of a row-major matrix: each result is a dot product of contiguous lines.
    let whole = n / LINES * LINES;
    for j in (0..whole).step_by(LINES) {
        dots::<T, LINES>(a, &b.data[j * b.column..], b.column, &mut c[j..j + LINES]);
    }
    for j in whole..n {
        dots::<T, 1>(a, &b.data[j * b.column..], b.column, &mut c[j..j + 1]);
    }
}

/// `c[r] += a·lineᵣ` for `R` lines, `apart` from each other: blocks of 512, in each two vectors of running sums that take
/// turns, their lanes, and the last up to three products one by one.
#[inline(always)]
fn dots<T: Real, const R: usize>(a: &[T], lines: &[T], apart: usize, c: &mut [T]) {
    for (block, a) in a.chunks(BLOCK).enumerate() {
        let lines: [&[T]; R] = core::array::from_fn(|r| &lines[r * apart + block * BLOCK..][..a.len()]);
        let mut acc = [[T::V::zero(); 2]; R];
        let (pairs, rest) = a.as_chunks::<{ 2 * LANES }>();
        let by_pairs = lines.map(|line| &line.as_chunks::<{ 2 * LANES }>().0[..pairs.len()]);
        for (p, a) in pairs.iter().enumerate() {
            for (i, a) in a.as_chunks::<LANES>().0.iter().enumerate() {
                let a = T::V::load(a);
                for r in 0..R {
                    let b = T::V::load(&by_pairs[r][p].as_chunks::<LANES>().0[i]);
                    acc[r][i] = a.mul_add_fast(b, acc[r][i]);
                }
            }
        }
        let rests = lines.map(|line| &line[a.len() - rest.len()..]);
        let (whole, last) = rest.as_chunks::<LANES>();
        for r in 0..R {
            if let [a] = whole {
                acc[r][0] += T::V::load(a) * T::V::load_part(&rests[r][..LANES], T::ZERO);
            }
            let mut sum = (acc[r][0] + acc[r][1]).sum();
            for (&a, &b) in last.iter().zip(&rests[r][whole.len() * LANES..]) {
                sum += a * b;
            }
            c[r] += sum;
        }
    }
}

/// c += Σ aₚ·(row p of B), row after row, with the sums of as many columns as there are registers for.
fn scaled_rows<T: Real>(n: usize, a: &[T], b: &[T], apart: usize, c: &mut [T]) {
    let mut j = 0;
    while j + WIDE * LANES <= n {
        strip::<T, WIDE>(j, a, b, apart, c);
        j += WIDE * LANES;
    }
    while j + LANES <= n {
        strip::<T, 1>(j, a, b, apart, c);
        j += LANES;
    }
    if j < n {
        let mut sum = T::V::load_part(&c[j..n], T::ZERO);
        for (p, &x) in a.iter().enumerate() {
            sum += T::V::splat(x) * T::V::load_part(&b[p * apart + j..p * apart + n], T::ZERO);
        }
        sum.store_part(&mut c[j..n]);
    }
}

/// The sums of `W` vectors of columns from column `j`.
#[inline(always)]
fn strip<T: Real, const W: usize>(j: usize, a: &[T], b: &[T], apart: usize, c: &mut [T]) {
    let c = &mut c[j..j + W * LANES].as_chunks_mut::<LANES>().0[..W];
    let mut acc: [T::V; W] = core::array::from_fn(|w| T::V::load(&c[w]));
    for (&x, line) in a.iter().zip(b.chunks_exact(apart)) {
        let line = line[j..j + W * LANES].as_chunks::<LANES>().0;
        let x = T::V::splat(x);
        for w in 0..W {
            acc[w] = x.mul_add_fast(T::V::load(&line[w]), acc[w]);
        }
    }
    for (to, acc) in c.iter_mut().zip(acc) {
        acc.store(to);
    }
}
