//! Reductions over axes, softmax and its relatives.
//!
//! A set of axes that lie side by side is reduced where it is; otherwise the tensor is permuted first.

use crate::autograd::{Tensor, record};
use crate::error::{Code, Error, Result};
use crate::kernels::unary::Unary;
use crate::kernels::{binary, reduce, softmax};
use crate::simd::Lanes;
use crate::tensor::{Float, Indices, MAX_RANK, Shape, View};

/// A reduction laid out as `[outer, n, inner]`, with the result's shape.
struct Plan<T: Float> {
    x: Tensor<T>,
    outer: usize,
    n: usize,
    inner: usize,
    shape: Shape,
}

impl<T: Float> Tensor<T> {
    fn plan(&self, axes: &[isize], keep: bool) -> Result<Plan<T>> {
        let rank = self.shape().rank();
        let mut reduced = [false; MAX_RANK];
        for &a in axes {
            reduced[self.shape().axis(a)?] = true;
        }
        if axes.is_empty() {
            reduced[..rank].fill(true);
        }
        let mut shape = Shape::scalar();
        // The axes that stay, then the others; the first and the one after the last of those.
        let (mut order, mut stay, mut count) = ([0; MAX_RANK], 0, 0);
        let (mut first, mut last) = (rank, rank);
        for (i, &d) in self.dims().iter().enumerate() {
            if !reduced[i] {
                order[stay] = i;
                stay += 1;
            } else {
                if count == 0 {
                    first = i;
                }
                last = i + 1;
                count += 1;
            }
            if keep || !reduced[i] {
                shape = shape.with(if reduced[i] { 1 } else { d })?;
            }
        }
        if last - first == count {
            let d = self.dims();
            let product = |r: core::ops::Range<usize>| d[r].iter().product::<usize>();
            let (outer, n, inner) = (product(0..first), product(first..last), product(last..rank));
            return Ok(Plan { x: self.clone(), outer, n, inner, shape });
        }
        let mut n = 1;
        for i in (0..rank).filter(|&i| reduced[i]) {
            order[stay] = i;
            stay += 1;
            n *= self.dims()[i];
        }
        let x = self.permute(&order[..rank])?;
        Ok(Plan { x, outer: shape.len(), n, inner: 1, shape })
    }

    /// Sum over `axes` (all, if none are named), which vanish or, with `keep`, stay with extent 1.
    pub fn sum(&self, axes: &[isize], keep: bool) -> Result<Self> {
        self.plan(axes, keep)?.sum(T::ONE)
    }
    /// Sum of everything, as a scalar.
    pub fn sum_all(&self) -> Result<Self> {
        self.sum(&[], false)
    }
    /// Mean over `axes`.
    pub fn mean(&self, axes: &[isize], keep: bool) -> Result<Self> {
        let p = self.plan(axes, keep)?;
        let scale = T::ONE / T::of(p.n as f64);
        p.sum(scale)
    }
    /// Variance over `axes`: Σ(x − mean)² / (n − correction); correction 1 is the unbiased estimate.
    pub fn var(&self, axes: &[isize], correction: usize, keep: bool) -> Result<Self> {
        let p = self.plan(axes, keep)?;
        if p.n <= correction {
            return Err(Error::argument("correction", "fewer than the number of values", correction).with("n", p.n));
        }
        let scale = T::ONE / T::of((p.n - correction) as f64);
        let (outer, n, inner, x) = (p.outer, p.n, p.inner, p.x.view());
        let mean = View::take(outer * inner)?;
        let y = Self::build(p.shape, |to| {
            reduce::moments(&x.read(), outer, n, inner, &mut mean.write(), to);
            binary::map_assign(to, |v| v * T::V::splat(scale));
        })?;
        Ok(record(&[&p.x], y, move |b| {
            b.build(0, |dx| {
                let (x, g, mean) = (x.read(), b.grad(), mean.read());
                let two = (T::ONE + T::ONE) * scale;
                for (i, d) in dx.iter_mut().enumerate() {
                    let j = i / (n * inner) * inner + i % inner;
                    *d = g[j] * two * (x[i] - mean[j]);
                }
            })
        }))
    }
    fn extreme(&self, axis: isize, keep: bool, largest: bool) -> Result<(Self, Indices)> {
        let p = self.plan(&[axis], keep)?;
        if p.n == 0 {
            return Err(Error::new(Code::Empty).with("argument", "axis"));
        }
        let (outer, n, inner, x) = (p.outer, p.n, p.inner, p.x.view());
        let index = View::<i32>::take(outer * inner)?;
        let y = Self::build(p.shape, |to| {
            reduce::extreme(&x.read(), outer, n, inner, largest, to, &mut index.write());
        })?;
        let indices = Indices::from_view(index.clone(), p.shape);
        let y = record(&[&p.x], y, move |b| {
            b.accumulate(0, |dx, add| {
                if !add {
                    dx.fill(T::ZERO);
                }
                for (j, (g, &r)) in b.grad().iter().zip(index.read().iter()).enumerate() {
                    dx[(j / inner * n + r as usize) * inner + j % inner] += *g;
                }
            })
        });
        Ok((y, indices))
    }
    /// Largest value along an axis; the gradient goes to the first one that has it.
    pub fn max(&self, axis: isize, keep: bool) -> Result<Self> {
        Ok(self.extreme(axis, keep, true)?.0)
    }
    /// Smallest value along an axis; the gradient goes to the first one that has it.
    pub fn min(&self, axis: isize, keep: bool) -> Result<Self> {
        Ok(self.extreme(axis, keep, false)?.0)
    }
    /// Index of the largest value along an axis, the first if several.
    pub fn argmax(&self, axis: isize) -> Result<Indices> {
        Ok(self.extreme(axis, false, true)?.1)
    }
    /// Index of the smallest value along an axis, the first if several.
    pub fn argmin(&self, axis: isize) -> Result<Indices> {
        Ok(self.extreme(axis, false, false)?.1)
    }

    /// This with axis `from` moved to place `to`.
    fn moved(&self, from: usize, to: usize) -> Result<Self> {
        if from == to {
            return Ok(self.clone());
        }
        let mut order: [usize; MAX_RANK] = core::array::from_fn(|i| i);
        (from..to).for_each(|i| order.swap(i, i + 1));
        (to..from).rev().for_each(|i| order.swap(i, i + 1));
        self.permute(&order[..self.shape().rank()])
    }
    fn softmax_of(&self, axis: isize, log: bool) -> Result<Self> {
        let (axis, last) = (self.shape().axis(axis)?, self.shape().rank() - 1);
        let x = self.moved(axis, last)?;
        let n = x.shape().last();
        let data = x.view();
        let y = Self::build(x.shape(), |to| T::softmax(&data.read(), n, log, to))?;
        let saved = y.view();
        let y = record(&[&x], y, move |b| b.build(0, |dx| T::softmax_backward(&saved.read(), &b.grad(), n, log, dx)));
        y.moved(last, axis)
    }
    /// e^x / Σ e^x along an axis.
    pub fn softmax(&self, axis: isize) -> Result<Self> {
        self.softmax_of(axis, false)
    }
    /// x − ln Σ e^x along an axis.
    pub fn log_softmax(&self, axis: isize) -> Result<Self> {
        self.softmax_of(axis, true)
    }
    /// ln Σ e^x along an axis.
    pub fn log_sum_exp(&self, axis: isize, keep: bool) -> Result<Self> {
        let a = self.shape().axis(axis)?;
        let x = self.moved(a, self.shape().rank() - 1)?;
        let n = x.shape().last();
        let shape = if keep { self.shape().with_axis(a, 1) } else { self.shape().without(a) };
        let data = x.view();
        let y = Self::build(shape, |to| softmax::log_sum_exp(&data.read(), n, to))?;
        let saved = y.view();
        Ok(record(&[&x], y, move |b| {
            b.build(0, |dx| {
                let (x, y, g) = (data.read(), saved.read(), b.grad());
                for (r, row) in dx.chunks_exact_mut(n.max(1)).enumerate() {
                    let (y, g) = (T::V::splat(y[r]), T::V::splat(g[r]));
                    binary::zip_assign(row, &x[r * n..(r + 1) * n], |_, x| g * (x - y).exp());
                }
            })
        }))
    }
    /// Standard deviation over `axes`: the root of [`var`](Self::var).
    pub fn std(&self, axes: &[isize], correction: usize, keep: bool) -> Result<Self> {
        self.var(axes, correction, keep)?.unary(Unary::Sqrt)
    }
}

impl<T: Float> Plan<T> {
    fn sum(self, scale: T) -> Result<Tensor<T>> {
        let (outer, n, inner, x) = (self.outer, self.n, self.inner, self.x.view());
        let y = Tensor::build(self.shape, |to| {
            T::sum(&x.read(), outer, n, inner, to, false);
            if scale != T::ONE {
                binary::map_assign(to, |v| v * T::V::splat(scale));
            }
        })?;
        Ok(record(&[&self.x], y, move |b| b.build(0, |dx| reduce::spread(&b.grad(), outer, n, inner, scale, dx))))
    }
}
