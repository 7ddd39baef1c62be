//! Losses.

use super::{Run, indices};
use evenkeel::kernels::loss::Pointwise;
use evenkeel::loss::{Loss, Reduction, Target};
use evenkeel::tensor::Float;

pub fn loss<T: Float>(run: &mut Run<'_>) {
    let case = run.case;
    let optional = |name: &str| case.config.get(name).map(super::common::number);
    let values = |name: &str| case.inputs.get(name).map(|t| t.data.iter().map(|&x| T::of(x)).collect::<Vec<T>>());
    let ignore_index = optional("ignore_index").map_or(-100, |i| i as i32);
    let loss = match case.op.as_str() {
        "cross_entropy" | "cross_entropy_prob" => Loss::CrossEntropy {
            weight: values("weight"),
            ignore_index,
            label_smoothing: T::of(optional("label_smoothing").unwrap_or(0.0)),
        },
        "nll" => Loss::Nll { weight: values("weight"), ignore_index },
        "bce_with_logits" => Loss::BceWithLogits {
            pos_weight: values("pos_weight"),
            weight: case.inputs.contains_key("weight").then(|| run.input("weight")),
        },
        "mse" => Loss::mse(),
        "l1" => Loss::Elementwise(Pointwise::L1),
        "huber" => Loss::Elementwise(Pointwise::Huber { delta: T::of(optional("delta").unwrap_or(1.0)) }),
        _ => Loss::Elementwise(Pointwise::SmoothL1 { beta: T::of(optional("beta").unwrap_or(1.0)) }),
    };
    let reduction = match case.config["reduction"].as_str() {
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        _ => Reduction::Mean,
    };
    let target = case.input("target");
    let target = if target.integer { Target::Classes(indices(target)) } else { Target::Values(run.input("target")) };
    let x = run.tracked::<T>("x");
    let value = loss.compute(&x, &target, None, reduction).unwrap().loss;
    if reduction == Reduction::None {
        run.output("y", &value);
        value.backward_with(&run.input("gy")).unwrap();
    } else {
        run.output("loss", &value);
        value.backward().unwrap();
    }
    run.grad("x", &x);
}
