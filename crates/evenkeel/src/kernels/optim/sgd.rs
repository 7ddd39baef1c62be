//! Stochastic gradient descent: `torch.optim.SGD`.
//!
//! g ← g + wd·p; b ← μ·b + (1 − dampening)·g (b ← g at the first step); p ← p − lr·b, or with Nesterov's momentum
//! p ← p − lr·(g + μ·b). Without momentum p ← p − lr·g.

use super::pass::{Prepare, pass};
use super::{Step, settings};
use crate::simd::{Lanes, Real};

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// μ.
    pub momentum: f64,
    /// Part of the gradient that does not enter the momentum.
    pub dampening: f64,
    /// Added to the gradient, times the parameter.
    pub weight_decay: f64,
    /// Nesterov's momentum.
    pub nesterov: bool,
    /// Uphill.
    pub maximize: bool,
}

settings!(Sgd: lr momentum dampening weight_decay, nesterov maximize);

impl Default for Sgd {
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false, maximize: false }
    }
}

impl Sgd {
    pub(super) fn slot_names(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }

    pub(super) fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        let prepare = Prepare::new(step, self.maximize, None);
        let splat = |x: f64| T::V::splat(T::of(x));
        let lr = splat(self.lr);
        if self.momentum == 0.0 {
            return pass(prepare, p, g, slots, move |p, g, []| (p - lr * g, []));
        }
        // The buffer starts as the first gradient itself.
        let (kept, fresh) = if step.t <= 1 { (0.0, 1.0) } else { (self.momentum, 1.0 - self.dampening) };
        let (kept, fresh, momentum) = (splat(kept), splat(fresh), splat(self.momentum));
        let nesterov = self.nesterov;
        pass(prepare, p, g, slots, move |p, g, [b]| {
            let b = b * kept + g * fresh;
            (p - lr * if nesterov { g + b * momentum } else { b }, [b])
        });
    }
}
