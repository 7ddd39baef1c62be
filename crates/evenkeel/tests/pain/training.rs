//! The section "Training".

use super::{model, near, running, tensor, wide};
use evenkeel::error::Datum;
use evenkeel::loss::{Loss, Reduction, Target};
use evenkeel::nn::Module;
use evenkeel::optim::{Adam, Algorithm, Optimizer, Sgd};
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions, evaluate, split};
use evenkeel::{Code, Indices, Rng, Tensor};

fn trainer(m: &Module, loss: Loss, algorithm: Algorithm, options: TrainerOptions) -> Trainer {
    let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    Trainer::new(Some(m.clone()), loss, Optimizer::single(params, algorithm).unwrap(), options).unwrap()
}

fn sgd(lr: f64) -> Algorithm {
    Algorithm::Sgd(Sgd { lr, ..Sgd::default() })
}

const LINEAR: &str = r#"{"type":"linear","in_features":1,"out_features":1}"#;

#[test]
fn brain_js_866_ragged_or_not_finite_data() {
    let e = Tensor::<f32>::new(&[1.0; 5], &[2, 3]).unwrap_err();
    assert_eq!((e.code(), e.get("values")), (Code::ShapeMismatch, Some(&Datum::Number(5.0))));
    let y = || Target::Values(tensor(&[0.0, 0.0], &[2, 1]));
    for bad in [f64::NAN, f64::INFINITY] {
        let e = Dataset::<f32>::new(tensor(&[1.0, 2.0, 3.0, 4.0, bad, 6.0], &[2, 3]), y(), None).err().unwrap();
        assert_eq!(e.code(), Code::NotFinite);
        assert_eq!((e.get("row"), e.get("column")), (Some(&Datum::Number(1.0)), Some(&Datum::Number(1.0))));
        assert_eq!(e.get("argument"), Some(&Datum::from("x")));
    }
    let x = tensor(&[1.0, 2.0], &[2, 1]);
    let e = Dataset::<f32>::new(x, Target::Values(tensor(&[0.0, f64::NAN], &[2, 1])), None).err().unwrap();
    assert_eq!((e.code(), e.get("argument")), (Code::NotFinite, Some(&Datum::from("y"))));
}

#[test]
fn tensorflow_18493_a_loss_that_is_not_finite() {
    let m = model(&format!(r#"{{"type":"sequential","children":[{LINEAR},{{"type":"leaky_relu"}},{LINEAR}]}}"#), 3);
    let mut t = trainer(&m, Loss::mse(), sgd(0.1), TrainerOptions::default());
    let x: Vec<f64> = (1..=24).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| x + 2.0).collect();
    let data = Dataset::new(tensor(&x, &[24, 1]), Target::Values(tensor(&y, &[24, 1])), None).unwrap();
    t.set_data(data, 8, true, LastBatch::Auto).unwrap();
    let mut stopped = None;
    'epochs: for epoch in 0..100 {
        t.start_epoch();
        loop {
            let before = m.state();
            match t.next_step() {
                Ok(Some(step)) => assert!(step.loss.is_finite()),
                Ok(None) => break,
                Err(e) => {
                    stopped = Some((e, epoch));
                    assert_eq!(m.state(), before, "the bad step changed something");
                    break 'epochs;
                }
            }
        }
        t.end_epoch(None).unwrap();
    }
    let (e, epoch) = stopped.expect("this rate is far too large");
    assert_eq!(e.code(), Code::LossNotFinite);
    assert_eq!(e.get("epoch"), Some(&Datum::Number(f64::from(epoch))));
    assert_eq!(e.get("step"), Some(&Datum::Number(t.updates() as f64)));
    let Some(Datum::Number(loss)) = e.get("loss") else { panic!("no loss in {e}") };
    assert!(!loss.is_finite());

    // Where a layer's output is not finite, it is named.
    let Some((_, weight, _)) = m.parameters().into_iter().nth(2) else { panic!("no second layer") };
    m.parameters().iter().for_each(|(_, p, _)| p.with_data_mut(|d| d.fill(1.0)));
    weight.with_data_mut(|w| w[0] = f32::INFINITY);
    let batch = Dataset::new(tensor(&[1.0, 2.0], &[2, 1]), Target::Values(tensor(&[1.0, 2.0], &[2, 1])), None);
    let e = t.step(&batch.unwrap().into_batch()).unwrap_err();
    assert_eq!((e.layer(), e.get("kind")), ("2", Some(&Datum::from("linear"))));
}

#[test]
fn tfjs_5976_the_split_is_shuffled_and_can_stratify() {
    let labels = [0, 0, 0, 0, 1];
    let mut sides = [false; 5];
    for seed in 0..40 {
        let (train, valid) = split(5, 0.2, None, &mut Rng::new(seed)).unwrap();
        assert_eq!((train.len(), valid.len()), (4, 1));
        sides[valid[0] as usize] = true;
    }
    assert_eq!(sides, [true; 5], "any row may be held back, not only the last");
    assert_eq!(split(5, 0.2, None, &mut Rng::new(1)).unwrap(), split(5, 0.2, None, &mut Rng::new(1)).unwrap());
    let labels = labels.repeat(10);
    let (train, valid) = split(50, 0.2, Some(&labels), &mut Rng::new(1)).unwrap();
    let ones = |rows: &[i32]| rows.iter().filter(|&&i| labels[i as usize] == 1).count();
    assert_eq!((valid.len(), ones(&valid), ones(&train)), (10, 2, 8));
}

#[test]
fn nnlib_68_tfjs_25_tensorflow_10268_cross_entropy() {
    let loss = |x: &Tensor, label: i32, weights: Option<&Tensor>| {
        let y = Target::Classes(Indices::new(&[label], &[1]).unwrap());
        Loss::cross_entropy().compute(x, &y, weights, Reduction::Mean)
    };
    let x = tensor::<f32>(&[1000.0, 0.0], &[1, 2]);
    assert_eq!(loss(&x, 1, None).unwrap().loss.to_vec(), [1000.0]);
    let x = tensor::<f32>(&[0.0, -3.0, -1.0], &[1, 3]).tracked();
    let value = loss(&x, 2, None).unwrap().loss;
    value.backward().unwrap();
    near(&wide(&value), &[1.3490122], 1e-6);
    near(&wide(&x.grad().unwrap()), &[0.7053845, 0.0351190, -0.7405035], 1e-6);
    let e = loss(&x, 7, None).err().unwrap();
    assert_eq!(e.code(), Code::LabelOutOfRange);
    assert_eq!((e.get("label"), e.get("classes")), (Some(&Datum::Number(7.0)), Some(&Datum::Number(3.0))));
    // Sample weights: rows count by them, in the loss and in the gradient.
    let x = tensor::<f32>(&[0.0, -3.0, -1.0, 5.0, 1.0, 0.0], &[2, 3]).tracked();
    let y = Target::Classes(Indices::new(&[2, 0], &[2]).unwrap());
    let weights = tensor(&[3.0, 0.0], &[2]);
    let value = Loss::cross_entropy().compute(&x, &y, Some(&weights), Reduction::Mean).unwrap();
    value.loss.backward().unwrap();
    near(&wide(&value.loss), &[1.3490122], 1e-6);
    near(&wide(&x.grad().unwrap()), &[0.7053845, 0.0351190, -0.7405035, 0.0, 0.0, 0.0], 1e-6);
}

#[test]
fn mlx_lm_1413_a_small_last_batch_weighs_less() {
    // A model that always says 0: the losses are the targets' squares, 1 four times and 6.
    let m = model::<f32>(r#"{"type":"linear","in_features":1,"out_features":1,"bias":false,"init":"zeros"}"#, 0);
    let data = || {
        let y = tensor(&[1.0, 1.0, 1.0, 1.0, 6.0_f64.sqrt()], &[5, 1]);
        Dataset::new(tensor(&[1.0; 5], &[5, 1]), Target::Values(y), None).unwrap()
    };
    let mut t = trainer(&m, Loss::mse(), sgd(0.0), TrainerOptions::default());
    t.set_data(data(), 4, false, LastBatch::Keep).unwrap();
    t.start_epoch();
    let losses: Vec<f64> = core::iter::from_fn(|| t.next_step().unwrap()).map(|s| s.loss).collect();
    near(&losses, &[1.0, 6.0], 1e-6);
    near(&[t.end_epoch(None).unwrap().loss], &[2.0], 1e-6);
    near(&[evaluate(&m, &Loss::mse(), &data(), 4).unwrap().report.loss], &[2.0], 1e-6);

    // Accumulated over both batches, the step is that of all five rows together.
    let weight_after = |size: usize, accumulate: usize| {
        let m = m.duplicate().unwrap();
        let options = TrainerOptions { accumulate, ..TrainerOptions::default() };
        let mut t = trainer(&m, Loss::mse(), sgd(0.1), options);
        t.set_data(data(), size, false, LastBatch::Keep).unwrap();
        t.start_epoch();
        while t.next_step().unwrap().is_some() {}
        assert_eq!(t.updates(), 1);
        wide(&m.parameters()[0].1)
    };
    near(&weight_after(4, 2), &weight_after(5, 1), 1e-6);
}

#[test]
fn tfjs_316_the_same_seed_gives_the_same_weights() {
    let weights = |seed: u64| {
        let m = model::<f32>(&format!(r#"{{"type":"sequential","children":[{LINEAR},{{"type":"dropout"}}]}}"#), seed);
        let mut t = trainer(&m, Loss::mse(), sgd(0.1), TrainerOptions { seed, ..TrainerOptions::default() });
        let x = Tensor::randn(&[32, 1], &mut Rng::new(1)).unwrap();
        t.set_data(Dataset::new(x.clone(), Target::Values(x), None).unwrap(), 8, true, LastBatch::Auto).unwrap();
        t.start_epoch();
        while t.next_step().unwrap().is_some() {}
        m.parameters().iter().flat_map(|(_, p, _)| p.to_vec()).map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(weights(7), weights(7));
    assert_ne!(weights(7), weights(8));
}

#[test]
fn tfjs_5138_resume_goes_on_with_the_same_bits() {
    let build = || {
        let m = model::<f32>(
            r#"{"type":"sequential","children":[{"type":"linear","in_features":3,"out_features":8},
                {"type":"batch_norm","features":8},{"type":"relu"},{"type":"dropout","p":0.2},
                {"type":"linear","in_features":8,"out_features":2}]}"#,
            1,
        );
        let mut t = trainer(
            &m,
            Loss::cross_entropy(),
            Algorithm::from_name("adam").unwrap(),
            TrainerOptions { seed: 5, ..TrainerOptions::default() },
        );
        set_data(&mut t);
        (m, t)
    };
    fn set_data(t: &mut Trainer) {
        let mut rng = Rng::new(9);
        let x = Tensor::randn(&[24, 3], &mut rng).unwrap();
        let labels: Vec<i32> = (0..24).map(|_| rng.below(2) as i32).collect();
        let y = Target::Classes(Indices::new(&labels, &[24]).unwrap());
        t.set_data(Dataset::new(x, y, None).unwrap(), 8, true, LastBatch::Auto).unwrap();
    }
    fn steps(t: &mut Trainer, n: usize) {
        for _ in 0..n {
            t.start_epoch();
            if t.next_step().unwrap().is_none() {
                t.end_epoch(None).unwrap();
                t.start_epoch();
                t.next_step().unwrap().unwrap();
            }
        }
    }
    let (whole, mut t) = build();
    steps(&mut t, 10);
    let (_, mut first) = build();
    steps(&mut first, 5);
    let saved = first.save().unwrap();
    let (resumed, mut second) = build();
    second.load(&saved).unwrap();
    set_data(&mut second);
    steps(&mut second, 5);
    assert_eq!(whole.state(), resumed.state());
    assert_eq!(t.save().unwrap(), second.save().unwrap());
}

#[test]
fn tfjs_1545_freeze_reaches_every_layer() {
    let m = model::<f32>(
        r#"{"type":"sequential","children":[{"type":"residual","children":[{"type":"sequential","children":[
                {"type":"linear","in_features":2,"out_features":2},{"type":"batch_norm","features":2}]}]},
            {"type":"parallel","join":"sum","children":[
                {"type":"linear","in_features":2,"out_features":2},{"type":"dropout","p":0.9}]}]}"#,
        1,
    );
    m.freeze(true);
    m.train();
    let mut bn = None;
    m.visit(&mut |path, m| {
        assert!(m.frozen());
        if m.layer().as_batch_norm().is_some() {
            bn = Some((path.to_owned(), m.clone()));
        }
    });
    let (path, bn) = bn.unwrap();
    assert_eq!(path, "0.body.1");
    let x = tensor::<f32>(&[1.0, 2.0, 3.0, 4.0], &[2, 2]).tracked();
    let y = m.forward(&x).unwrap();
    assert_eq!(y.to_vec(), m.predict(&x).unwrap().to_vec(), "dropout and batch norm behave as in eval mode");
    y.sum_all().unwrap().backward().unwrap();
    assert!(m.parameters().iter().all(|(_, p, _)| !p.tracks() && !p.has_grad()));
    assert_eq!(running(&bn), (vec![0.0; 2], vec![1.0; 2]));
    m.freeze(false);
    assert!(m.parameters().iter().all(|(_, p, _)| p.tracks()));
}

#[test]
fn pytorch_104857_where_adam_has_its_epsilon() {
    let p = tensor::<f32>(&[0.0], &[1]).tracked();
    let adam = Algorithm::Adam(Adam::default());
    let mut optimizer = Optimizer::single(vec![(p.clone(), evenkeel::nn::Role::Weight)], adam).unwrap();
    p.set_grad(&[1e-8]).unwrap();
    optimizer.step(1.0, None).unwrap();
    assert!((f64::from(p.to_vec()[0]) + 5.0e-4).abs() < 1e-9);
}
