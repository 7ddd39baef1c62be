//! Batch norm as one node of the graph: normalise, scale, shift and perhaps ReLU, with the whole backward written out.

use crate::autograd::{Backward, Tensor, record};
use crate::error::Result;
use crate::kernels::norm::Layout;
use crate::tensor::{Float, View};

/// Statistics that normalise: mean = shift + delta, biased variance; `of_batch` if they depend on x.
#[derive(Clone)]
pub(in crate::nn) struct Stats<T: Float> {
    pub(in crate::nn) shift: View<T>,
    pub(in crate::nn) delta: View<T>,
    pub(in crate::nn) var: View<T>,
    from_batch: bool,
}

impl<T: Float> Stats<T> {
    pub(super) fn of_batch(x: &Tensor<T>, d: Layout) -> Result<Self> {
        let take = || View::take(d.channels);
        let s = Stats { shift: take()?, delta: take()?, var: take()?, from_batch: true };
        T::statistics(&x.view().read(), d, &mut s.shift.write(), &mut s.delta.write(), &mut s.var.write());
        Ok(s)
    }
    /// Constants. Copied, since the running values move while a graph may still want these.
    pub(super) fn fixed(mean: View<T>, var: View<T>, channels: usize) -> Result<Self> {
        let zero = View::full(channels, T::ZERO)?;
        Ok(Stats { shift: mean.copy()?, delta: zero, var: var.copy()?, from_batch: false })
    }
}

/// The node: normalise, scale, shift and perhaps ReLU, with the whole backward written out.
pub(super) fn batch_norm<T: Float>(
    x: &Tensor<T>,
    d: Layout,
    weight: Option<&Tensor<T>>,
    bias: Option<&Tensor<T>>,
    stats: Stats<T>,
    eps: T,
    relu: bool,
) -> Result<Tensor<T>> {
    let c = d.channels;
    let rstd = View::build(c, |to| {
        for (to, &v) in to.iter_mut().zip(stats.var.read().iter()) {
            // Without an ε a constant channel would be 0/0: it is x̂ = 0, so that y is β and nothing flows back.
            let v = v + eps;
            *to = if v == T::ZERO { T::ZERO } else { T::ONE / v.sqrt() };
        }
    })?;
    let gamma = weight.map(Tensor::view);
    let scale = View::build(c, |to| {
        let gamma = gamma.as_ref().map(View::read);
        for (j, (to, &r)) in to.iter_mut().zip(rstd.read().iter()).enumerate() {
            *to = gamma.as_ref().map_or(r, |g| g[j] * r);
        }
    })?;
    let offset = View::build(c, |to| {
        let beta = bias.map(Tensor::view);
        let beta = beta.as_ref().map(View::read);
        let (delta, scale) = (stats.delta.read(), scale.read());
        for (j, to) in to.iter_mut().enumerate() {
            *to = beta.as_ref().map_or(T::ZERO, |b| b[j]) - delta[j] * scale[j];
        }
    })?;
    let xv = x.view();
    let y = Tensor::build(x.shape(), |to| {
        T::normalize(&xv.read(), d, &stats.shift.read(), &scale.read(), &offset.read(), relu, to)
    })?;
    let saved_y = relu.then(|| y.view());
    let mut inputs = vec![x];
    inputs.extend(weight);
    inputs.extend(bias);
    let (at_weight, at_bias) = (weight.map(|_| 1), bias.map(|_| inputs.len() - 1));
    let node = Saved { x: xv, y: saved_y, stats, rstd, scale, d, at_weight, at_bias };
    Ok(record(&inputs, y, move |b| node.backward(b)))
}

struct Saved<T: Float> {
    x: View<T>,
    y: Option<View<T>>,
    stats: Stats<T>,
    rstd: View<T>,
    scale: View<T>,
    d: Layout,
    at_weight: Option<usize>,
    at_bias: Option<usize>,
}

impl<T: Float> Saved<T> {
    /// dβ = Σg, dγ = Σg·x̂, dx = γ/√(σ²+ε)·(g − mean(g) − x̂·mean(g·x̂)); with fixed statistics dx = γ/√(σ²+ε)·g.
    fn backward(&self, b: &mut Backward<'_, T>) -> Result<()> {
        let (d, c) = (self.d, self.d.channels);
        let g = b.grad_view().clone();
        let y = self.y.as_ref().map(View::read);
        let (x, g, shift, delta) = (self.x.read(), g.read(), self.stats.shift.read(), self.stats.delta.read());
        let (rstd, scale) = (self.rstd.read(), self.scale.read());
        let sum = View::take(c)?;
        let product = View::take(c)?;
        let params = self.at_weight.or(self.at_bias).is_some_and(|_| true);
        if self.stats.from_batch || params {
            T::norm_sums(&x, &g, y.as_deref(), d, &shift, &mut sum.write(), &mut product.write());
            // Σ g·x̂ from Σ g·(x − s): x̂ = ((x − s) − δ)/√(σ² + ε).
            for (j, p) in product.write().iter_mut().enumerate() {
                *p = (*p - delta[j] * sum.read()[j]) * rstd[j];
            }
        }
        let (sum, product) = (sum.read(), product.read());
        let put = |to: &mut [T], from: &[T], add: bool| {
            if add { crate::kernels::binary::add_assign(to, from) } else { to.copy_from_slice(from) }
        };
        if let Some(i) = self.at_weight {
            b.accumulate(i, |to, add| put(to, &product, add))?;
        }
        if let Some(i) = self.at_bias {
            b.accumulate(i, |to, add| put(to, &sum, add))?;
        }
        let inv = T::ONE / T::of(d.count() as f64);
        let coefficient =
            |f: &dyn Fn(usize) -> T| View::build(c, |to| to.iter_mut().enumerate().for_each(|(j, v)| *v = f(j)));
        let (slope, level) = if self.stats.from_batch {
            let slope = coefficient(&|j| -(scale[j] * rstd[j] * (product[j] * inv)))?;
            let level = {
                let slope = slope.read();
                coefficient(&|j| -(scale[j] * (sum[j] * inv)) - delta[j] * slope[j])?
            };
            (slope, level)
        } else {
            (View::full(c, T::ZERO)?, View::full(c, T::ZERO)?)
        };
        if !b.needs(0) {
            return Ok(());
        }
        let dx = View::build(x.len(), |dx| {
            let coefficients: [&[T]; 3] = [&scale, &slope.read(), &level.read()];
            T::norm_input(&x, &g, y.as_deref(), d, &shift, coefficients, dx);
        })?;
        b.give(0, dx)
    }
}
