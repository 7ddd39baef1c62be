//! Gradients against central differences in double precision: every operation, layer and loss.
//!
//! [`check`] also runs each of them a second time into the same leaves (gradients accumulate) and twice within one
//! graph on tensors that are not leaves (a tensor used twice sums), since those are other code paths of a backward.

#[path = "gradients/layers.rs"]
mod layers;
#[path = "gradients/losses.rs"]
mod losses;
#[path = "gradients/ops.rs"]
mod ops;

use evenkeel::kernels::unary::Unary;
use evenkeel::{Result, Rng, Tensor, no_grad};

/// A tensor in double precision.
pub type T64 = Tensor<f64>;

/// Standard normal numbers, the same for the same shape and seed; a leaf that tracks.
pub fn normal(shape: &[usize], seed: u64) -> T64 {
    T64::randn(shape, &mut Rng::new(seed)).unwrap().tracked()
}

/// Numbers in [lo, hi).
pub fn uniform(shape: &[usize], lo: f64, hi: f64, seed: u64) -> T64 {
    let t = T64::zeros(shape).unwrap();
    t.with_data_mut(|d| Rng::new(seed).fill_uniform(d, lo, hi));
    t.tracked()
}

fn near(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    let size = want.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * size, "{what} [{i}]: {g} is not {w}");
    }
}

/// Checks the gradients of `f` with respect to `inputs`, leaves that track. `f` gets the inputs, or tensors that came
/// out of them; what it holds itself (a layer's parameters) is moved in place.
pub fn check(what: &str, inputs: &[T64], f: impl Fn(&[T64]) -> Result<T64>) {
    let run = |x: &[T64]| f(x).unwrap_or_else(|e| panic!("{what}: {e}"));
    let y = run(inputs);
    assert!(y.tracks(), "{what}: nothing was recorded");
    let weight = T64::randn(y.dims(), &mut Rng::new(99)).unwrap();
    let value = || {
        let y = no_grad(|| run(inputs));
        y.with_data(|y| weight.with_data(|w| y.iter().zip(w).map(|(y, w)| y * w).sum::<f64>()))
    };
    inputs.iter().for_each(Tensor::zero_grad);
    y.backward_with(&weight).unwrap();
    let grads: Vec<Vec<f64>> = inputs
        .iter()
        .map(|x| x.grad().unwrap_or_else(|| panic!("{what}: an input of shape {:?} got none", x.shape())).to_vec())
        .collect();
    for (k, (x, grad)) in inputs.iter().zip(&grads).enumerate() {
        let numeric: Vec<f64> = (0..x.len())
            .map(|i| {
                let old = x.to_vec()[i];
                let h = 1e-6 * old.abs().max(1.0);
                let at = |v: f64| {
                    x.with_data_mut(|d| d[i] = v);
                    value()
                };
                let (up, down) = (old + h, old - h);
                let slope = (at(up) - at(down)) / (up - down);
                x.with_data_mut(|d| d[i] = old);
                slope
            })
            .collect();
        near(&format!("{what}: gradient of input {k}"), grad, &numeric, 1e-6);
    }
    let doubled = |how: &str| {
        for (k, (x, grad)) in inputs.iter().zip(&grads).enumerate() {
            let twice: Vec<f64> = grad.iter().map(|g| 2.0 * g).collect();
            near(&format!("{what}: gradient of input {k} {how}"), &x.grad().unwrap().to_vec(), &twice, 1e-12);
        }
    };
    run(inputs).backward_with(&weight).unwrap();
    doubled("after a second pass");
    inputs.iter().for_each(Tensor::zero_grad);
    let inner: Vec<T64> = inputs.iter().map(|x| x.unary(Unary::MulScalar(1.0)).unwrap()).collect();
    run(&inner).add(&run(&inner)).unwrap().backward_with(&weight).unwrap();
    doubled("used twice");
    inputs.iter().for_each(Tensor::zero_grad);
}

/// The same for a function of one tensor.
pub fn check1(what: &str, x: T64, f: impl Fn(&T64) -> Result<T64>) {
    check(what, &[x], |x| f(&x[0]));
}
