//! Adagrad (Duchi et al. 2011): `torch.optim.Adagrad`.
//!
//! g ← g + wd·p; s ← s + g²; p ← p − lr/(1 + (t − 1)·lr_decay) · g/(√s + ε).

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// Learning rate.
    pub lr: f64,
    /// How it falls with the step.
    pub lr_decay: f64,
    /// ε, added to the root.
    pub eps: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// What s starts with.
    pub initial_accumulator_value: f64,
    /// Uphill.
    pub maximize: bool,
}

settings!(Adagrad: lr lr_decay eps weight_decay initial_accumulator_value, maximize);

impl Default for Adagrad {
    fn default() -> Self {
        Self { lr: 1e-2, lr_decay: 0.0, eps: 1e-10, weight_decay: 0.0, initial_accumulator_value: 0.0, maximize: false }
    }
}

impl Adagrad {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        &["sum"]
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let splat = |x: f64| T::V::splat(T::of(x));
        let size = splat(self.lr / (1.0 + (step.t as f64 - 1.0) * self.lr_decay));
        let eps = splat(self.eps);
        pass(Prepare::new(step, self.maximize, None), p, g, slots, move |p, g, [s]| {
            let s = s + g * g;
            (p - size * g / (s.sqrt() + eps), [s])
        });
    }
}
