//! Evaluation: what a model gives on a data set, and how much of it is right.

use super::data::{Batch, Dataset};
use super::trainer::{EpochReport, Sums};
use crate::autograd::{Tensor, no_grad};
use crate::error::Result;
use crate::loss::{Loss, Reduction, Target};
use crate::nn::Module;
use crate::tensor::{Float, Indices};

/// Result of [`evaluate`].
pub struct Evaluation<T: Float = f32> {
    /// Means over the data set.
    pub report: EpochReport,
    /// What the model gave for each row.
    pub outputs: Tensor<T>,
}

/// Collects what a model gives on a data set, some rows at a time.
#[derive(Default)]
pub struct Evaluator<T: Float = f32> {
    sums: Sums,
    outputs: Vec<Tensor<T>>,
}

impl<T: Float> Evaluator<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Evaluator { sums: Sums::default(), outputs: Vec::new() }
    }
    /// Rows `from..to` of `data` through `model` in eval mode, without moving anything.
    pub fn step(&mut self, model: &Module<T>, loss: &Loss<T>, data: &Dataset<T>, from: usize, to: usize) -> Result<()> {
        let batch = data.rows_between(from, to)?;
        let y = model.predict(&batch.x)?;
        self.add(y, loss, &batch)
    }
    /// Outputs that were computed elsewhere for this batch.
    pub fn add(&mut self, output: Tensor<T>, loss: &Loss<T>, batch: &Batch<T>) -> Result<()> {
        let value = no_grad(|| loss.compute(&output, &batch.y, batch.weights.as_ref(), Reduction::Mean))?;
        let judged = judge(loss, &output, &batch.y);
        self.add_value(output, value.loss.item()?.f64(), value.weight.f64(), batch.x.dims()[0], judged);
        Ok(())
    }
    /// Outputs and loss that were computed elsewhere.
    pub fn add_value(&mut self, output: Tensor<T>, loss: f64, weight: f64, rows: usize, judged: (f64, f64)) {
        self.sums.add(loss, weight, rows, judged);
        self.outputs.push(output.detach());
    }
    /// Means and all outputs.
    pub fn finish(&self) -> Result<Evaluation<T>> {
        let outputs = no_grad(|| crate::autograd::concat(&self.outputs.iter().collect::<Vec<_>>(), 0))?;
        Ok(Evaluation { report: self.sums.report(), outputs })
    }
}

/// Loss, accuracy and outputs of a model on a data set, in eval mode.
pub fn evaluate<T: Float>(
    model: &Module<T>,
    loss: &Loss<T>,
    data: &Dataset<T>,
    batch_size: usize,
) -> Result<Evaluation<T>> {
    let mut e = Evaluator::new();
    for from in (0..data.rows()).step_by(batch_size.max(1)) {
        e.step(model, loss, data, from, (from + batch_size).min(data.rows()))?;
    }
    e.finish()
}

/// Right predictions and predictions that can be judged: the largest logit for classes, its sign for binary targets.
pub fn judge<T: Float>(loss: &Loss<T>, output: &Tensor<T>, target: &Target<T>) -> (f64, f64) {
    let output = output.detach();
    let matching = |labels: &Indices, ignore: Option<i32>| {
        let rank = output.shape().rank();
        let Ok(best) = output.argmax(if rank > 2 { 1 } else { -1 }) else { return (0.0, 0.0) };
        let (best, labels) = (best.read(), labels.read());
        let judged = labels.iter().filter(|&&l| Some(l) != ignore).count();
        let hits = best.iter().zip(labels.iter()).filter(|&(b, l)| b == l && Some(*l) != ignore).count();
        (hits as f64, judged as f64)
    };
    match (loss, target) {
        (Loss::CrossEntropy { ignore_index, .. } | Loss::Nll { ignore_index, .. }, Target::Classes(l)) => {
            matching(l, Some(*ignore_index))
        }
        (Loss::CrossEntropy { .. }, Target::Values(p)) => {
            match p.detach().argmax(if p.shape().rank() > 2 { 1 } else { -1 }) {
                Ok(l) => matching(&l, None),
                Err(_) => (0.0, 0.0),
            }
        }
        (Loss::BceWithLogits { .. }, Target::Values(t)) => {
            let half = T::of(0.5);
            let hits = output.with_data(|x| {
                t.with_data(|t| x.iter().zip(t).filter(|(x, t)| (**x > T::ZERO) == (**t > half)).count())
            });
            (hits as f64, output.len() as f64)
        }
        _ => (0.0, 0.0),
    }
}
