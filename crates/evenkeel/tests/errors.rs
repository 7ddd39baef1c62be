//! Every error code: how it comes about, where it says it happened, the values it carries, and that nothing changed.

use evenkeel::error::Datum;
use evenkeel::io::{load_model, save_model};
use evenkeel::loss::{Loss, Reduction, Target};
use evenkeel::nn::{FeatureNorm, Linear, Module, Recalibrate, StateValue};
use evenkeel::optim::{Algorithm, Clip, Optimizer, Sgd};
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Code, Error, Indices, Result, Rng, Tensor};

fn build(json: &str) -> Module {
    Module::from_json(json, &mut Rng::new(1)).unwrap()
}

/// 4-BN-linear(3), nested so that paths have parts.
fn net() -> Module {
    build(
        r#"{"type":"sequential","children":[{"type":"batch_norm","features":4},
            {"type":"residual","children":[{"type":"sequential","children":[{"type":"linear","in_features":4,
            "out_features":4},{"type":"batch_norm","features":4},{"type":"relu"}]}]},
            {"type":"linear","in_features":4,"out_features":3}]}"#,
    )
}

fn x(shape: &[usize]) -> Tensor {
    Tensor::randn(shape, &mut Rng::new(2)).unwrap()
}

fn trainer(m: &Module, options: TrainerOptions) -> Result<Trainer> {
    let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    let sgd = Algorithm::Sgd(Sgd { lr: 0.1, ..Sgd::default() });
    Trainer::new(Some(m.clone()), Loss::cross_entropy(), Optimizer::single(params, sgd)?, options)
}

/// Runs something that fails and must leave the model as it was.
#[track_caller]
fn unchanged<R>(m: &Module, f: impl FnOnce() -> Result<R>) -> Error {
    let (before, training) = (m.state(), m.training());
    let e = f().err().expect("this should fail");
    assert_eq!(m.state(), before, "{e} came after something had changed");
    assert_eq!(m.training(), training);
    assert!(m.parameters().iter().all(|(_, p, _)| !p.has_grad()));
    e
}

#[track_caller]
fn is(e: &Error, code: Code, layer: &str, data: &[(&str, Datum)]) {
    assert_eq!((e.code(), e.layer()), (code, layer), "{e}");
    for (key, value) in data {
        assert_eq!(e.get(key), Some(value), "{key} of {e}");
    }
    let text = e.to_string();
    assert!(text.starts_with(code.as_str()) && text.contains(layer), "{text}");
}

fn shape(dims: &[usize]) -> Datum {
    Datum::Shape(dims.to_vec())
}

/// One error of each code. A code that is in the source but not here fails the test below.
fn provoked() -> Vec<Error> {
    let leaf = || x(&[2]).tracked();
    let used = leaf().sum_all().unwrap();
    used.backward().unwrap();
    let (p, stale) = {
        let p = leaf();
        let y = p.mul(&p).unwrap().sum_all().unwrap();
        p.with_data_mut(|d| d[0] = 7.0);
        (p, y)
    };
    let stale = stale.backward().err().unwrap();
    assert!(!p.has_grad());
    let m = net();
    let report = {
        let mut t = trainer(&m, TrainerOptions::default()).unwrap();
        m.parameters()[0].1.with_data_mut(|d| d.fill(1e38));
        let y = Target::Classes(Indices::new(&[0, 1], &[2]).unwrap());
        t.step(&Dataset::new(x(&[2, 4]), y, None).unwrap().into_batch()).err().unwrap()
    };
    vec![
        x(&[2, 3]).add(&x(&[4])).err().unwrap(),
        x(&[2, 3]).slice(1, 1, 9).err().unwrap(),
        Module::<f32>::from_json(r#"{"type":"dropout","p":2}"#, &mut Rng::new(0)).err().unwrap(),
        net().forward(&x(&[1, 4])).err().unwrap(),
        Tensor::<f32>::one_hot(&Indices::new(&[3], &[1]).unwrap(), 3).err().unwrap(),
        Dataset::new(x(&[2]), Target::Values(Tensor::full(&[2], f32::NAN).unwrap()), None).err().unwrap(),
        report,
        x(&[2]).backward().err().unwrap(),
        Tensor::scalar(1.0_f32).unwrap().backward().err().unwrap(),
        used.backward().err().unwrap(),
        stale,
        trainer(&net(), TrainerOptions::default()).unwrap().next_step().err().unwrap(),
        load_model::<f32>(b"no file").err().unwrap(),
        Module::<f32>::from_json(r#"{"type":"lstm"}"#, &mut Rng::new(0)).err().unwrap(),
        net().load_state(&[], true).err().unwrap(),
        Optimizer::<f32>::new(vec![]).err().unwrap(),
        Module::from(FeatureNorm::<f32>::new(2).unwrap()).forward(&x(&[1, 2])).err().unwrap(),
        Tensor::<f32>::zeros(&[1 << 58]).err().unwrap(),
    ]
}

#[test]
fn every_code_can_be_provoked() {
    let source = include_str!("../../evenkeel-kernels/src/error.rs");
    let listed = source.lines().filter_map(|l| l.strip_prefix("    ")?.split_once(" = \"")?.1.strip_suffix("\","));
    let listed: Vec<&str> = listed.collect();
    let provoked: Vec<&str> = provoked().iter().map(|e| e.code().as_str()).collect();
    assert_eq!(provoked, listed);
    assert_eq!(provoked.len(), 18);
}

#[test]
fn shapes_that_do_not_fit() {
    let m = net();
    let e = unchanged(&m, || m.forward(&x(&[5, 3])));
    is(&e, Code::ShapeMismatch, "0", &[("given", shape(&[5, 3])), ("features", 4usize.into())]);
    assert_eq!(e.get("kind"), Some(&Datum::from("batch_norm")));
    let m = build(
        r#"{"type":"sequential","children":[{"type":"relu"},{"type":"residual","children":[
            {"type":"linear","in_features":4,"out_features":3}]}]}"#,
    );
    let e = unchanged(&m, || m.forward(&x(&[2, 4])));
    is(&e, Code::ShapeMismatch, "1", &[("given", shape(&[2, 4])), ("other", shape(&[2, 3]))]);
    let e = unchanged(&m, || m.forward(&x(&[2, 5])));
    is(&e, Code::ShapeMismatch, "1.body", &[("given", shape(&[2, 5])), ("kind", "linear".into())]);
    let e = x(&[2, 3]).matmul(&x(&[2, 3])).err().unwrap();
    is(&e, Code::ShapeMismatch, "", &[("op", "matmul".into()), ("given", shape(&[2, 3]))]);
    let e = Tensor::<f32>::zeros(&[1; 7]).err().unwrap();
    is(&e, Code::ShapeMismatch, "", &[("given", shape(&[1; 7]))]);
    assert_eq!(Tensor::<f32>::zeros(&[usize::MAX, 2]).err().unwrap().code(), Code::ShapeMismatch);
    let y = Target::Classes(Indices::new(&[0, 1, 2], &[3]).unwrap());
    assert_eq!(Dataset::new(x(&[2, 4]), y, None).err().unwrap().code(), Code::ShapeMismatch);
    let leaf = x(&[2]).tracked();
    assert_eq!(leaf.set_grad(&[1.0]).err().unwrap().code(), Code::ShapeMismatch);
    assert!(!leaf.has_grad());
}

#[test]
fn indices_out_of_range() {
    let e = x(&[2, 3]).slice(1, 2, 4).err().unwrap();
    is(&e, Code::OutOfRange, "", &[("start", 2usize.into()), ("end", 4usize.into()), ("length", 3usize.into())]);
    is(&x(&[2, 3]).sum(&[2], false).err().unwrap(), Code::OutOfRange, "", &[("given", Datum::Number(2.0))]);
    is(&x(&[2, 3]).softmax(-3).err().unwrap(), Code::OutOfRange, "", &[("given", Datum::Number(-3.0))]);
    let rows = Indices::new(&[0, -1], &[2]).unwrap();
    is(&x(&[2, 3]).gather(&rows).err().unwrap(), Code::OutOfRange, "", &[("given", Datum::Number(-1.0))]);
}

#[test]
fn senseless_arguments() {
    for (json, argument) in [
        (r#"{"type":"dropout","p":-0.1}"#, "p"),
        (r#"{"type":"batch_norm","features":0}"#, "features"),
        (r#"{"type":"batch_norm","features":-1}"#, "features"),
        (r#"{"type":"batch_norm"}"#, "features"),
        (r#"{"type":"batch_norm","features":2,"eps":-1}"#, "eps"),
        (r#"{"type":"batch_norm","features":2,"momentum":2}"#, "momentum"),
        (r#"{"type":"batch_norm","features":2,"momentum":0.1,"decay":0.9}"#, "decay"),
        (r#"{"type":"batch_norm","features":2,"statistics":"none"}"#, "statistics"),
        (r#"{"type":"batch_norm","features":2,"statistics":"running","track_running_stats":false}"#, "statistics"),
        (r#"{"type":"linear","in_features":2,"out_features":"3"}"#, "out_features"),
        (r#"{"type":"linear","in_features":2,"out_features":3,"init":"magic"}"#, "init"),
        (r#"{"type":"hardtanh","min_val":1,"max_val":0}"#, "min_val"),
        (r#"{"type":"gelu","approximate":"roughly"}"#, "approximate"),
        (r#"{"type":"residual","children":[]}"#, "children"),
        (r#"{"type":"parallel","join":"glue","children":[{"type":"relu"}]}"#, "join"),
    ] {
        let e = Module::<f32>::from_json(json, &mut Rng::new(0)).err().unwrap();
        is(&e, Code::BadArgument, "", &[("argument", argument.into())]);
    }
    let m = net();
    for options in [
        TrainerOptions { accumulate: 0, ..TrainerOptions::default() },
        TrainerOptions { clip: Some(Clip::Value(-1.0)), ..TrainerOptions::default() },
        TrainerOptions { clip: Some(Clip::Norm { max: f64::NAN, p: 2.0 }), ..TrainerOptions::default() },
        TrainerOptions { average: Some(1.0), ..TrainerOptions::default() },
    ] {
        is(&unchanged(&m, || trainer(&m, options)), Code::BadArgument, "", &[]);
    }
    let twice = m.parameters().into_iter().chain(m.parameters()).map(|(_, t, r)| (t, r)).collect();
    let sgd = Algorithm::from_name("sgd").unwrap();
    let e = unchanged(&m, || Optimizer::single(twice, sgd));
    is(&e, Code::BadArgument, "", &[("argument", "parameters".into())]);
    let bad = Algorithm::Sgd(Sgd { lr: f64::NAN, ..Sgd::default() });
    let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    is(&unchanged(&m, || Optimizer::single(params, bad)), Code::BadArgument, "", &[("argument", "lr".into())]);
}

#[test]
fn one_value_a_channel() {
    let m = net();
    let e = unchanged(&m, || m.forward(&x(&[1, 4])));
    is(&e, Code::BatchNormOneValue, "0", &[("given", shape(&[1, 4])), ("features", 4usize.into())]);
    // A recalibration that fails half way leaves the statistics.
    let e = unchanged(&m, || m.recalibrate([Ok(x(&[3, 4])), Ok(x(&[1, 4]))], Recalibrate::Pooled));
    is(&e, Code::BatchNormOneValue, "0", &[]);
    // The first layer has several values a channel, only the second has one: the first has not moved either.
    let m = build(
        r#"{"type":"sequential","children":[{"type":"batch_norm","features":2},{"type":"flatten"},
            {"type":"dropout"},{"type":"linear","in_features":6,"out_features":3},
            {"type":"batch_norm","features":3}]}"#,
    );
    let e = unchanged(&m, || m.forward(&x(&[1, 2, 3])));
    is(&e, Code::BatchNormOneValue, "4", &[("given", shape(&[1, 3]))]);
}

#[test]
fn labels_out_of_range() {
    let (m, y) = (net(), Target::Classes(Indices::new(&[0, 7, -1], &[3]).unwrap()));
    let logits = m.predict(&x(&[3, 4])).unwrap();
    let e = unchanged(&m, || Loss::cross_entropy().compute(&logits, &y, None, Reduction::Mean));
    let data = [("row", 1usize.into()), ("label", Datum::Number(7.0)), ("classes", 3usize.into())];
    is(&e, Code::LabelOutOfRange, "", &data);
    let mut t = trainer(&m, TrainerOptions::default()).unwrap();
    let batch = Dataset::new(x(&[3, 4]), y, None).unwrap().into_batch();
    is(&unchanged(&m, || t.step(&batch)), Code::LabelOutOfRange, "", &data);
    let e = Tensor::<f32>::one_hot(&Indices::new(&[0, -1], &[2]).unwrap(), 3).err().unwrap();
    is(&e, Code::LabelOutOfRange, "", &[("row", 1usize.into()), ("label", Datum::Number(-1.0))]);
}

#[test]
fn data_that_are_not_finite() {
    let bad = x(&[3, 4]);
    bad.with_data_mut(|d| d[9] = f32::INFINITY);
    let y = || Target::Values(x(&[3]));
    let data = [("argument", "x".into()), ("row", 2usize.into()), ("column", 1usize.into())];
    is(&Dataset::new(bad.clone(), y(), None).err().unwrap(), Code::NotFinite, "", &data);
    let e = FeatureNorm::new(4).unwrap().adapt(&bad).err().unwrap();
    is(&e, Code::NotFinite, "", &[("column", 1usize.into())]);
    let weights = Tensor::new(&[1.0, f32::NAN, 1.0], &[3]).unwrap();
    let e = Dataset::new(x(&[3, 4]), y(), Some(weights)).err().unwrap();
    is(&e, Code::NotFinite, "", &[("argument", "sampleWeight".into()), ("row", 1usize.into())]);
}

#[test]
fn a_loss_that_is_not_finite() {
    let m = net();
    let mut t = trainer(&m, TrainerOptions::default()).unwrap();
    let Some((_, w, _)) = m.parameters().into_iter().find(|(n, ..)| n == "1.body.0.weight") else { panic!() };
    w.with_data_mut(|w| w[0] = f32::INFINITY);
    let y = Target::Classes(Indices::new(&[0, 1, 2], &[3]).unwrap());
    let batch = Dataset::new(x(&[3, 4]), y, None).unwrap().into_batch();
    let e = unchanged(&m, || t.step(&batch));
    let data = [("epoch", Datum::Number(0.0)), ("step", Datum::Number(0.0)), ("kind", "linear".into())];
    is(&e, Code::LossNotFinite, "1.body.0", &data);
    assert_eq!(t.updates(), 0);
}

#[test]
fn graphs_that_cannot_be_walked() {
    let p = x(&[2, 3]).tracked();
    is(&p.mul(&p).unwrap().backward().err().unwrap(), Code::NotScalar, "", &[("shape", shape(&[2, 3]))]);
    is(&p.item().err().unwrap(), Code::NotScalar, "", &[]);
    is(&x(&[]).backward().err().unwrap(), Code::NoGraph, "", &[]);
    let y = p.mul(&p).unwrap();
    let (a, b) = (y.sum_all().unwrap(), y.mean(&[], false).unwrap());
    a.backward().unwrap();
    let once = p.grad().unwrap().to_vec();
    is(&a.backward().err().unwrap(), Code::GraphFreed, "", &[]);
    is(&b.backward().err().unwrap(), Code::GraphFreed, "", &[]);
    assert_eq!(p.grad().unwrap().to_vec(), once, "a failed backward adds nothing");
    let loss = p.mul(&p).unwrap().sum_all().unwrap();
    p.with_data_mut(|d| d[0] = 0.0);
    is(&loss.backward().err().unwrap(), Code::GraphStale, "", &[("shape", shape(&[2, 3]))]);
    assert_eq!(p.grad().unwrap().to_vec(), once);
}

#[test]
fn calls_that_do_not_fit_the_state() {
    let m = net();
    let mut t = trainer(&m, TrainerOptions::default()).unwrap();
    t.start_epoch();
    is(&unchanged(&m, || t.next_batch()), Code::WrongMode, "", &[]);
    is(&unchanged(&m, || t.optimizer().swap_average()), Code::WrongMode, "", &[]);
    let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    let optimizer = Optimizer::single(params, Algorithm::from_name("adam").unwrap()).unwrap();
    let mut t = Trainer::new(None, Loss::mse(), optimizer, TrainerOptions::default()).unwrap();
    let data = Dataset::new(x(&[2, 4]), Target::Values(x(&[2, 3])), None).unwrap();
    is(&unchanged(&m, || t.step(&data.into_batch())), Code::WrongMode, "", &[]);
    let bare = build(r#"{"type":"batch_norm","features":2,"track_running_stats":false}"#);
    let e = bare.layer().as_batch_norm().unwrap().set_running(&[0.0; 2], &[1.0; 2], 1).err().unwrap();
    is(&e, Code::WrongMode, "", &[]);
    is(&bare.forward(&x(&[1, 2])).err().unwrap(), Code::BatchNormOneValue, "", &[]);
    is(&Module::from(FeatureNorm::new(4).unwrap()).forward(&x(&[1, 4])).err().unwrap(), Code::NotAdapted, "", &[]);
}

#[test]
fn files_and_states_that_do_not_fit() {
    let m = net();
    let file = save_model(&m).unwrap();
    is(&load_model::<f32>(&file[..file.len() - 1]).err().unwrap(), Code::BadFile, "", &[]);
    is(&Module::<f32>::from_json("{", &mut Rng::new(0)).err().unwrap(), Code::BadFile, "", &[]);
    let e = Module::<f32>::from_json(r#"{"type":"sequential","children":[{"type":"lstm"}]}"#, &mut Rng::new(0));
    is(&e.err().unwrap(), Code::UnknownLayer, "", &[("given", "lstm".into())]);
    let mut t = trainer(&m, TrainerOptions::default()).unwrap();
    is(&unchanged(&m, || t.load(&file)), Code::BadFile, "", &[]);
    let other = build(r#"{"type":"linear","in_features":4,"out_features":3}"#);
    let theirs = trainer(&other, TrainerOptions::default()).unwrap().save().unwrap();
    is(&unchanged(&m, || t.load(&theirs)), Code::BadFile, "", &[]);

    let mut state = m.state();
    state[0].0 = "gamma".into();
    state.retain(|(n, _)| n != "2.bias");
    let at = state.iter().position(|(n, _)| n == "2.weight").unwrap();
    state[at].1 = StateValue::Tensor(vec![9.0; 12], vec![4, 3]);
    let e = unchanged(&m, || m.load_state(&state, true));
    let list = |names: &[&str]| Datum::List(names.iter().map(|&n| n.to_owned()).collect());
    let data = [
        ("missing", list(&["0.weight", "2.bias"])),
        ("unexpected", list(&["gamma"])),
        ("misshapen", list(&["2.weight"])),
    ];
    is(&e, Code::StateMismatch, "", &data);
    let report = m.load_state(&state, false).unwrap();
    assert_eq!((report.missing.len(), report.unexpected.len(), report.misshapen.len()), (2, 1, 1));
}

#[test]
fn nothing_to_work_on() {
    is(&Optimizer::<f32>::new(vec![]).err().unwrap(), Code::Empty, "", &[("argument", "parameters".into())]);
    let e = Dataset::<f32>::new(x(&[0, 4]), Target::Values(x(&[0, 1])), None).err().unwrap();
    is(&e, Code::Empty, "", &[("argument", "x".into())]);
    let m = net();
    let mut t = trainer(&m, TrainerOptions::default()).unwrap();
    let y = Target::Classes(Indices::new(&[0, 1], &[2]).unwrap());
    let data = Dataset::new(x(&[2, 4]), y, None).unwrap();
    let e = unchanged(&m, || t.set_data(data, 8, true, LastBatch::Drop));
    is(&e, Code::Empty, "", &[("rows", 2usize.into()), ("batchSize", 8usize.into())]);
}

#[test]
fn memory_that_cannot_be_had() {
    let before = evenkeel::tensor::memory();
    let e = Tensor::<f32>::zeros(&[1 << 58]).err().unwrap();
    is(&e, Code::OutOfMemory, "", &[("wanted", Datum::Number((1_u64 << 60) as f64))]);
    let e = Linear::<f32>::new(1 << 28, 1 << 28, true, &mut Rng::new(0)).err().unwrap();
    assert_eq!(e.code(), Code::OutOfMemory);
    assert_eq!(evenkeel::tensor::memory(), before);
}
