//! Cuts outputs into ranges of rows, one a task: the only way in which kernels are split.

use super::run;
use core::ops::Range;

/// An output of so many numbers a row.
pub struct Rows<'a, T>(pub &'a mut [T], pub usize);

/// Where part `i` of `parts` begins: a multiple of `unit`, or the end.
fn border(rows: usize, unit: usize, parts: usize, i: usize) -> usize {
    (rows.div_ceil(unit) * i / parts * unit).min(rows)
}

/// A slice of which each task may have its own part.
struct Shared<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: only `part` reaches the numbers, whose callers make sure that no two tasks reach the same.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn new(x: &mut [T]) -> Self {
        Shared { start: x.as_mut_ptr(), len: x.len() }
    }
    /// # Safety
    /// The slice that this was made of is not used meanwhile, and no other living part overlaps this one.
    #[allow(clippy::mut_from_ref, reason = "the caller sees to it that parts are disjoint")]
    unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a part beyond the output");
        // SAFETY: within the slice, and disjoint by this function's contract.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

/// Cuts `rows` rows into `parts` ranges, each but the last a multiple of `unit` long, and calls
/// `f(range, outputs, scratch)` with the range's rows of each output and a part of `scratch` to itself.
///
/// # Panics
/// If an output is shorter than its rows, or `f` panics.
pub fn each_part<T: Send + Sync, const K: usize>(
    rows: usize,
    unit: usize,
    parts: usize,
    outputs: [Rows<'_, T>; K],
    scratch: &mut [T],
    f: impl Fn(Range<usize>, [&mut [T]; K], &mut [T]) + Sync,
) {
    let room = scratch.len() / parts.max(1);
    let scratch = Shared::new(scratch);
    let outputs = outputs.map(|Rows(x, width)| (Shared::new(x), width));
    run(parts, &|i| {
        let range = border(rows, unit, parts, i)..border(rows, unit, parts, i + 1);
        // SAFETY: the borders of ranges rise with i and each task runs once, so parts do not overlap; the outputs are
        // borrowed for as long as `run` runs.
        let own = outputs.each_ref().map(|(x, width)| unsafe { x.part(range.start * width..range.end * width) });
        // SAFETY: the same.
        let scratch = unsafe { scratch.part(i * room..(i + 1) * room) };
        f(range, own, scratch);
    });
}
