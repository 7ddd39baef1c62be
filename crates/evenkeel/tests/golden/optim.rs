//! Optimizers, clipping of gradients, initialisers.

use super::Run;
use super::common::{Case, number};
use evenkeel::Tensor;
use evenkeel::init::{self, Init, Mode, Nonlinearity};
use evenkeel::nn::Role;
use evenkeel::optim::{self, Algorithm, Optimizer};
use evenkeel::tensor::Float;

fn algorithm(case: &Case) -> Algorithm {
    let name = case.op.strip_prefix("optimizer_").unwrap();
    let mut algorithm = Algorithm::from_name(name).unwrap_or_else(|| panic!("{}: unknown optimizer", case.name));
    for (key, value) in case.config.as_object().unwrap() {
        let known = match key.as_str() {
            "betas" => algorithm.set("beta1", number(&value[0])) && algorithm.set("beta2", number(&value[1])),
            "decoupled_weight_decay" => algorithm.set("decoupled", number(value)),
            "steps" => true,
            key => algorithm.set(key, number(value)),
        };
        assert!(known, "{}: setting {key}", case.name);
    }
    algorithm
}

/// Two parameters in one arena, given their gradients step by step.
pub fn optimizer<T: Float>(run: &mut Run<'_>) {
    let params = ["p", "q"].map(|name| (name, run.tracked::<T>(&format!("{name}0"))));
    let members = params.iter().map(|(_, t)| (t.clone(), Role::Weight)).collect();
    let mut optimizer = Optimizer::single(members, algorithm(run.case)).unwrap();
    for t in 1..=run.case.number("steps") as u64 {
        for (name, p) in &params {
            p.set_grad(&run.input::<T>(&format!("g{name}{}", t - 1)).to_vec()).unwrap();
        }
        optimizer.step(1.0, None).unwrap();
        optimizer.zero_grad();
        for (name, p) in &params {
            run.output(&format!("{name}{t}"), p);
        }
    }
}

/// Parameters that hold the gradients of the file.
fn with_grads<T: Float>(run: &Run<'_>) -> Vec<Tensor<T>> {
    (0..run.case.inputs.len())
        .map(|i| {
            let g = run.input::<T>(&format!("g{i}"));
            let p = Tensor::zeros(g.dims()).unwrap().tracked();
            p.set_grad(&g.to_vec()).unwrap();
            p
        })
        .collect()
}

fn clipped<T: Float>(run: &mut Run<'_>, params: &[Tensor<T>]) {
    for (i, p) in params.iter().enumerate() {
        run.output(&format!("g{i}_clipped"), &p.grad().unwrap());
    }
}

pub fn clip_norm<T: Float>(run: &mut Run<'_>) {
    let params = with_grads::<T>(run);
    let norm = optim::clip_grad_norm(&params, run.case.number("max_norm"), run.case.number("norm_type")).unwrap();
    run.scalar("total_norm", norm);
    clipped(run, &params);
}

pub fn clip_value<T: Float>(run: &mut Run<'_>) {
    let params = with_grads::<T>(run);
    optim::clip_grad_value(&params, run.case.number("clip_value")).unwrap();
    clipped(run, &params);
}

/// The spread of each scheme, and values that fill it and do not leave it.
pub fn init(run: &mut Run<'_>) {
    let table = run.case.raw["outputs"]["table"].as_array().expect("a table");
    for row in table {
        let shape: Vec<usize> = row["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let mode = row["mode"].as_str().map_or(Mode::FanIn, |m| Mode::from_name(m).unwrap());
        let nonlinearity =
            row["nonlinearity"].as_str().map_or(Nonlinearity::Linear, |n| Nonlinearity::from_name(n).unwrap());
        let a = row.get("a").map_or(0.0, number);
        let scheme = row["scheme"].as_str().unwrap();
        let name = if scheme == "torch_linear_or_conv_default" { "torch_linear" } else { scheme };
        let kaiming = name.starts_with("kaiming");
        let value = if kaiming { a } else { row.get("gain").map_or(1.0, number) };
        let init = Init::from_name(name, &[value], mode, nonlinearity).unwrap();
        let mut near = |what: &str, got: f64, want: f64| {
            run.must((got - want).abs() <= 1e-15 * want.abs(), &format!("{what} {got} of {row}"));
        };
        let (fan_in, fan_out) = init::fan(&shape);
        near("fan_in", fan_in as f64, number(&row["fan_in"]));
        near("fan_out", fan_out as f64, number(&row["fan_out"]));
        let spread = init.std_or_bound(&shape);
        let bound = row.get("bound").map(number);
        match bound {
            Some(bound) => {
                near("std", spread / 3.0_f64.sqrt(), number(&row["std"]));
                near("bound", spread, bound);
            }
            None => near("std", spread, number(&row["std"])),
        }
        if kaiming {
            near("gain", init::gain(nonlinearity, a), number(&row["gain"]));
        }
        if let Some(bound) = row.get("bias_bound") {
            near("bias bound", init::bias_bound(&shape), number(bound));
        }
        let mut w = vec![0.0_f64; shape.iter().product()];
        init::fill(init, &mut w, &shape, &mut evenkeel::Rng::new(5));
        let most = w.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let std = (w.iter().map(|v| v * v).sum::<f64>() / w.len() as f64).sqrt();
        run.must(bound.is_none_or(|b| most <= b && most > 0.8 * b), &format!("largest value {most} of {row}"));
        let spread = number(&row["std"]);
        let slack = 6.0 * spread / (2.0 * w.len() as f64).sqrt();
        run.must((std - spread).abs() < slack, &format!("standard deviation {std} of {row}"));
    }
}
