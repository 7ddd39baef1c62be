//! Losses from their settings.

use crate::convert::parse;
use crate::rows::{note, rows};
use crate::table::{loss, made, some_tensor, target, tensor};
use evenkeel::error::Error;
use evenkeel::kernels::loss::Pointwise;
use evenkeel::loss::{Loss, Reduction};
use evenkeel::{Result, Tensor};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A loss. Rows: settings, `{"type":"crossEntropy","labelSmoothing":..,"ignoreIndex":..}` and the like; if its length is
/// not negative, a weight per class (or the weight of positives per column). `weight` is per element, for binary cross entropy.
#[wasm_bindgen(js_name = makeLoss)]
pub fn make_loss(settings: usize, class_weight: i32, weight: u32) -> u32 {
    let rows = rows();
    let settings = rows.next(settings);
    made(loss_of(settings, rows.next_if(class_weight), some_tensor(weight)).map(Rc::new))
}

fn loss_of(settings: &[u8], class_weight: Option<&[f32]>, weight: Option<Tensor>) -> Result<Loss> {
    let s = parse(settings)?;
    let number = |key: &str, default: f64| s[key].as_f64().unwrap_or(default);
    let positive = |key: &'static str, default: f64, least: f64| {
        let x = number(key, default);
        if x >= least { Ok(x as f32) } else { Err(Error::argument(key, "a positive number", x)) }
    };
    let class_weight = class_weight.map(<[f32]>::to_vec);
    let ignore_index = number("ignoreIndex", -100.0) as i32;
    Ok(match s["type"].as_str().unwrap_or("") {
        "crossEntropy" => {
            let smoothing = number("labelSmoothing", 0.0);
            if !(0.0..=1.0).contains(&smoothing) {
                return Err(Error::argument("labelSmoothing", "between 0 and 1", smoothing));
            }
            Loss::CrossEntropy { weight: class_weight, ignore_index, label_smoothing: smoothing as f32 }
        }
        "nll" => Loss::Nll { weight: class_weight, ignore_index },
        "bceWithLogits" => Loss::BceWithLogits { pos_weight: class_weight, weight },
        "mse" => Loss::Elementwise(Pointwise::Mse),
        "l1" => Loss::Elementwise(Pointwise::L1),
        "huber" => Loss::Elementwise(Pointwise::Huber { delta: positive("delta", 1.0, f64::MIN_POSITIVE)? }),
        "smoothL1" => Loss::Elementwise(Pointwise::SmoothL1 { beta: positive("beta", 1.0, 0.0)? }),
        other => return Err(Error::argument("loss", "the name of a loss", other)),
    })
}

/// The loss of an input against labels or values. Reduction: 0 mean, 1 sum, 2 none. The numbers: what the mean divides
/// by, right predictions, predictions that can be right or wrong.
#[wasm_bindgen(js_name = computeLoss)]
pub fn compute_loss(l: u32, input: u32, against: u32, sample_weight: u32, reduction: u32) -> u32 {
    let (loss, input, target) = (loss(l), tensor(input), target(against));
    let reduction = match reduction {
        0 => Reduction::Mean,
        1 => Reduction::Sum,
        _ => Reduction::None,
    };
    made(loss.compute(&input, &target, some_tensor(sample_weight).as_ref(), reduction).map(|v| {
        let (hits, judged) = evenkeel::train::judge(&loss, &input, &target);
        note(0, &[f64::from(v.weight), hits, judged]);
        v.loss
    }))
}
