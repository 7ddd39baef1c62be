//! Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019), AMSGrad (Reddi et al. 2018): `torch.optim.Adam(W)`.
//!
//! g ← g + wd·p, or decoupled p ← (1 − lr·wd)·p; m ← m + (1 − β₁)(g − m); v ← β₂·v + (1 − β₂)·g²;
//! p ← p − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε). AMSGrad takes the largest v so far in the last.

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's for Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
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
    /// Whether v may not shrink.
    pub amsgrad: bool,
    /// Weight decay apart from the gradient: AdamW.
    pub decoupled: bool,
    /// Uphill.
    pub maximize: bool,
}

settings!(Adam: lr beta1 beta2 eps weight_decay, amsgrad decoupled maximize);

impl Default for Adam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            decoupled: false,
            maximize: false,
        }
    }
}

impl Adam {
    /// AdamW with PyTorch's defaults: weight decay 0.01.
    pub fn decoupled() -> Self {
        Self { weight_decay: 0.01, decoupled: true, ..Self::default() }
    }

    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        if self.amsgrad { &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] } else { &["exp_avg", "exp_avg_sq"] }
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let prepare = Prepare::new(step, self.maximize, self.decoupled.then_some(self.lr));
        let splat = |x: f64| T::V::splat(T::of(x));
        let t = step.t as f64;
        let size = splat(self.lr / (1.0 - libm::pow(self.beta1, t)));
        let correct = splat(1.0 / (1.0 - libm::pow(self.beta2, t)).sqrt());
        let (fresh1, beta2, fresh2) = (splat(1.0 - self.beta1), splat(self.beta2), splat(1.0 - self.beta2));
        let eps = splat(self.eps);
        let moments = move |g: T::V, m: T::V, v: T::V| (m + (g - m) * fresh1, v * beta2 + fresh2 * g * g);
        let moved = move |p: T::V, m: T::V, v: T::V| p - size * m / (v.sqrt() * correct + eps);
        if self.amsgrad {
            pass(prepare, p, g, slots, move |p, g, [m, v, most]| {
                let (m, v) = moments(g, m, v);
                let most = most.max(v);
                (moved(p, m, most), [m, v, most])
            });
        } else {
            pass(prepare, p, g, slots, move |p, g, [m, v]| {
                let (m, v) = moments(g, m, v);
                (moved(p, m, v), [m, v])
            });
        }
    }
}
