//! Activation layers, by the field's names: each is one element-wise function, or softmax along an axis.

use super::module::{Context, Layer};
use super::spec::{choice, optional};
use crate::autograd::Tensor;
use crate::error::{Error, Result};
use crate::kernels::unary::{Unary, from_output};
use crate::tensor::Float;
use crate::value::{Map, Value};

#[derive(Clone, Copy, PartialEq)]
enum Function<T> {
    Each(Unary<T>),
    Softmax(isize),
    LogSoftmax(isize),
}

/// An activation layer.
#[derive(Clone, Copy, PartialEq)]
pub struct Activation<T: Float = f32>(Function<T>);

impl<T: Float> Activation<T> {
    /// Any element-wise function.
    pub fn new(function: Unary<T>) -> Self {
        Activation(Function::Each(function))
    }
    /// max(x, 0)
    pub fn relu() -> Self {
        Self::new(Unary::Relu)
    }
    /// Softmax along an axis.
    pub fn softmax(axis: isize) -> Self {
        Activation(Function::Softmax(axis))
    }
    /// Log-softmax along an axis.
    pub fn log_softmax(axis: isize) -> Self {
        Activation(Function::LogSoftmax(axis))
    }
    /// The function on a tensor.
    pub fn apply(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        match self.0 {
            Function::Each(f) => x.unary(f),
            Function::Softmax(a) => x.softmax(a),
            Function::LogSoftmax(a) => x.log_softmax(a),
        }
    }
    /// By its name, with PyTorch's defaults for what the spec leaves out; `None` for a name that is no activation.
    pub fn from_spec(spec: &Value) -> Result<Option<Self>> {
        let number = |key: &'static str, default: f64| Ok::<_, Error>(T::of(optional(spec, key)?.unwrap_or(default)));
        let axis = || Ok::<_, Error>(optional(spec, "dim")?.map_or(-1, |x| x as isize));
        let f = match spec["type"].as_str().unwrap_or("") {
            "relu" => Unary::Relu,
            "relu6" => Unary::Relu6,
            "leaky_relu" => Unary::LeakyRelu(number("negative_slope", 0.01)?),
            "elu" => Unary::Elu(number("alpha", 1.0)?),
            "selu" => Unary::Selu,
            "gelu" => match choice(spec, "approximate", &["none", "tanh"], "none or tanh")? {
                Some(1) => Unary::GeluTanh,
                _ => Unary::Gelu,
            },
            "silu" => Unary::Silu,
            "mish" => Unary::Mish,
            "sigmoid" => Unary::Sigmoid,
            "tanh" => Unary::Tanh,
            "softplus" => Unary::Softplus { beta: number("beta", 1.0)?, threshold: number("threshold", 20.0)? },
            "softsign" => Unary::Softsign,
            "hardswish" => Unary::Hardswish,
            "hardsigmoid" => Unary::Hardsigmoid,
            "hardtanh" => {
                let (min, max) = (number("min_val", -1.0)?, number("max_val", 1.0)?);
                if min >= max {
                    return Err(Error::argument("min_val", "below max_val", min.f64()));
                }
                Unary::Hardtanh { min, max }
            }
            "logsigmoid" => Unary::LogSigmoid,
            "softmax" => return Ok(Some(Self::softmax(axis()?))),
            "log_softmax" => return Ok(Some(Self::log_softmax(axis()?))),
            _ => return Ok(None),
        };
        Ok(Some(Self::new(f)))
    }
}

impl<T: Float> Layer<T> for Activation<T> {
    fn kind(&self) -> &'static str {
        match self.0 {
            Function::Softmax(_) => "softmax",
            Function::LogSoftmax(_) => "log_softmax",
            Function::Each(f) => match f {
                Unary::Relu => "relu",
                Unary::Relu6 => "relu6",
                Unary::LeakyRelu(_) => "leaky_relu",
                Unary::Elu(_) => "elu",
                Unary::Selu => "selu",
                Unary::Gelu | Unary::GeluTanh => "gelu",
                Unary::Silu => "silu",
                Unary::Mish => "mish",
                Unary::Sigmoid => "sigmoid",
                Unary::Tanh => "tanh",
                Unary::Softplus { .. } => "softplus",
                Unary::Softsign => "softsign",
                Unary::Hardswish => "hardswish",
                Unary::Hardsigmoid => "hardsigmoid",
                Unary::Hardtanh { .. } => "hardtanh",
                Unary::LogSigmoid => "logsigmoid",
                _ => "function",
            },
        }
    }
    fn forward(&self, x: &Tensor<T>, _ctx: Context<'_>) -> Result<Tensor<T>> {
        self.apply(x)
    }
    fn fusable(&self) -> Option<Unary<T>> {
        match self.0 {
            Function::Each(f) if from_output(f) => Some(f),
            _ => None,
        }
    }
    fn describe(&self, spec: &mut Map) {
        match self.0 {
            Function::Softmax(a) | Function::LogSoftmax(a) => spec.insert("dim", a as f64),
            Function::Each(Unary::LeakyRelu(s)) => spec.insert("negative_slope", s.f64()),
            Function::Each(Unary::Elu(a)) => spec.insert("alpha", a.f64()),
            Function::Each(Unary::GeluTanh) => spec.insert("approximate", "tanh"),
            Function::Each(Unary::Softplus { beta, threshold }) => {
                spec.insert("beta", beta.f64());
                spec.insert("threshold", threshold.f64());
            }
            Function::Each(Unary::Hardtanh { min, max }) => {
                spec.insert("min_val", min.f64());
                spec.insert("max_val", max.f64());
            }
            Function::Each(_) => {}
        }
    }
}
