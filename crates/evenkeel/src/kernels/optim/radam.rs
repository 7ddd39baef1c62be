//! Rectified Adam (Liu et al. 2020): `torch.optim.RAdam`.
//!
//! g ← g + wd·p, or decoupled p ← (1 − lr·wd)·p; m and v as Adam's; ρ∞ = 2/(1 − β₂) − 1; ρ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ).
//! While ρ ≤ 5 (the variance of the adaptive rate is unbounded) p ← p − lr/(1 − β₁ᵗ)·m, after that
//! p ← p − lr/(1 − β₁ᵗ)·r·√(1 − β₂ᵗ)·m/(√v + ε), with r² = (ρ − 4)(ρ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ).

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// ε, added to the root.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Weight decay apart from the gradient.
    pub decoupled: bool,
    /// Uphill.
    pub maximize: bool,
}

settings!(RAdam: lr beta1 beta2 eps weight_decay, decoupled maximize);

impl Default for RAdam {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, decoupled: false, maximize: false }
    }
}

impl RAdam {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let prepare = Prepare::new(step, self.maximize, self.decoupled.then_some(self.lr));
        let splat = |x: f64| T::V::splat(T::of(x));
        let t = step.t as f64;
        let power = libm::pow(self.beta2, t);
        let most = 2.0 / (1.0 - self.beta2) - 1.0;
        let rho = most - 2.0 * t * power / (1.0 - power);
        let plain = self.lr / (1.0 - libm::pow(self.beta1, t));
        let adaptive = rho > 5.0;
        let size = splat(if adaptive {
            let r = (rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho);
            plain * r.sqrt() * (1.0 - power).sqrt()
        } else {
            plain
        });
        let (fresh1, beta2, fresh2) = (splat(1.0 - self.beta1), splat(self.beta2), splat(1.0 - self.beta2));
        let eps = splat(self.eps);
        pass(prepare, p, g, slots, move |p, g, [m, v]| {
            let (m, v) = (m + (g - m) * fresh1, v * beta2 + fresh2 * g * g);
            let change = size * m;
            (p - if adaptive { change / (v.sqrt() + eps) } else { change }, [m, v])
        });
    }
}
