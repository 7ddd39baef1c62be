//! Batch norm in PyTorch's, Keras' and the lecture's conventions, its folding and its population statistics, and
//! feature norm.

use super::common::number;
use super::{Run, wide};
use evenkeel::nn::{
    BatchNorm, BatchNormOptions, FeatureNorm, Linear, Module, Recalibrate, Sequential, StateValue, Variance,
};
use evenkeel::tensor::Float;
use evenkeel::{Code, Rng, Tensor};
use serde_json::{Value, json};

/// A parameter or buffer of a module by its name.
fn item<T: Float>(m: &Module<T>, name: &str) -> Tensor<T> {
    match m.state().into_iter().find(|(n, _)| n == name) {
        Some((_, StateValue::Tensor(data, shape))) => Tensor::new(&data, &shape).unwrap(),
        _ => panic!("no {name}"),
    }
}

/// Number of batches a module has seen.
fn batches<T: Float>(m: &Module<T>) -> f64 {
    match m.state().into_iter().find(|(n, _)| n == "num_batches_tracked") {
        Some((_, StateValue::Integer(n))) => n as f64,
        _ => panic!("no counter"),
    }
}

/// Puts inputs of the file in place of values of the module.
fn load<T: Float>(run: &Run<'_>, m: &Module<T>, names: &[(&str, &str)]) {
    let given = names.iter().filter_map(|(input, name)| {
        let t = run.case.inputs.get(*input)?;
        let data = t.data.iter().map(|&x| T::of(x)).collect();
        Some(((*name).to_owned(), StateValue::Tensor(data, t.shape.clone())))
    });
    let report = m.load_state(&given.collect::<Vec<_>>(), false).unwrap();
    assert!(report.unexpected.is_empty() && report.misshapen.is_empty(), "{report:?}");
}

const AFFINE: [(&str, &str); 2] = [("gamma", "weight"), ("beta", "bias")];
const ALL: [(&str, &str); 4] = [AFFINE[0], AFFINE[1], ("running_mean", "running_mean"), ("running_var", "running_var")];

/// The layer of a file with PyTorch's settings, through its description.
fn torch<T: Float>(run: &Run<'_>) -> Module<T> {
    let c = &run.case.config;
    let mut spec = json!({"type": "batch_norm", "features": c["num_features"]});
    for key in ["eps", "momentum", "affine", "track_running_stats"] {
        if let Some(v) = c.get(key) {
            spec[key] = v.clone();
        }
    }
    let m = Module::from_spec(&spec.clone().into(), &mut Rng::new(0)).unwrap();
    load(run, &m, &ALL);
    if c["training"] == Value::Bool(false) {
        m.eval();
    }
    m
}

fn params<T: Float>(m: &Module<T>) -> Vec<(&'static str, Tensor<T>)> {
    let name = |n: &str| if n == "weight" { "gamma" } else { "beta" };
    m.parameters().into_iter().map(|(n, t, _)| (name(&n), t)).collect()
}

pub fn batch_norm<T: Float>(run: &mut Run<'_>) {
    let m = torch::<T>(run);
    let x = run.tracked::<T>("x");
    let y = m.forward(&x).unwrap();
    y.backward_with(&run.input("gy")).unwrap();
    run.output("y", &y);
    run.grad("x", &x);
    for (name, p) in params(&m) {
        run.grad(name, &p);
    }
    if run.has("running_mean") {
        run.output("running_mean", &item(&m, "running_mean"));
        run.output("running_var", &item(&m, "running_var"));
        run.scalar("num_batches_tracked", batches(&m));
    }
    if run.has("batch_mean") {
        // What a layer stores that takes each batch's statistics as they are.
        let options = BatchNormOptions { momentum: Some(1.0), variance: Variance::Biased, ..Default::default() };
        let bare = Module::from(BatchNorm::<T>::with_options(x.dims()[1], options).unwrap());
        bare.forward(&x).unwrap();
        run.output("batch_mean", &item(&bare, "running_mean"));
        run.output("batch_var_biased", &item(&bare, "running_var"));
    }
}

/// What PyTorch refuses is refused here, and nothing moves.
pub fn error<T: Float>(run: &mut Run<'_>) {
    let m = torch::<T>(run);
    let before = m.state();
    let x = run.input::<T>("x");
    let channels = number(&run.case.config["num_features"]) as usize;
    let want = if x.dims()[1] == channels { Code::BatchNormOneValue } else { Code::ShapeMismatch };
    let code = m.forward(&x).err().map(|e| e.code());
    run.must(code == Some(want), "the wrong error, or none");
    run.must(m.state() == before, "the state moved");
}

pub fn sequence<T: Float>(run: &mut Run<'_>) {
    let m = torch::<T>(run);
    for i in 0..number(&run.case.config["batches"]) as usize {
        m.forward(&run.input(&format!("x{i}"))).unwrap();
        let after = |what: &str| format!("{what}_after_{}", i + 1);
        if run.has(&after("running_mean")) {
            run.output(&after("running_mean"), &item(&m, "running_mean"));
            run.output(&after("running_var"), &item(&m, "running_var"));
            run.scalar(&after("num_batches_tracked"), batches(&m));
        }
    }
    run.output("y_eval_of_x0", &m.predict(&run.input("x0")).unwrap());
}

/// Moves the last axis to place 1 (or back): Keras has channels last.
fn channels_first<T: Float>(x: &Tensor<T>, last: bool, back: bool) -> Tensor<T> {
    let rank = x.dims().len();
    if !last || rank < 3 {
        return x.clone();
    }
    let mut order: Vec<usize> = (0..rank).collect();
    if back {
        let c = order.remove(1);
        order.push(c);
    } else {
        let c = order.remove(rank - 1);
        order.insert(1, c);
    }
    x.permute(&order).unwrap()
}

pub fn keras<T: Float>(run: &mut Run<'_>) {
    let c = &run.case.config;
    let last = number(&c["axis"]) == -1.0;
    let shape = &run.case.input("x0").shape;
    let features = shape[if last { shape.len() - 1 } else { 1 }];
    let mut spec = json!({
        "type": "batch_norm", "convention": "keras", "features": features,
        "decay": c["momentum"], "scale": c["scale"], "shift": c["center"],
    });
    if number(&c["eps"]) != 1e-3 {
        spec["eps"] = c["eps"].clone(); // else the convention's own
    }
    let m: Module<T> = Module::from_spec(&spec.clone().into(), &mut Rng::new(0)).unwrap();
    load(run, &m, &AFFINE);
    let mut first = None;
    for i in 0..number(&c["steps"]) as usize {
        let x = run.tracked::<T>(&format!("x{i}"));
        let y = channels_first(&m.forward(&channels_first(&x, last, false)).unwrap(), last, true);
        run.output(&format!("moving_mean_after_{}", i + 1), &item(&m, "running_mean"));
        run.output(&format!("moving_variance_after_{}", i + 1), &item(&m, "running_var"));
        first = first.or(Some((x, y)));
    }
    let (x, y) = first.expect("at least one step");
    run.output("y", &y);
    y.backward_with(&run.input("gy")).unwrap();
    run.grad("x0", &x);
    for (name, p) in params(&m) {
        run.grad(name, &p);
    }
    let eval = m.predict(&channels_first(&x.detach(), last, false)).unwrap();
    run.output("y_eval_of_x0", &channels_first(&eval, last, true));
}

/// μ̄ and σ̄ of the lecture: averages of means and standard deviations that start from the first batch.
pub fn lecture<T: Float>(run: &mut Run<'_>) {
    let features = run.case.input("x0").shape[1];
    let spec = json!({
        "type": "batch_norm", "convention": "lecture", "features": features,
        "decay": run.case.config["p"], "affine": false,
    });
    let m: Module<T> = Module::from_spec(&spec.clone().into(), &mut Rng::new(0)).unwrap();
    for i in 0..run.case.inputs.len() {
        m.forward(&run.input(&format!("x{i}"))).unwrap();
        run.output(&format!("mu_bar_after_{}", i + 1), &item(&m, "running_mean"));
        let deviation: Vec<f64> = wide(&item(&m, "running_var")).iter().map(|v| v.sqrt()).collect();
        run.compare("outputs", &format!("sigma_bar_after_{}", i + 1), &[features], &deviation);
    }
    run.output("y_eval_of_x0", &m.predict(&run.input("x0")).unwrap());
}

/// Algorithm 2 of the paper; its scale and shift are what folding into an identity gives.
pub fn population<T: Float>(run: &mut Run<'_>) {
    let n = run.case.input("gamma").shape[0];
    let options = BatchNormOptions { eps: run.case.number("eps"), ..Default::default() };
    let bn = Module::from(BatchNorm::<T>::with_options(n, options).unwrap());
    load(run, &bn, &AFFINE);
    let identity = Linear::from_values(Tensor::eye(n).unwrap(), None).unwrap();
    let m = Module::from(Sequential::new(vec![identity.into(), bn.clone()]));
    let mut batches = (0..run.case.number("batches") as usize).map(|i| Ok(run.input::<T>(&format!("x{i}"))));
    m.recalibrate(&mut batches, Recalibrate::Average).unwrap();
    run.output("mean", &item(&bn, "running_mean"));
    run.output("var", &item(&bn, "running_var"));
    run.output("y_eval_of_x0", &m.predict(&run.input("x0")).unwrap());
    let folded = m.fold_batch_norm().unwrap();
    let diagonal: Vec<f64> = wide(&item(&folded, "0.weight")).iter().copied().step_by(n + 1).collect();
    run.compare("outputs", "scale", &[n], &diagonal);
    run.output("shift", &item(&folded, "0.bias"));
}

pub fn fold<T: Float>(run: &mut Run<'_>) {
    let bias = run.case.inputs.contains_key("b").then(|| run.input("b"));
    let linear = Linear::<T>::from_values(run.input("w"), bias).unwrap();
    let options = BatchNormOptions { eps: run.case.number("eps"), ..Default::default() };
    let bn = Module::from(BatchNorm::<T>::with_options(linear.weight().dims()[0], options).unwrap());
    load(run, &bn, &ALL);
    let m = Module::from(Sequential::new(vec![linear.into(), bn]));
    let folded = m.fold_batch_norm().unwrap();
    run.must(folded.state().len() == 2, "one linear layer should be left");
    run.output("w_folded", &item(&folded, "0.weight"));
    run.output("b_folded", &item(&folded, "0.bias"));
    run.output("y", &folded.predict(&run.input("x")).unwrap());
    run.output("y", &m.predict(&run.input("x")).unwrap());
}

pub fn feature_norm<T: Float>(run: &mut Run<'_>) {
    let x = run.input::<T>("x");
    let layer = FeatureNorm::<T>::new(x.dims()[1]).unwrap();
    layer.adapt(&x).unwrap();
    run.output("mean", layer.mean());
    run.output("std", layer.std());
    run.output("y", &Module::from(layer).forward(&x).unwrap());
}
