//! Tests of what all optimizers share. Their numbers are checked against PyTorch's in `tests/golden/optim.rs`.

use super::*;
use crate::rng::Rng;

const NAMES: [&str; 9] = ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam"];

/// Each optimizer, plain and with all that can be switched on.
fn all() -> Vec<Algorithm> {
    let plain = NAMES.map(|name| Algorithm::from_name(name).unwrap());
    let full = plain.map(|mut o| {
        for (name, value) in
            [("momentum", 0.9), ("nesterov", 1.0), ("amsgrad", 1.0), ("centered", 1.0), ("maximize", 1.0)]
        {
            o.set(name, value);
        }
        o
    });
    plain.into_iter().chain(full).collect()
}

fn steps<T: Real>(
    mut o: Algorithm,
    p: &mut [T],
    gradients: &[Vec<T>],
    weight_decay: f64,
    grad_scale: f64,
) -> Vec<Vec<T>> {
    let mut slots: Vec<Vec<T>> = (0..o.slots()).map(|k| vec![T::of(o.slot_start(k)); p.len()]).collect();
    for (i, g) in gradients.iter().enumerate() {
        o.begin(i as u64 + 1);
        let mut views: Vec<&mut [T]> = slots.iter_mut().map(|s| &mut s[..]).collect();
        o.update(Step { t: i as u64 + 1, weight_decay, grad_scale }, p, g, &mut views);
    }
    slots
}

fn random<T: Real>(n: usize, seed: u64) -> Vec<T> {
    let mut x = vec![T::ZERO; n];
    Rng::new(seed).fill_normal(&mut x, 0.0, 1.0);
    x
}

/// A number's bits do not depend on its neighbours, nor on its place in a vector.
#[test]
fn ragged_ends_have_the_same_bits() {
    for o in all() {
        let n = 23;
        let start: Vec<f32> = random(n, 1);
        let gradients: Vec<Vec<f32>> = (2..9).map(|seed| random(n, seed)).collect();
        let mut whole = start.clone();
        let whole_slots = steps(o, &mut whole, &gradients, 0.1, 0.5);
        for (from, to) in [(0, 1), (0, 3), (1, 8), (5, 22), (3, 23), (4, 4)] {
            let mut part = start[from..to].to_vec();
            let cut: Vec<Vec<f32>> = gradients.iter().map(|g| g[from..to].to_vec()).collect();
            let part_slots = steps(o, &mut part, &cut, 0.1, 0.5);
            assert_eq!(part, whole[from..to], "{}", o.name());
            for (part, whole) in part_slots.iter().zip(&whole_slots) {
                assert_eq!(part, &whole[from..to], "{}", o.name());
            }
        }
    }
}

/// `grad_scale` is a multiplication of all gradients, `maximize` one by −1.
#[test]
fn scale_and_direction() {
    for o in all() {
        let gradients: Vec<Vec<f64>> = (2..9).map(|seed| random(5, seed)).collect();
        let scaled: Vec<Vec<f64>> = gradients.iter().map(|g| g.iter().map(|x| x * -0.25).collect()).collect();
        let mut flipped = o;
        let maximize = o.settings().iter().any(|&(name, value)| name == "maximize" && value == 1.0);
        assert!(flipped.set("maximize", if maximize { 0.0 } else { 1.0 }));
        let (mut p, mut q) = (random::<f64>(5, 1), random(5, 1));
        steps(o, &mut p, &scaled, 0.1, 1.0);
        steps(flipped, &mut q, &gradients, 0.1, 0.25);
        assert_eq!(p, q, "{}", o.name());
    }
}

#[test]
fn none_has_more_slots_than_the_most() {
    let most = all().iter().map(Algorithm::slots).max();
    assert!(most.is_some_and(|n| (3..=super::MOST_SLOTS).contains(&n)), "{most:?}");
}

#[test]
fn settings_by_name() {
    for (name, o) in NAMES.iter().zip(all()) {
        assert_eq!(o.name(), *name);
        assert_eq!(o.validate(), Ok(()));
        assert_eq!(o.settings()[0], ("lr", o.lr()));
        let mut copy = Algorithm::from_name(name).unwrap();
        copy.set_lr(0.5);
        copy.set("weight_decay", 0.25);
        assert_eq!((copy.lr(), copy.weight_decay()), (0.5, 0.25));
        o.settings().into_iter().for_each(|(name, value)| assert!(copy.set(name, value)));
        assert_eq!(copy, o);
        assert!(!copy.set("velocity", 1.0));
        copy.set_momentum(0.75);
        assert_eq!(copy.momentum(), o.momentum().map(|_| 0.75));
        assert!(copy.set("lr", f64::NAN) && copy.validate().is_err_and(|(name, _)| name == "lr"));
    }
    let wrong = |o: Algorithm| o.validate().unwrap_err();
    assert_eq!(wrong(Algorithm::Adam(Adam { beta1: 1.0, ..Adam::default() })), ("beta1", 1.0));
    assert_eq!(wrong(Algorithm::Sgd(Sgd { nesterov: true, ..Sgd::default() })), ("momentum", 0.0));
    let dampened = Sgd { nesterov: true, momentum: 0.9, dampening: 0.1, ..Sgd::default() };
    assert_eq!(wrong(Algorithm::Sgd(dampened)), ("dampening", 0.1));
    assert_eq!(Algorithm::from_name("lion"), None);
}

/// PAIN.md, pytorch#104857: Adam's ε is added to the root after the bias correction.
#[test]
fn pain_pytorch_104857_adam_epsilon() {
    let mut p = [0.0_f32];
    steps(Algorithm::Adam(Adam::default()), &mut p, &[vec![1e-8]], 0.0, 1.0);
    assert!((p[0] + 5.0e-4).abs() < 1e-9, "{}", p[0]);
}

/// PAIN.md, pytorch#1402: a decayed gamma shrinks without a gradient, an undecayed one stays.
#[test]
fn pain_pytorch_1402_weight_decay_eats_gamma() {
    let adamw = Algorithm::Adam(Adam { lr: 0.01, weight_decay: 0.1, ..Adam::decoupled() });
    let (mut decayed, mut kept) = ([1.0_f32], [1.0_f32]);
    steps(adamw, &mut decayed, &vec![vec![0.0]; 100], adamw.weight_decay(), 1.0);
    steps(adamw, &mut kept, &vec![vec![0.0]; 100], 0.0, 1.0);
    assert!((decayed[0] - 0.904_792_1).abs() < 2e-6, "{}", decayed[0]);
    assert_eq!(kept, [1.0]);
}

/// A checkpoint is the slots, the scalars and t: bit for bit where it was.
#[test]
fn resumes_bit_for_bit() {
    for o in all() {
        let gradients: Vec<Vec<f32>> = (0..10).map(|seed| random(7, seed)).collect();
        let mut whole = random::<f32>(7, 99);
        steps(o, &mut whole, &gradients, 0.01, 1.0);

        let mut p = random::<f32>(7, 99);
        let mut first = o;
        let mut slots: Vec<Vec<f32>> = (0..o.slots()).map(|k| vec![o.slot_start(k) as f32; 7]).collect();
        let mut run = |o: &mut Algorithm, range: core::ops::Range<usize>| {
            for i in range {
                let t = i as u64 + 1;
                o.begin(t);
                let mut views: Vec<&mut [f32]> = slots.iter_mut().map(|s| &mut s[..]).collect();
                o.update(Step { t, weight_decay: 0.01, grad_scale: 1.0 }, &mut p, &gradients[i], &mut views);
            }
        };
        run(&mut first, 0..5);
        let mut second = o;
        second.scalars_mut().copy_from_slice(first.scalars());
        run(&mut second, 5..10);
        assert_eq!(p, whole, "{}", o.name());
    }
}

/// A constant gradient in f32: v − a² rounds below 0 sooner or later.
#[test]
fn centred_rmsprop_stays_finite() {
    let mut p = [0.0_f32; 8];
    let g: Vec<f32> = (1..9).map(|i| 0.1 * i as f32).collect();
    steps(
        Algorithm::RmsProp(RmsProp { centered: true, alpha: 0.5, ..RmsProp::default() }),
        &mut p,
        &vec![g; 200],
        0.0,
        1.0,
    );
    assert!(p.iter().all(|x| x.is_finite()), "{p:?}");
}

#[test]
#[should_panic]
fn too_few_slots_are_refused() {
    Algorithm::Adam(Adam::default()).update(
        Step { t: 1, weight_decay: 0.0, grad_scale: 1.0 },
        &mut [0.0_f32],
        &[0.0],
        &mut [&mut [0.0]],
    );
}
