//! A product that threads share: first they pack a block of B together, then each multiplies ranges of A's rows with it.
//! Every element of C is the same sum in the same order as on one thread.

use super::{KC, MC, MR, Matrix, NR, Start, each_block, is_copied, pack_columns, pack_rows, room_b, strip};
use crate::simd::Real;
use crate::threads::{self, Rows, each_part};

/// Multiplications below which a product is not cut (about 20 µs).
const LEAST: usize = 1 << 19;
/// Most parts.
const PARTS: usize = 16;
/// Rows of a part are a multiple of this.
const UNIT: usize = 2 * MR;
/// Numbers of B that a part packs, at the least: a few microseconds.
const PACKED: usize = 1 << 12;
/// Rows of a part, at the least: each reads all of B.
const ROWS: usize = 2 * UNIT;

/// Parts of C: 1 is none.
fn parts(m: usize, n: usize, k: usize) -> usize {
    if n == 1 || m * n * k < LEAST { 1 } else { (m / ROWS).clamp(1, PARTS) }
}

/// Rows of A that a part packs at a time.
fn rows_at_once(m: usize, parts: usize) -> usize {
    (m.div_ceil(UNIT).div_ceil(parts) * UNIT).min(MC)
}

/// Elements of scratch memory that a product of these sizes wants: a block of B, and for each part rows of A.
pub fn scratch(m: usize, n: usize, k: usize) -> usize {
    let (parts, one) = (parts(m, n, k), super::scratch(m, n, k));
    if parts == 1 {
        return one;
    }
    one.max(room_b(n, k) + parts * rows_at_once(m, parts) * k.min(KC))
}

/// [`super::gemm`] on whichever threads are free. `pack` has at least [`scratch`] elements.
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
    let parts = parts(m, n, k);
    if parts == 1 || threads::count() == 1 {
        return super::gemm(m, n, k, a, b, c, start, pack);
    }
    let copied = is_copied(m, n, k, b);
    let (pack_b, pack_a) = pack.split_at_mut(room_b(n, k));
    let at_once = rows_at_once(m, parts);
    each_block(n, k, start, |block| {
        let panel = NR * block.length;
        let panels = block.columns.div_ceil(NR);
        // Where B is taken as it is, only a ragged last panel is copied.
        let first = if copied(NR) { 0 } else { panels - usize::from(copied(block.lanes((panels - 1) * NR))) };
        let to_pack = [Rows(&mut pack_b[first * panel..], panel)];
        let packs = ((panels - first) * panel / PACKED).clamp(1, PARTS);
        each_part(panels - first, 1, packs, to_pack, &mut [], |at, [to], _| {
            for (i, to) in at.zip(to.chunks_exact_mut(panel)) {
                pack_columns(b, block, (first + i) * NR, to);
            }
        });
        let packed = &*pack_b;
        each_part(m, UNIT, parts, [Rows(&mut *c, n)], &mut *pack_a, |at, [c], pack_a| {
            for top in at.clone().step_by(at_once) {
                let rows = pack_rows(a, block, top, (at.end - top).min(at_once), pack_a);
                for j in (0..block.columns).step_by(NR) {
                    strip(rows, block, j, b, copied(block.lanes(j)), packed, &mut c[(top - at.start) * n..], n);
                }
            }
        });
    });
}
