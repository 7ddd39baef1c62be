//! The one-cycle policy (L. Smith, N. Topin, "Super-convergence", 2018): `torch.optim.lr_scheduler.OneCycleLR`.
//!
//! The rate goes from max_lr/div_factor up to max_lr, then down to max_lr/(div_factor·final_div_factor); momentum goes
//! down and up again. With three phases the way down is as long as the way up and ends at the initial rate, and a last
//! phase goes on to the final one. After `total_steps` (where PyTorch raises an error) the last values stay.

use super::{Invalid, check, cosine, not_negative, positive};

/// Shape of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

/// Settings of a cycle; [`OneCycle::new`] has PyTorch's defaults. The optimizer's own rate plays no part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    /// The highest rate.
    pub max_lr: f64,
    /// Steps of the whole cycle.
    pub total_steps: u64,
    /// Part of the cycle spent going up.
    pub pct_start: f64,
    /// Shape of the phases.
    pub anneal: Anneal,
    /// max_lr over the initial rate.
    pub div_factor: f64,
    /// The initial rate over the final one.
    pub final_div_factor: f64,
    /// Up, down symmetrically, then on to the final rate.
    pub three_phase: bool,
    /// Whether momentum is set too.
    pub cycle_momentum: bool,
    /// Momentum at the highest rate.
    pub base_momentum: f64,
    /// Momentum at the ends.
    pub max_momentum: f64,
}

/// Its last step, and rate and momentum at its start and end.
struct Phase {
    last: f64,
    rate: [f64; 2],
    momentum: [f64; 2],
}

impl OneCycle {
    /// A cycle with PyTorch's defaults: 30 % up, cosine, from max_lr/25 to max_lr/250,000, momentum 0.95 to 0.85.
    pub fn new(max_lr: f64, total_steps: u64) -> Self {
        Self {
            max_lr,
            total_steps,
            pct_start: 0.3,
            anneal: Anneal::Cos,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
        }
    }

    /// The rate in force for step `t`.
    pub fn lr_at(&self, t: u64) -> f64 {
        self.at(t, |phase| phase.rate)
    }

    /// The momentum in force for step `t`.
    pub fn momentum_at(&self, t: u64) -> Option<f64> {
        self.cycle_momentum.then(|| self.at(t, |phase| phase.momentum))
    }

    fn at(&self, t: u64, ends: impl Fn(&Phase) -> [f64; 2]) -> f64 {
        let last = self.total_steps.max(1) as f64 - 1.0;
        let t = (t as f64).min(last);
        let up = self.pct_start * self.total_steps as f64 - 1.0;
        let initial = self.max_lr / self.div_factor;
        let end = initial / self.final_div_factor;
        let (base, max) = (self.base_momentum, self.max_momentum);
        let rise = Phase { last: up, rate: [initial, self.max_lr], momentum: [max, base] };
        let (fall, tail) = if self.three_phase {
            let fall = Phase { last: 2.0 * up, rate: [self.max_lr, initial], momentum: [base, max] };
            (fall, Phase { last, rate: [initial, end], momentum: [max, max] })
        } else {
            let fall = Phase { last, rate: [self.max_lr, end], momentum: [base, max] };
            (fall, Phase { last, rate: [end, end], momentum: [max, max] })
        };
        let (start, phase) = if t <= rise.last {
            (0.0, rise)
        } else if t <= fall.last {
            (rise.last, fall)
        } else {
            (fall.last, tail)
        };
        let [from, to] = ends(&phase);
        let at = if phase.last > start { (t - start) / (phase.last - start) } else { 1.0 };
        match self.anneal {
            Anneal::Cos => cosine(from, to, at),
            Anneal::Linear => from + (to - from) * at,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        check("max_lr", self.max_lr, not_negative(self.max_lr))?;
        check("total_steps", self.total_steps as f64, self.total_steps > 0)?;
        check("pct_start", self.pct_start, (0.0..=1.0).contains(&self.pct_start))?;
        check("div_factor", self.div_factor, positive(self.div_factor))?;
        check("final_div_factor", self.final_div_factor, positive(self.final_div_factor))?;
        check("base_momentum", self.base_momentum, (0.0..1.0).contains(&self.base_momentum))?;
        check("max_momentum", self.max_momentum, (0.0..1.0).contains(&self.max_momentum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_lopsided_cycles_stay_finite() {
        for three_phase in [false, true] {
            for (total, pct) in [(1, 0.3), (2, 0.5), (10, 0.1), (10, 0.0), (10, 1.0), (10, 0.9)] {
                let cycle = OneCycle { pct_start: pct, three_phase, ..OneCycle::new(1.0, total) };
                for t in 0..15 {
                    assert!((0.0..=1.0).contains(&cycle.lr_at(t)), "{cycle:?} at {t}: {}", cycle.lr_at(t));
                    assert!((0.85 - 1e-12..=0.95 + 1e-12).contains(&cycle.momentum_at(t).unwrap()));
                }
                assert_eq!(cycle.lr_at(total), cycle.lr_at(total - 1), "after the end nothing moves");
            }
        }
        let still = OneCycle { cycle_momentum: false, ..OneCycle::new(1.0, 5) };
        assert_eq!(still.momentum_at(0), None);
    }
}
