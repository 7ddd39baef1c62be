//! Losses from their settings.

use crate::convert::{Js, js, parse};
use crate::tensor::{CoreIndices, CoreTensor};
use evenkeel::error::Error;
use evenkeel::kernels::loss::Pointwise;
use evenkeel::loss::{Loss, Reduction, Target};
use wasm_bindgen::prelude::*;

/// A loss function with its settings.
#[wasm_bindgen]
pub struct CoreLoss(pub(crate) Loss);

#[wasm_bindgen]
impl CoreLoss {
    /// `{"type":"crossEntropy","labelSmoothing":..,"ignoreIndex":..}` and the like. `class_weight` is per class (or the
    /// weight of positives per column), `weight` per element for binary cross entropy.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &[u8], class_weight: Option<Vec<f32>>, weight: Option<CoreTensor>) -> Js<CoreLoss> {
        let s = parse(settings)?;
        let number = |key: &str, default: f64| s[key].as_f64().unwrap_or(default);
        let positive = |key: &'static str, default: f64, least: f64| {
            let x = number(key, default);
            if x >= least { Ok(x as f32) } else { Err(js(Error::argument(key, "a positive number", x))) }
        };
        let ignore_index = number("ignoreIndex", -100.0) as i32;
        Ok(CoreLoss(match s["type"].as_str().unwrap_or("") {
            "crossEntropy" => {
                let smoothing = number("labelSmoothing", 0.0);
                if !(0.0..=1.0).contains(&smoothing) {
                    return Err(js(Error::argument("labelSmoothing", "between 0 and 1", smoothing)));
                }
                Loss::CrossEntropy { weight: class_weight, ignore_index, label_smoothing: smoothing as f32 }
            }
            "nll" => Loss::Nll { weight: class_weight, ignore_index },
            "bceWithLogits" => Loss::BceWithLogits { pos_weight: class_weight, weight: weight.map(|w| w.0) },
            "mse" => Loss::Elementwise(Pointwise::Mse),
            "l1" => Loss::Elementwise(Pointwise::L1),
            "huber" => Loss::Elementwise(Pointwise::Huber { delta: positive("delta", 1.0, f64::MIN_POSITIVE)? }),
            "smoothL1" => Loss::Elementwise(Pointwise::SmoothL1 { beta: positive("beta", 1.0, 0.0)? }),
            other => return Err(js(Error::argument("loss", "the name of a loss", other))),
        }))
    }
    pub fn share(&self) -> CoreLoss {
        CoreLoss(self.0.clone())
    }
    /// Reduction: 0 mean, 1 sum, 2 none. Exactly one of `labels` and `values` is given.
    pub fn compute(
        &self,
        input: &CoreTensor,
        labels: Option<CoreIndices>,
        values: Option<CoreTensor>,
        sample_weight: Option<CoreTensor>,
        reduction: u32,
    ) -> Js<CoreLossValue> {
        let target = target(labels, values)?;
        let reduction = match reduction {
            0 => Reduction::Mean,
            1 => Reduction::Sum,
            _ => Reduction::None,
        };
        let weight = sample_weight.map(|w| w.0);
        let v = self.0.compute(&input.0, &target, weight.as_ref(), reduction).map_err(js)?;
        let (hits, judged) = evenkeel::train::judge(&self.0, &input.0, &target);
        Ok(CoreLossValue { loss: CoreTensor(v.loss), weight: v.weight, hits, judged })
    }
}

/// A target from what JavaScript has.
pub(crate) fn target(labels: Option<CoreIndices>, values: Option<CoreTensor>) -> Js<Target> {
    match (labels, values) {
        (Some(l), None) => Ok(Target::Classes(l.0)),
        (None, Some(v)) => Ok(Target::Values(v.0)),
        _ => Err(js(Error::argument("target", "labels or values", "both or neither"))),
    }
}

/// A computed loss.
#[wasm_bindgen]
pub struct CoreLossValue {
    loss: CoreTensor,
    /// What the mean divides by.
    pub weight: f32,
    /// Right predictions.
    pub hits: f64,
    /// Predictions that can be right or wrong.
    pub judged: f64,
}

#[wasm_bindgen]
impl CoreLossValue {
    /// The loss as a tensor.
    pub fn tensor(&self) -> CoreTensor {
        self.loss.share()
    }
}
