//! A whole training of a small network, step by step with the trainer.

use super::common::number;
use super::{Run, indices, wide};
use evenkeel::loss::{Loss, Reduction, Target};
use evenkeel::nn::{Activation, BatchNorm, BatchNormOptions, Linear, Module, Sequential, StateValue};
use evenkeel::optim::{Algorithm, GroupOptions, Optimizer};
use evenkeel::tensor::Float;
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions, evaluate};
use serde_json::Value;

/// linear(-BN)-sigmoid-linear(-BN)-relu-linear with the file's weights; names in the model beside the file's.
fn build<T: Float>(run: &Run<'_>) -> (Module<T>, Vec<(String, String)>) {
    let c = &run.case.config;
    let (mut layers, mut names): (Vec<Module<T>>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    for i in 0..3 {
        let at = layers.len();
        let bias = run.case.inputs.contains_key(&format!("b{i}")).then(|| run.input(&format!("b{i}")));
        names.push((format!("{at}.weight"), format!("w{i}")));
        if bias.is_some() {
            names.push((format!("{at}.bias"), format!("b{i}")));
        }
        layers.push(Linear::from_values(run.input(&format!("w{i}")), bias).unwrap().into());
        if i == 2 {
            break;
        }
        if c["bn"] == Value::Bool(true) {
            let w = run.input::<T>(&format!("gamma{i}"));
            let momentum = Some(number(&c["bn_momentum"]));
            let options = BatchNormOptions { eps: number(&c["bn_eps"]), momentum, ..Default::default() };
            let bn = BatchNorm::with_options(w.len(), options).unwrap();
            bn.weight().unwrap().with_data_mut(|to| to.copy_from_slice(&w.to_vec()));
            let beta = run.input::<T>(&format!("beta{i}")).to_vec();
            bn.bias().unwrap().with_data_mut(|to| to.copy_from_slice(&beta));
            let at = layers.len();
            names.push((format!("{at}.weight"), format!("gamma{i}")));
            names.push((format!("{at}.bias"), format!("beta{i}")));
            names.push((format!("{at}.running_mean"), format!("running_mean{i}")));
            names.push((format!("{at}.running_var"), format!("running_var{i}")));
            layers.push(bn.into());
        }
        let activation = if i == 0 { "sigmoid" } else { "relu" };
        let spec = serde_json::json!({ "type": activation });
        layers.push(Activation::from_spec(&spec.into()).unwrap().unwrap().into());
    }
    (Sequential::new(layers).into(), names)
}

pub fn mlp<T: Float>(run: &mut Run<'_>) {
    let c = &run.case.config;
    let (model, names) = build::<T>(run);
    let target = indices(run.case.input("target"));
    let data = Dataset::new(run.input::<T>("x"), Target::Classes(target.clone()), None).unwrap();
    let size = number(&c["batch_size"]) as usize;

    // The first step by hand, on a copy.
    let copy = model.duplicate().unwrap();
    let first: Vec<i32> = (0..size as i32).collect();
    let batch = data.batch(&first).unwrap();
    let logits = copy.forward(&batch.x).unwrap();
    let loss = Loss::cross_entropy().compute(&logits, &batch.y, None, Reduction::Mean).unwrap().loss;
    loss.backward().unwrap();
    run.output("logits_step0", &logits);
    for (name, p, _) in copy.parameters() {
        let (_, own) = names.iter().find(|(n, _)| *n == name).unwrap();
        let wanted = format!("grad0_{own}");
        if run.has(&wanted) {
            run.output(&wanted, &p.grad().unwrap());
        }
    }

    let mut algorithm = Algorithm::from_name(c["optimizer"].as_str().unwrap()).unwrap();
    algorithm.set_lr(number(&c["lr"]));
    for key in ["momentum", "nesterov", "weight_decay"] {
        if let Some(value) = c.get(key) {
            assert!(algorithm.set(key, number(value)), "{key}");
        }
    }
    let params = model.parameters().into_iter().map(|(_, t, role)| (t, role)).collect();
    // PyTorch decays everything unless told otherwise.
    let optimizer = Optimizer::new(vec![GroupOptions { params, algorithm, decay_all: true }]).unwrap();
    let all: Vec<i32> = (0..data.rows() as i32).collect();
    let test = data.subset(&all).unwrap();
    let mut trainer =
        Trainer::new(Some(model.clone()), Loss::cross_entropy(), optimizer, TrainerOptions::default()).unwrap();
    trainer.set_data(data, size, false, LastBatch::Keep).unwrap();
    let steps = number(&c["steps"]) as usize;
    let mut losses = Vec::new();
    while losses.len() < steps {
        trainer.start_epoch();
        while let Some(report) = trainer.next_step().unwrap() {
            losses.push(report.loss);
            if losses.len() == steps {
                break;
            }
        }
        trainer.end_epoch(None).unwrap();
    }
    run.compare("outputs", "losses", &[losses.len()], &losses);

    // The gradient of a bias in front of batch norm is 0 but for rounding, which Adam divides by its epsilon (the
    // file's note): in single precision such a bias and what depends on it are not compared, in double precision they
    // may be off by as much as rounding can make of it.
    let noisy = run.case.raw.get("note").is_some();
    let noise = steps as f64 * number(&c["lr"]) * f64::EPSILON / 1e-8;
    let evaluation = evaluate(&model, &Loss::cross_entropy(), &test, size).unwrap();
    let mut finals = Vec::new();
    for (name, value) in model.state() {
        let (Some((_, own)), StateValue::Tensor(data, shape)) = (names.iter().find(|(n, _)| *n == name), value) else {
            continue;
        };
        let wanted = if own.starts_with("running") { own.clone() } else { format!("final_{own}") };
        let got: Vec<f64> = data.iter().map(|x| x.f64()).collect();
        let bias = ["b0", "b1", "running_mean0", "running_mean1"].contains(&own.as_str());
        finals.push((wanted, shape, got, bias));
    }
    let outputs = evaluation.outputs;
    finals.push(("eval_logits".to_owned(), outputs.dims().to_vec(), wide(&outputs), true));
    finals.push(("eval_loss".to_owned(), vec![], vec![evaluation.report.loss], true));
    finals.push(("eval_accuracy".to_owned(), vec![], vec![evaluation.report.accuracy], true));
    for (name, shape, got, depends) in finals {
        match (noisy && depends, run.case.is_f32()) {
            (false, _) => run.compare("outputs", &name, &shape, &got),
            (true, true) => run.skip(&name),
            (true, false) => run.compare_within("outputs", &name, &shape, &got, |_| noise),
        }
    }
}
