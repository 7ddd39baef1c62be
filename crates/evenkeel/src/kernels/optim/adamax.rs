//! Adamax (Kingma and Ba 2015), Adam by the largest gradient: `torch.optim.Adamax`.
//!
//! g ← g + wd·p; m ← m + (1 − β₁)(g − m); u ← max(β₂·u, |g| + ε); p ← p − lr/(1 − β₁ᵗ) · m/u.

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the norm.
    pub beta2: f64,
    /// ε, added to the gradient's size.
    pub eps: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// Uphill.
    pub maximize: bool,
}

settings!(Adamax: lr beta1 beta2 eps weight_decay, maximize);

impl Default for Adamax {
    fn default() -> Self {
        Self { lr: 2e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, maximize: false }
    }
}

impl Adamax {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_inf"]
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let splat = |x: f64| T::V::splat(T::of(x));
        let size = splat(self.lr / (1.0 - libm::pow(self.beta1, step.t as f64)));
        let (fresh, beta2, eps) = (splat(1.0 - self.beta1), splat(self.beta2), splat(self.eps));
        pass(Prepare::new(step, self.maximize, None), p, g, slots, move |p, g, [m, u]| {
            let (m, u) = (m + (g - m) * fresh, (u * beta2).max(g.abs() + eps));
            (p - size * m / u, [m, u])
        });
    }
}
