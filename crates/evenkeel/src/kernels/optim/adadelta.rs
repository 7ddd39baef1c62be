//! Adadelta (Zeiler 2012): `torch.optim.Adadelta`.
//!
//! g ← g + wd·p; v ← ρ·v + (1 − ρ)·g²; δ = √(a + ε)/√(v + ε)·g; a ← ρ·a + (1 − ρ)·δ²; p ← p − lr·δ.

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// Factor of the change.
    pub lr: f64,
    /// ρ, decay of the averages.
    pub rho: f64,
    /// ε, under both roots.
    pub eps: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// Uphill.
    pub maximize: bool,
}

settings!(Adadelta: lr rho eps weight_decay, maximize);

impl Default for Adadelta {
    fn default() -> Self {
        Self { lr: 1.0, rho: 0.9, eps: 1e-6, weight_decay: 0.0, maximize: false }
    }
}

impl Adadelta {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let splat = |x: f64| T::V::splat(T::of(x));
        let (lr, rho, fresh, eps) = (splat(self.lr), splat(self.rho), splat(1.0 - self.rho), splat(self.eps));
        pass(Prepare::new(step, self.maximize, None), p, g, slots, move |p, g, [v, a]| {
            let v = v * rho + fresh * g * g;
            let delta = (a + eps).sqrt() / (v + eps).sqrt() * g;
            (p - lr * delta, [v, a * rho + fresh * delta * delta])
        });
    }
}
