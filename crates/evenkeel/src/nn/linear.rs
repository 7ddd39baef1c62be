//! Linear (dense) layer: y = x·Wᵀ + b, with W `[out, in]` as in PyTorch; x `[.., in]`, y `[.., out]`.

use super::module::{Context, Item, Layer, Role};
use super::spec::number;
use crate::autograd::{Tensor, linear};
use crate::error::{Error, Result};
use crate::init::{self, Init};
use crate::kernels::unary::{Unary, from_output};
use crate::rng::Rng;
use crate::tensor::Float;
use crate::value::{Map, Value};

/// A fully connected layer.
pub struct Linear<T: Float = f32> {
    weight: Tensor<T>,
    bias: Option<Tensor<T>>,
}

impl<T: Float> Linear<T> {
    /// With PyTorch's initial values: weight and bias uniform in ±1/√in.
    pub fn new(inputs: usize, outputs: usize, bias: bool, rng: &mut Rng) -> Result<Self> {
        Self::with_init(inputs, outputs, bias, Init::TorchLinear, rng)
    }
    /// With weights from `init`; the bias is PyTorch's for [`Init::TorchLinear`], else 0.
    pub fn with_init(inputs: usize, outputs: usize, bias: bool, init: Init, rng: &mut Rng) -> Result<Self> {
        if inputs == 0 || outputs == 0 {
            return Err(Error::argument("features", "at least 1", inputs.min(outputs)));
        }
        let weight = Tensor::zeros(&[outputs, inputs])?;
        weight.with_data_mut(|w| init::fill(init, w, &[outputs, inputs], rng));
        let bias = if bias {
            let b = Tensor::zeros(&[outputs])?;
            if matches!(init, Init::TorchLinear) {
                let bound = init::bias_bound(&[outputs, inputs]);
                b.with_data_mut(|b| rng.fill_uniform(b, -bound, bound));
            }
            Some(b.tracked())
        } else {
            None
        };
        Ok(Linear { weight: weight.tracked(), bias })
    }
    /// From values: weight `[out, in]`, bias `[out]`.
    pub fn from_values(weight: Tensor<T>, bias: Option<Tensor<T>>) -> Result<Self> {
        if weight.shape().rank() != 2 {
            return Err(Error::shape("linear", "[out, in]", weight.shape()));
        }
        if let Some(b) = &bias
            && b.dims() != &weight.dims()[..1]
        {
            return Err(Error::shapes("linear", weight.shape(), b.shape()));
        }
        Ok(Linear { weight: weight.tracked(), bias: bias.map(Tensor::tracked) })
    }
    /// The weight, `[out, in]`.
    pub fn weight(&self) -> &Tensor<T> {
        &self.weight
    }
    /// The bias, `[out]`.
    pub fn bias(&self) -> Option<&Tensor<T>> {
        self.bias.as_ref()
    }
    pub(super) fn from_spec(spec: &Value, rng: &mut Rng) -> Result<Self> {
        let inputs = number(spec, "in_features")?;
        let outputs = number(spec, "out_features")?;
        let bias = spec["bias"].as_bool().unwrap_or(true);
        let init = match &spec["init"] {
            Value::Null => Init::TorchLinear,
            v => super::spec::init(v)?,
        };
        Self::with_init(inputs, outputs, bias, init, rng)
    }
}

impl<T: Float> Layer<T> for Linear<T> {
    fn kind(&self) -> &'static str {
        "linear"
    }
    fn forward(&self, x: &Tensor<T>, _ctx: Context<'_>) -> Result<Tensor<T>> {
        linear(x, &self.weight, self.bias.as_ref(), None)
    }
    fn forward_fused(&self, x: &Tensor<T>, act: Unary<T>, _ctx: Context<'_>) -> Option<Result<Tensor<T>>> {
        from_output(act).then(|| linear(x, &self.weight, self.bias.as_ref(), Some(act)))
    }
    fn items(&self, f: &mut dyn FnMut(&'static str, Item<'_, T>)) {
        f("weight", Item::Param(&self.weight, Role::Weight));
        if let Some(b) = &self.bias {
            f("bias", Item::Param(b, Role::Bias));
        }
    }
    fn describe(&self, spec: &mut Map) {
        spec.insert("in_features", self.weight.dims()[1]);
        spec.insert("out_features", self.weight.dims()[0]);
        spec.insert("bias", self.bias.is_some());
    }
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        let mut s = input.to_vec();
        if let Some(last) = s.last_mut() {
            *last = self.weight.dims()[0];
        }
        s
    }
    fn as_linear(&self) -> Option<&Linear<T>> {
        Some(self)
    }
}
