//! One row times a matrix, without packing: the matrix is read once, which is all the time it takes.

use super::Matrix;
use crate::simd::{LANES, Lanes, Real};

/// Products summed before they are added to the result.
const BLOCK: usize = 512;
/// Lines of the matrix that share what is read of the row, or of the result.
const LINES: usize = 4;

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

/// c += Σ aₚ·(row p of B), product after product, `LINES` rows at a time along their whole length.
fn scaled_rows<T: Real>(n: usize, a: &[T], b: &[T], apart: usize, c: &mut [T]) {
    let whole = a.len() / LINES * LINES;
    for p in (0..whole).step_by(LINES) {
        let x: [T; LINES] = core::array::from_fn(|i| a[p + i]);
        scaled::<T, LINES>(x, core::array::from_fn(|i| &b[(p + i) * apart..(p + i) * apart + n]), c);
    }
    for p in whole..a.len() {
        scaled::<T, 1>([a[p]], [&b[p * apart..p * apart + n]], c);
    }
}

#[inline(always)]
fn scaled<T: Real, const R: usize>(x: [T; R], lines: [&[T]; R], c: &mut [T]) {
    let x = x.map(T::V::splat);
    let (c, c_rest) = c.as_chunks_mut::<LANES>();
    let by_four = lines.map(|line| &line.as_chunks::<LANES>().0[..c.len()]);
    for (j, to) in c.iter_mut().enumerate() {
        let mut sum = T::V::load(to);
        for i in 0..R {
            sum = x[i].mul_add_fast(T::V::load(&by_four[i][j]), sum);
        }
        sum.store(to);
    }
    if !c_rest.is_empty() {
        let mut sum = T::V::load_part(c_rest, T::ZERO);
        for i in 0..R {
            sum += x[i] * T::V::load_part(&lines[i][c.len() * LANES..], T::ZERO);
        }
        sum.store_part(c_rest);
    }
}
