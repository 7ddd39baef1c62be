//! Batch normalisation (Ioffe & Szegedy, arXiv:1502.03167) over `[N, C]`, `[N, C, L]`, `[N, C, H, W]`.
//!
//! Training: x̂ = (x − μ)/√(σ² + ε) with the batch's mean and biased variance, y = γ·x̂ + β; the running statistics move
//! by r ← (1 − m)·r + m·stat, where the stored variance is unbiased (PyTorch) or biased (Keras), and m = 1/t for the
//! cumulative average. Eval or frozen: μ and σ² are the running values, which stay.
//!
//! One value a channel in training is an error before anything moves; a constant channel gives exactly β.

use super::module::{Context, Item, Layer, Role, warn};
use super::spec::{number, optional};
use crate::autograd::{Backward, Tensor, record};
use crate::error::{Code, Error, Result};
use crate::kernels::norm::Layout;
use crate::kernels::unary::Unary;
use crate::tensor::{Float, View};
use core::cell::Cell;
use serde_json::{Map, Value};
use std::rc::Rc;

/// Which variance the running average stores; normalising always uses the biased one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variance {
    /// Σ(x−μ)²/(n−1), as PyTorch stores it.
    Unbiased,
    /// Σ(x−μ)²/n, as Keras stores it.
    Biased,
}

/// What the running average is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Averaged {
    /// The variance (PyTorch, Keras).
    Variance,
    /// The standard deviation (the lecture's σ̄); the square of the average is stored.
    Deviation,
}

/// Which statistics normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's in training, the running ones in eval.
    Auto,
    /// Always the batch's (generators of GANs).
    Batch,
    /// Always the running ones.
    Running,
}

/// Options of [`BatchNorm`]; the defaults are PyTorch's.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance; 1e-5.
    pub eps: f64,
    /// Weight of the new value in the running average (PyTorch's sense); 0.1. `None` is the cumulative average.
    pub momentum: Option<f64>,
    /// Whether there is a γ.
    pub scale: bool,
    /// Whether there is a β.
    pub shift: bool,
    /// Whether running statistics are kept; without them eval uses the batch's.
    pub track_running_stats: bool,
    /// What the running variance stores.
    pub variance: Variance,
    /// Which statistics normalise.
    pub statistics: Statistics,
    /// What is averaged.
    pub average: Averaged,
    /// Whether the first batch replaces the initial 0 and 1 instead of being averaged with them.
    pub start_from_first: bool,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        BatchNormOptions {
            eps: 1e-5,
            momentum: Some(0.1),
            scale: true,
            shift: true,
            track_running_stats: true,
            variance: Variance::Unbiased,
            statistics: Statistics::Auto,
            average: Averaged::Variance,
            start_from_first: false,
        }
    }
}

/// A batch normalisation layer.
pub struct BatchNorm<T: Float = f32> {
    features: usize,
    options: BatchNormOptions,
    weight: Option<Tensor<T>>,
    bias: Option<Tensor<T>>,
    /// Buffers, not parameters: no optimizer sees them and no graph saves them.
    running: Option<(Tensor<T>, Tensor<T>)>,
    batches: Rc<Cell<u64>>,
    warned: Cell<bool>,
}

impl<T: Float> BatchNorm<T> {
    /// With PyTorch's defaults.
    pub fn new(features: usize) -> Result<Self> {
        Self::with_options(features, BatchNormOptions::default())
    }
    /// With these options.
    pub fn with_options(features: usize, options: BatchNormOptions) -> Result<Self> {
        if features == 0 {
            return Err(Error::argument("features", "at least 1", features));
        }
        if !(options.eps >= 0.0 && options.eps.is_finite()) {
            return Err(Error::argument("eps", "0 or a small positive number", options.eps));
        }
        if let Some(m) = options.momentum
            && !(0.0..=1.0).contains(&m)
        {
            return Err(Error::argument("momentum", "between 0 and 1", m));
        }
        if options.statistics == Statistics::Running && !options.track_running_stats {
            return Err(Error::argument("statistics", "not \"running\" without trackRunningStats", "running"));
        }
        let ones = || Tensor::ones(&[features]);
        let zeros = || Tensor::zeros(&[features]);
        Ok(BatchNorm {
            features,
            weight: if options.scale { Some(ones()?.tracked()) } else { None },
            bias: if options.shift { Some(zeros()?.tracked()) } else { None },
            running: if options.track_running_stats { Some((zeros()?, ones()?)) } else { None },
            options,
            batches: Rc::new(Cell::new(0)),
            warned: Cell::new(false),
        })
    }
    /// The options.
    pub fn options(&self) -> &BatchNormOptions {
        &self.options
    }
    /// Number of channels.
    pub fn features(&self) -> usize {
        self.features
    }
    /// γ.
    pub fn weight(&self) -> Option<&Tensor<T>> {
        self.weight.as_ref()
    }
    /// β.
    pub fn bias(&self) -> Option<&Tensor<T>> {
        self.bias.as_ref()
    }
    /// Running mean and variance.
    pub fn running(&self) -> Option<(&Tensor<T>, &Tensor<T>)> {
        self.running.as_ref().map(|(m, v)| (m, v))
    }
    /// Number of batches the running statistics have seen.
    pub fn batches(&self) -> u64 {
        self.batches.get()
    }
    /// Replaces the running statistics (recalibration, merging).
    pub fn set_running(&self, mean: &[T], var: &[T], batches: u64) -> Result<()> {
        let Some((m, v)) = &self.running else {
            return Err(Error::new(Code::WrongMode).with("reason", "no running statistics"));
        };
        if mean.len() != self.features || var.len() != self.features {
            return Err(Error::shape("running statistics", "one value a feature", mean.len()));
        }
        m.with_data_mut(|d| d.copy_from_slice(mean));
        v.with_data_mut(|d| d.copy_from_slice(var));
        self.batches.set(batches);
        Ok(())
    }

    fn layout(&self, x: &Tensor<T>) -> Result<Layout> {
        let d = x.dims();
        if d.len() < 2 || d[1] != self.features {
            return Err(Error::shape("batch norm", "[N, C] or [N, C, ...]", x.shape()).with("features", self.features));
        }
        Ok(Layout { n: d[0], channels: d[1], length: d[2..].iter().product() })
    }

    fn run(&self, x: &Tensor<T>, ctx: Context<'_>, relu: bool) -> Result<Tensor<T>> {
        let d = self.layout(x)?;
        let use_batch = match self.options.statistics {
            Statistics::Auto => ctx.training || self.running.is_none(),
            Statistics::Batch => true,
            Statistics::Running => false,
        };
        let source = if use_batch {
            if d.count() <= 1 {
                return Err(Error::new(Code::BatchNormOneValue)
                    .with("given", x.shape())
                    .with("features", self.features));
            }
            if d.count() == 2 && ctx.training && !self.warned.replace(true) {
                warn("BATCH_NORM_TWO_VALUES", d.count() as f64);
            }
            let stats = Stats::of_batch(x, d)?;
            let noted = super::batch_stats::observe(core::ptr::from_ref(self) as usize, &stats, d.count());
            if ctx.training
                && !noted
                && let (Some(updates), Some((mean, var))) = (ctx.update, &self.running)
            {
                let (mean, var, stats) = (mean.clone(), var.clone(), stats.clone());
                let (batches, options) = (self.batches.clone(), self.options.clone());
                updates.push(move || update_running(&options, &mean, &var, &batches, &stats, d.count()));
            }
            stats
        } else {
            let (mean, var) = self.running.as_ref().expect("checked when built");
            Stats::fixed(mean.view(), var.view(), self.features)?
        };
        batch_norm(x, d, self.weight.as_ref(), self.bias.as_ref(), source, T::of(self.options.eps), relu)
    }

    pub(super) fn from_spec(spec: &Value) -> Result<Self> {
        let mut o = BatchNormOptions::default();
        match spec["convention"].as_str() {
            None | Some("torch") => {}
            Some("keras") => {
                o.eps = 1e-3;
                o.momentum = Some(0.01);
                o.variance = Variance::Biased;
            }
            Some("lecture") => {
                o.eps = 0.0;
                o.variance = Variance::Biased;
                o.average = Averaged::Deviation;
                o.start_from_first = true;
            }
            Some(other) => return Err(Error::argument("convention", "torch, keras or lecture", other)),
        }
        if let Some(eps) = optional(spec, "eps")? {
            o.eps = eps;
        }
        let has = |key| spec.get(key).is_some();
        if has("momentum") && has("decay") {
            return Err(Error::argument("decay", "not together with momentum", "both"));
        }
        if has("momentum") {
            o.momentum = optional(spec, "momentum")?;
        }
        if let Some(p) = optional(spec, "decay")? {
            o.momentum = Some(1.0 - p);
        }
        let flag = |key: &str, default: bool| spec[key].as_bool().unwrap_or(default);
        let affine = flag("affine", true);
        o.scale = flag("scale", affine);
        o.shift = flag("shift", affine);
        o.track_running_stats = flag("track_running_stats", true);
        match spec["variance"].as_str() {
            None => {}
            Some("unbiased") => o.variance = Variance::Unbiased,
            Some("biased") => o.variance = Variance::Biased,
            Some(other) => return Err(Error::argument("variance", "unbiased or biased", other)),
        }
        match spec["statistics"].as_str() {
            None | Some("auto") => {}
            Some("batch") => o.statistics = Statistics::Batch,
            Some("running") => o.statistics = Statistics::Running,
            Some(other) => return Err(Error::argument("statistics", "auto, batch or running", other)),
        }
        match spec["average"].as_str() {
            None => {}
            Some("variance") => o.average = Averaged::Variance,
            Some("deviation") => o.average = Averaged::Deviation,
            Some(other) => return Err(Error::argument("average", "variance or deviation", other)),
        }
        o.start_from_first = flag("start_from_first", o.start_from_first);
        Self::with_options(number(spec, "features")?, o)
    }
}

impl<T: Float> Layer<T> for BatchNorm<T> {
    fn kind(&self) -> &'static str {
        "batch_norm"
    }
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        self.run(x, ctx, false)
    }
    fn forward_fused(&self, x: &Tensor<T>, act: Unary<T>, ctx: Context<'_>) -> Option<Result<Tensor<T>>> {
        matches!(act, Unary::Relu).then(|| self.run(x, ctx, true))
    }
    fn items(&self, f: &mut dyn FnMut(&'static str, Item<'_, T>)) {
        if let Some(w) = &self.weight {
            f("weight", Item::Param(w, Role::Norm));
        }
        if let Some(b) = &self.bias {
            f("bias", Item::Param(b, Role::Norm));
        }
        if let Some((mean, var)) = &self.running {
            f("running_mean", Item::Buffer(mean));
            f("running_var", Item::Buffer(var));
            f("num_batches_tracked", Item::Counter(&self.batches));
        }
    }
    fn describe(&self, spec: &mut Map<String, Value>) {
        let o = &self.options;
        spec.insert("features".into(), self.features.into());
        spec.insert("eps".into(), o.eps.into());
        spec.insert("momentum".into(), o.momentum.map_or(Value::Null, Value::from));
        spec.insert("scale".into(), o.scale.into());
        spec.insert("shift".into(), o.shift.into());
        spec.insert("track_running_stats".into(), o.track_running_stats.into());
        // Written only where they differ from what every reader expects.
        if o.average == Averaged::Deviation {
            spec.insert("average".into(), "deviation".into());
        }
        if o.start_from_first {
            spec.insert("start_from_first".into(), true.into());
        }
        let variance = if o.variance == Variance::Unbiased { "unbiased" } else { "biased" };
        spec.insert("variance".into(), variance.into());
        let statistics = match o.statistics {
            Statistics::Auto => "auto",
            Statistics::Batch => "batch",
            Statistics::Running => "running",
        };
        spec.insert("statistics".into(), statistics.into());
    }
    fn as_batch_norm(&self) -> Option<&BatchNorm<T>> {
        Some(self)
    }
}

/// Statistics that normalise: mean = shift + delta, biased variance; `of_batch` if they depend on x.
#[derive(Clone)]
pub(super) struct Stats<T: Float> {
    pub(super) shift: View<T>,
    pub(super) delta: View<T>,
    pub(super) var: View<T>,
    from_batch: bool,
}

/// Moves the running statistics by those of a batch of `count` values a channel.
fn update_running<T: Float>(
    o: &BatchNormOptions,
    mean: &Tensor<T>,
    var: &Tensor<T>,
    batches: &Cell<u64>,
    stats: &Stats<T>,
    count: usize,
) {
    batches.set(batches.get() + 1);
    let t = batches.get();
    let first = t == 1 && o.start_from_first;
    let m = if first { 1.0 } else { o.momentum.unwrap_or(1.0 / t as f64) };
    let (new, old) = (T::of(m), T::of(1.0 - m));
    let correction = match o.variance {
        Variance::Unbiased => T::of(count as f64 / (count as f64 - 1.0)),
        Variance::Biased => T::ONE,
    };
    let (shift, delta, batch_var) = (stats.shift.read(), stats.delta.read(), stats.var.read());
    mean.with_data_mut(|r| {
        for (j, r) in r.iter_mut().enumerate() {
            *r = old * *r + new * (shift[j] + delta[j]);
        }
    });
    var.with_data_mut(|r| {
        for (r, &v) in r.iter_mut().zip(batch_var.iter()) {
            *r = match o.average {
                Averaged::Variance => old * *r + new * (v * correction),
                Averaged::Deviation => {
                    let s = old * r.sqrt() + new * (v * correction).sqrt();
                    s * s
                }
            };
        }
    });
}

impl<T: Float> Stats<T> {
    pub(super) fn of_batch(x: &Tensor<T>, d: Layout) -> Result<Self> {
        let take = || View::take(d.channels);
        let s = Stats { shift: take()?, delta: take()?, var: take()?, from_batch: true };
        T::statistics(&x.view().read(), d, &mut s.shift.write(), &mut s.delta.write(), &mut s.var.write());
        Ok(s)
    }
    /// Constants. Copied, since the running values move while a graph may still want these.
    fn fixed(mean: View<T>, var: View<T>, channels: usize) -> Result<Self> {
        let zero = View::full(channels, T::ZERO)?;
        Ok(Stats { shift: mean.copy()?, delta: zero, var: var.copy()?, from_batch: false })
    }
}

/// The node: normalise, scale, shift and perhaps ReLU, with the whole backward written out.
fn batch_norm<T: Float>(
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
            *to = T::ONE / (v + eps).sqrt();
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
        b.accumulate(0, |dx, add| {
            let coefficients: [&[T]; 3] = [&scale, &slope.read(), &level.read()];
            T::norm_input(&x, &g, y.as_deref(), d, &shift, coefficients, dx, add);
        })
    }
}
