//! The section "Batch norm".

use super::{layer, model, near, running, tensor, wide};
use evenkeel::error::Datum;
use evenkeel::io::{load_model, save_model};
use evenkeel::loss::{Loss, Target};
use evenkeel::nn::{
    BatchNorm, BatchNormOptions, Linear, Module, Pool, Recalibrate, Role, Sequential, StateValue, Statistics, Variance,
    merge_statistics, take_warnings,
};
use evenkeel::optim::{Adam, Algorithm, GroupOptions, Optimizer, Sgd};
use evenkeel::tensor::Float;
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Code, Rng, Tensor};

fn defaults() -> BatchNormOptions {
    BatchNormOptions::default()
}

fn bare(eps: f64) -> BatchNormOptions {
    BatchNormOptions { eps, scale: false, shift: false, ..defaults() }
}

#[test]
fn pytorch_4534_last_batch_of_one() {
    let m = model::<f32>(
        r#"{"type":"sequential","children":[{"type":"linear","in_features":2,"out_features":2},
            {"type":"batch_norm","features":2},{"type":"relu"}]}"#,
        1,
    );
    let before = m.state();
    let e = m.forward(&tensor(&[5.0, 7.0], &[1, 2])).unwrap_err();
    assert_eq!((e.code(), e.code().as_str(), e.layer()), (Code::BatchNormOneValue, "BATCH_NORM_ONE_VALUE", "1"));
    assert_eq!(e.get("given"), Some(&Datum::Shape(vec![1, 2])));
    assert_eq!(m.state(), before);
    m.eval();
    m.forward(&tensor(&[5.0, 7.0], &[1, 2])).unwrap();

    let one_image = layer::<f32>(1, defaults());
    let y = one_image.forward(&tensor(&[1.0, 2.0], &[1, 1, 1, 2])).unwrap();
    // (x − 1.5)/√(0.25 + 1e-5) = ±0.99998; with ±1 around the mean ±0.999995.
    near(&wide(&y), &[-0.99998, 0.99998], 1e-6);
    let y = one_image.forward(&tensor(&[1.0, 3.0], &[1, 1, 1, 2])).unwrap();
    near(&wide(&y), &[-0.999995, 0.999995], 1e-6);
}

#[test]
fn pytorch_13223_fit_never_makes_a_batch_of_one() {
    for rows in [9, 17, 33] {
        let m = model::<f32>(
            r#"{"type":"sequential","children":[{"type":"batch_norm","features":1},
                {"type":"linear","in_features":1,"out_features":1}]}"#,
            1,
        );
        let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
        let optimizer = Optimizer::single(params, Algorithm::Sgd(Sgd { lr: 0.01, ..Sgd::default() })).unwrap();
        let mut trainer = Trainer::new(Some(m), Loss::mse(), optimizer, TrainerOptions::default()).unwrap();
        let x = Tensor::arange(0.0, rows as f64, 1.0).unwrap().reshape(&[rows, 1]).unwrap();
        let data = Dataset::new(x.clone(), Target::Values(x), None).unwrap();
        trainer.set_data(data, 8, true, LastBatch::Auto).unwrap();
        trainer.start_epoch();
        let mut seen = 0;
        while let Some(step) = trainer.next_step().unwrap() {
            assert!(step.rows > 1);
            seen += step.rows;
        }
        assert_eq!(seen, rows);
    }
}

#[test]
fn pytorch_60528_which_variance_is_stored() {
    let x: Vec<f64> = (0..48).map(|i| (1 + i / 12 + 4 * (i / 4 % 3) + i % 4) as f64).collect();
    for (variance, stored) in [(Variance::Unbiased, 1.1666667), (Variance::Biased, 1.15)] {
        let m = layer::<f32>(3, BatchNormOptions { variance, ..defaults() });
        let options = BatchNormOptions { momentum: Some(1.0), ..defaults() };
        let whole = layer::<f32>(3, options);
        let y = m.forward(&tensor(&x, &[4, 3, 4])).unwrap();
        whole.forward(&tensor(&x, &[4, 3, 4])).unwrap();
        near(&running(&whole).0, &[4.0, 8.0, 12.0], 1e-7);
        let (mean, var) = running(&m);
        near(&mean, &[0.4, 0.8, 1.2], 1e-6);
        near(&var, &[stored; 3], 1e-6);
        near(&wide(&y)[..4], &[-1.8973628, -1.2649085, -0.6324543, 0.0], 1e-6);
    }
}

#[test]
fn tfjs_2868_without_scale_or_centre() {
    let y = layer::<f32>(1, bare(1e-3)).forward(&tensor(&[1.0, 3.0], &[2, 1])).unwrap();
    near(&wide(&y), &[-0.9995004, 0.9995004], 1e-6);
    for (scale, shift) in [(true, true), (true, false), (false, true), (false, false)] {
        let m = layer::<f32>(2, BatchNormOptions { scale, shift, ..defaults() });
        let x = Tensor::randn(&[5, 2], &mut Rng::new(1)).unwrap().tracked();
        let y = m.forward(&x).unwrap();
        y.mul(&y.mul(&x).unwrap()).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(x.has_grad() && m.parameters().iter().all(|(_, p, _)| p.has_grad()));
        assert_eq!(m.parameters().len(), usize::from(scale) + usize::from(shift));
    }
}

#[test]
fn keras_7085_frozen_statistics_do_not_move() {
    let m = layer::<f32>(1, BatchNormOptions { eps: 1e-3, ..defaults() });
    let params: Vec<(Tensor, Role)> = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    m.freeze(true);
    m.train();
    let mut optimizer = Optimizer::single(params, Algorithm::Sgd(Sgd { lr: 1.0, ..Sgd::default() })).unwrap();
    let x = tensor::<f32>(&[10.0, 20.0], &[2, 1]).tracked();
    let y = m.forward(&x).unwrap();
    y.sum_all().unwrap().backward().unwrap();
    optimizer.step(1.0, None).unwrap();
    near(&wide(&y), &[9.9950037, 19.9900075], 1e-7);
    assert_eq!(running(&m), (vec![0.0], vec![1.0]));
    assert!(m.parameters().iter().all(|(_, p, _)| p.to_vec() == [0.0] || p.to_vec() == [1.0]));
}

#[test]
fn tfjs_562_batch_statistics_at_prediction() {
    for (statistics, name) in
        [(Statistics::Batch, "batch"), (Statistics::Running, "running"), (Statistics::Auto, "auto")]
    {
        let m: Module = Sequential::new(vec![layer(1, BatchNormOptions { statistics, ..bare(1e-5) })]).into();
        let back: Module = load_model(&save_model(&m).unwrap()).unwrap();
        assert_eq!(back.spec()["children"][0]["statistics"].as_str(), Some(name));
        let y = wide(&back.predict(&tensor(&[10.0, 20.0], &[2, 1])).unwrap());
        let want = if statistics == Statistics::Batch { [-1.0, 1.0] } else { [9.99995, 19.9999] };
        near(&y, &want, 1e-6);
        // In training mode `running` uses them too.
        let y = wide(&m.forward(&tensor(&[10.0, 20.0], &[2, 1])).unwrap());
        near(&y, if statistics == Statistics::Running { &[9.99995, 19.9999] } else { &[-1.0, 1.0] }, 1e-6);
    }
}

#[test]
fn flax_1491_variance_does_not_cancel() {
    let options = BatchNormOptions { momentum: Some(1.0), variance: Variance::Biased, ..defaults() };
    let small: Vec<f64> = [0.9999, 1.0001].repeat(8);
    // The last is the variance of the numbers as f32 has them.
    for (x, want) in [
        (vec![10000.0, 10000.5, 10001.0, 10001.5], 0.3125),
        (vec![1e6, 1e6 + 1.0, 1e6 + 2.0, 1e6 + 3.0], 1.25),
        (small, 1.000332e-8),
    ] {
        let m = layer::<f32>(1, options.clone());
        let y = m.forward(&tensor(&x, &[x.len(), 1])).unwrap();
        let var = running(&m).1[0];
        assert!((var - want).abs() <= 1e-6 * want, "{var} is not {want}");
        if want == 0.3125 {
            near(&[wide(&y)[0], wide(&y)[3]], &[-1.341619, 1.341619], 1e-6);
        }
    }
}

#[test]
fn pytorch_5410_a_constant_channel_gives_beta() {
    for x in [vec![1e10; 3], vec![0.1; 100_000]] {
        for shape in [vec![x.len(), 1], vec![1, 1, x.len()]] {
            let m = layer::<f32>(1, defaults());
            let beta = m.layer().as_batch_norm().unwrap().bias().unwrap().clone();
            assert_eq!(m.forward(&tensor(&x, &shape)).unwrap().to_vec(), vec![0.0; x.len()]);
            beta.with_data_mut(|b| b[0] = 0.7);
            assert_eq!(m.forward(&tensor(&x, &shape)).unwrap().to_vec(), vec![0.7; x.len()]);
        }
    }
}

#[test]
fn keras_10666_averages_that_are_not_warmed_up() {
    let batch = || tensor::<f32>(&[8.0, 12.0], &[2, 1]); // mean 10, variance 4
    let after_ten = |momentum: Option<f64>| {
        let m = layer::<f32>(1, BatchNormOptions { momentum, variance: Variance::Biased, ..defaults() });
        for _ in 0..10 {
            m.forward(&batch()).unwrap();
        }
        let y = wide(&m.predict(&tensor(&[10.0], &[1, 1])).unwrap())[0];
        (m, y)
    };
    let (m, y) = after_ten(Some(0.1));
    near(&[y], &[2.029], 1e-3);
    near(&[after_ten(Some(0.01)).1], &[7.97], 1e-3);
    near(&[after_ten(None).1], &[0.0], 1e-6);
    m.recalibrate([Ok(batch()), Ok(batch())], Recalibrate::Pooled).unwrap();
    near(&wide(&m.predict(&tensor(&[10.0, 12.0], &[2, 1])).unwrap()), &[0.0, 1.0], 1e-5);
    assert!(m.training());
}

#[test]
fn efficientnet_pytorch_3_momentum_or_decay_never_both() {
    let build = |more: &str| {
        let json = format!(r#"{{"type":"batch_norm","features":1{more}}}"#);
        Module::<f32>::from_json(&json, &mut Rng::new(0))
    };
    let momentum = |more: &str| build(more).unwrap().layer().as_batch_norm().unwrap().options().momentum.unwrap();
    near(&[momentum(r#","momentum":0.01"#)], &[0.01], 1e-15);
    near(&[momentum(r#","decay":0.99"#)], &[0.01], 1e-15);
    near(&[momentum(r#","convention":"keras""#)], &[0.01], 1e-15);
    let e = build(r#","momentum":0.1,"decay":0.9"#).err().unwrap();
    assert_eq!(e.code(), Code::BadArgument);
    assert_eq!(e.get("argument"), Some(&Datum::from("decay")));
}

#[test]
fn pytorch_8430_num_batches_tracked() {
    let without = |m: &Module| {
        let state: Vec<_> = m.state().into_iter().filter(|(n, _)| n != "num_batches_tracked").collect();
        assert_eq!(state.len(), 4);
        state
    };
    let m = layer::<f32>(1, defaults());
    take_warnings();
    assert!(m.load_state(&without(&m), true).unwrap().is_clean());
    assert_eq!((m.layer().as_batch_norm().unwrap().batches(), take_warnings()), (0, vec![]));
    let cumulative = layer::<f32>(1, BatchNormOptions { momentum: None, ..defaults() });
    assert!(cumulative.load_state(&without(&cumulative), true).unwrap().is_clean());
    assert_eq!(take_warnings().iter().map(|w| w.code).collect::<Vec<_>>(), ["NO_BATCH_COUNT"]);
    // An integer, which goes on counting where an f32 would stick.
    let count = 1 << 24;
    m.load_state(&[("num_batches_tracked".into(), StateValue::Integer(count))], false).unwrap();
    m.forward(&tensor(&[1.0, 2.0, 3.0], &[3, 1])).unwrap();
    assert!(m.state().contains(&("num_batches_tracked".into(), StateValue::Integer(count + 1))));
}

#[test]
fn gradient_accumulator_6_micro_batches() {
    let m = layer::<f32>(1, defaults());
    for x in [[1.0, 2.0], [9.0, 10.0]] {
        near(&wide(&m.forward(&tensor(&x, &[2, 1])).unwrap()), &[-0.99998, 0.99998], 1e-6);
    }
    near(&running(&m).0, &[1.085], 1e-6);
    let whole = layer::<f32>(1, defaults());
    whole.forward(&tensor(&[1.0, 2.0, 9.0, 10.0], &[4, 1])).unwrap();
    near(&running(&whole).0, &[0.55], 1e-6);
}

fn gamma_after_adamw<T: Float>(decay_all: bool) -> f64 {
    let algorithm = Algorithm::Adam(Adam { lr: 0.01, weight_decay: 0.1, ..Adam::decoupled() });
    let m = layer::<T>(1, defaults());
    let params: Vec<(Tensor<T>, Role)> = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    let gamma = params[0].0.clone();
    let mut optimizer = Optimizer::new(vec![GroupOptions { params, algorithm, decay_all }]).unwrap();
    for _ in 0..100 {
        gamma.set_grad(&[T::ZERO]).unwrap();
        optimizer.step(1.0, None).unwrap();
        optimizer.zero_grad();
    }
    wide(&gamma)[0]
}

#[test]
fn pytorch_1402_weight_decay_spares_gamma() {
    assert_eq!((gamma_after_adamw::<f32>(false), gamma_after_adamw::<f64>(false)), (1.0, 1.0));
    near(&[gamma_after_adamw::<f64>(true)], &[0.9047921], 1e-7);
    // 1 − lr·wd is 0.99900001 in f32, as in PyTorch: a hundred of them are off by 1.3e-6.
    near(&[gamma_after_adamw::<f32>(true)], &[0.9047921], 2e-6);
}

#[test]
fn yolov3_807_folding() {
    for bias in [true, false] {
        let b = bias.then(|| tensor(&[3.0], &[1]));
        let linear = Linear::<f32>::from_values(tensor(&[2.0, -1.0], &[1, 2]), b).unwrap();
        let bn = BatchNorm::with_options(1, BatchNormOptions { eps: 0.0, ..defaults() }).unwrap();
        bn.weight().unwrap().with_data_mut(|g| g[0] = 2.0);
        bn.bias().unwrap().with_data_mut(|b| b[0] = 1.0);
        bn.set_running(&[4.0], &[0.25], 1).unwrap();
        let m: Module = Sequential::new(vec![linear.into(), bn.into()]).into();
        let folded = m.fold_batch_norm().unwrap();
        let want = vec![
            ("0.weight".to_owned(), StateValue::Tensor(vec![8.0, -4.0], vec![1, 2])),
            ("0.bias".to_owned(), StateValue::Tensor(vec![if bias { -3.0 } else { -15.0 }], vec![1])),
        ];
        assert_eq!(folded.state(), want);
        let x = tensor(&[0.5, 3.0, -2.0, 1.0], &[2, 2]);
        assert_eq!(folded.predict(&x).unwrap().to_vec(), m.predict(&x).unwrap().to_vec());
    }
}

#[test]
fn keras_8983_a_batch_of_two() {
    take_warnings();
    let x = tensor::<f64>(&[3.0, 100.0], &[2, 1]).tracked();
    let m = layer::<f64>(1, defaults());
    let y = m.forward(&x).unwrap();
    y.backward_with(&tensor(&[1.0, 0.0], &[2, 1])).unwrap();
    let dx = wide(&x.grad().unwrap());
    assert!((dx[0] - 4.4e-11).abs() < 0.1e-11 && (dx[0] + dx[1]).abs() < 1e-15, "{dx:?}");
    m.forward(&x).unwrap();
    let warnings = take_warnings();
    assert_eq!(warnings.len(), 1, "one warning, however often");
    assert_eq!((warnings[0].code, warnings[0].value), ("BATCH_NORM_TWO_VALUES", 2.0));
    let x = tensor::<f32>(&[3.0, 100.0], &[2, 1]).tracked();
    layer::<f32>(1, defaults()).forward(&x).unwrap().backward_with(&tensor(&[1.0, 0.0], &[2, 1])).unwrap();
    assert!(wide(&x.grad().unwrap()).iter().all(|v| v.abs() < 1e-8));
}

#[test]
fn schedule_free_60_recalibrate_pools_all_batches() {
    let m = layer::<f32>(1, BatchNormOptions { variance: Variance::Biased, ..defaults() });
    m.forward(&tensor(&[100.0, 300.0], &[2, 1])).unwrap(); // stale
    let batches = [tensor(&[1.0, 2.0, 3.0], &[3, 1]), tensor(&[10.0, 20.0], &[2, 1])];
    m.recalibrate(batches.into_iter().map(Ok), Recalibrate::Pooled).unwrap();
    let (mean, var) = running(&m);
    near(&mean, &[7.2], 1e-6);
    near(&var, &[50.96], 1e-6);
}

#[test]
fn flower_1060_merged_statistics() {
    let part = |count: f64, mean: f64, var: f64| Pool { count, mean: vec![mean], var: vec![var] };
    let all = merge_statistics(&[part(3.0, 2.0, 2.0 / 3.0), part(2.0, 15.0, 25.0)]).unwrap();
    assert_eq!(all.count, 5.0);
    near(&all.mean, &[7.2], 1e-14);
    near(&all.var, &[50.96], 1e-14);
}

#[test]
fn backward() {
    let m = layer::<f64>(1, defaults());
    let gamma = m.layer().as_batch_norm().unwrap().weight().unwrap().clone();
    gamma.with_data_mut(|g| g[0] = 2.0);
    let x = tensor::<f64>(&[1.0, 2.0, 4.0], &[3, 1]).tracked();
    m.forward(&x).unwrap().backward_with(&tensor(&[1.0, 2.0, 3.0], &[3, 1])).unwrap();
    near(&wide(&x.grad().unwrap()), &[-0.2290891641, 0.3436182833, -0.1145291192], 1e-10);
    near(&wide(&gamma.grad().unwrap()), &[2.4053434458], 1e-10);
    near(&wide(&m.parameters()[1].1.grad().unwrap()), &[6.0], 1e-12);
}

#[test]
fn d2l_en_1342_statistics_do_not_keep_the_graph_alive() {
    let m = model::<f32>(
        r#"{"type":"sequential","children":[{"type":"linear","in_features":2,"out_features":3},
            {"type":"batch_norm","features":3},{"type":"relu"},{"type":"dropout"}]}"#,
        1,
    );
    let x = Tensor::<f32>::randn(&[8, 2], &mut Rng::new(1)).unwrap();
    let step = |backward: bool| {
        let y = m.forward(&x).unwrap().sum_all().unwrap();
        if backward {
            y.backward().unwrap();
        }
    };
    (0..10).for_each(|i| step(i % 2 == 0));
    let before = evenkeel::tensor::memory();
    (0..1000).for_each(|i| step(i % 2 == 0));
    assert_eq!(evenkeel::tensor::memory(), before);
}

/// The lecture's convention has no ε: a constant channel is then 0/0, which is taken as x̂ = 0.
#[test]
fn a_constant_channel_without_eps_gives_beta() {
    let layer: Module<f32> =
        Module::from_json(r#"{"type":"batch_norm","features":1,"convention":"lecture"}"#, &mut Rng::new(0)).unwrap();
    let x = Tensor::new(&[3.0, 3.0, 3.0], &[3, 1]).unwrap().tracked();
    let y = layer.forward(&x).unwrap();
    assert_eq!(y.to_vec(), [0.0; 3]);
    y.sum_all().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0; 3]);
}
