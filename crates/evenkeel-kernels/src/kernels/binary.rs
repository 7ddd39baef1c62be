//! Element-wise operations on two operands with NumPy broadcasting.
//!
//! The broadcast is reduced to as few loops as the shapes allow; the innermost one is a vector loop over contiguous
//! memory in which an operand either moves along or stays one number.

use super::Kernels;
use crate::shape::{MAX_RANK, Shape};
use crate::simd::{LANES, Lanes, Real};

/// The operations. Comparisons give 1 where they hold and 0 elsewhere (also for NaN, but for `Ne`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// a^b
    Pow,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// a = b
    Eq,
    /// a ≠ b
    Ne,
    /// a < b
    Lt,
    /// a ≤ b
    Le,
    /// a > b
    Gt,
    /// a ≥ b
    Ge,
}

/// `out = a op b`, where both operands broadcast to `shape`.
pub fn forward<T: Kernels>(op: Binary, a: &[T], sa: &Shape, b: &[T], sb: &Shape, out: &mut [T], shape: &Shape) {
    if out.is_empty() {
        return;
    }
    let walk = Walk::new(sa, sb, shape);
    let inner = walk.rank - 1;
    let mut at = [0; MAX_RANK];
    let (mut ia, mut ib) = (0, 0);
    for row in out.chunks_exact_mut(walk.extents[inner]) {
        T::binary_line(op, &a[ia..], walk.a[inner], &b[ib..], walk.b[inner], row);
        for i in (0..inner).rev() {
            at[i] += 1;
            ia += walk.a[i];
            ib += walk.b[i];
            if at[i] < walk.extents[i] {
                break;
            }
            ia -= walk.a[i] * walk.extents[i];
            ib -= walk.b[i] * walk.extents[i];
            at[i] = 0;
        }
    }
}

/// One contiguous line; an operand moves along (step 1) or is one number throughout (step 0).
pub fn line<T: Real>(op: Binary, a: &[T], step_a: usize, b: &[T], step_b: usize, out: &mut [T]) {
    let n = out.len();
    let (out, out_tail) = out.as_chunks_mut::<LANES>();
    let whole = n - out_tail.len();
    let operand = |x: &[T], step: usize| if step == 0 { [[x[0]; LANES]; 2] } else { [pad(&x[whole..n]); 2] };
    let (a_end, b_end) = (operand(a, step_a), operand(b, step_b));
    let chunk = |x| -> &[[T; LANES]] { x };
    let a4 = if step_a == 0 { &a_end[..] } else { chunk(a[..n].as_chunks::<LANES>().0) };
    let b4 = if step_b == 0 { &b_end[..] } else { chunk(b[..n].as_chunks::<LANES>().0) };
    chunks(op, a4, step_a, b4, step_b, out);
    if !out_tail.is_empty() {
        let mut out = [[T::ZERO; LANES]];
        chunks(op, &a_end, 0, &b_end, 0, &mut out);
        out_tail.copy_from_slice(&out[0][..out_tail.len()]);
    }
}

/// At most four numbers, filled up with ones.
fn pad<T: Real>(tail: &[T]) -> [T; LANES] {
    T::V::load_part(tail, T::ONE).to_array()
}

/// Not inlined: whole lines and their ends share this code.
#[inline(never)]
fn chunks<T: Real>(
    op: Binary,
    a: &[[T; LANES]],
    step_a: usize,
    b: &[[T; LANES]],
    step_b: usize,
    out: &mut [[T; LANES]],
) {
    let (zero, one) = (T::V::zero(), T::V::splat(T::ONE));
    let ab = (a, step_a, b, step_b);
    match op {
        Binary::Add => map(ab, out, |x, y| x + y),
        Binary::Sub => map(ab, out, |x, y| x - y),
        Binary::Mul => map(ab, out, |x, y| x * y),
        Binary::Div => map(ab, out, |x, y| x / y),
        Binary::Pow => map(ab, out, pow_lanes),
        Binary::Min => map(ab, out, |x, y| x.min(y)),
        Binary::Max => map(ab, out, |x, y| x.max(y)),
        Binary::Eq => map(ab, out, |x, y| T::V::select(x.eq(y), one, zero)),
        Binary::Ne => map(ab, out, |x, y| T::V::select(x.eq(y), zero, one)),
        Binary::Lt => map(ab, out, |x, y| T::V::select(x.lt(y), one, zero)),
        Binary::Le => map(ab, out, |x, y| T::V::select(x.le(y), one, zero)),
        Binary::Gt => map(ab, out, |x, y| T::V::select(y.lt(x), one, zero)),
        Binary::Ge => map(ab, out, |x, y| T::V::select(y.le(x), one, zero)),
    }
}

/// The one loop. An operand that stands still is read again and again, from the first cache.
#[inline(always)]
fn map<T: Real>(
    (a, step_a, b, step_b): (&[[T; LANES]], usize, &[[T; LANES]], usize),
    out: &mut [[T; LANES]],
    f: impl Fn(T::V, T::V) -> T::V,
) {
    let (mut i, mut j) = (0, 0);
    for out in out {
        f(T::V::load(&a[i]), T::V::load(&b[j])).store(out);
        i += step_a;
        j += step_b;
    }
}

fn pow_lanes<T: Real, V: Lanes<T>>(x: V, y: V) -> V {
    let (x, y) = (x.to_array(), y.to_array());
    V::load(&core::array::from_fn(|i| x[i].powf(y[i])))
}

/// `to += from`.
pub fn add_assign<T: Real>(to: &mut [T], from: &[T]) {
    zip_assign(to, from, |a, b| a + b);
}

/// `to = f(to, from)` element by element.
#[inline(always)]
pub fn zip_assign<T: Real>(to: &mut [T], from: &[T], f: impl Fn(T::V, T::V) -> T::V) {
    let (to4, to_rest) = to.as_chunks_mut::<LANES>();
    let (from4, from_rest) = from.as_chunks::<LANES>();
    for (a, b) in to4.iter_mut().zip(from4) {
        f(T::V::load(a), T::V::load(b)).store(a);
    }
    f(T::V::load_part(to_rest, T::ZERO), T::V::load_part(from_rest, T::ZERO)).store_part(to_rest);
}

/// `to = f(to)` element by element.
#[inline(always)]
pub fn map_assign<T: Real>(to: &mut [T], f: impl Fn(T::V) -> T::V) {
    let (to4, rest) = to.as_chunks_mut::<LANES>();
    for a in to4 {
        f(T::V::load(a)).store(a);
    }
    f(T::V::load_part(rest, T::ZERO)).store_part(rest);
}

/// Elements of `shape` as nested loops with the strides of both operands (0 where one stands still).
struct Walk {
    extents: [usize; MAX_RANK],
    a: [usize; MAX_RANK],
    b: [usize; MAX_RANK],
    rank: usize,
}

impl Walk {
    fn new(sa: &Shape, sb: &Shape, shape: &Shape) -> Self {
        let rank = shape.rank();
        let strides = |s: &Shape| {
            let (own, skip) = (s.strides(), rank - s.rank());
            core::array::from_fn::<usize, MAX_RANK, _>(|i| {
                if i >= skip && i < rank && s.dims()[i - skip] != 1 { own[i - skip] } else { 0 }
            })
        };
        let (fa, fb) = (strides(sa), strides(sb));
        let mut w = Walk { extents: [1; MAX_RANK], a: [0; MAX_RANK], b: [0; MAX_RANK], rank: 0 };
        for i in 0..rank {
            let d = shape.dims()[i];
            if d == 1 {
                continue;
            }
            // An axis joins the one before it when both operands step through the two as through one.
            if w.rank > 0 && w.a[w.rank - 1] == fa[i] * d && w.b[w.rank - 1] == fb[i] * d {
                w.extents[w.rank - 1] *= d;
                w.a[w.rank - 1] = fa[i];
                w.b[w.rank - 1] = fb[i];
            } else {
                w.extents[w.rank] = d;
                w.a[w.rank] = fa[i];
                w.b[w.rank] = fb[i];
                w.rank += 1;
            }
        }
        w.rank = w.rank.max(1);
        w
    }
}
