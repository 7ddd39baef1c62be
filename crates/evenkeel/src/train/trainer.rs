//! The trainer: model, loss, optimizer, schedule and the place in the data; a step is one call.
//!
//! The same pieces serve a model or loss that lives outside (a custom layer in TypeScript): it takes batches by
//! [`next_batch`](Trainer::next_batch), computes a loss with tensors and hands it to [`apply`](Trainer::apply).

use super::data::{Batch, Batches, Dataset, LastBatch};
use super::evaluate::judge;
use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::loss::{Loss, LossValue, Reduction};
use crate::nn::Module;
use crate::optim::{Clip, Optimizer};
use crate::rng::Rng;
use crate::schedule::Scheduler;
use crate::tensor::Float;

/// When a schedule moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After each update.
    Step,
    /// After each epoch.
    Epoch,
}

/// Settings of a [`Trainer`].
pub struct TrainerOptions {
    /// Seed of the shuffle and of dropout.
    pub seed: u64,
    /// Limits gradients.
    pub clip: Option<Clip>,
    /// Batches whose gradients make one update, each counting by its size.
    pub accumulate: usize,
    /// The schedule and when it moves.
    pub schedule: Option<(Scheduler, Every)>,
    /// Decay of an exponential average of the weights.
    pub average: Option<f64>,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        TrainerOptions { seed: 0, clip: None, accumulate: 1, schedule: None, average: None }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// The loss before the update.
    pub loss: f64,
    /// Rows in the batch.
    pub rows: usize,
    /// Predictions that were right, for classes and binary targets.
    pub hits: f64,
    /// Predictions that could be right or wrong; 0 for other targets.
    pub judged: f64,
    /// Norm of the gradients, where clipping computed it, else NaN.
    pub norm: f64,
}

/// Means over an epoch so far; each row counts the same, however the batches fell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochReport {
    /// Mean loss.
    pub loss: f64,
    /// Share of right predictions; NaN where that has no meaning.
    pub accuracy: f64,
    /// Rows seen.
    pub rows: usize,
}

/// Sums from which an [`EpochReport`] is made.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) weight: f64,
    pub(super) rows: f64,
    pub(super) hits: f64,
    pub(super) judged: f64,
}

impl Sums {
    pub(super) fn add(&mut self, loss: f64, weight: f64, rows: usize, (hits, judged): (f64, f64)) {
        // A batch without any weight has a NaN mean and counts for nothing.
        if weight != 0.0 {
            self.loss += loss * weight;
            self.weight += weight;
        }
        self.rows += rows as f64;
        self.hits += hits;
        self.judged += judged;
    }
    pub(super) fn report(&self) -> EpochReport {
        EpochReport { loss: self.loss / self.weight, accuracy: self.hits / self.judged, rows: self.rows as usize }
    }
}

/// A training.
pub struct Trainer<T: Float = f32> {
    pub(super) model: Option<Module<T>>,
    loss: Loss<T>,
    pub(super) optimizer: Optimizer<T>,
    pub(super) schedule: Option<(Scheduler, Every)>,
    clip: Option<Clip>,
    accumulate: usize,
    pub(super) seed: u64,
    data: Option<Dataset<T>>,
    pub(super) batches: Option<Batches>,
    /// Batches and their weight since the last update.
    pub(super) pending: usize,
    pub(super) pending_weight: f64,
    pub(super) updates: u64,
    pub(super) epoch: u64,
    /// An epoch has begun and not ended.
    pub(super) under_way: bool,
    pub(super) sums: Sums,
}

impl<T: Float> Trainer<T> {
    /// A training of `model` (or of parameters that live elsewhere, without one).
    pub fn new(
        model: Option<Module<T>>,
        loss: Loss<T>,
        mut optimizer: Optimizer<T>,
        o: TrainerOptions,
    ) -> Result<Self> {
        if o.accumulate == 0 {
            return Err(Error::argument("accumulate", "at least 1", 0usize));
        }
        if let Some(Clip::Norm { max, .. } | Clip::Value(max)) = o.clip
            && (max.is_nan() || max <= 0.0)
        {
            return Err(Error::argument("clip", "a positive number", max));
        }
        if let Some(decay) = o.average {
            optimizer.keep_average(decay)?;
        }
        if let Some(m) = &model {
            m.seed(o.seed);
        }
        let mut t = Trainer {
            model,
            loss,
            optimizer,
            schedule: o.schedule,
            clip: o.clip,
            accumulate: o.accumulate,
            seed: o.seed,
            data: None,
            batches: None,
            pending: 0,
            pending_weight: 0.0,
            updates: 0,
            epoch: 0,
            under_way: false,
            sums: Sums::default(),
        };
        t.use_schedule()?;
        Ok(t)
    }

    fn use_schedule(&mut self) -> Result<()> {
        match &self.schedule {
            Some((s, _)) => self.optimizer.set_rates(s.lr(), s.momentum()),
            None => Ok(()),
        }
    }
    /// The optimizer.
    pub fn optimizer(&mut self) -> &mut Optimizer<T> {
        &mut self.optimizer
    }
    /// Learning rate of the first group.
    pub fn lr(&self) -> f64 {
        self.optimizer.rates()[0]
    }
    /// The seed, which a checkpoint brings along.
    pub fn seed(&self) -> u64 {
        self.seed
    }
    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }
    /// Epochs completed so far.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// Sets the data to train on. The order of the rows continues this training's own random stream; a place in an
    /// epoch that a checkpoint brought along is kept when the data fits it.
    pub fn set_data(&mut self, data: Dataset<T>, size: usize, shuffle: bool, last: LastBatch) -> Result<()> {
        let rows = data.rows();
        let rng = match &self.batches {
            Some(b) => b.rng.clone(),
            None => Rng::stream(self.seed, u64::MAX),
        };
        let mut new = Batches::new(rows, size, shuffle, last, rng)?;
        match self.batches.take() {
            Some(old) if old.order.len() == rows => {
                new.order = old.order;
                new.position = old.position;
            }
            _ => self.under_way = false,
        }
        self.batches = Some(new);
        self.data = Some(data);
        Ok(())
    }
    /// Leaves an epoch that was broken off: the next one begins anew, gathered gradients are dropped.
    pub fn abandon_epoch(&mut self) {
        if let Some(b) = &mut self.batches {
            b.position = b.order.len();
        }
        self.under_way = false;
        if self.pending > 0 {
            self.optimizer.zero_grad();
            self.pending = 0;
            self.pending_weight = 0.0;
        }
    }
    /// Releases the data; order and random stream stay.
    pub fn release_data(&mut self) {
        self.data = None;
    }
    /// Begins an epoch over the data, unless one is under way (its rows may all have been seen: then only its end is
    /// left). Without data (batches come from elsewhere) only the means start anew.
    pub fn start_epoch(&mut self) {
        match &mut self.batches {
            Some(_) if self.data.is_some() && self.under_way => return,
            Some(b) if self.data.is_some() => b.start(),
            _ => {}
        }
        self.sums = Sums::default();
        self.under_way = true;
    }
    /// Steps in an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.batches.as_ref().map_or(0, Batches::per_epoch)
    }
    /// The next batch of this epoch; `None` at its end.
    pub fn next_batch(&mut self) -> Result<Option<Batch<T>>> {
        let (Some(data), Some(b)) = (&self.data, &mut self.batches) else { return Err(no_data()) };
        match b.next_rows() {
            Some(rows) => data.batch(rows).map(Some),
            None => Ok(None),
        }
    }
    /// Takes the next batch and makes a step; `None` at the end of the epoch.
    pub fn next_step(&mut self) -> Result<Option<StepReport>> {
        match self.next_batch()? {
            Some(batch) => self.step(&batch).map(Some),
            None => Ok(None),
        }
    }
    /// One step of the model on a batch: forward, loss, backward and, when enough batches have gathered, update.
    pub fn step(&mut self, batch: &Batch<T>) -> Result<StepReport> {
        let Some(model) = self.model.clone() else {
            return Err(Error::new(Code::WrongMode).with("reason", "this training has no model of its own"));
        };
        // Running statistics move only with a step that succeeds.
        let (output, updates) = model.forward_held(&batch.x)?;
        let value = self.loss.compute(&output, &batch.y, batch.weights.as_ref(), Reduction::Mean)?;
        let judged = judge(&self.loss, &output, &batch.y);
        drop(output);
        let report = self.apply(value, batch.x.dims()[0], judged).map_err(|e| {
            if e.code() != Code::LossNotFinite {
                return e;
            }
            match model.first_not_finite(&batch.x) {
                Some((layer, kind)) => e.inside(&layer).with("kind", kind),
                None => e,
            }
        })?;
        updates.commit();
        Ok(report)
    }
    /// Backward and update for a loss computed from `rows` rows; `judged` are hits and predictions.
    pub fn apply(&mut self, value: LossValue<T>, rows: usize, judged: (f64, f64)) -> Result<StepReport> {
        let (loss, weight) = (value.loss.item()?.f64(), value.weight.f64());
        let empty = weight == 0.0;
        if !loss.is_finite() && !empty {
            return Err(Error::new(Code::LossNotFinite)
                .with("epoch", self.epoch as f64)
                .with("step", self.updates as f64)
                .with("loss", loss));
        }
        if self.accumulate == 1 {
            value.loss.backward()?;
        } else {
            // Each batch counts by its weight; the update divides by the sum.
            value.loss.backward_with(&Tensor::scalar(value.weight)?)?;
        }
        drop(value);
        self.pending += 1;
        self.pending_weight += weight;
        self.sums.add(loss, weight, rows, judged);
        let norm = if self.pending >= self.accumulate { self.update()? } else { None };
        Ok(StepReport { loss, rows, hits: judged.0, judged: judged.1, norm: norm.unwrap_or(f64::NAN) })
    }
    fn update(&mut self) -> Result<Option<f64>> {
        let scale = if self.accumulate == 1 || self.pending_weight == 0.0 { 1.0 } else { 1.0 / self.pending_weight };
        let norm = self.optimizer.step(scale, self.clip)?;
        self.optimizer.zero_grad();
        self.pending = 0;
        self.pending_weight = 0.0;
        self.updates += 1;
        if let Some((s, Every::Step)) = &mut self.schedule {
            s.step();
        }
        self.use_schedule()?;
        Ok(norm)
    }
    /// Ends an epoch: updates with what has gathered, moves a schedule that goes by epochs. `metric` is what a plateau
    /// watches (the validation loss, usually).
    pub fn end_epoch(&mut self, metric: Option<f64>) -> Result<EpochReport> {
        if self.pending > 0 {
            self.update()?;
        }
        self.epoch += 1;
        self.under_way = false;
        if let Some((s, every)) = &mut self.schedule {
            if let Some(m) = metric {
                s.observe(m);
            }
            if *every == Every::Epoch {
                s.step();
            }
        }
        self.use_schedule()?;
        Ok(self.sums.report())
    }
    /// Means over the epoch so far.
    pub fn epoch_report(&self) -> EpochReport {
        self.sums.report()
    }
}

fn no_data() -> Error {
    Error::new(Code::WrongMode).with("reason", "no data has been set")
}
