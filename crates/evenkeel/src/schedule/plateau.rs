//! A rate that is lowered when a metric stops improving: `torch.optim.lr_scheduler.ReduceLROnPlateau`.

use super::{Invalid, check, not_negative};

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Less: a loss.
    #[default]
    Min,
    /// More: an accuracy.
    Max,
}

/// What `threshold` is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threshold {
    /// Of the best so far: better than best·(1 ∓ threshold).
    #[default]
    Relative,
    /// Of nothing: better than best ∓ threshold.
    Absolute,
}

/// Settings; the default has PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Which way is better.
    pub mode: Goal,
    /// What the rate is multiplied by; below 1.
    pub factor: f64,
    /// How many observations without improvement are put up with.
    pub patience: u64,
    /// How much is an improvement.
    pub threshold: f64,
    /// Of what.
    pub threshold_mode: Threshold,
    /// Observations after a reduction in which none counts as bad.
    pub cooldown: u64,
    /// The rate's floor.
    pub min_lr: f64,
    /// A reduction by less than this is not made.
    pub eps: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            mode: Goal::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: Threshold::Relative,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

/// What a plateau has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlateauState {
    /// The best metric, once there is one.
    pub best: Option<f64>,
    /// Observations since without improvement.
    pub bad: u64,
    /// Observations left of a cooldown.
    pub cooldown: u64,
}

impl Plateau {
    fn better(&self, metric: f64, best: f64) -> bool {
        match (self.mode, self.threshold_mode) {
            (Goal::Min, Threshold::Relative) => metric < best * (1.0 - self.threshold),
            (Goal::Min, Threshold::Absolute) => metric < best - self.threshold,
            (Goal::Max, Threshold::Relative) => metric > best * (1.0 + self.threshold),
            (Goal::Max, Threshold::Absolute) => metric > best + self.threshold,
        }
    }

    /// A rate after a reduction.
    pub fn reduced(&self, lr: f64) -> f64 {
        let lower = if lr * self.factor < self.min_lr { self.min_lr } else { lr * self.factor };
        if lr - lower > self.eps { lower } else { lr }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        check("factor", self.factor, (0.0..1.0).contains(&self.factor))?;
        check("threshold", self.threshold, not_negative(self.threshold))?;
        check("min_lr", self.min_lr, not_negative(self.min_lr))?;
        check("eps", self.eps, not_negative(self.eps))
    }
}

impl PlateauState {
    /// Takes the metric of one evaluation; whether the rate is to be reduced. A metric that is not finite never is an
    /// improvement.
    pub fn observe(&mut self, plateau: &Plateau, metric: f64) -> bool {
        if metric.is_finite() && self.best.is_none_or(|best| plateau.better(metric, best)) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        let reduce = self.bad > plateau.patience;
        if reduce {
            self.cooldown = plateau.cooldown;
            self.bad = 0;
        }
        reduce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_and_least_reduction() {
        let plateau = Plateau { factor: 0.5, min_lr: 0.1, ..Plateau::default() };
        assert_eq!(plateau.reduced(0.4), 0.2);
        assert_eq!(plateau.reduced(0.15), 0.1);
        assert_eq!(plateau.reduced(0.1 + 1e-9), 0.1 + 1e-9, "less than eps is not made");
        assert_eq!(plateau.reduced(0.05), 0.05, "never up to the floor");
    }

    #[test]
    fn nan_is_no_improvement() {
        let plateau = Plateau { patience: 1, ..Plateau::default() };
        let mut state = PlateauState::default();
        let reduced: Vec<bool> =
            [f64::NAN, 1.0, f64::NAN, f64::NEG_INFINITY, 0.5].map(|m| state.observe(&plateau, m)).into();
        assert_eq!(reduced, [false, false, false, true, false]);
        assert_eq!(state, PlateauState { best: Some(0.5), bad: 0, cooldown: 0 });
    }
}
