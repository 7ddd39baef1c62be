//! Layers: gradients of inputs and parameters.

use super::{T64, check, normal, uniform};
use evenkeel::nn::{Averaged, Join, Variance};
use evenkeel::nn::{
    BatchNorm, BatchNormOptions, FeatureNorm, Linear, Module, Parallel, Residual, Sequential, Statistics,
};
use evenkeel::{Rng, Tensor};

/// Checks a module on `x`: gradients of `x` and of all parameters.
fn check_module(what: &str, m: &Module<f64>, x: T64) {
    let mut inputs = vec![x];
    inputs.extend(m.parameters().into_iter().map(|(_, p, _)| p));
    check(what, &inputs, |x| {
        m.seed(3); // the same dropout each time
        m.forward(&x[0])
    });
}

fn built(json: &str) -> Module<f64> {
    Module::from_json(json, &mut Rng::new(11)).unwrap()
}

/// Parameters that are not 1 and 0, statistics that are not 0 and 1.
fn stir(m: &Module<f64>) {
    for (i, (_, p, _)) in m.parameters().into_iter().enumerate() {
        p.with_data_mut(|d| Rng::new(i as u64).fill_uniform(d, 0.5, 2.0));
    }
    m.visit(&mut |_, m| {
        if let Some(bn) = m.layer().as_batch_norm()
            && bn.running().is_some()
        {
            let (mean, var) = (normal(&[bn.features()], 5), uniform(&[bn.features()], 0.5, 3.0, 6));
            bn.set_running(&mean.to_vec(), &var.to_vec(), 7).unwrap();
        }
    });
}

const SHAPES: [&[usize]; 6] = [&[7, 3], &[5, 6], &[2, 3, 5], &[1, 3, 4], &[3, 2, 2, 3], &[1, 2, 3, 3]];

#[test]
fn batch_norm_in_every_mode() {
    for shape in SHAPES {
        for (scale, shift) in [(true, true), (true, false), (false, true), (false, false)] {
            let options = BatchNormOptions { scale, shift, ..Default::default() };
            let m = Module::from(BatchNorm::<f64>::with_options(shape[1], options).unwrap());
            let name = |mode: &str| format!("batch norm {shape:?}, {mode}, scale {scale}, shift {shift}");
            let x = || normal(shape, 8);
            stir(&m);
            check_module(&name("train"), &m, x());
            stir(&m);
            m.eval();
            check_module(&name("eval"), &m, x());
            // Frozen: eval behaviour in training mode, no gradients of its own.
            m.train();
            m.freeze(true);
            check(&name("frozen"), &[x()], |x| m.forward(&x[0]));
            assert!(m.parameters().iter().all(|(_, p, _)| !p.has_grad()));
        }
    }
}

#[test]
fn batch_norm_with_other_options() {
    let base = BatchNormOptions::default;
    for (name, options) in [
        ("no running statistics", BatchNormOptions { track_running_stats: false, ..base() }),
        ("always the batch's", BatchNormOptions { statistics: Statistics::Batch, ..base() }),
        ("always the running ones", BatchNormOptions { statistics: Statistics::Running, ..base() }),
        ("large eps", BatchNormOptions { eps: 0.5, ..base() }),
        ("no eps", BatchNormOptions { eps: 0.0, ..base() }),
        (
            "the lecture's",
            BatchNormOptions {
                average: Averaged::Deviation,
                variance: Variance::Biased,
                start_from_first: true,
                ..base()
            },
        ),
    ] {
        let m = Module::from(BatchNorm::<f64>::with_options(3, options).unwrap());
        stir(&m);
        for mode in [Module::train, Module::eval] {
            mode(&m);
            check_module(name, &m, normal(&[6, 3], 8));
        }
    }
}

#[test]
fn batch_norm_with_relu_in_one_node() {
    for shape in SHAPES {
        for (scale, shift) in [(true, true), (false, false)] {
            let options = BatchNormOptions { scale, shift, ..Default::default() };
            let bn = BatchNorm::<f64>::with_options(shape[1], options).unwrap();
            let m: Module<f64> = Sequential::new(vec![bn.into(), built(r#"{"type":"relu"}"#)]).into();
            stir(&m);
            check_module(&format!("train {shape:?}"), &m, normal(shape, 8));
            m.eval();
            check_module(&format!("eval {shape:?}"), &m, normal(shape, 8));
        }
    }
}

#[test]
fn linear_layers_and_sequences() {
    let linear = |i, o, bias| Module::from(Linear::<f64>::new(i, o, bias, &mut Rng::new(4)).unwrap());
    check_module("linear", &linear(3, 5, true), normal(&[4, 3], 1));
    check_module("linear without bias", &linear(3, 5, false), normal(&[2, 4, 3], 1));
    let net = built(
        r#"{"type":"sequential","children":[
            {"type":"linear","in_features":3,"out_features":6,"bias":false},
            {"type":"batch_norm","features":6},{"type":"relu"},{"type":"dropout","p":0.3},
            {"type":"linear","in_features":6,"out_features":4},{"type":"tanh"},
            {"type":"linear","in_features":4,"out_features":3},{"type":"gelu"},{"type":"log_softmax","dim":-1}]}"#,
    );
    check_module("a network", &net, normal(&[9, 3], 1));
    net.eval();
    check_module("a network in eval mode", &net, normal(&[9, 3], 1));
    let flat = built(r#"{"type":"sequential","children":[{"type":"flatten"},{"type":"softmax","dim":1}]}"#);
    check_module("flatten", &flat, normal(&[2, 3, 2], 1));
}

#[test]
fn residual_and_parallel() {
    let linear = |i, o, seed| Module::from(Linear::<f64>::new(i, o, true, &mut Rng::new(seed)).unwrap());
    let body = Sequential::new(vec![linear(3, 5, 1), built(r#"{"type":"sigmoid"}"#), linear(5, 3, 2)]);
    check_module("residual", &Residual::new(body.into()).into(), normal(&[4, 3], 1));
    for join in [Join::Concat, Join::Sum] {
        let branches = || vec![linear(3, 4, 1), linear(3, 4, 2), linear(3, 4, 3)];
        check_module("parallel", &Parallel::new(branches(), join).unwrap().into(), normal(&[4, 3], 1));
    }
    // The same layer twice: its gradients add.
    let shared = linear(3, 3, 5);
    let m: Module<f64> = Sequential::new(vec![shared.clone(), built(r#"{"type":"tanh"}"#), shared]).into();
    assert_eq!(m.parameters().len(), 2);
    check_module("a shared layer", &m, normal(&[4, 3], 1));
}

#[test]
fn feature_norm() {
    let layer = FeatureNorm::<f64>::new(3).unwrap();
    let data = normal(&[10, 3], 1);
    data.with_data_mut(|d| d.iter_mut().step_by(3).for_each(|v| *v = 4.0)); // a constant feature
    layer.adapt(&data).unwrap();
    check_module("feature norm", &layer.into(), normal(&[5, 3], 2));
}

#[test]
fn dropout() {
    for p in [0.0, 0.4, 0.9] {
        let m = built(&format!(r#"{{"type":"dropout","p":{p}}}"#));
        check("dropout", &[normal(&[6, 5], 1)], |x| {
            m.seed(3);
            m.forward(&x[0])?.mul(&x[0])
        });
        m.eval();
        check("dropout in eval mode", &[normal(&[6, 5], 1)], |x| m.forward(&x[0])?.mul(&x[0]));
    }
    // p = 1 drops everything, also gradients.
    let (m, x) = (built(r#"{"type":"dropout","p":1}"#), normal(&[4], 1));
    m.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0; 4]);
}

#[test]
fn activations_by_name() {
    for spec in [
        r#"{"type":"relu"}"#,
        r#"{"type":"relu6"}"#,
        r#"{"type":"leaky_relu","negative_slope":0.2}"#,
        r#"{"type":"elu","alpha":0.5}"#,
        r#"{"type":"selu"}"#,
        r#"{"type":"gelu"}"#,
        r#"{"type":"gelu","approximate":"tanh"}"#,
        r#"{"type":"silu"}"#,
        r#"{"type":"mish"}"#,
        r#"{"type":"sigmoid"}"#,
        r#"{"type":"tanh"}"#,
        r#"{"type":"softplus","beta":2}"#,
        r#"{"type":"softsign"}"#,
        r#"{"type":"hardswish"}"#,
        r#"{"type":"hardsigmoid"}"#,
        r#"{"type":"hardtanh","min_val":-0.5,"max_val":0.8}"#,
        r#"{"type":"logsigmoid"}"#,
        r#"{"type":"softmax","dim":1}"#,
        r#"{"type":"log_softmax","dim":0}"#,
    ] {
        let m = built(spec);
        check_module(spec, &m, normal(&[3, 5], 7));
        // After a linear layer some become part of its node.
        let linear = Linear::<f64>::new(5, 4, true, &mut Rng::new(4)).unwrap();
        check_module(spec, &Sequential::new(vec![linear.into(), m]).into(), normal(&[3, 5], 7));
    }
}

/// What no loss reaches gets no gradient, rather than zeros.
#[test]
fn untouched_parameters_have_no_gradient() {
    let a: Module<f64> = Linear::new(2, 2, true, &mut Rng::new(1)).unwrap().into();
    let b: Module<f64> = Linear::new(2, 2, true, &mut Rng::new(2)).unwrap().into();
    a.forward(&Tensor::ones(&[1, 2]).unwrap()).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(a.parameters().iter().all(|(_, p, _)| p.has_grad()));
    assert!(b.parameters().iter().all(|(_, p, _)| !p.has_grad() && p.grad().is_none()));
}
