//! The options of batch norm, and their place in a spec.

use crate::error::{Error, Result};
use crate::nn::spec::{choice, optional};
use crate::value::{Map, Value};

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

/// Options of [`BatchNorm`](super::BatchNorm); the defaults are PyTorch's.
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

impl BatchNormOptions {
    /// The options in a spec; what it leaves out is PyTorch's default, or its convention's.
    pub(super) fn from_spec(spec: &Value) -> Result<Self> {
        let mut o = BatchNormOptions::default();
        match choice(spec, "convention", &["torch", "keras", "lecture"], "torch, keras or lecture")? {
            Some(1) => {
                o.eps = 1e-3;
                o.momentum = Some(0.01);
                o.variance = Variance::Biased;
            }
            Some(2) => {
                o.eps = 0.0;
                o.variance = Variance::Biased;
                o.average = Averaged::Deviation;
                o.start_from_first = true;
            }
            _ => {}
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
        if let Some(i) = choice(spec, "variance", &["unbiased", "biased"], "unbiased or biased")? {
            o.variance = [Variance::Unbiased, Variance::Biased][i];
        }
        if let Some(i) = choice(spec, "statistics", &["auto", "batch", "running"], "auto, batch or running")? {
            o.statistics = [Statistics::Auto, Statistics::Batch, Statistics::Running][i];
        }
        if let Some(i) = choice(spec, "average", &["variance", "deviation"], "variance or deviation")? {
            o.average = [Averaged::Variance, Averaged::Deviation][i];
        }
        o.start_from_first = flag("start_from_first", o.start_from_first);
        Ok(o)
    }

    /// Adds the options to a spec.
    pub(super) fn describe(&self, spec: &mut Map) {
        let o = self;
        spec.insert("eps", o.eps);
        spec.insert("momentum", o.momentum);
        spec.insert("scale", o.scale);
        spec.insert("shift", o.shift);
        spec.insert("track_running_stats", o.track_running_stats);
        // Written only where they differ from what every reader expects.
        if o.average == Averaged::Deviation {
            spec.insert("average", "deviation");
        }
        if o.start_from_first {
            spec.insert("start_from_first", true);
        }
        let variance = if o.variance == Variance::Unbiased { "unbiased" } else { "biased" };
        spec.insert("variance", variance);
        let statistics = match o.statistics {
            Statistics::Auto => "auto",
            Statistics::Batch => "batch",
            Statistics::Running => "running",
        };
        spec.insert("statistics", statistics);
    }
}
