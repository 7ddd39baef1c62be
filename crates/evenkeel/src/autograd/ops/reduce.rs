//! Reductions over axes, softmax and its relatives.
//!
//! A set of axes that lie side by side is reduced where it is; otherwise the tensor is permuted first.

use crate::autograd::{Tensor, record};
use crate::error::{Code, Error, Result};
use crate::kernels::unary::Unary;
use crate::kernels::{binary, reduce, softmax};
use crate::simd::Lanes;
use crate::tensor::{Float, Indices, Shape, View};

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
        let mut reduced = [false; crate::tensor::MAX_RANK];
        for &a in axes {
            reduced[self.shape().axis(a)?] = true;
        }
        if axes.is_empty() {
            reduced[..rank].fill(true);
        }
        let chosen: Vec<usize> = (0..rank).filter(|&i| reduced[i]).collect();
        let mut kept = Vec::with_capacity(rank);
        for (i, &d) in self.dims().iter().enumerate() {
            if !reduced[i] {
                kept.push(d);
            } else if keep {
                kept.push(1);
            }
        }
        let shape = Shape::new(&kept)?;
        let (first, last) = match (chosen.first(), chosen.last()) {
            (Some(&f), Some(&l)) => (f, l + 1),
            _ => (rank, rank),
        };
        if last - first == chosen.len() {
            let d = self.dims();
            let product = |r: core::ops::Range<usize>| d[r].iter().product::<usize>();
            let (outer, n, inner) = (product(0..first), product(first..last), product(last..rank));
            return Ok(Plan { x: self.clone(), outer, n, inner, shape });
        }
        let mut order: Vec<usize> = (0..rank).filter(|&i| !reduced[i]).collect();
        order.extend(&chosen);
        let n = chosen.iter().map(|&i| self.dims()[i]).product();
        let x = self.permute(&order)?;
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
            b.accumulate(0, |dx, add| {
                let (x, g, mean) = (x.read(), b.grad(), mean.read());
                let two = (T::ONE + T::ONE) * scale;
                for (i, d) in dx.iter_mut().enumerate() {
                    let j = i / (n * inner) * inner + i % inner;
                    let v = g[j] * two * (x[i] - mean[j]);
                    *d = if add { *d + v } else { v };
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

    /// This with `axis` moved last (and the order that undoes it).
    fn axis_last(&self, axis: isize) -> Result<(Self, Option<Vec<usize>>)> {
        let rank = self.shape().rank();
        let axis = self.shape().axis(axis)?;
        if axis + 1 == rank {
            return Ok((self.clone(), None));
        }
        let mut order: Vec<usize> = (0..rank).filter(|&i| i != axis).collect();
        order.push(axis);
        let mut back: Vec<usize> = (0..rank - 1).collect();
        back.insert(axis, rank - 1);
        Ok((self.permute(&order)?, Some(back)))
    }
    fn softmax_of(&self, axis: isize, log: bool) -> Result<Self> {
        let (x, back) = self.axis_last(axis)?;
        let n = x.shape().last();
        let data = x.view();
        let y = Self::build(x.shape(), |to| T::softmax(&data.read(), n, log, to))?;
        let saved = y.view();
        let y = record(&[&x], y, move |b| {
            b.accumulate(0, |dx, add| T::softmax_backward(&saved.read(), &b.grad(), n, log, dx, add))
        });
        match back {
            Some(order) => y.permute(&order),
            None => Ok(y),
        }
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
        let (x, _) = self.axis_last(axis)?;
        let n = x.shape().last();
        let shape = if keep { self.shape().with_axis(a, 1) } else { self.shape().without(a) };
        let data = x.view();
        let y = Self::build(shape, |to| softmax::log_sum_exp(&data.read(), n, to))?;
        let saved = y.view();
        Ok(record(&[&x], y, move |b| {
            b.accumulate(0, |dx, add| {
                let (x, y, g) = (data.read(), saved.read(), b.grad());
                for (r, row) in dx.chunks_exact_mut(n.max(1)).enumerate() {
                    let (y, g) = (T::V::splat(y[r]), T::V::splat(g[r]));
                    binary::zip_assign(row, &x[r * n..(r + 1) * n], |d, x| {
                        let v = g * (x - y).exp();
                        if add { d + v } else { v }
                    });
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
        Ok(record(&[&self.x], y, move |b| {
            b.accumulate(0, |dx, add| reduce::spread(&b.grad(), outer, n, inner, scale, dx, add))
        }))
    }
}
