//! Adam with Nesterov momentum (Dozat 2016): `torch.optim.NAdam`.
//!
//! g ← g + wd·p, or decoupled p ← (1 − lr·wd)·p; μₜ = β₁(1 − ½·0.96^(t·ψ)); Mₜ = μ₁…μₜ; m and v as Adam's;
//! p ← p − lr·[(1 − μₜ)/(1 − Mₜ)·g + μₜ₊₁/(1 − Mₜμₜ₊₁)·m] / (√(v/(1 − β₂ᵗ)) + ε).

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings and the product of momenta; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// ε, added to the corrected root.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// ψ.
    pub momentum_decay: f64,
    /// Weight decay apart from the gradient.
    pub decoupled: bool,
    /// Uphill.
    pub maximize: bool,
    /// M, the product of all μ so far (an f32's value): state, not a setting.
    pub mu_product: f64,
}

settings!(NAdam: lr beta1 beta2 eps weight_decay momentum_decay, decoupled maximize);

impl Default for NAdam {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            decoupled: false,
            maximize: false,
            mu_product: 1.0,
        }
    }
}

impl NAdam {
    fn mu(&self, t: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * libm::pow(0.96, t as f64 * self.momentum_decay))
    }

    pub(super) fn begin(&mut self, t: u64) {
        // PyTorch keeps the product in single precision, whatever the parameters' type.
        self.mu_product = (self.mu_product as f32 * self.mu(t) as f32) as f64;
    }

    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let prepare = Prepare::new(step, self.maximize, self.decoupled.then_some(self.lr));
        let splat = |x: f64| T::V::splat(T::of(x));
        let next = self.mu(step.t + 1);
        let of_gradient = splat(self.lr * (1.0 - self.mu(step.t)) / (1.0 - self.mu_product));
        let of_moment = splat(self.lr * next / (1.0 - self.mu_product * next));
        let correct = splat(1.0 / (1.0 - libm::pow(self.beta2, step.t as f64)));
        let (fresh1, beta2, fresh2) = (splat(1.0 - self.beta1), splat(self.beta2), splat(1.0 - self.beta2));
        let eps = splat(self.eps);
        pass(prepare, p, g, slots, move |p, g, [m, v]| {
            let (m, v) = (m + (g - m) * fresh1, v * beta2 + fresh2 * g * g);
            (p - (of_gradient * g + of_moment * m) / ((v * correct).sqrt() + eps), [m, v])
        });
    }
}
