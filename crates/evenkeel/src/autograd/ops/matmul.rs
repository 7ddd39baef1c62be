//! Matrix product, two-dimensional and batched.

use super::elementwise::reduce_to;
use crate::autograd::{Tensor, record};
use crate::error::{Error, Result};
use crate::kernels::gemm::{Matrix, Start};
use crate::kernels::gemm_scratch;
use crate::tensor::{Float, Shape, View};

/// C = start + A·B, with scratch memory from the pool.
#[allow(clippy::too_many_arguments)]
pub(super) fn product<T: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    start: Start<T>,
) -> Result<()> {
    let pack = View::take(gemm_scratch(m, n, k))?;
    T::gemm(m, n, k, a, b, c, start, &mut pack.write());
    Ok(())
}

/// [`View::build`] for a fill that can fail.
pub(crate) fn try_build<T: Float>(len: usize, fill: impl FnOnce(&mut [T]) -> Result<()>) -> Result<View<T>> {
    let v = View::take(len)?;
    fill(&mut v.write())?;
    Ok(v)
}

impl<T: Float> Tensor<T> {
    /// Matrix product `[.., m, k] · [.., k, n]`; leading axes broadcast. A vector counts as one row (left) or one
    /// column (right), and its axis vanishes from the result.
    pub fn matmul(&self, other: &Tensor<T>) -> Result<Self> {
        let (ra, rb) = (self.shape().rank(), other.shape().rank());
        let mismatch = || Error::shapes("matmul", self.shape(), other.shape());
        if ra == 0 || rb == 0 {
            return Err(mismatch());
        }
        if ra == 1 {
            let y = self.reshape(&[1, self.len()])?.matmul(other)?;
            let drop = if rb == 1 { 0 } else { y.shape().rank() - 2 };
            return y.reshape(y.shape().without(drop).dims());
        }
        if rb == 1 {
            let y = self.matmul(&other.reshape(&[other.len(), 1])?)?;
            return y.reshape(y.shape().without(y.shape().rank() - 1).dims());
        }
        let (da, db) = (self.dims(), other.dims());
        let (m, k, n) = (da[ra - 2], da[ra - 1], db[rb - 1]);
        if db[rb - 2] != k {
            return Err(mismatch());
        }
        let (lead_a, lead_b) = (Shape::new(&da[..ra - 2])?, Shape::new(&db[..rb - 2])?);
        let lead = lead_a.broadcast(&lead_b).ok_or_else(mismatch)?;
        let batch = Batch { count: lead.len(), a: lead_a, b: lead_b, lead };
        let shape = lead.with(m)?.with(n)?;
        let (a, b) = (self.view(), other.view());
        let y = try_build(shape.len(), |to| {
            let (a, b) = (a.read(), b.read());
            batch.each(|i, ia, ib| {
                let (a, b) = (&a[ia * m * k..(ia + 1) * m * k], &b[ib * k * n..(ib + 1) * k * n]);
                let c = &mut to[i * m * n..(i + 1) * m * n];
                product(m, n, k, Matrix::rows(a, k), Matrix::rows(b, n), c, Start::Zero)
            })
        })?;
        Ok(record(&[self, other], Self::from_view(y, shape), move |ctx| {
            let g = ctx.grad_view().clone();
            let (a, b, g) = (a.read(), b.read(), g.read());
            if ctx.needs(0) {
                let da = try_build(batch.count * m * k, |to| {
                    batch.each(|i, _, ib| {
                        let (g, b) = (&g[i * m * n..(i + 1) * m * n], &b[ib * k * n..(ib + 1) * k * n]);
                        let to = &mut to[i * m * k..(i + 1) * m * k];
                        product(m, k, n, Matrix::rows(g, n), Matrix::transposed(b, n), to, Start::Zero)
                    })
                })?;
                ctx.give(0, reduce_to(da, lead.with(m)?.with(k)?, ctx.input(0).shape())?)?;
            }
            if ctx.needs(1) {
                let db = try_build(batch.count * k * n, |to| {
                    batch.each(|i, ia, _| {
                        let (g, a) = (&g[i * m * n..(i + 1) * m * n], &a[ia * m * k..(ia + 1) * m * k]);
                        let to = &mut to[i * k * n..(i + 1) * k * n];
                        product(k, n, m, Matrix::transposed(a, k), Matrix::rows(g, n), to, Start::Zero)
                    })
                })?;
                ctx.give(1, reduce_to(db, lead.with(k)?.with(n)?, ctx.input(1).shape())?)?;
            }
            Ok(())
        }))
    }
}

/// The matrices of two stacks that are multiplied with each other.
struct Batch {
    count: usize,
    a: Shape,
    b: Shape,
    lead: Shape,
}

impl Batch {
    fn each(&self, mut f: impl FnMut(usize, usize, usize) -> Result<()>) -> Result<()> {
        (0..self.count).try_for_each(|i| f(i, place(i, &self.a, &self.lead), place(i, &self.b, &self.lead)))
    }
}

/// Where the matrix `i` of the stack `lead` is in a stack that is broadcast to it.
fn place(mut i: usize, own: &Shape, lead: &Shape) -> usize {
    let (strides, skip) = (own.strides(), lead.rank() - own.rank());
    let mut at = 0;
    for axis in (0..lead.rank()).rev() {
        let d = lead.dims()[axis];
        if axis >= skip && own.dims()[axis - skip] != 1 {
            at += i % d * strides[axis - skip];
        }
        i /= d;
    }
    at
}
