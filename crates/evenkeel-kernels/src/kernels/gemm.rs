//! Matrix product C = A·B (+ C) (+ bias), for any strides of A and B, so that A·B, A·Bᵀ and Aᵀ·B are one kernel.
//!
//! A register tile of 4×8 sums, which is what sixteen 128-bit registers hold, walks along k: a panel of four rows of A
//! and one of eight columns of B, both packed by `pack` (or B as it is, where few rows would use the copy). The loops
//! around it keep a panel of B in the first cache and a block of A in the second (Goto & van de Geijn, "Anatomy of
//! high-performance matrix multiplication", 2008). What does not fill a tile takes one of half the rows or half the
//! columns. For one row or one column the product is in `row`.
//!
//! The order of the sums depends on the shapes alone: within a block of 256 (`KC`) one product after the other, then block
//! after block.

mod pack;
mod row;
#[cfg(feature = "threads")]
pub(super) mod shared;
#[cfg(test)]
mod tests;

use crate::simd::{LANES, Lanes, Real};

/// Rows of the register tile.
const MR: usize = 4;
/// Columns of the register tile: two vectors.
const NR: usize = 8;
/// Rows of A packed at a time.
const MC: usize = 128;
/// Length of the panels.
const KC: usize = 256;
/// Columns of B packed at a time.
const NC: usize = 1024;
/// Up to so many rows of A do not pay for a copy of B ..
const FEW: usize = 32;
/// .. nor does a B of so many elements, which stays in the first cache as it is.
const SMALL: usize = 4096;

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
    fn turned(self) -> Self {
        Matrix { row: self.column, column: self.row, ..self }
    }
    /// The transpose of a row-major matrix that is `columns` wide.
    pub fn transposed(data: &'a [T], columns: usize) -> Self {
        Matrix { data, row: 1, column: columns }
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

/// Elements that the packed rows of A take.
fn room_a(m: usize, k: usize) -> usize {
    m.min(MC).next_multiple_of(MR) * k.min(KC)
}

/// Elements that the packed columns of B take.
fn room_b(n: usize, k: usize) -> usize {
    n.min(NC).next_multiple_of(NR) * k.min(KC)
}

/// Elements of scratch memory that [`gemm`] wants for these sizes.
pub fn scratch(m: usize, n: usize, k: usize) -> usize {
    if m == 1 || n == 1 { 0 } else { room_a(m, k) + room_b(n, k) }
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
    if k == 0 || m == 1 || n == 1 {
        fill_start(c, n, start);
        if k > 0 && m == 1 {
            row::multiply(n, &a.data[..k], b, c);
        } else if k > 0 {
            row::multiply(m, &b.data[..k], a.turned(), c);
        }
        return;
    }
    let (pack_a, pack_b) = pack.split_at_mut(room_a(m, k));
    let copied = is_copied(m, n, k, b);
    each_block(n, k, start, |block| {
        for ic in (0..m).step_by(MC) {
            let rows = pack_rows(a, block, ic, (m - ic).min(MC), pack_a);
            for j in (0..block.columns).step_by(NR) {
                if ic == 0 && copied(block.lanes(j)) {
                    pack_columns(b, block, j, &mut pack_b[j * block.length..][..NR * block.length]);
                }
                strip(rows, block, j, b, copied(block.lanes(j)), pack_b, &mut c[ic * n..], n);
            }
        }
    });
}

/// Whether panels of so many columns of B are packed, or multiplied as they are.
fn is_copied<T>(m: usize, n: usize, k: usize, b: Matrix<T>) -> impl Fn(usize) -> bool + Copy {
    let as_it_is = b.column == 1 && (m <= FEW || n * k <= SMALL);
    move |lanes| !(as_it_is && lanes.is_multiple_of(LANES))
}

/// A block of B: its first column and how many, its first row and how many, and what its product is added to.
#[derive(Clone, Copy)]
struct Block<'a, T> {
    column: usize,
    columns: usize,
    row: usize,
    length: usize,
    start: Start<'a, T>,
}

impl<T> Block<'_, T> {
    /// Columns of the panel that begins at this one of the block's.
    fn lanes(&self, j: usize) -> usize {
        (self.columns - j).min(NR)
    }
}

/// The blocks of B, of all rows before the next columns.
#[inline(always)]
fn each_block<'a, T: Copy>(n: usize, k: usize, start: Start<'a, T>, mut f: impl FnMut(Block<'a, T>)) {
    for column in (0..n).step_by(NC) {
        for row in (0..k).step_by(KC) {
            let start = if row == 0 { start } else { Start::Add };
            f(Block { column, columns: (n - column).min(NC), row, length: (k - row).min(KC), start });
        }
    }
}

/// Packs rows `first..first + count` of A, as far as they meet this block.
#[inline(always)]
fn pack_rows<'a, T: Real>(a: Matrix<T>, block: Block<T>, first: usize, count: usize, to: &'a mut [T]) -> Rows<'a, T> {
    let length = block.length;
    for (i, to) in (0..count).step_by(MR).zip(to.chunks_exact_mut(MR * length)) {
        let from = (first + i) * a.row + block.row * a.column;
        pack::panel::<T, MR>(&a.data[from..], a.column, a.row, length, (count - i).min(MR), to);
    }
    Rows { panels: &to[..count.next_multiple_of(MR) * length], length, count }
}

/// Packs the panel of B that begins at column `j` of the block.
#[inline(always)]
fn pack_columns<T: Real>(b: Matrix<T>, block: Block<T>, j: usize, to: &mut [T]) {
    let from = block.row * b.row + (block.column + j) * b.column;
    pack::panel::<T, NR>(&b.data[from..], b.row, b.column, block.length, block.lanes(j), to);
}

/// Packed rows times the panel of B that begins at column `j` of the block, which stands in `packed` if it was copied.
/// `c` begins with the first of the rows.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn strip<T: Real>(
    rows: Rows<T>,
    block: Block<T>,
    j: usize,
    b: Matrix<T>,
    copied: bool,
    packed: &[T],
    c: &mut [T],
    n: usize,
) {
    let (lanes, column) = (block.lanes(j), block.column + j);
    let panel = if copied {
        Panel { data: &packed[j * block.length..][..NR * block.length], apart: NR, from: 0, lanes }
    } else {
        Panel { data: &b.data[block.row * b.row..], apart: b.row.max(n), from: column, lanes }
    };
    if lanes > LANES {
        tiles::<T, 2>(rows, panel, &mut c[column..], n, block.start, column);
    } else {
        tiles::<T, 1>(rows, panel, &mut c[column..], n, block.start, column);
    }
}

/// Packed rows of A: panels of four, one after the other.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    panels: &'a [T],
    length: usize,
    count: usize,
}

/// Up to eight columns of B: those of row p are `data[p * apart + from..][..lanes]`.
#[derive(Clone, Copy)]
struct Panel<'a, T> {
    data: &'a [T],
    apart: usize,
    from: usize,
    lanes: usize,
}

/// These rows times this panel, which is `W` vectors wide, into columns of C that stand in its column `column`.
#[inline(never)]
fn tiles<T: Real, const W: usize>(
    rows: Rows<T>,
    panel: Panel<T>,
    c: &mut [T],
    n: usize,
    start: Start<T>,
    column: usize,
) {
    let base: [T::V; W] = match start {
        Start::Bias(bias) => {
            let bias = &bias[column..column + panel.lanes];
            core::array::from_fn(|w| T::V::load_part(&bias[w * LANES..panel.lanes.min((w + 1) * LANES)], T::ZERO))
        }
        _ => [T::V::zero(); W],
    };
    let add = matches!(start, Start::Add);
    for (i, a) in (0..rows.count).step_by(MR).zip(rows.panels.chunks_exact(MR * rows.length)) {
        let (a, count) = (a.as_chunks::<MR>().0, (rows.count - i).min(MR));
        let c = &mut c[i * n..];
        if count > 2 {
            let acc = tile::<T, MR, W>(a, panel.data, panel.apart, panel.from);
            write(&acc[..count], c, n, panel.lanes, base, add);
        } else {
            let acc = tile::<T, 2, W>(a, panel.data, panel.apart, panel.from);
            write(&acc[..count], c, n, panel.lanes, base, add);
        }
    }
}

/// C `[4, 8]` += a packed panel of four rows times one of eight columns: hardly more than the tile, to be timed.
#[doc(hidden)]
pub fn bare_tile<T: Real>(a: &[T], b: &[T], c: &mut [T]) {
    let rows = Rows { panels: a, length: a.len() / MR, count: MR };
    tiles::<T, 2>(rows, Panel { data: b, apart: NR, from: 0, lanes: NR }, c, NR, Start::Add, 0);
}

/// The register tile: `R` rows by `W` vectors of sums of products.
#[inline(always)]
fn tile<T: Real, const R: usize, const W: usize>(a: &[[T; MR]], b: &[T], apart: usize, from: usize) -> [[T::V; W]; R] {
    let mut acc = [[T::V::zero(); W]; R];
    for (a, b) in a.iter().zip(b.chunks_exact(apart)) {
        let b = b[from..from + W * LANES].as_chunks::<LANES>().0;
        let b: [T::V; W] = core::array::from_fn(|w| T::V::load(&b[w]));
        for i in 0..R {
            let x = T::V::splat(a[i]);
            for w in 0..W {
                acc[i][w] = x.mul_add_fast(b[w], acc[i][w]);
            }
        }
    }
    acc
}

/// Rows of sums to rows of C, `lanes` wide: base or, if `add`, what is there, plus the sum.
#[inline(always)]
fn write<T: Real, const W: usize>(acc: &[[T::V; W]], c: &mut [T], n: usize, lanes: usize, base: [T::V; W], add: bool) {
    for (i, acc) in acc.iter().enumerate() {
        let row = &mut c[i * n..i * n + lanes];
        if lanes == W * LANES {
            for (w, to) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                ((if add { T::V::load(to) } else { base[w] }) + acc[w]).store(to);
            }
        } else {
            for (w, to) in row.chunks_mut(LANES).enumerate() {
                ((if add { T::V::load_part(to, T::ZERO) } else { base[w] }) + acc[w]).store_part(to);
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
