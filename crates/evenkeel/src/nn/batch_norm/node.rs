//! Batch norm as one node of the graph: normalise, scale, shift and perhaps ReLU, with the whole backward written out.

use crate::autograd::{Backward, Tensor, record};
use crate::error::Result;
use crate::kernels::norm::Layout;
use crate::tensor::{Float, View};

/// Statistics that normalise: mean = shift + delta, biased variance; `from_batch` if they depend on x.
#[derive(Clone)]
pub(in crate::nn) struct Stats<T: Float> {
    /// Shift, delta and variance of the channels, one after the other.
    values: View<T>,
    from_batch: bool,
}

/// Three arrays of one length that lie one after the other.
fn thirds<T>(all: &[T]) -> [&[T]; 3] {
    let n = all.len() / 3;
    [&all[..n], &all[n..2 * n], &all[2 * n..]]
}

impl<T: Float> Stats<T> {
    pub(super) fn of_batch(x: &Tensor<T>, d: Layout) -> Result<Self> {
        let values = View::build(3 * d.channels, |to| {
            let (shift, rest) = to.split_at_mut(d.channels);
            let (delta, var) = rest.split_at_mut(d.channels);
            T::statistics(&x.view().read(), d, shift, delta, var);
        })?;
        Ok(Stats { values, from_batch: true })
    }
    /// Constants. Copied, since the running values move while a graph may still want these.
    pub(super) fn fixed(mean: &Tensor<T>, var: &Tensor<T>) -> Result<Self> {
        let values = View::build(3 * mean.len(), |to| {
            let (shift, rest) = to.split_at_mut(mean.len());
            let (delta, to_var) = rest.split_at_mut(mean.len());
            mean.with_data(|mean| shift.copy_from_slice(mean));
            delta.fill(T::ZERO);
            var.with_data(|var| to_var.copy_from_slice(var));
        })?;
        Ok(Stats { values, from_batch: false })
    }
    /// Calls `f` with shift, delta and variance of each channel.
    pub(in crate::nn) fn each(&self, f: &mut dyn FnMut(usize, [T; 3])) {
        let all = self.values.read();
        let [shift, delta, var] = thirds(&all);
        for j in 0..shift.len() {
            f(j, [shift[j], delta[j], var[j]]);
        }
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
    let factors = View::build(3 * c, |to| {
        let [gamma, beta] = [weight, bias].map(|t| t.map(Tensor::view));
        let [gamma, beta] = [&gamma, &beta].map(|v| v.as_ref().map(View::read));
        stats.each(&mut |j, [_, delta, var]| {
            // Without an ε a constant channel would be 0/0: it is x̂ = 0, so that y is β and nothing flows back.
            let v = var + eps;
            let rstd = if v == T::ZERO { T::ZERO } else { T::ONE / v.sqrt() };
            let scale = gamma.as_ref().map_or(rstd, |g| g[j] * rstd);
            let offset = beta.as_ref().map_or(T::ZERO, |b| b[j]) - delta * scale;
            (to[j], to[c + j], to[2 * c + j]) = (rstd, scale, offset);
        });
    })?;
    let xv = x.view();
    let y = Tensor::build(x.shape(), |to| {
        let (stats, factors) = (stats.values.read(), factors.read());
        let ([shift, ..], [_, scale, offset]) = (thirds(&stats), thirds(&factors));
        T::normalize(&xv.read(), d, shift, scale, offset, relu, to);
    })?;
    let saved_y = relu.then(|| y.view());
    let (mut inputs, mut count) = ([x; 3], 1);
    let [at_weight, at_bias] = [weight, bias].map(|t| {
        inputs[count] = t?;
        count += 1;
        Some(count - 1)
    });
    let node = Saved { x: xv, y: saved_y, stats, factors, d, at_weight, at_bias };
    Ok(record(&inputs[..count], y, move |b| node.backward(b)))
}

struct Saved<T: Float> {
    x: View<T>,
    y: Option<View<T>>,
    stats: Stats<T>,
    /// 1/√(σ² + ε), scale and offset of the channels, one after the other.
    factors: View<T>,
    d: Layout,
    at_weight: Option<usize>,
    at_bias: Option<usize>,
}

impl<T: Float> Saved<T> {
    /// dβ = Σg, dγ = Σg·x̂, dx = γ/√(σ²+ε)·(g − mean(g) − x̂·mean(g·x̂)); with fixed statistics dx = γ/√(σ²+ε)·g.
    fn backward(&self, b: &mut Backward<'_, T>) -> Result<()> {
        let (d, c) = (self.d, self.d.channels);
        let y = self.y.as_ref().map(View::read);
        let (x, g, stats, factors) = (self.x.read(), b.grad(), self.stats.values.read(), self.factors.read());
        let ([shift, delta, _], [rstd, scale, _]) = (thirds(&stats), thirds(&factors));
        let work = View::build(4 * c, |work| {
            let (sums, coefficients) = work.split_at_mut(2 * c);
            let (sum, product) = sums.split_at_mut(c);
            if self.stats.from_batch || self.at_weight.is_some() || self.at_bias.is_some() {
                T::norm_sums(&x, &g, y.as_deref(), d, shift, sum, product);
                // Σ g·x̂ from Σ g·(x − s): x̂ = ((x − s) − δ)/√(σ² + ε).
                for j in 0..c {
                    product[j] = (product[j] - delta[j] * sum[j]) * rstd[j];
                }
            }
            coefficients.fill(T::ZERO);
            if self.stats.from_batch {
                let inv = T::ONE / T::of(d.count() as f64);
                for j in 0..c {
                    let slope = -(scale[j] * rstd[j] * (product[j] * inv));
                    coefficients[j] = slope;
                    coefficients[c + j] = -(scale[j] * (sum[j] * inv)) - delta[j] * slope;
                }
            }
        })?;
        let work = work.read();
        for (at, values) in [(self.at_weight, &work[c..2 * c]), (self.at_bias, &work[..c])] {
            if let Some(i) = at {
                b.accumulate(i, |to, add| {
                    if add { crate::kernels::binary::add_assign(to, values) } else { to.copy_from_slice(values) }
                })?;
            }
        }
        if !b.needs(0) {
            return Ok(());
        }
        let dx = View::build(x.len(), |dx| {
            let coefficients = [scale, &work[2 * c..3 * c], &work[3 * c..]];
            T::norm_input(&x, &g, y.as_deref(), d, shift, coefficients, dx);
        })?;
        b.give(0, dx)
    }
}
