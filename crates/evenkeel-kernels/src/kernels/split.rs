//! What threads do for the kernels: each is called on ranges of its rows, on whichever threads are free.
//!
//! Only what is computed row by row (or number by number) is cut, never a sum, so every number comes from the same
//! operations as on one thread. Where the cuts are depends on the shapes alone. Small work is not cut: sharing it would
//! take longer than doing it.

use super::binary::{self, Binary};
use super::loss::Pointwise;
use super::norm::{self, Layout};
use super::optim::{self, Algorithm, Step};
use super::unary::{self, Unary};
use super::{loss, softmax as soft};
use crate::simd::Real;
use crate::threads::{self, Rows, each_part};
use core::ops::Range;

/// Most parts.
const PARTS: usize = 32;
/// Numbers in a part, at the least, so that a part is worth some microseconds: of what only moves numbers,
const LIGHT: usize = 1 << 15;
/// of what computes with several arrays,
const MIDDLE: usize = 1 << 14;
/// and of exponentials and the like.
const HEAVY: usize = 1 << 13;

/// Parts of `rows` rows of `width` numbers: 1 is none.
fn parts(rows: usize, width: usize, least: usize) -> usize {
    if threads::count() == 1 { 1 } else { (rows * width / least).min(rows).clamp(1, PARTS) }
}

/// Numbers in a part of an element-wise function.
fn weight<T: Real>(op: Unary<T>) -> usize {
    use Unary::*;
    match op {
        Neg | Abs | Square | Sign | Relu | Relu6 | LeakyRelu(_) | Hardtanh { .. } | Clip { .. } => LIGHT,
        AddScalar(_) | MulScalar(_) => LIGHT,
        _ => HEAVY,
    }
}

/// The rows of an input; an absent one stays absent, and one that does not move along stays whole.
fn of<'a, T>(x: &'a [T], range: &Range<usize>, width: usize) -> &'a [T] {
    if x.is_empty() || width == 0 { x } else { &x[range.start * width..range.end * width] }
}

pub(super) use super::gemm::shared::gemm;
pub use super::gemm::shared::scratch as gemm_scratch;
// Sums, and what ends in one, are not cut.
pub(super) use super::loss::{cross_entropy_index as cross_entropy, cross_entropy_soft};
pub(super) use super::norm::{backward_sums as norm_sums, statistics};
pub(super) use super::reduce::sum;

pub(super) fn binary_line<T: Real>(op: Binary, a: &[T], step_a: usize, b: &[T], step_b: usize, out: &mut [T]) {
    let n = out.len();
    each_part(n, 16, parts(n, 1, LIGHT), [Rows(out, 1)], &mut [], |at, [out], _| {
        binary::line(op, of(a, &at, step_a), step_a, of(b, &at, step_b), step_b, out);
    });
}

pub(super) fn unary<T: Real>(op: Unary<T>, x: &[T], y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "unary: lengths differ");
    let n = y.len();
    each_part(n, 16, parts(n, 1, weight(op)), [Rows(y, 1)], &mut [], |at, [y], _| unary::forward(op, &x[at], y));
}

pub(super) fn unary_in_place<T: Real>(op: Unary<T>, xy: &mut [T]) {
    let n = xy.len();
    each_part(n, 16, parts(n, 1, weight(op)), [Rows(xy, 1)], &mut [], |_, [xy], _| unary::forward_in_place(op, xy));
}

pub(super) fn unary_backward<T: Real>(op: Unary<T>, x: &[T], y: &[T], gy: &[T], gx: &mut [T], add: bool) {
    let n = gx.len();
    assert_eq!(gy.len(), n, "unary gradient: lengths differ");
    each_part(n, 16, parts(n, 1, weight(op)), [Rows(gx, 1)], &mut [], |at, [gx], _| {
        unary::backward(op, of(x, &at, 1), of(y, &at, 1), &gy[at], gx, add);
    });
}

pub(super) fn softmax<T: Real>(x: &[T], n: usize, log: bool, y: &mut [T]) {
    let rows = y.len().checked_div(n).unwrap_or(0);
    each_part(rows, 1, parts(rows, n, HEAVY), [Rows(y, n)], &mut [], |at, [y], _| {
        soft::forward(of(x, &at, n), n, log, y)
    });
}

pub(super) fn softmax_backward<T: Real>(y: &[T], g: &[T], n: usize, log: bool, dx: &mut [T]) {
    let rows = dx.len().checked_div(n).unwrap_or(0);
    each_part(rows, 1, parts(rows, n, HEAVY), [Rows(dx, n)], &mut [], |at, [dx], _| {
        soft::backward(of(y, &at, n), of(g, &at, n), n, log, dx);
    });
}

pub(super) fn normalize<T: Real>(x: &[T], d: Layout, shift: &[T], scale: &[T], offset: &[T], relu: bool, y: &mut [T]) {
    let width = d.channels * d.length;
    each_part(d.n, 4, parts(d.n, width, MIDDLE), [Rows(y, width)], &mut [], |at, [y], _| {
        let d = Layout { n: at.len(), ..d };
        norm::normalize(of(x, &at, width), d, shift, scale, offset, relu, y);
    });
}

#[allow(clippy::too_many_arguments)]
pub(super) fn norm_input<T: Real>(
    x: &[T],
    dy: &[T],
    y: Option<&[T]>,
    d: Layout,
    shift: &[T],
    coefficients: [&[T]; 3],
    dx: &mut [T],
) {
    let width = d.channels * d.length;
    each_part(d.n, 4, parts(d.n, width, MIDDLE), [Rows(dx, width)], &mut [], |at, [dx], _| {
        let d = Layout { n: at.len(), ..d };
        let y = y.map(|y| of(y, &at, width));
        norm::backward_input(of(x, &at, width), of(dy, &at, width), y, d, shift, coefficients, dx);
    });
}

pub(super) fn pointwise<T: Real>(op: Pointwise<T>, x: &[T], target: &[T], losses: &mut [T], dx: Option<&mut [T]>) {
    let n = losses.len();
    assert!(x.len() == n && target.len() == n, "pointwise loss: lengths differ");
    let (dx, width) = dx.map_or((&mut [][..], 0), |dx| (dx, 1));
    each_part(n, 16, parts(n, 1, MIDDLE), [Rows(losses, 1), Rows(dx, width)], &mut [], |at, [losses, dx], _| {
        loss::pointwise(op, &x[at.clone()], &target[at], losses, (width > 0).then_some(dx));
    });
}

pub(super) fn optimize<T: Real>(algorithm: &Algorithm, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
    let (n, count) = (p.len(), slots.len());
    if count > optim::MOST_SLOTS || g.len() != n || slots.iter().any(|slot| slot.len() != n) {
        return optim::update(algorithm, step, p, g, slots);
    }
    let mut slots = slots.iter_mut();
    let mut next = || slots.next().map_or(Rows(&mut [][..], 0), |slot| Rows(slot, 1));
    let outputs = [Rows(p, 1), next(), next(), next(), next()];
    each_part(n, 16, parts(n, 1, MIDDLE), outputs, &mut [], |at, [p, a, b, c, d], _| {
        optim::update(algorithm, step, p, &g[at], &mut [a, b, c, d][..count]);
    });
}

pub(super) fn ema<T: Real>(average: &mut [T], p: &[T], decay: f64) {
    let n = average.len();
    assert_eq!(p.len(), n, "average: lengths differ");
    each_part(n, 16, parts(n, 1, LIGHT), [Rows(average, 1)], &mut [], |at, [average], _| {
        optim::ema(average, &p[at], decay)
    });
}
