//! Unary functions, broadcasting arithmetic and comparisons, `where`.

use crate::autograd::{Backward, Tensor, record};
use crate::error::{Error, Result};
use crate::kernels::binary::{self, Binary};
use crate::kernels::unary::{self, Unary};
use crate::simd::{LANES, Lanes};
use crate::tensor::{Float, Shape, View};

impl<T: Float> Tensor<T> {
    /// A function of each element; activations are among them.
    pub fn unary(&self, op: Unary<T>) -> Result<Self> {
        let x = self.view();
        let y = Self::build(self.shape(), |to| T::unary(op, &x.read(), to))?;
        let (saved_x, saved_y) = ((!unary::from_output(op)).then_some(x), y.view());
        Ok(record(&[self], y, move |b| {
            b.accumulate(0, |dx, add| {
                let y = saved_y.read();
                let g = b.grad();
                match &saved_x {
                    Some(x) => T::unary_backward(op, &x.read(), &y, &g, dx, add),
                    None => T::unary_backward(op, &[], &y, &g, dx, add),
                }
            })
        }))
    }

    /// Two operands, broadcast to a common shape.
    pub fn binary(&self, op: Binary, other: &Tensor<T>) -> Result<Self> {
        let (sa, sb) = (self.shape(), other.shape());
        let shape = sa.broadcast(&sb).ok_or_else(|| Error::shapes("broadcast", sa, sb))?;
        let (a, b) = (self.view(), other.view());
        let y = Self::build(shape, |to| binary::forward(op, &a.read(), &sa, &b.read(), &sb, to, &shape))?;
        if matches!(op, Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge) {
            return Ok(y);
        }
        let saved = match op {
            Binary::Add | Binary::Sub => None,
            _ => Some((a, b, y.view())),
        };
        Ok(record(&[self, other], y, move |ctx| binary_backward(op, ctx, sa, sb, shape, saved)))
    }

    /// a + b
    pub fn add(&self, o: &Tensor<T>) -> Result<Self> {
        self.binary(Binary::Add, o)
    }
    /// a − b
    pub fn sub(&self, o: &Tensor<T>) -> Result<Self> {
        self.binary(Binary::Sub, o)
    }
    /// a · b
    pub fn mul(&self, o: &Tensor<T>) -> Result<Self> {
        self.binary(Binary::Mul, o)
    }
    /// a / b
    pub fn div(&self, o: &Tensor<T>) -> Result<Self> {
        self.binary(Binary::Div, o)
    }
    /// The same data seen as `shape` by broadcasting, as a tensor of its own.
    pub fn expand(&self, shape: &[usize]) -> Result<Self> {
        let target = Shape::new(shape)?;
        if self.shape().broadcast(&target) != Some(target) {
            return Err(Error::shapes("expand", self.shape(), target));
        }
        // Multiplying by 1 keeps every value as it is, signed zeros and NaN included.
        self.mul(&Tensor::full(shape, T::ONE)?)
    }
}

/// `yes` where `condition` is not 0, else `no`; all three broadcast. No gradient flows to the condition.
pub fn where_<T: Float>(condition: &Tensor<T>, yes: &Tensor<T>, no: &Tensor<T>) -> Result<Tensor<T>> {
    let shape = condition
        .shape()
        .broadcast(&yes.shape())
        .and_then(|s| s.broadcast(&no.shape()))
        .ok_or_else(|| Error::shapes("where", yes.shape(), no.shape()).with("condition", condition.shape()))?;
    let [c, yes, no] =
        [condition, yes, no].map(|t| if t.shape() == shape { Ok(t.clone()) } else { t.expand(shape.dims()) });
    let (c, yes, no) = (c?.view(), yes?, no?);
    let y = Tensor::build(shape, |to| {
        select(&c.read(), &yes.view().read(), &no.view().read(), to);
    })?;
    Ok(record(&[&yes, &no], y, move |b| {
        let zero = View::full(shape.len(), T::ZERO)?;
        for i in 0..2 {
            if b.needs(i) {
                let g = View::build(shape.len(), |to| {
                    let (g, z) = (b.grad(), zero.read());
                    if i == 0 { select(&c.read(), &g, &z, to) } else { select(&c.read(), &z, &g, to) }
                })?;
                b.give(i, g)?;
            }
        }
        Ok(())
    }))
}

fn select<T: Float>(c: &[T], yes: &[T], no: &[T], to: &mut [T]) {
    let z = T::V::zero();
    for (((to, c), a), b) in to.chunks_mut(LANES).zip(c.chunks(LANES)).zip(yes.chunks(LANES)).zip(no.chunks(LANES)) {
        let at = |x: &[T]| T::V::load_part(x, T::ZERO);
        T::V::select(at(c).eq(z), at(b), at(a)).store_part(to);
    }
}

type Saved<T> = Option<(View<T>, View<T>, View<T>)>;

fn binary_backward<T: Float>(
    op: Binary,
    ctx: &mut Backward<'_, T>,
    sa: Shape,
    sb: Shape,
    shape: Shape,
    saved: Saved<T>,
) -> Result<()> {
    let g = ctx.grad_view().clone();
    let run = |op: Binary, a: &View<T>, sa: &Shape, b: &View<T>, sb: &Shape| {
        View::build(shape.len(), |to| binary::forward(op, &a.read(), sa, &b.read(), sb, to, &shape))
    };
    let map = |op: Unary<T>, a: &View<T>| View::build(a.len(), |to| T::unary(op, &a.read(), to));
    for (i, own) in [sa, sb].iter().enumerate() {
        if !ctx.needs(i) {
            continue;
        }
        let full = match (op, &saved) {
            (Binary::Sub, _) if i == 1 => map(Unary::Neg, &g)?,
            (Binary::Mul, Some((a, b, _))) => {
                if i == 0 {
                    run(Binary::Mul, &g, &shape, b, &sb)?
                } else {
                    run(Binary::Mul, &g, &shape, a, &sa)?
                }
            }
            (Binary::Div, Some((_, b, y))) => {
                let over = run(Binary::Div, &g, &shape, b, &sb)?;
                if i == 0 { over } else { map(Unary::Neg, &run(Binary::Mul, &over, &shape, y, &shape)?)? }
            }
            (Binary::Pow, Some((a, b, y))) => {
                let factor = if i == 0 {
                    // b·a^(b−1), and 0 for b = 0 even at a = 0.
                    let lower = map(Unary::AddScalar(-T::ONE), b)?;
                    let power = run(Binary::Pow, a, &sa, &lower, &sb)?;
                    let product = run(Binary::Mul, &power, &shape, b, &sb)?;
                    let zero = View::full(1, T::ZERO)?;
                    let is_zero = run(Binary::Eq, b, &sb, &zero, &Shape::scalar())?;
                    choose(&is_zero, &zero, &product)?
                } else {
                    // y·ln a, and 0 where the base is 0 (y is then 0 for any positive exponent).
                    let ln = map(Unary::Ln, a)?;
                    let product = run(Binary::Mul, y, &shape, &ln, &sa)?;
                    let zero = View::full(1, T::ZERO)?;
                    let is_zero = run(Binary::Eq, a, &sa, &zero, &Shape::scalar())?;
                    choose(&is_zero, &zero, &product)?
                };
                run(Binary::Mul, &g, &shape, &factor, &shape)?
            }
            (Binary::Min | Binary::Max, Some((a, b, _))) => {
                // The winner takes the gradient; a tie is shared evenly.
                let wins = if (op == Binary::Max) == (i == 0) { Binary::Gt } else { Binary::Lt };
                let share = run(wins, a, &sa, b, &sb)?;
                let tie = map(Unary::MulScalar(T::of(0.5)), &run(Binary::Eq, a, &sa, b, &sb)?)?;
                let factor = run(Binary::Add, &share, &shape, &tie, &shape)?;
                run(Binary::Mul, &g, &shape, &factor, &shape)?
            }
            _ => g.clone(),
        };
        ctx.give(i, reduce_to(full, shape, *own)?)?;
    }
    Ok(())
}

/// Where `mask` is not 0 the single value `yes`, else `no`.
fn choose<T: Float>(mask: &View<T>, yes: &View<T>, no: &View<T>) -> Result<View<T>> {
    let value = yes.read()[0];
    View::build(no.len(), |to| {
        for ((to, m), n) in to.iter_mut().zip(mask.read().iter()).zip(no.read().iter()) {
            *to = if *m == T::ZERO { *n } else { value };
        }
    })
}

/// Sums a gradient of shape `from` over the axes along which an operand of shape `to` was broadcast.
pub(super) fn reduce_to<T: Float>(grad: View<T>, from: Shape, to: Shape) -> Result<View<T>> {
    if from == to {
        return Ok(grad);
    }
    let skip = from.rank() - to.rank();
    let mut view = grad;
    let mut shape = from;
    // Neighbouring broadcast axes are summed together, from the front.
    let mut axis = 0;
    while axis < shape.rank() {
        let broadcast = |a: usize, s: &Shape| s.dims()[a] != 1 && (a < skip || to.dims()[a - skip] == 1);
        if !broadcast(axis, &shape) {
            axis += 1;
            continue;
        }
        let mut end = axis + 1;
        while end < shape.rank() && (broadcast(end, &shape) || shape.dims()[end] == 1) {
            end += 1;
        }
        let d = shape.dims();
        let outer: usize = d[..axis].iter().product();
        let n: usize = d[axis..end].iter().product();
        let inner: usize = d[end..].iter().product();
        view = View::build(outer * inner, |y| T::sum(&view.read(), outer, n, inner, y, false))?;
        for a in axis..end {
            shape = shape.with_axis(a, 1);
        }
        axis = end;
    }
    Ok(view)
}
