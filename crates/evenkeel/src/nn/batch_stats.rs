//! Statistics of a population from those of its parts: recalibrating batch norm, and merging what separate trainings
//! have seen (Chan, Golub & LeVeque, 1983).

use super::batch_norm::Stats;
use super::module::{Context, Module};
use crate::autograd::{Tensor, no_grad};
use crate::error::{Code, Error, Result};
use crate::tensor::Float;
use core::cell::RefCell;

/// Mean and biased variance of `count` values in each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// Number of values.
    pub count: f64,
    /// Mean of each channel.
    pub mean: Vec<f64>,
    /// Biased variance of each channel.
    pub var: Vec<f64>,
}

/// The statistics of all parts taken together.
pub fn merge_statistics(parts: &[Pool]) -> Result<Pool> {
    let Some(first) = parts.first() else {
        return Err(Error::new(Code::Empty).with("argument", "parts"));
    };
    let mut all = Pool { count: 0.0, mean: vec![0.0; first.mean.len()], var: vec![0.0; first.mean.len()] };
    for p in parts {
        if p.mean.len() != all.mean.len() || p.var.len() != all.mean.len() {
            return Err(Error::shape("merge statistics", "the same channels in each part", p.mean.len()));
        }
        if p.count.is_nan() || p.count <= 0.0 {
            return Err(Error::argument("count", "a positive number", p.count));
        }
        let n = all.count + p.count;
        for j in 0..all.mean.len() {
            let d = p.mean[j] - all.mean[j];
            let between = d * d * all.count * p.count / n;
            all.var[j] = (all.var[j] * all.count + p.var[j] * p.count + between) / n;
            all.mean[j] += d * p.count / n;
        }
        all.count = n;
    }
    Ok(all)
}

/// How [`Module::recalibrate`] turns the batches' statistics into the population's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalibrate {
    /// The mean and variance of all values together.
    Pooled,
    /// The average of the batches' means and variances (algorithm 2 of the paper).
    Average,
}

/// Statistics of each batch, by layer.
type Noted = Vec<(usize, Vec<Pool>)>;

thread_local! {
    /// Where batch norm layers leave their batches' statistics while a recalibration runs; their running values rest.
    static SINK: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// A recalibration under way: from [`start`](Self::start) until it is dropped, batch norm layers in training behaviour
/// note their batches' statistics instead of moving their running ones. For models that are run from outside;
/// [`Module::recalibrate`] does all of it.
pub struct Recalibration(());

impl Recalibration {
    /// Begins noting.
    pub fn start() -> Self {
        SINK.set(Some(Vec::new()));
        Recalibration(())
    }
    /// Puts what was noted into the batch norm layers of this module.
    pub fn apply<T: Float>(&self, module: &Module<T>, how: Recalibrate) -> Result<()> {
        let mut done = Ok(());
        module.visit(&mut |_, m| {
            let Some(bn) = m.layer().as_batch_norm().filter(|b| b.running().is_some()) else { return };
            let id = core::ptr::from_ref(bn) as usize;
            let noted = SINK.with_borrow(|s| s.iter().flatten().find(|(k, _)| *k == id).map(|(_, p)| p.clone()));
            let Some(pools) = noted else { return };
            let unbiased = bn.options().variance == super::Variance::Unbiased;
            let set = population(&pools, how, unbiased).and_then(|p| {
                let values = |v: &[f64]| v.iter().map(|&x| T::of(x)).collect::<Vec<T>>();
                bn.set_running(&values(&p.mean), &values(&p.var), pools.len() as u64)
            });
            if let Err(e) = set {
                done = Err(e);
            }
        });
        done
    }
}

impl Drop for Recalibration {
    fn drop(&mut self) {
        SINK.set(None);
    }
}

impl<T: Float> Module<T> {
    /// Recomputes the running statistics of all batch norm layers from `batches`, without gradients or updates: what
    /// to do when weights were averaged or the running averages are not warmed up. Each layer sees the activations
    /// that the layers before it give with batch statistics. Frozen layers keep theirs. The stored variance is of the
    /// kind the layer stores.
    pub fn recalibrate(&self, batches: impl IntoIterator<Item = Result<Tensor<T>>>, how: Recalibrate) -> Result<()> {
        let modes = self.modes();
        self.train();
        let noting = Recalibration::start();
        let run = batches.into_iter().try_for_each(|x| {
            let x = x?;
            no_grad(|| self.run(&x, Context { training: true, update: None, probe: None })).map(drop)
        });
        self.set_modes(&modes);
        run?;
        noting.apply(self, how)
    }
}

/// The population's statistics, its variance unbiased if wanted.
fn population(pools: &[Pool], how: Recalibrate, unbiased: bool) -> Result<Pool> {
    let scaled = |mut p: Pool| {
        let factor = if unbiased { p.count / (p.count - 1.0) } else { 1.0 };
        p.var.iter_mut().for_each(|v| *v *= factor);
        p
    };
    match how {
        Recalibrate::Pooled => Ok(scaled(merge_statistics(pools)?)),
        Recalibrate::Average => {
            let k = pools.len() as f64;
            let pools: Vec<Pool> = pools.iter().cloned().map(scaled).collect();
            let average = |f: fn(&Pool) -> &[f64]| {
                (0..f(&pools[0]).len()).map(|j| pools.iter().map(|p| f(p)[j]).sum::<f64>() / k).collect()
            };
            Ok(Pool { count: pools[0].count, mean: average(|p| &p.mean), var: average(|p| &p.var) })
        }
    }
}

/// Notes a batch's statistics while a recalibration runs; whether one does.
pub(super) fn observe<T: Float>(layer: usize, stats: &Stats<T>, count: usize) -> bool {
    SINK.with_borrow_mut(|sink| {
        let Some(all) = sink else { return false };
        let mut pool = Pool { count: count as f64, ..Pool::default() };
        stats.each(&mut |_, [shift, delta, var]| {
            pool.mean.push(shift.f64() + delta.f64());
            pool.var.push(var.f64());
        });
        match all.iter_mut().find(|(k, _)| *k == layer) {
            Some((_, pools)) => pools.push(pool),
            None => all.push((layer, vec![pool])),
        }
        true
    })
}
