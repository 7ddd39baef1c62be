//! Copies of matrices in the order in which the register tile reads them.

use crate::simd::{LANES, Lanes, Real};

/// A panel: `lanes` lines along k, of which element (p, i) is `x[p * along + i * line]`, side by side in rows of `W`.
/// What stands beside the last line is a number of no meaning, which nobody reads.
#[inline(never)]
pub(super) fn panel<T: Real, const W: usize>(
    x: &[T],
    along: usize,
    line: usize,
    length: usize,
    lanes: usize,
    to: &mut [T],
) {
    let to = &mut to.as_chunks_mut::<W>().0[..length];
    if line == 1 {
        for (p, to) in to.iter_mut().enumerate() {
            match x[p * along..].first_chunk() {
                Some(row) if lanes == W => *to = *row,
                _ => to.iter_mut().zip(&x[p * along..p * along + lanes]).for_each(|(to, &x)| *to = x),
            }
        }
        return;
    }
    // The lines lie along k: four of them at a time, four numbers of each, turned in registers.
    for quad in (0..lanes).step_by(LANES) {
        let lines: [&[T]; LANES] = core::array::from_fn(|i| &x[(quad + i).min(lanes - 1) * line..][..length]);
        let by_four = lines.map(|line| &line.as_chunks::<LANES>().0[..length / LANES]);
        let (blocks, rest) = to.as_chunks_mut::<LANES>();
        for (p, block) in blocks.iter_mut().enumerate() {
            let turned = T::V::transpose(by_four.map(|line| T::V::load(&line[p])));
            for (to, v) in block.iter_mut().zip(turned) {
                v.store((&mut to[quad..quad + LANES]).try_into().expect("four numbers"));
            }
        }
        for (to, p) in rest.iter_mut().zip(length / LANES * LANES..) {
            to[quad..quad + LANES].copy_from_slice(&lines.map(|line| line[p]));
        }
    }
}
