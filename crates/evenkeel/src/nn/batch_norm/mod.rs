//! Batch normalisation (Ioffe & Szegedy, arXiv:1502.03167) over `[N, C]`, `[N, C, L]`, `[N, C, H, W]`.
//!
//! Training: x̂ = (x − μ)/√(σ² + ε) with the batch's mean and biased variance, y = γ·x̂ + β; the running statistics move
//! by r ← (1 − m)·r + m·stat, where the stored variance is unbiased (PyTorch) or biased (Keras), and m = 1/t for the
//! cumulative average. Eval or frozen: μ and σ² are the running values, which stay.
//!
//! One value a channel in training is an error before anything moves; a constant channel gives exactly β.

mod node;
mod options;

use super::module::{Context, Item, Layer, Role, warn};
use super::spec::number;
use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::kernels::norm::Layout;
use crate::kernels::unary::Unary;
use crate::tensor::Float;
use crate::value::{Map, Value};
use core::cell::Cell;
pub(super) use node::Stats;
use node::batch_norm;
pub use options::{Averaged, BatchNormOptions, Statistics, Variance};
use std::rc::Rc;

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
            Stats::fixed(mean, var)?
        };
        batch_norm(x, d, self.weight.as_ref(), self.bias.as_ref(), source, T::of(self.options.eps), relu)
    }

    pub(super) fn from_spec(spec: &Value) -> Result<Self> {
        Self::with_options(number(spec, "features")?, BatchNormOptions::from_spec(spec)?)
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
    fn describe(&self, spec: &mut Map) {
        spec.insert("features", self.features);
        self.options.describe(spec);
    }
    fn as_batch_norm(&self) -> Option<&BatchNorm<T>> {
        Some(self)
    }
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
    mean.with_data_mut(|mean| {
        var.with_data_mut(|var| {
            stats.each(&mut |j, [shift, delta, batch_var]| {
                mean[j] = old * mean[j] + new * (shift + delta);
                var[j] = match o.average {
                    Averaged::Variance => old * var[j] + new * (batch_var * correction),
                    Averaged::Deviation => {
                        let s = old * var[j].sqrt() + new * (batch_var * correction).sqrt();
                        s * s
                    }
                };
            });
        });
    });
}
