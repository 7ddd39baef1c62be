//! Learning-rate schedules: PyTorch's (`torch.optim.lr_scheduler`), in closed form.
//!
//! `lr_at(t, base)` is the rate in force for step t = 0, 1, 2, … of an optimizer whose own rate is `base`; a step is
//! whatever the caller counts (updates or epochs). Nothing accumulates, so step t is the same after a resume, and only
//! [`Plateau`], which watches a metric, has a state. [`Scheduler`] holds a schedule, its counter and that state.
//! All numbers are f64; cosine and power are `libm`'s, so they are the same on every machine.
//!
//! ```
//! use evenkeel::schedule::Schedule;
//! let warm_up = Schedule::Linear { start_factor: 0.1, end_factor: 1.0, total_iters: 5 };
//! let cosine = Schedule::Cosine { t_max: 25, eta_min: 0.0 };
//! let schedule = Schedule::Sequential { of: vec![warm_up, cosine], milestones: vec![5] };
//! assert_eq!(schedule.validate(), Ok(()));
//! assert_eq!(schedule.lr_at(0, 0.5), 0.05);
//! assert_eq!(schedule.lr_at(5, 0.5), 0.5);
//! ```

mod one_cycle;
mod plateau;
mod scheduler;

pub use one_cycle::{Anneal, OneCycle};
pub use plateau::{Goal, Plateau, PlateauState, Threshold};
pub use scheduler::Scheduler;

/// An argument that cannot be: its name and value.
pub type Invalid = (&'static str, f64);

/// How the rate goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// base.
    Constant,
    /// base·gamma^⌊t/step_size⌋.
    Step {
        /// Steps between changes.
        step_size: u64,
        /// Factor of a change.
        gamma: f64,
    },
    /// base·gamma^(milestones passed, t itself counting as passed).
    MultiStep {
        /// Steps of change, in order.
        milestones: Vec<u64>,
        /// Factor of a change.
        gamma: f64,
    },
    /// base·gamma^t.
    Exponential {
        /// Factor of a step.
        gamma: f64,
    },
    /// eta_min + (base − eta_min)·(1 + cos(π·t/t_max))/2; up again after t_max, as in PyTorch (Loshchilov and Hutter
    /// 2017, without restarts).
    Cosine {
        /// Steps to the minimum.
        t_max: u64,
        /// The minimum.
        eta_min: f64,
    },
    /// Cosine from base to eta_min over t_0 steps, then over t_0·t_mult, t_0·t_mult², …, each from base again.
    CosineRestarts {
        /// Steps of the first period.
        t_0: u64,
        /// Growth of the period.
        t_mult: u64,
        /// The minimum.
        eta_min: f64,
    },
    /// Up and down once, with momentum going the other way.
    OneCycle(OneCycle),
    /// base·factor, the factor going straight from start to end over total_iters steps: a warm-up.
    Linear {
        /// Factor of step 0.
        start_factor: f64,
        /// Factor from step total_iters on.
        end_factor: f64,
        /// Steps between.
        total_iters: u64,
    },
    /// base·factor for total_iters steps, then base.
    ConstantFactor {
        /// The factor.
        factor: f64,
        /// How many steps it holds.
        total_iters: u64,
    },
    /// base·(1 − t/total_iters)^power, 0 from total_iters on.
    Polynomial {
        /// Steps to 0.
        total_iters: u64,
        /// Exponent.
        power: f64,
    },
    /// Schedules one after the other: `of[i]` from `milestones[i − 1]` on, each counting its steps from 0.
    Sequential {
        /// The schedules.
        of: Vec<Schedule>,
        /// Where the second and later ones start.
        milestones: Vec<u64>,
    },
    /// Lower whenever a metric has stopped improving.
    Plateau(Plateau),
}

impl Schedule {
    /// The rate in force for step `t`. A plateau's is `base` here: [`Scheduler`] holds what it has come to.
    pub fn lr_at(&self, t: u64, base: f64) -> f64 {
        match self {
            Self::Constant | Self::Plateau(_) => base,
            Self::Step { step_size, gamma } => base * power(*gamma, t / (*step_size).max(1)),
            Self::MultiStep { milestones, gamma } => {
                base * power(*gamma, milestones.iter().filter(|&&m| m <= t).count() as u64)
            }
            Self::Exponential { gamma } => base * power(*gamma, t),
            Self::Cosine { t_max, eta_min } => cosine(base, *eta_min, fraction(t, *t_max)),
            Self::CosineRestarts { t_0, t_mult, eta_min } => {
                let (mut t, mut period) = (t, (*t_0).max(1));
                if *t_mult <= 1 {
                    t %= period;
                }
                while t >= period {
                    t -= period;
                    period = period.saturating_mul(*t_mult);
                }
                cosine(base, *eta_min, fraction(t, period))
            }
            Self::OneCycle(cycle) => cycle.lr_at(t),
            Self::Linear { start_factor, end_factor, total_iters } => {
                base * (start_factor + (end_factor - start_factor) * fraction(t, *total_iters).min(1.0))
            }
            Self::ConstantFactor { factor, total_iters } => base * if t < *total_iters { *factor } else { 1.0 },
            Self::Polynomial { total_iters, power } => {
                base * libm::pow(1.0 - fraction(t, *total_iters).min(1.0), *power)
            }
            Self::Sequential { of, milestones } => {
                active(of, milestones, t).map_or(base, |(schedule, t)| schedule.lr_at(t, base))
            }
        }
    }

    /// The momentum (SGD's and RMSprop's momentum, Adam's beta1) in force for step `t`, where the schedule sets one.
    pub fn momentum_at(&self, t: u64) -> Option<f64> {
        match self {
            Self::OneCycle(cycle) => cycle.momentum_at(t),
            Self::Sequential { of, milestones } => {
                active(of, milestones, t).and_then(|(schedule, t)| schedule.momentum_at(t))
            }
            _ => None,
        }
    }

    /// Names the first argument that cannot be.
    pub fn validate(&self) -> Result<(), Invalid> {
        match self {
            Self::Constant => Ok(()),
            Self::Step { step_size, gamma } => {
                check("step_size", *step_size as f64, *step_size > 0)?;
                check("gamma", *gamma, positive(*gamma))
            }
            Self::MultiStep { milestones, gamma } => {
                ascending(milestones)?;
                check("gamma", *gamma, positive(*gamma))
            }
            Self::Exponential { gamma } => check("gamma", *gamma, positive(*gamma)),
            Self::Cosine { t_max, eta_min } => {
                check("t_max", *t_max as f64, *t_max > 0)?;
                check("eta_min", *eta_min, not_negative(*eta_min))
            }
            Self::CosineRestarts { t_0, t_mult, eta_min } => {
                check("t_0", *t_0 as f64, *t_0 > 0)?;
                check("t_mult", *t_mult as f64, *t_mult > 0)?;
                check("eta_min", *eta_min, not_negative(*eta_min))
            }
            Self::OneCycle(cycle) => cycle.validate(),
            Self::Linear { start_factor, end_factor, total_iters } => {
                check("start_factor", *start_factor, *start_factor > 0.0 && *start_factor <= 1.0)?;
                check("end_factor", *end_factor, (0.0..=1.0).contains(end_factor))?;
                check("total_iters", *total_iters as f64, *total_iters > 0)
            }
            Self::ConstantFactor { factor, .. } => check("factor", *factor, (0.0..=1.0).contains(factor)),
            Self::Polynomial { total_iters, power } => {
                check("total_iters", *total_iters as f64, *total_iters > 0)?;
                check("power", *power, not_negative(*power))
            }
            Self::Sequential { of, milestones } => {
                check("milestones", milestones.len() as f64, of.len() == milestones.len() + 1)?;
                ascending(milestones)?;
                for schedule in of {
                    // A plateau goes by what it has seen, not by the step.
                    check("of", of.len() as f64, !matches!(schedule, Self::Plateau(_)))?;
                    schedule.validate()?;
                }
                Ok(())
            }
            Self::Plateau(plateau) => plateau.validate(),
        }
    }
}

/// The schedule of a sequence that step `t` belongs to, and the step's number within it.
fn active<'a>(of: &'a [Schedule], milestones: &[u64], t: u64) -> Option<(&'a Schedule, u64)> {
    let passed = milestones.iter().filter(|&&m| m <= t).count().min(of.len().saturating_sub(1));
    let start = if passed == 0 { 0 } else { milestones[passed - 1] };
    of.get(passed).map(|schedule| (schedule, t - start))
}

/// x to a whole power.
fn power(x: f64, n: u64) -> f64 {
    libm::pow(x, n as f64)
}

/// t/total; 1 if there is no total.
fn fraction(t: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { t as f64 / total as f64 }
}

/// From `start` at 0 to `end` at 1 along half a cosine.
fn cosine(start: f64, end: f64, at: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + libm::cos(core::f64::consts::PI * at))
}

fn check(argument: &'static str, value: f64, holds: bool) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err((argument, value)) }
}

fn positive(x: f64) -> bool {
    x > 0.0 && x < f64::INFINITY
}

fn not_negative(x: f64) -> bool {
    (0.0..f64::INFINITY).contains(&x)
}

fn ascending(milestones: &[u64]) -> Result<(), Invalid> {
    match milestones.windows(2).find(|w| w[0] > w[1]) {
        Some(w) => Err(("milestones", w[1] as f64)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let rates = |s: &Schedule, n: u64| (0..n).map(|t| s.lr_at(t, 1.0)).collect::<Vec<_>>();
        assert_eq!(rates(&Schedule::Constant, 3), [1.0; 3]);
        let twice = Schedule::MultiStep { milestones: vec![1, 1], gamma: 0.5 };
        assert_eq!(rates(&twice, 2), [1.0, 0.25], "a milestone given twice counts twice");
        let nothing = Schedule::Sequential { of: vec![], milestones: vec![] };
        assert_eq!(nothing.lr_at(3, 0.5), 0.5);
        assert_eq!(nothing.validate(), Err(("milestones", 0.0)));
        let restarts = Schedule::CosineRestarts { t_0: 1, t_mult: 3, eta_min: 0.0 };
        assert!(restarts.lr_at(u64::MAX, 1.0).is_finite());
        let nested = Schedule::Sequential {
            of: vec![Schedule::Constant, Schedule::Sequential { of: vec![Schedule::Constant; 2], milestones: vec![3] }],
            milestones: vec![2],
        };
        assert_eq!((nested.validate(), nested.lr_at(9, 0.1)), (Ok(()), 0.1));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let plateau = Schedule::Plateau(Plateau::default());
        for (schedule, want) in [
            (Schedule::Step { step_size: 0, gamma: 0.1 }, ("step_size", 0.0)),
            (Schedule::Step { step_size: 1, gamma: -1.0 }, ("gamma", -1.0)),
            (Schedule::MultiStep { milestones: vec![5, 3], gamma: 0.1 }, ("milestones", 3.0)),
            (Schedule::Exponential { gamma: f64::INFINITY }, ("gamma", f64::INFINITY)),
            (Schedule::Cosine { t_max: 0, eta_min: 0.0 }, ("t_max", 0.0)),
            (Schedule::CosineRestarts { t_0: 5, t_mult: 0, eta_min: 0.0 }, ("t_mult", 0.0)),
            (Schedule::OneCycle(OneCycle { pct_start: 1.5, ..OneCycle::new(1.0, 9) }), ("pct_start", 1.5)),
            (Schedule::OneCycle(OneCycle::new(1.0, 0)), ("total_steps", 0.0)),
            (Schedule::Linear { start_factor: 0.0, end_factor: 1.0, total_iters: 5 }, ("start_factor", 0.0)),
            (Schedule::ConstantFactor { factor: 2.0, total_iters: 5 }, ("factor", 2.0)),
            (Schedule::Polynomial { total_iters: 0, power: 1.0 }, ("total_iters", 0.0)),
            (Schedule::Plateau(Plateau { factor: 1.0, ..Plateau::default() }), ("factor", 1.0)),
            (Schedule::Sequential { of: vec![plateau], milestones: vec![] }, ("of", 1.0)),
        ] {
            assert_eq!(schedule.validate(), Err(want));
        }
    }
}
