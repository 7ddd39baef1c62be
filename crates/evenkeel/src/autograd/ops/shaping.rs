//! Operations that only move data: reshape, permute, slice, gather, concat, stack.

use crate::autograd::{Tensor, record};
use crate::error::{Code, Error, Result};
use crate::kernels::layout::{self, Blocks};
use crate::tensor::{Float, Indices, MAX_RANK, Shape, View};

impl<T: Float> Tensor<T> {
    /// The same values in another shape; shares the data.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        let target = Shape::new(shape)?;
        if target.len() != self.len() {
            return Err(Error::shapes("reshape", self.shape(), target));
        }
        let y = Self::from_view(self.view(), target);
        Ok(record(&[self], y, |b| {
            let g = b.grad_view().clone();
            b.give(0, g)
        }))
    }
    /// Joins the axes from `start` on into one.
    pub fn flatten(&self, start: usize) -> Result<Self> {
        if start > self.shape().rank() {
            return Err(Error::new(Code::OutOfRange).with("argument", "start").with("given", start));
        }
        let d = self.dims();
        let shape = Shape::new(&d[..start])?.with(d[start..].iter().product())?;
        self.reshape(shape.dims())
    }
    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    pub fn permute(&self, order: &[usize]) -> Result<Self> {
        let rank = self.shape().rank();
        let mut inverse = [usize::MAX; MAX_RANK];
        for (i, &a) in order.iter().enumerate() {
            if a < rank {
                inverse[a] = i;
            }
        }
        if order.len() != rank || inverse[..rank].contains(&usize::MAX) {
            return Err(Error::argument("order", "each axis once", order));
        }
        let from = self.shape();
        let mut shape = from;
        for (i, &a) in order.iter().enumerate() {
            shape = shape.with_axis(i, from.dims()[a]);
        }
        let x = self.view();
        let y = Self::build(shape, |to| layout::permute(&x.read(), &from, order, to))?;
        Ok(record(&[self], y, move |b| {
            let g = View::build(shape.len(), |to| layout::permute(&b.grad(), &shape, &inverse[..rank], to))?;
            b.give(0, g)
        }))
    }
    /// Exchanges two axes.
    pub fn transpose(&self, a: isize, b: isize) -> Result<Self> {
        let mut order: [usize; MAX_RANK] = core::array::from_fn(|i| i);
        order.swap(self.shape().axis(a)?, self.shape().axis(b)?);
        self.permute(&order[..self.shape().rank()])
    }
    /// Indices `start..end` along one axis.
    pub fn slice(&self, axis: isize, start: usize, end: usize) -> Result<Self> {
        let axis = self.shape().axis(axis)?;
        let (outer, n, inner) = self.shape().around(axis);
        if start > end || end > n {
            return Err(Error::new(Code::OutOfRange)
                .with("argument", "slice")
                .with("start", start)
                .with("end", end)
                .with("length", n));
        }
        let shape = self.shape().with_axis(axis, end - start);
        let width = (end - start) * inner;
        let x = self.view();
        let y = if outer == 1 {
            Self::from_view(x.part(start * inner, width), shape)
        } else {
            let blocks = Blocks { count: outer, width, from: (start * inner, n * inner), to: (0, width) };
            Self::build(shape, |to| blocks.copy(&x.read(), to))?
        };
        Ok(record(&[self], y, move |b| {
            b.accumulate(0, |dx, add| {
                if !add {
                    dx.fill(T::ZERO);
                }
                for (o, g) in b.grad().chunks_exact(width.max(1)).enumerate() {
                    let at = (o * n + start) * inner;
                    crate::kernels::binary::add_assign(&mut dx[at..at + width], g);
                }
            })
        }))
    }
    /// Rows by index: `[n, ...]` and `[k]` to `[k, ...]`. Gradients of a row taken twice add up.
    pub fn gather(&self, rows: &Indices) -> Result<Self> {
        let (rank, n) = (self.shape().rank(), self.dims().first().copied().unwrap_or(0));
        if rank == 0 || rows.shape().rank() != 1 {
            return Err(Error::shape("gather", "a tensor with rows and a vector of indices", self.shape())
                .with("indices", rows.shape()));
        }
        let index = rows.to_vec();
        if let Some(&bad) = index.iter().find(|&&i| i < 0 || i as usize >= n) {
            return Err(Error::new(Code::OutOfRange)
                .with("argument", "row")
                .with("given", bad as f64)
                .with("length", n));
        }
        let width = self.len().checked_div(n).unwrap_or(0);
        let shape = self.shape().with_axis(0, index.len());
        let x = self.view();
        let y = Self::build(shape, |to| layout::gather(&x.read(), width, &index, to))?;
        Ok(record(&[self], y, move |b| {
            b.accumulate(0, |dx, add| {
                if !add {
                    dx.fill(T::ZERO);
                }
                layout::scatter_add(&b.grad(), width, &index, dx);
            })
        }))
    }
}

/// Joins tensors along an axis; all other extents agree.
pub fn concat<T: Float>(parts: &[&Tensor<T>], axis: isize) -> Result<Tensor<T>> {
    let Some(first) = parts.first() else {
        return Err(Error::new(Code::Empty).with("argument", "parts"));
    };
    let axis = first.shape().axis(axis)?;
    let mut total = 0;
    for p in parts {
        let same_rank = p.shape().rank() == first.shape().rank();
        if !same_rank || p.shape().with_axis(axis, 0) != first.shape().with_axis(axis, 0) {
            return Err(Error::shapes("concat", first.shape(), p.shape()));
        }
        total += p.dims()[axis];
    }
    let shape = first.shape().with_axis(axis, total);
    let (outer, _, inner) = shape.around(axis);
    let step = total * inner;
    let y = Tensor::build(shape, |to| {
        let mut at = 0;
        for p in parts {
            let width = p.dims()[axis] * inner;
            Blocks { count: outer, width, from: (0, width), to: (at, step) }.copy(&p.view().read(), to);
            at += width;
        }
    })?;
    Ok(record(parts, y, move |b| {
        let mut at = 0;
        for i in 0..b.inputs() {
            let width = b.input(i).dims()[axis] * inner;
            if b.needs(i) {
                let blocks = Blocks { count: outer, width, from: (at, step), to: (0, width) };
                let g = View::build(outer * width, |to| blocks.copy(&b.grad(), to))?;
                b.give(i, g)?;
            }
            at += width;
        }
        Ok(())
    }))
}

/// Joins tensors of one shape along a new axis.
pub fn stack<T: Float>(parts: &[&Tensor<T>], axis: usize) -> Result<Tensor<T>> {
    let Some(first) = parts.first() else {
        return Err(Error::new(Code::Empty).with("argument", "parts"));
    };
    let mut dims = first.dims().to_vec();
    if axis > dims.len() {
        return Err(Error::new(Code::OutOfRange).with("argument", "axis").with("given", axis));
    }
    dims.insert(axis, 1);
    let parts: Vec<Tensor<T>> = parts
        .iter()
        .map(|p| {
            if p.shape() == first.shape() {
                p.reshape(&dims)
            } else {
                Err(Error::shapes("stack", first.shape(), p.shape()))
            }
        })
        .collect::<Result<_>>()?;
    concat(&parts.iter().collect::<Vec<_>>(), axis as isize)
}
