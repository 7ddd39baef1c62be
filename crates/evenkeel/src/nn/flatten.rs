//! Flatten: joins all axes from `start` on (1 by default) into one.

use super::module::{Context, Layer};
use super::spec::optional;
use crate::autograd::Tensor;
use crate::error::Result;
use crate::tensor::Float;
use crate::value::{Map, Value};

/// A flatten layer.
pub struct Flatten {
    start: usize,
}

impl Flatten {
    /// Joins the axes from `start` on.
    pub fn new(start: usize) -> Self {
        Flatten { start }
    }
    pub(super) fn from_spec(spec: &Value) -> Result<Self> {
        Ok(Flatten { start: optional(spec, "start_dim")?.map_or(1, |x| x as usize) })
    }
}

impl<T: Float> Layer<T> for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }
    fn forward(&self, x: &Tensor<T>, _ctx: Context<'_>) -> Result<Tensor<T>> {
        x.flatten(self.start)
    }
    fn describe(&self, spec: &mut Map) {
        spec.insert("start_dim", self.start);
    }
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        let mut s = input[..self.start.min(input.len())].to_vec();
        s.push(input[self.start.min(input.len())..].iter().product());
        s
    }
}
