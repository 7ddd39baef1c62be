//! Folding batch norm into the linear layer before it, for inference: W' = γ/√(σ²+ε)·W,
//! b' = γ/√(σ²+ε)·(b − μ) + β.

use super::{BatchNorm, Linear, Module, Parallel, Residual, Sequential};
use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::rng::Rng;
use crate::tensor::Float;

impl<T: Float> Module<T> {
    /// A copy in eval mode in which every batch norm that follows a linear layer in a sequence has been folded into it.
    /// Other layers are copied as they are.
    pub fn fold_batch_norm(&self) -> Result<Self> {
        let folded = self.folded()?;
        folded.eval();
        Ok(folded)
    }

    fn folded(&self) -> Result<Self> {
        let children = self.layer().children();
        let spec = self.spec();
        match self.layer().kind() {
            "sequential" => {
                let mut layers: Vec<Module<T>> = Vec::new();
                let mut i = 0;
                while let Some((_, child)) = children.get(i) {
                    let next = children.get(i + 1).and_then(|(_, n)| n.layer().as_batch_norm());
                    match (child.layer().as_linear(), next) {
                        (Some(linear), Some(bn)) if bn.running().is_some() => {
                            layers.push(fold(linear, bn)?.into());
                            i += 2;
                        }
                        _ => {
                            layers.push(child.folded()?);
                            i += 1;
                        }
                    }
                }
                Ok(Sequential::new(layers).into())
            }
            "residual" => Ok(Residual::new(children[0].1.folded()?).into()),
            "parallel" => {
                let branches = children.iter().map(|(_, b)| b.folded()).collect::<Result<_>>()?;
                Ok(Parallel::new(branches, Parallel::<T>::join_of(&spec)?)?.into())
            }
            _ => {
                let copy = Self::from_spec(&spec, &mut Rng::new(0))?;
                copy.load_state(&self.state(), true)?;
                Ok(copy)
            }
        }
    }
}

/// One linear layer that does what `linear` and then `bn` in eval mode do. Computed in f64 and rounded once.
pub fn fold<T: Float>(linear: &Linear<T>, bn: &BatchNorm<T>) -> Result<Linear<T>> {
    let (Some((mean, var)), out) = (bn.running(), linear.weight().dims()[0]) else {
        return Err(Error::new(Code::WrongMode).with("reason", "no running statistics"));
    };
    if bn.features() != out {
        return Err(Error::shape("fold", "as many features as the linear layer gives", bn.features()));
    }
    let values = |t: Option<&Tensor<T>>, default: f64| match t {
        Some(t) => t.to_vec().iter().map(|v| v.f64()).collect(),
        None => vec![default; out],
    };
    let (gamma, beta) = (values(bn.weight(), 1.0), values(bn.bias(), 0.0));
    let (mean, var, bias) = (values(Some(mean), 0.0), values(Some(var), 1.0), values(linear.bias(), 0.0));
    let scale: Vec<f64> = (0..out).map(|j| gamma[j] / (var[j] + bn.options().eps).sqrt()).collect();
    let columns = linear.weight().dims()[1];
    let weight = linear.weight().to_vec();
    let weight: Vec<T> = weight.iter().enumerate().map(|(i, w)| T::of(w.f64() * scale[i / columns])).collect();
    let bias: Vec<T> = (0..out).map(|j| T::of((bias[j] - mean[j]) * scale[j] + beta[j])).collect();
    Linear::from_values(Tensor::new(&weight, &[out, columns])?, Some(Tensor::new(&bias, &[out])?))
}
