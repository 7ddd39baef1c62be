//! Matrix product C = A·B (+ C) (+ bias), for any strides of A and B, so that A·B, A·Bᵀ and Aᵀ·B are one kernel.
//!
//! Both operands are packed into panels (4 rows of A, 8 columns of B, zero-padded) and multiplied by a 4×8 register
//! tile, which is what sixteen 128-bit registers hold; the loops around it keep a panel of B in the first cache and a
//! block of A in the second (Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
//! For one row the product is a row of dot products (or a sum of scaled rows), done without packing.
//!
//! The order of the sums depends on the shapes alone: within a block of 256 (`KC`) one product after the other, then block
//! after block.

use super::reduce::sum_map2;
use crate::simd::{LANES, Lanes, Real};

/// Rows of the register tile.
const MR: usize = 4;
/// Columns of the register tile: two vectors.
const NR: usize = 8;
/// Rows of A packed at a time.
const MC: usize = 128;
/// Length of the packed panels.
const KC: usize = 256;
/// Columns of B packed at a time.
const NC: usize = 1024;

/// A matrix in memory: element (i, j) is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    row: usize,
    column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other, `columns` wide.
    pub fn rows(data: &'a [T], columns: usize) -> Self {
        Matrix { data, row: columns, column: 1 }
    }
    /// The transpose of a row-major matrix that is `columns` wide.
    pub fn transposed(data: &'a [T], columns: usize) -> Self {
        Matrix { data, row: 1, column: columns }
    }
    /// The same from row `first` on.
    pub fn below(self, first: usize) -> Self {
        Matrix { data: &self.data[first * self.row..], ..self }
    }
}

/// What the product starts from.
#[derive(Clone, Copy)]
pub enum Start<'a, T> {
    /// C = A·B; C is not read.
    Zero,
    /// C = C + A·B.
    Add,
    /// C = A·B + bias, one number a column; C is not read.
    Bias(&'a [T]),
}

/// Elements of scratch memory that [`gemm`] wants for these sizes.
pub fn scratch(m: usize, n: usize, k: usize) -> usize {
    if m == 1 {
        return 0;
    }
    let k = k.min(KC);
    m.min(MC).next_multiple_of(MR) * k + n.min(NC).next_multiple_of(NR) * k
}

/// C = start + A·B with A `[m, k]`, B `[k, n]`, C `[m, n]` row-major. `pack` has at least [`scratch`] elements.
#[allow(clippy::too_many_arguments)]
pub fn gemm<T: Real>(
    m: usize,
    n: usize,
    k: usize,
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    start: Start<T>,
    pack: &mut [T],
) {
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 || m == 1 {
        fill_start(c, n, start);
        if k > 0 {
            one_row(n, k, a, b, c);
        }
        return;
    }
    let kc_max = k.min(KC);
    let (pack_a, pack_b) = pack.split_at_mut(m.min(MC).next_multiple_of(MR) * kc_max);
    for jc in (0..n).step_by(NC) {
        let nc = (n - jc).min(NC);
        for pc in (0..k).step_by(KC) {
            let kc = (k - pc).min(KC);
            pack_panels::<T, NR>(b.data, b.column, b.row, jc, nc, pc, kc, pack_b);
            let start = if pc == 0 { start } else { Start::Add };
            for ic in (0..m).step_by(MC) {
                let mc = (m - ic).min(MC);
                pack_panels::<T, MR>(a.data, a.row, a.column, ic, mc, pc, kc, pack_a);
                for (jr, bp) in (0..nc).step_by(NR).zip(pack_b.chunks_exact(NR * kc)) {
                    for (ir, ap) in (0..mc).step_by(MR).zip(pack_a.chunks_exact(MR * kc)) {
                        let acc = tile::<T>(ap, bp);
                        let at = (ic + ir) * n + jc + jr;
                        write_tile(acc, c, at, n, (mc - ir).min(MR), (nc - jr).min(NR), start, jc + jr);
                    }
                }
            }
        }
    }
}

/// The register tile: 4×8 sums of products over two packed panels.
#[inline(always)]
fn tile<T: Real>(a: &[T], b: &[T]) -> [[T::V; 2]; MR] {
    let mut acc = [[T::V::zero(); 2]; MR];
    let (a, _) = a.as_chunks::<MR>();
    let (b, _) = b.as_chunks::<NR>();
    for (a, b) in a.iter().zip(b) {
        let (b, _) = b.as_chunks::<LANES>();
        let (b0, b1) = (T::V::load(&b[0]), T::V::load(&b[1]));
        for i in 0..MR {
            let x = T::V::splat(a[i]);
            acc[i][0] = x.mul_add_fast(b0, acc[i][0]);
            acc[i][1] = x.mul_add_fast(b1, acc[i][1]);
        }
    }
    acc
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn write_tile<T: Real>(
    acc: [[T::V; 2]; MR],
    c: &mut [T],
    at: usize,
    n: usize,
    rows: usize,
    columns: usize,
    start: Start<T>,
    first_column: usize,
) {
    for (i, acc) in acc.iter().enumerate().take(rows) {
        let row = &mut c[at + i * n..at + i * n + columns];
        if columns == NR {
            let (row, _) = row.as_chunks_mut::<LANES>();
            for v in 0..2 {
                let base = match start {
                    Start::Zero => acc[v],
                    Start::Add => T::V::load(&row[v]) + acc[v],
                    Start::Bias(bias) => {
                        let j = first_column + v * LANES;
                        T::V::load_part(&bias[j..j + LANES], T::ZERO) + acc[v]
                    }
                };
                base.store(&mut row[v]);
            }
        } else {
            for (v, part) in row.chunks_mut(LANES).enumerate() {
                let base = match start {
                    Start::Zero => acc[v],
                    Start::Add => T::V::load_part(part, T::ZERO) + acc[v],
                    Start::Bias(bias) => {
                        let j = first_column + v * LANES;
                        T::V::load_part(&bias[j..j + part.len()], T::ZERO) + acc[v]
                    }
                };
                base.store_part(part);
            }
        }
    }
}

/// Packs `count` lines (rows of A or columns of B) from `first` into panels of `W`: for each k the panel's W values.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn pack_panels<T: Real, const W: usize>(
    x: &[T],
    line: usize,
    along: usize,
    first: usize,
    count: usize,
    k0: usize,
    kc: usize,
    to: &mut [T],
) {
    for (p, panel) in (0..count).step_by(W).zip(to.chunks_exact_mut(W * kc)) {
        let lines = (count - p).min(W);
        let base = (first + p) * line + k0 * along;
        let (panel, _) = panel.as_chunks_mut::<W>();
        if lines < W {
            for (kk, to) in panel.iter_mut().enumerate() {
                for (i, v) in to.iter_mut().enumerate() {
                    *v = if i < lines { x[base + i * line + kk * along] } else { T::ZERO };
                }
            }
        } else if line == 1 {
            for (kk, to) in panel.iter_mut().enumerate() {
                let from = base + kk * along;
                to.copy_from_slice(&x[from..from + W]);
            }
        } else {
            // Lines lie along k: read each as a stream, four at a time to keep the number of streams small.
            for quad in (0..W).step_by(4) {
                let s: [&[T]; 4] = core::array::from_fn(|i| {
                    let from = base + (quad + i) * line;
                    &x[from..from + (kc - 1) * along + 1]
                });
                if along == 1 {
                    for ((((to, a), b), c), d) in panel.iter_mut().zip(s[0]).zip(s[1]).zip(s[2]).zip(s[3]) {
                        to[quad] = *a;
                        to[quad + 1] = *b;
                        to[quad + 2] = *c;
                        to[quad + 3] = *d;
                    }
                } else {
                    for (kk, to) in panel.iter_mut().enumerate() {
                        for i in 0..4 {
                            to[quad + i] = s[i][kk * along];
                        }
                    }
                }
            }
        }
    }
}

fn fill_start<T: Real>(c: &mut [T], n: usize, start: Start<T>) {
    match start {
        Start::Zero => c.fill(T::ZERO),
        Start::Add => {}
        Start::Bias(bias) => c.chunks_exact_mut(n).for_each(|row| row.copy_from_slice(&bias[..n])),
    }
}

/// c += a·B for one row a.
fn one_row<T: Real>(n: usize, k: usize, a: Matrix<T>, b: Matrix<T>, c: &mut [T]) {
    if b.row == 1 && a.column == 1 {
        // B is the transpose of a row-major matrix: each result is one dot product of contiguous lines.
        let a = &a.data[..k];
        for (j, c) in c.iter_mut().enumerate() {
            *c += sum_map2(a, &b.data[j * b.column..j * b.column + k], |x, y| x * y);
        }
    } else if b.column == 1 {
        for p in 0..k {
            let x = T::V::splat(a.data[p * a.column]);
            super::binary::zip_assign(&mut c[..n], &b.data[p * b.row..p * b.row + n], |c, b| x.mul_add_fast(b, c));
        }
    } else {
        for (j, c) in c.iter_mut().enumerate() {
            for p in 0..k {
                *c += a.data[p * a.column] * b.data[p * b.row + j * b.column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: three plain loops.
    fn plain(m: usize, n: usize, k: usize, a: Matrix<f64>, b: Matrix<f64>, c: &mut [f64]) {
        for i in 0..m {
            for j in 0..n {
                for p in 0..k {
                    c[i * n + j] += a.data[i * a.row + p * a.column] * b.data[p * b.row + j * b.column];
                }
            }
        }
    }

    fn check(m: usize, n: usize, k: usize) {
        let a: Vec<f64> = (0..m * k).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect();
        let b: Vec<f64> = (0..k * n).map(|i| ((i * 5 + 1) % 13) as f64 - 6.0).collect();
        let bias: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let a32: Vec<f32> = a.iter().map(|&x| x as f32).collect();
        let b32: Vec<f32> = b.iter().map(|&x| x as f32).collect();
        let bias32: Vec<f32> = bias.iter().map(|&x| x as f32).collect();
        for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
            fn view<T>(d: &[T], t: bool, rows: usize, columns: usize) -> Matrix<'_, T> {
                if t { Matrix::transposed(d, rows) } else { Matrix::rows(d, columns) }
            }
            for start in 0..3 {
                let mut want: Vec<f64> = match start {
                    0 => vec![0.0; m * n],
                    1 => vec![2.0; m * n],
                    _ => (0..m * n).map(|i| bias[i % n]).collect(),
                };
                plain(m, n, k, view(&a, ta, m, k), view(&b, tb, k, n), &mut want);
                // Small integers: every sum is exact, so the order cannot matter and equality is the test.
                let mut c = vec![if start == 1 { 2.0f32 } else { f32::NAN }; m * n];
                let mut pack = vec![f32::NAN; scratch(m, n, k)];
                let start = [Start::Zero, Start::Add, Start::Bias(&bias32)][start];
                gemm(m, n, k, view(&a32, ta, m, k), view(&b32, tb, k, n), &mut c, start, &mut pack);
                for (x, y) in c.iter().zip(&want) {
                    assert_eq!(*x as f64, *y, "{m} {n} {k} {ta} {tb}");
                }
            }
        }
    }

    #[test]
    fn ragged_sizes_match_three_plain_loops() {
        for m in [0, 1, 2, 3, 4, 5, 7, 8, 9, 12] {
            for n in [0, 1, 2, 3, 5, 7, 8, 9, 11, 12, 16, 17] {
                for k in [0, 1, 2, 3, 4, 5, 8, 13] {
                    check(m, n, k);
                }
            }
        }
    }

    #[test]
    fn block_edges_match_three_plain_loops() {
        for (m, n, k) in [(31, 33, 255), (127, 9, 256), (129, 17, 257), (5, 1023, 7), (4, 1031, 300), (64, 64, 513)] {
            check(m, n, k);
        }
    }
}
