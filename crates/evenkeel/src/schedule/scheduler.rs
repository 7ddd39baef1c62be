//! A schedule at work: its counter, the rates of the parameter groups, a plateau's memory.

use super::{Invalid, PlateauState, Schedule, check, not_negative};

/// A schedule and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduler {
    schedule: Schedule,
    base: Vec<f64>,
    lr: Vec<f64>,
    t: u64,
    plateau: PlateauState,
}

impl Scheduler {
    /// A schedule at step 0 for parameter groups of these rates.
    pub fn new(schedule: Schedule, base: Vec<f64>) -> Result<Self, Invalid> {
        schedule.validate()?;
        base.iter().try_for_each(|&lr| check("lr", lr, not_negative(lr)))?;
        let mut this = Self { schedule, lr: base.clone(), base, t: 0, plateau: PlateauState::default() };
        this.refresh();
        Ok(this)
    }

    fn refresh(&mut self) {
        if !matches!(self.schedule, Schedule::Plateau(_)) {
            for (lr, &base) in self.lr.iter_mut().zip(&self.base) {
                *lr = self.schedule.lr_at(self.t, base);
            }
        }
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Steps made.
    pub fn t(&self) -> u64 {
        self.t
    }

    /// The rates in force, one a parameter group.
    pub fn lr(&self) -> &[f64] {
        &self.lr
    }

    /// The momentum in force, where the schedule sets one.
    pub fn momentum(&self) -> Option<f64> {
        self.schedule.momentum_at(self.t)
    }

    /// Goes on to the next step.
    pub fn step(&mut self) {
        self.t += 1;
        self.refresh();
    }

    /// Takes the metric of one evaluation; whether the rates were reduced. Only a plateau cares.
    pub fn observe(&mut self, metric: f64) -> bool {
        let Schedule::Plateau(plateau) = &self.schedule else { return false };
        let reduce = self.plateau.observe(plateau, metric);
        if reduce {
            self.lr.iter_mut().for_each(|lr| *lr = plateau.reduced(*lr));
        }
        reduce
    }

    /// All that changes, as finite numbers: t, whether there is a best metric, the best metric, bad observations,
    /// cooldown left, then the base rate and the rate in force of each group.
    pub fn state(&self) -> Vec<f64> {
        let p = &self.plateau;
        let seen = if p.best.is_some() { 1.0 } else { 0.0 };
        let mut state = vec![self.t as f64, seen, p.best.unwrap_or(0.0), p.bad as f64, p.cooldown as f64];
        for (base, lr) in self.base.iter().zip(&self.lr) {
            state.extend([base, lr]);
        }
        state
    }

    /// Goes on from a [`Scheduler::state`] of the same schedule and number of groups.
    pub fn load_state(&mut self, state: &[f64]) -> Result<(), Invalid> {
        check("length", state.len() as f64, state.len() == 5 + 2 * self.base.len())?;
        state.iter().try_for_each(|&x| check("state", x, x.is_finite()))?;
        let (head, rates) = state.split_at(5);
        for i in [0, 3, 4] {
            // Counts: a damaged one must not overflow when it goes on.
            check("state", head[i], (0.0..=9_007_199_254_740_992.0).contains(&head[i]))?;
        }
        self.t = head[0] as u64;
        self.plateau =
            PlateauState { best: (head[1] != 0.0).then_some(head[2]), bad: head[3] as u64, cooldown: head[4] as u64 };
        for (i, pair) in rates.chunks_exact(2).enumerate() {
            (self.base[i], self.lr[i]) = (pair[0], pair[1]);
        }
        self.refresh();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OneCycle, Plateau};
    use super::*;

    /// PAIN.md, tfjs#5138: 10 steps = 5 + save + load + 5, with the schedule.
    #[test]
    fn resumes_where_it_was() {
        let plateau = Schedule::Plateau(Plateau { patience: 1, cooldown: 2, ..Plateau::default() });
        for schedule in [plateau, Schedule::OneCycle(OneCycle::new(0.5, 9)), Schedule::Exponential { gamma: 0.5 }] {
            let mut whole = Scheduler::new(schedule.clone(), vec![0.1, 0.01]).unwrap();
            let advance = |s: &mut Scheduler, n: usize| {
                for _ in 0..n {
                    s.observe(1.0);
                    s.step();
                }
            };
            advance(&mut whole, 5);
            let mut second = Scheduler::new(schedule, vec![1.0, 1.0]).unwrap();
            second.load_state(&whole.state()).unwrap();
            advance(&mut whole, 5);
            advance(&mut second, 5);
            assert_eq!(whole, second);
        }
    }

    #[test]
    fn wrong_states_and_rates_are_refused() {
        let mut s = Scheduler::new(Schedule::Constant, vec![0.1]).unwrap();
        assert_eq!(s.load_state(&[0.0; 6]), Err(("length", 6.0)));
        assert_eq!(s.load_state(&[0.0, 0.0, f64::INFINITY, 0.0, 0.0, 0.1, 0.1]), Err(("state", f64::INFINITY)));
        assert_eq!(s.lr(), [0.1]);
        assert!(!s.observe(1.0));
        assert_eq!(Scheduler::new(Schedule::Constant, vec![-1.0]).err(), Some(("lr", -1.0)));
        assert!(Scheduler::new(Schedule::Exponential { gamma: -1.0 }, vec![0.1]).is_err());
    }
}
