//! Element-wise operations on two operands with NumPy broadcasting.
//!
//! The broadcast is reduced to as few loops as the shapes allow; the innermost one is a vector loop over contiguous
//! memory in which an operand either moves along or stays one number.

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
pub fn forward<T: Real>(op: Binary, a: &[T], sa: &Shape, b: &[T], sb: &Shape, out: &mut [T], shape: &Shape) {
    let walk = Walk::new(sa, sb, shape);
    let truth = |m: <T::V as Lanes<T>>::Mask| T::V::select(m, T::V::splat(T::ONE), T::V::zero());
    match op {
        Binary::Add => walk.run(a, b, out, |x, y| x + y),
        Binary::Sub => walk.run(a, b, out, |x, y| x - y),
        Binary::Mul => walk.run(a, b, out, |x, y| x * y),
        Binary::Div => walk.run(a, b, out, |x, y| x / y),
        Binary::Pow => walk.run(a, b, out, pow_lanes),
        Binary::Min => walk.run(a, b, out, |x, y| x.min(y)),
        Binary::Max => walk.run(a, b, out, |x, y| x.max(y)),
        Binary::Eq => walk.run(a, b, out, |x, y| truth(x.eq(y))),
        Binary::Ne => walk.run(a, b, out, |x, y| T::V::splat(T::ONE) - truth(x.eq(y))),
        Binary::Lt => walk.run(a, b, out, |x, y| truth(x.lt(y))),
        Binary::Le => walk.run(a, b, out, |x, y| truth(x.le(y))),
        Binary::Gt => walk.run(a, b, out, |x, y| truth(y.lt(x))),
        Binary::Ge => walk.run(a, b, out, |x, y| truth(y.le(x))),
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

    fn run<T: Real>(&self, a: &[T], b: &[T], out: &mut [T], f: impl Fn(T::V, T::V) -> T::V) {
        if out.is_empty() {
            return;
        }
        let inner = self.rank - 1;
        let n = self.extents[inner];
        let mut at = [0; MAX_RANK];
        let (mut ia, mut ib) = (0, 0);
        for row in out.chunks_exact_mut(n) {
            line(&a[ia..], self.a[inner], &b[ib..], self.b[inner], row, &f);
            for i in (0..inner).rev() {
                at[i] += 1;
                ia += self.a[i];
                ib += self.b[i];
                if at[i] < self.extents[i] {
                    break;
                }
                ia -= self.a[i] * self.extents[i];
                ib -= self.b[i] * self.extents[i];
                at[i] = 0;
            }
        }
    }
}

/// One contiguous line; an operand with step 0 stands still.
#[inline(always)]
fn line<T: Real>(a: &[T], step_a: usize, b: &[T], step_b: usize, out: &mut [T], f: &impl Fn(T::V, T::V) -> T::V) {
    let n = out.len();
    let (out4, rest) = out.as_chunks_mut::<LANES>();
    let done = n - rest.len();
    match (step_a, step_b) {
        // Scalars, and operands that were broadcast to a shape neither of them has.
        (0, 0) => {
            let z = f(T::V::splat(a[0]), T::V::splat(b[0]));
            out4.iter_mut().for_each(|o| z.store(o));
            z.store_part(rest);
        }
        (0, 1) => {
            let x = T::V::splat(a[0]);
            for (o, y) in out4.iter_mut().zip(b[..n].as_chunks::<LANES>().0) {
                f(x, T::V::load(y)).store(o);
            }
            f(x, T::V::load_part(&b[done..n], T::ZERO)).store_part(rest);
        }
        (1, 0) => {
            let y = T::V::splat(b[0]);
            for (o, x) in out4.iter_mut().zip(a[..n].as_chunks::<LANES>().0) {
                f(T::V::load(x), y).store(o);
            }
            f(T::V::load_part(&a[done..n], T::ZERO), y).store_part(rest);
        }
        _ => {
            for ((o, x), y) in out4.iter_mut().zip(a[..n].as_chunks::<LANES>().0).zip(b[..n].as_chunks::<LANES>().0) {
                f(T::V::load(x), T::V::load(y)).store(o);
            }
            f(T::V::load_part(&a[done..n], T::ZERO), T::V::load_part(&b[done..n], T::ZERO)).store_part(rest);
        }
    }
}
