//! Optimizers: fused one-pass updates of a parameter array, with PyTorch's numbers (`torch.optim`, single tensor path).
//!
//! A parameter array `p`, its gradients `g` and the optimizer's state arrays ("slots": moments and the like, as long
//! as `p`) go through one loop a step. An [`Algorithm`] holds the settings and computes what does not depend on the
//! element (bias corrections, step sizes) in f64, rounded once. Where PyTorch divides by a number common to all
//! elements, the loop multiplies by its reciprocal; nothing else differs.
//!
//! A step is [`Algorithm::begin`] once, then [`Algorithm::update`] for each array (decayed and undecayed parameters
//! are separate arrays, with a weight decay of their own):
//!
//! ```
//! use evenkeel_kernels::kernels::optim::{Adam, Algorithm, Step};
//! let mut adam = Algorithm::Adam(Adam { lr: 0.1, ..Adam::default() });
//! let (mut p, g) = ([1.0_f32, 2.0], [0.5, -0.5]);
//! let (mut m, mut v) = ([0.0; 2], [0.0; 2]); // adam.slots() == 2, of length 2, filled with adam.slot_start(k)
//! for t in 1..=10 {
//!     adam.begin(t);
//!     let step = Step { t, weight_decay: adam.weight_decay(), grad_scale: 1.0 };
//!     adam.update(step, &mut p, &g, &mut [&mut m, &mut v]);
//! }
//! assert!((p[0] - 0.0).abs() < 1e-5 && (p[1] - 3.0).abs() < 1e-5);
//! ```

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod clip;
mod nadam;
mod pass;
mod radam;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use clip::{Each, clip_factor, clip_value, ema, grad_norm, max_abs, scale, sum_abs_pow, sum_of_squares};
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::simd::Real;

/// What an update needs to know besides the arrays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The step's number, from 1.
    pub t: u64,
    /// Weight decay of this array: [`Algorithm::weight_decay`], or 0 for biases and normalisation.
    pub weight_decay: f64,
    /// What each gradient is multiplied by first: clipping by norm ([`clip_factor`]) and averaging cost no pass.
    pub grad_scale: f64,
}

/// The most slots that an algorithm has.
pub const MOST_SLOTS: usize = 4;

/// An optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Algorithm {
    /// Stochastic gradient descent, with momentum or without.
    Sgd(Sgd),
    /// Adam, AdamW, AMSGrad.
    Adam(Adam),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Adagrad.
    Adagrad(Adagrad),
    /// Adadelta.
    Adadelta(Adadelta),
    /// Adamax.
    Adamax(Adamax),
    /// Adam with Nesterov momentum.
    NAdam(NAdam),
    /// Rectified Adam.
    RAdam(RAdam),
}

/// `$e` with `$o` bound to whichever optimizer it is.
macro_rules! each {
    ($self:expr, $o:ident => $e:expr) => {
        match $self {
            Algorithm::Sgd($o) => $e,
            Algorithm::Adam($o) => $e,
            Algorithm::RmsProp($o) => $e,
            Algorithm::Adagrad($o) => $e,
            Algorithm::Adadelta($o) => $e,
            Algorithm::Adamax($o) => $e,
            Algorithm::NAdam($o) => $e,
            Algorithm::RAdam($o) => $e,
        }
    };
}

impl Algorithm {
    /// An optimizer with PyTorch's defaults, by PyTorch's name in lower case (`adamw` is a kind of `adam`).
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "sgd" => Self::Sgd(Sgd::default()),
            "adam" => Self::Adam(Adam::default()),
            "adamw" => Self::Adam(Adam::decoupled()),
            "rmsprop" => Self::RmsProp(RmsProp::default()),
            "adagrad" => Self::Adagrad(Adagrad::default()),
            "adadelta" => Self::Adadelta(Adadelta::default()),
            "adamax" => Self::Adamax(Adamax::default()),
            "nadam" => Self::NAdam(NAdam::default()),
            "radam" => Self::RAdam(RAdam::default()),
            _ => return None,
        })
    }

    /// Its name, as [`Algorithm::from_name`] reads it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd(_) => "sgd",
            Self::Adam(o) if o.decoupled => "adamw",
            Self::Adam(_) => "adam",
            Self::RmsProp(_) => "rmsprop",
            Self::Adagrad(_) => "adagrad",
            Self::Adadelta(_) => "adadelta",
            Self::Adamax(_) => "adamax",
            Self::NAdam(_) => "nadam",
            Self::RAdam(_) => "radam",
        }
    }

    /// All settings by name; a switch is 0 or 1.
    pub fn settings(&self) -> Vec<(&'static str, f64)> {
        each!(self, o => o.settings())
    }

    /// Changes a setting; whether there is one of that name.
    pub fn set(&mut self, name: &str, value: f64) -> bool {
        each!(self, o => o.set(name, value))
    }

    /// Names the first setting that cannot be, and its value.
    pub fn validate(&self) -> Result<(), (&'static str, f64)> {
        for (name, value) in self.settings() {
            let holds = match name {
                "beta1" | "beta2" => (0.0..1.0).contains(&value),
                "rho" | "alpha" => (0.0..=1.0).contains(&value),
                "dampening" => value.is_finite(),
                _ => (0.0..f64::INFINITY).contains(&value),
            };
            if !holds {
                return Err((name, value));
            }
        }
        match self {
            Self::Sgd(o) if o.nesterov && o.momentum == 0.0 => Err(("momentum", o.momentum)),
            Self::Sgd(o) if o.nesterov && o.dampening != 0.0 => Err(("dampening", o.dampening)),
            _ => Ok(()),
        }
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        each!(self, o => o.lr)
    }

    /// Sets the learning rate.
    pub fn set_lr(&mut self, lr: f64) {
        each!(self, o => o.lr = lr);
    }

    /// The weight decay of arrays that are decayed.
    pub fn weight_decay(&self) -> f64 {
        each!(self, o => o.weight_decay)
    }

    /// What a schedule may cycle: momentum (SGD, RMSprop) or beta1 (the Adam family).
    pub fn momentum(&self) -> Option<f64> {
        match self {
            Self::Sgd(o) => Some(o.momentum),
            Self::RmsProp(o) => Some(o.momentum),
            Self::Adam(o) => Some(o.beta1),
            Self::Adamax(o) => Some(o.beta1),
            Self::NAdam(o) => Some(o.beta1),
            Self::RAdam(o) => Some(o.beta1),
            Self::Adagrad(_) | Self::Adadelta(_) => None,
        }
    }

    /// Sets it; no effect where there is none. If SGD or RMSprop go from 0 to something else, [`Algorithm::slots`]
    /// grows: do so before the state is made.
    pub fn set_momentum(&mut self, momentum: f64) {
        match self {
            Self::Sgd(o) => o.momentum = momentum,
            Self::RmsProp(o) => o.momentum = momentum,
            Self::Adam(o) => o.beta1 = momentum,
            Self::Adamax(o) => o.beta1 = momentum,
            Self::NAdam(o) => o.beta1 = momentum,
            Self::RAdam(o) => o.beta1 = momentum,
            Self::Adagrad(_) | Self::Adadelta(_) => {}
        }
    }

    /// PyTorch's names of the state arrays, in the order [`Algorithm::update`] takes them.
    pub fn slot_names(&self) -> &'static [&'static str] {
        each!(self, o => o.slot_names())
    }

    /// Number of state arrays.
    pub fn slots(&self) -> usize {
        self.slot_names().len()
    }

    /// What state array `slot` is filled with before the first step.
    pub fn slot_start(&self, _slot: usize) -> f64 {
        match self {
            Self::Adagrad(o) => o.initial_accumulator_value,
            _ => 0.0,
        }
    }

    /// State common to all arrays, for checkpoints: NAdam's product of momenta.
    pub fn scalars(&self) -> &[f64] {
        match self {
            Self::NAdam(o) => core::slice::from_ref(&o.mu_product),
            _ => &[],
        }
    }

    /// The same, to write.
    pub fn scalars_mut(&mut self) -> &mut [f64] {
        match self {
            Self::NAdam(o) => core::slice::from_mut(&mut o.mu_product),
            _ => &mut [],
        }
    }

    /// Begins step `t` (from 1): once a step, before its updates, after the schedule has set the rate and momentum.
    pub fn begin(&mut self, t: u64) {
        if let Self::NAdam(o) = self {
            o.begin(t);
        }
    }

    /// Updates an array of parameters and its state. `g` is read only.
    ///
    /// # Panics
    /// If an array's length is not the parameters', or there are fewer than [`Algorithm::slots`] of them.
    pub fn update<T: Real>(&self, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
        each!(self, o => o.update(step, p, g, slots));
    }
}

/// [`Algorithm::update`] as a function.
pub fn update<T: Real>(algorithm: &Algorithm, step: Step, p: &mut [T], g: &[T], slots: &mut [&mut [T]]) {
    algorithm.update(step, p, g, slots);
}

/// Access to an optimizer's settings by name: numbers, then switches.
macro_rules! settings {
    ($optimizer:ident: $($number:ident)*, $($switch:ident)*) => {
        impl $optimizer {
            #[inline(never)]
            fn table(&mut self, entry: &mut dyn FnMut(&'static str, &mut f64)) {
                $(entry(stringify!($number), &mut self.$number);)*
                $({
                    let mut value = if self.$switch { 1.0 } else { 0.0 };
                    entry(stringify!($switch), &mut value);
                    self.$switch = value != 0.0;
                })*
            }

            pub(super) fn settings(mut self) -> Vec<(&'static str, f64)> {
                let mut list = Vec::new();
                self.table(&mut |name, value| list.push((name, *value)));
                list
            }

            pub(super) fn set(&mut self, name: &str, value: f64) -> bool {
                let mut found = false;
                self.table(&mut |entry, to| {
                    if entry == name {
                        *to = value;
                        found = true;
                    }
                });
                found
            }
        }
    };
}
use settings;

#[cfg(test)]
mod tests;
