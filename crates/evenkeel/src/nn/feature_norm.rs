//! Feature normalisation: (x − mean)/std per feature, with mean and standard deviation of a data set, adapted once
//! and from then on part of the model.
//!
//! A feature that is constant in the data set has std 0 there; it is divided by 1 instead, so it becomes 0.

use super::module::{Context, Item, Layer};
use super::spec::number;
use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::kernels::binary::Binary;
use crate::kernels::norm::Layout;
use crate::tensor::{Float, View};
use crate::value::{Map, Value};
use core::cell::Cell;

/// A feature normalisation layer over the last axis.
pub struct FeatureNorm<T: Float = f32> {
    mean: Tensor<T>,
    std: Tensor<T>,
    /// Rows seen by `adapt`; 0 until then.
    rows: Cell<u64>,
}

impl<T: Float> FeatureNorm<T> {
    /// Not adapted yet.
    pub fn new(features: usize) -> Result<Self> {
        if features == 0 {
            return Err(Error::argument("features", "at least 1", features));
        }
        Ok(FeatureNorm { mean: Tensor::zeros(&[features])?, std: Tensor::ones(&[features])?, rows: Cell::new(0) })
    }
    /// Takes mean and (population) standard deviation of each feature of `x`, `[.., features]`.
    pub fn adapt(&self, x: &Tensor<T>) -> Result<()> {
        self.take(x, false)
    }
    /// The same, but all features are divided by one number, the root of their mean variance: what to do where some
    /// features hardly ever vary (pixels at the border of images), which a standard deviation of their own would blow up.
    pub fn adapt_shared(&self, x: &Tensor<T>) -> Result<()> {
        self.take(x, true)
    }
    fn take(&self, x: &Tensor<T>, shared: bool) -> Result<()> {
        self.check(x)?;
        let features = self.mean.len();
        let rows = x.len() / features;
        if rows == 0 {
            return Err(Error::new(Code::Empty).with("argument", "x"));
        }
        let [shift, delta, var] = [View::take(features)?, View::take(features)?, View::take(features)?];
        let d = Layout { n: rows, channels: features, length: 1 };
        T::statistics(&x.view().read(), d, &mut shift.write(), &mut delta.write(), &mut var.write());
        if let Some(j) = var.read().iter().position(|v| !v.is_finite()) {
            return Err(Error::new(Code::NotFinite).with("argument", "x").with("column", j));
        }
        if shared {
            let mean = T::of(var.read().iter().map(|v| v.f64()).sum::<f64>() / features as f64);
            var.write().fill(mean);
        }
        self.mean.with_data_mut(|m| {
            for (j, m) in m.iter_mut().enumerate() {
                *m = shift.read()[j] + delta.read()[j];
            }
        });
        self.std.with_data_mut(|s| s.iter_mut().zip(var.read().iter()).for_each(|(s, v)| *s = v.sqrt()));
        self.rows.set(rows as u64);
        Ok(())
    }
    /// Mean of each feature.
    pub fn mean(&self) -> &Tensor<T> {
        &self.mean
    }
    /// Standard deviation of each feature, 0 where constant.
    pub fn std(&self) -> &Tensor<T> {
        &self.std
    }
    fn check(&self, x: &Tensor<T>) -> Result<()> {
        if x.shape().rank() == 0 || x.shape().last() != self.mean.len() {
            return Err(Error::shape("feature norm", "[.., features]", x.shape()).with("features", self.mean.len()));
        }
        Ok(())
    }
    pub(super) fn from_spec(spec: &Value) -> Result<Self> {
        Self::new(number(spec, "features")?)
    }
}

impl<T: Float> Layer<T> for FeatureNorm<T> {
    fn kind(&self) -> &'static str {
        "feature_norm"
    }
    fn forward(&self, x: &Tensor<T>, _ctx: Context<'_>) -> Result<Tensor<T>> {
        self.check(x)?;
        if self.rows.get() == 0 {
            return Err(Error::new(Code::NotAdapted));
        }
        let divisor = Tensor::build(self.std.shape(), |to| {
            self.std.with_data(|s| {
                to.iter_mut().zip(s).for_each(|(to, &s)| *to = if s == T::ZERO { T::ONE } else { s });
            });
        })?;
        x.sub(&self.mean.detach())?.binary(Binary::Div, &divisor)
    }
    fn items(&self, f: &mut dyn FnMut(&'static str, Item<'_, T>)) {
        f("mean", Item::Buffer(&self.mean));
        f("std", Item::Buffer(&self.std));
        f("num_rows", Item::Counter(&self.rows));
    }
    fn describe(&self, spec: &mut Map) {
        spec.insert("features", self.mean.len());
    }
    fn as_feature_norm(&self) -> Option<&FeatureNorm<T>> {
        Some(self)
    }
}
