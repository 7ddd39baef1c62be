//! RMSprop (Hinton 2012), centred (Graves 2013) or not: `torch.optim.RMSprop`.
//!
//! g ← g + wd·p; v ← α·v + (1 − α)·g²; centred a ← a + (1 − α)(g − a), v̄ = v − a², else v̄ = v;
//! p ← p − lr·g/(√v̄ + ε), or with momentum b ← μ·b + g/(√v̄ + ε), p ← p − lr·b.
//! v̄ is not below 0 here; rounding can make PyTorch's so, and its root NaN.

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// α, decay of the averages.
    pub alpha: f64,
    /// ε, added to the root.
    pub eps: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// μ.
    pub momentum: f64,
    /// Whether the mean gradient is taken off.
    pub centered: bool,
    /// Uphill.
    pub maximize: bool,
}

settings!(RmsProp: lr alpha eps weight_decay momentum, centered maximize);

impl Default for RmsProp {
    fn default() -> Self {
        Self { lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false, maximize: false }
    }
}

impl RmsProp {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum > 0.0) {
            (false, false) => &["square_avg"],
            (false, true) => &["square_avg", "momentum_buffer"],
            (true, false) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let prepare = Prepare::new(step, self.maximize, None);
        let splat = |x: f64| T::V::splat(T::of(x));
        let (lr, alpha, fresh) = (splat(self.lr), splat(self.alpha), splat(1.0 - self.alpha));
        let (eps, momentum) = (splat(self.eps), splat(self.momentum));
        let square = move |g: T::V, v: T::V| v * alpha + fresh * g * g;
        let plain = move |g: T::V, v: T::V| g / (v.sqrt() + eps);
        let centred = move |g: T::V, v: T::V, a: T::V| g / ((v - a * a).max(T::V::zero()).sqrt() + eps);
        match (self.centered, self.momentum > 0.0) {
            (false, false) => pass(prepare, p, g, slots, move |p, g, [v]| {
                let v = square(g, v);
                (p - lr * plain(g, v), [v])
            }),
            (false, true) => pass(prepare, p, g, slots, move |p, g, [v, b]| {
                let v = square(g, v);
                let b = b * momentum + plain(g, v);
                (p - lr * b, [v, b])
            }),
            (true, false) => pass(prepare, p, g, slots, move |p, g, [v, a]| {
                let (v, a) = (square(g, v), a + (g - a) * fresh);
                (p - lr * centred(g, v, a), [v, a])
            }),
            (true, true) => pass(prepare, p, g, slots, move |p, g, [v, a, b]| {
                let (v, a) = (square(g, v), a + (g - a) * fresh);
                let b = b * momentum + centred(g, v, a);
                (p - lr * b, [v, a, b])
            }),
        }
    }
}
