//! Handles on data sets and trainings.

use crate::convert::{Js, js, pack, parse};
use crate::layer::CoreLayer;
use crate::loss::{CoreLoss, CoreLossValue, target};
use crate::optim::{CoreOptimizer, CoreScheduler, clip};
use crate::state::CoreState;
use crate::tensor::{CoreIndices, CoreTensor};
use evenkeel::error::Error;
use evenkeel::loss::{LossValue, Target};
use evenkeel::nn::Module;
use evenkeel::train::{
    self, Batch, Dataset, EpochReport, Evaluation, Evaluator, Every, LastBatch, StepReport, Trainer, TrainerOptions,
};
use evenkeel::{Indices, Rng, Tensor};
use wasm_bindgen::prelude::*;

/// A data set, copied in once.
#[wasm_bindgen]
pub struct CoreDataset(Dataset);

#[wasm_bindgen]
impl CoreDataset {
    #[wasm_bindgen(constructor)]
    pub fn new(
        x: &CoreTensor,
        labels: Option<CoreIndices>,
        values: Option<CoreTensor>,
        weights: Option<CoreTensor>,
    ) -> Js<CoreDataset> {
        Dataset::new(x.0.detach(), target(labels, values)?, weights.map(|w| w.0)).map(CoreDataset).map_err(js)
    }
    pub fn rows(&self) -> usize {
        self.0.rows()
    }
    pub fn subset(&self, rows: &[i32]) -> Js<CoreDataset> {
        self.0.subset(rows).map(CoreDataset).map_err(js)
    }
    pub fn x(&self) -> CoreTensor {
        CoreTensor(self.0.x().clone())
    }
    pub fn labels(&self) -> Option<CoreIndices> {
        labels_of(self.0.y())
    }
    pub fn values(&self) -> Option<CoreTensor> {
        values_of(self.0.y())
    }
    /// Rows of both sides of a split, training rows first; the last entry is how many these are.
    pub fn split(&self, validation: f64, stratify: bool, seed: f64) -> Js<Vec<i32>> {
        let labels = match self.0.y() {
            Target::Classes(l) if stratify => Some(l.to_vec()),
            _ if stratify => return Err(js(Error::argument("stratify", "class labels to stratify by", "values"))),
            _ => None,
        };
        let mut rng = Rng::stream(seed as u64, u64::MAX - 1);
        let (mut a, b) = train::split(self.0.rows(), validation, labels.as_deref(), &mut rng).map_err(js)?;
        let n = a.len() as i32;
        a.extend(b);
        a.push(n);
        Ok(a)
    }
}

fn labels_of(y: &Target) -> Option<CoreIndices> {
    match y {
        Target::Classes(l) => Some(CoreIndices(l.clone())),
        Target::Values(_) => None,
    }
}

fn values_of(y: &Target) -> Option<CoreTensor> {
    match y {
        Target::Classes(_) => None,
        Target::Values(v) => Some(CoreTensor(v.clone())),
    }
}

/// Some rows, for a model or loss that lives in JavaScript.
#[wasm_bindgen]
pub struct CoreBatch(Batch);

#[wasm_bindgen]
impl CoreBatch {
    pub fn x(&self) -> CoreTensor {
        CoreTensor(self.0.x.clone())
    }
    pub fn labels(&self) -> Option<CoreIndices> {
        labels_of(&self.0.y)
    }
    pub fn values(&self) -> Option<CoreTensor> {
        values_of(&self.0.y)
    }
    pub fn weights(&self) -> Option<CoreTensor> {
        self.0.weights.clone().map(CoreTensor)
    }
}

/// A training. What a call reports lies in eight numbers at [`report`](Self::report): loss, rows, hits, judged, norm
/// of a step; loss, accuracy, rows of an epoch.
#[wasm_bindgen]
pub struct CoreTrainer {
    trainer: Trainer,
    report: Box<[f64; 8]>,
}

#[wasm_bindgen]
impl CoreTrainer {
    /// `settings`: `{"seed","accumulate","clip","clipP","average","every"}`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        model: Option<CoreLayer>,
        loss: CoreLoss,
        optimizer: CoreOptimizer,
        schedule: Option<CoreScheduler>,
        settings: &[u8],
    ) -> Js<CoreTrainer> {
        let s = parse(settings)?;
        let every = if s["every"].as_str() == Some("epoch") { Every::Epoch } else { Every::Step };
        let p = match s["clipP"].as_str() {
            Some("inf") => Some(f64::INFINITY),
            _ => s["clipP"].as_f64(),
        };
        let options = TrainerOptions {
            seed: s["seed"].as_f64().unwrap_or(0.0) as u64,
            clip: clip(s["clip"].as_f64(), p),
            accumulate: s["accumulate"].as_f64().unwrap_or(1.0) as usize,
            schedule: schedule.map(|s| (s.0, every)),
            average: s["average"].as_f64(),
        };
        let trainer = Trainer::new(model.map(|m| m.0), loss.0, optimizer.0, options).map_err(js)?;
        Ok(CoreTrainer { trainer, report: Box::new([f64::NAN; 8]) })
    }
    /// Where the reports lie.
    pub fn report(&self) -> *const f64 {
        self.report.as_ptr()
    }
    fn note(&mut self, r: StepReport) {
        self.report[..5].copy_from_slice(&[r.loss, r.rows as f64, r.hits, r.judged, r.norm]);
    }
    fn note_epoch(&mut self, r: EpochReport) {
        self.report[5..].copy_from_slice(&[r.loss, r.accuracy, r.rows as f64]);
    }
    /// `last`: 0 auto, 1 drop, 2 keep.
    #[wasm_bindgen(js_name = setData)]
    pub fn set_data(&mut self, data: CoreDataset, batch_size: usize, shuffle: bool, last: u32) -> Js<()> {
        let last = [LastBatch::Auto, LastBatch::Drop, LastBatch::Keep][last.min(2) as usize];
        self.trainer.set_data(data.0, batch_size, shuffle, last).map_err(js)
    }
    #[wasm_bindgen(js_name = abandonEpoch)]
    pub fn abandon_epoch(&mut self) {
        self.trainer.abandon_epoch();
    }
    #[wasm_bindgen(js_name = releaseData)]
    pub fn release_data(&mut self) {
        self.trainer.release_data();
    }
    #[wasm_bindgen(js_name = startEpoch)]
    pub fn start_epoch(&mut self) {
        self.trainer.start_epoch();
    }
    #[wasm_bindgen(js_name = stepsPerEpoch)]
    pub fn steps_per_epoch(&self) -> usize {
        self.trainer.steps_per_epoch()
    }
    #[wasm_bindgen(js_name = nextStep)]
    pub fn next_step(&mut self) -> Js<bool> {
        let report = self.trainer.next_step().map_err(js)?;
        if let Some(r) = report {
            self.note(r);
        }
        Ok(report.is_some())
    }
    #[wasm_bindgen(js_name = nextBatch)]
    pub fn next_batch(&mut self) -> Js<Option<CoreBatch>> {
        Ok(self.trainer.next_batch().map_err(js)?.map(CoreBatch))
    }
    /// A step on labelled rows that come from JavaScript.
    #[wasm_bindgen(js_name = stepLabels)]
    pub fn step_labels(&mut self, x: &[f32], shape: &[usize], labels: &[i32], weights: Option<Vec<f32>>) -> Js<()> {
        let y = Indices::new(labels, &[labels.len()]).map(Target::Classes);
        self.step(x, shape, y, weights)
    }
    /// The same with values.
    #[wasm_bindgen(js_name = stepValues)]
    pub fn step_values(
        &mut self,
        x: &[f32],
        shape: &[usize],
        values: &[f32],
        values_shape: &[usize],
        weights: Option<Vec<f32>>,
    ) -> Js<()> {
        let y = Tensor::new(values, values_shape).map(Target::Values);
        self.step(x, shape, y, weights)
    }
    fn step(&mut self, x: &[f32], shape: &[usize], y: evenkeel::Result<Target>, weights: Option<Vec<f32>>) -> Js<()> {
        let run = || -> evenkeel::Result<StepReport> {
            let weights = weights.map(|w| Tensor::new(&w, &[w.len()])).transpose()?;
            let batch = Dataset::new(Tensor::new(x, shape)?, y?, weights)?.into_batch();
            self.trainer.step(&batch)
        };
        let report = run().map_err(js)?;
        self.note(report);
        Ok(())
    }
    /// Backward and update for a loss that JavaScript computed.
    pub fn apply(&mut self, value: &CoreLossValue, rows: usize) -> Js<()> {
        let loss = LossValue { loss: value.tensor().0, weight: value.weight };
        let r = self.trainer.apply(loss, rows, (value.hits, value.judged)).map_err(js)?;
        self.note(r);
        Ok(())
    }
    /// The same for any scalar tensor, each of `rows` rows counting the same.
    #[wasm_bindgen(js_name = applyTensor)]
    pub fn apply_tensor(&mut self, loss: &CoreTensor, rows: usize) -> Js<()> {
        let value = LossValue { loss: loss.0.clone(), weight: rows as f32 };
        let r = self.trainer.apply(value, rows, (0.0, 0.0)).map_err(js)?;
        self.note(r);
        Ok(())
    }
    #[wasm_bindgen(js_name = endEpoch)]
    pub fn end_epoch(&mut self, metric: Option<f64>) -> Js<()> {
        let r = self.trainer.end_epoch(metric).map_err(js)?;
        self.note_epoch(r);
        Ok(())
    }
    #[wasm_bindgen(js_name = epochReport)]
    pub fn epoch_report(&mut self) {
        let r = self.trainer.epoch_report();
        self.note_epoch(r);
    }
    pub fn lr(&self) -> f64 {
        self.trainer.lr()
    }
    pub fn seed(&self) -> f64 {
        self.trainer.seed() as f64
    }
    pub fn updates(&self) -> f64 {
        self.trainer.updates() as f64
    }
    pub fn epoch(&self) -> f64 {
        self.trainer.epoch() as f64
    }
    #[wasm_bindgen(js_name = swapAverage)]
    pub fn swap_average(&mut self) -> Js<()> {
        self.trainer.optimizer().swap_average().map_err(js)
    }
    pub fn save(&self) -> Js<Vec<u8>> {
        pack(self.trainer.to_parts())
    }
    pub fn load(&mut self, header: &[u8], data: &[u8]) -> Js<()> {
        self.trainer.load_parts(&parse(header)?, data).map_err(js)
    }
    /// For a model that lives in JavaScript: its state and its built-in layers.
    #[wasm_bindgen(js_name = saveOutside)]
    pub fn save_outside(&self, state: CoreState, layers: Vec<CoreLayer>) -> Js<Vec<u8>> {
        pack(self.trainer.to_parts_outside(state.0, &modules(layers)))
    }
    #[wasm_bindgen(js_name = loadOutside)]
    pub fn load_outside(&mut self, header: &[u8], data: &[u8], layers: Vec<CoreLayer>) -> Js<()> {
        self.trainer.load_parts_outside(&parse(header)?, data, &modules(layers)).map_err(js)
    }
}

fn modules(layers: Vec<CoreLayer>) -> Vec<Module> {
    layers.into_iter().map(|l| l.0).collect()
}

/// The state of the model in a checkpoint.
#[wasm_bindgen(js_name = modelState)]
pub fn model_state(header: &[u8], data: &[u8]) -> Js<CoreState> {
    train::model_state(&parse(header)?, data).map(CoreState).map_err(js)
}

/// What a model gives on a data set, collected some rows at a time.
#[wasm_bindgen]
pub struct CoreEvaluation {
    evaluator: Evaluator,
    result: Option<Evaluation>,
}

#[wasm_bindgen]
impl CoreEvaluation {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "a class of JavaScript")]
    pub fn new() -> CoreEvaluation {
        CoreEvaluation { evaluator: Evaluator::new(), result: None }
    }
    /// Rows `from..to` through a model in eval mode.
    pub fn step(&mut self, model: &CoreLayer, loss: &CoreLoss, data: &CoreDataset, from: usize, to: usize) -> Js<()> {
        self.evaluator.step(&model.0, &loss.0, &data.0, from, to).map_err(js)
    }
    /// The batch for a model or loss that lives in JavaScript.
    pub fn batch(&self, data: &CoreDataset, from: usize, to: usize) -> Js<CoreBatch> {
        data.0.rows_between(from, to).map(CoreBatch).map_err(js)
    }
    /// Outputs of such a model.
    pub fn add(&mut self, output: &CoreTensor, loss: &CoreLoss, batch: &CoreBatch) -> Js<()> {
        self.evaluator.add(output.0.clone(), &loss.0, &batch.0).map_err(js)
    }
    /// Outputs and loss from JavaScript.
    #[wasm_bindgen(js_name = addValue)]
    pub fn add_value(&mut self, output: &CoreTensor, loss: f64, rows: usize) {
        self.evaluator.add_value(output.0.clone(), loss, rows as f64, rows, (0.0, 0.0));
    }
    pub fn finish(&mut self) -> Js<()> {
        self.result = Some(self.evaluator.finish().map_err(js)?);
        Ok(())
    }
    pub fn loss(&self) -> f64 {
        self.result.as_ref().map_or(f64::NAN, |r| r.report.loss)
    }
    pub fn accuracy(&self) -> f64 {
        self.result.as_ref().map_or(f64::NAN, |r| r.report.accuracy)
    }
    pub fn outputs(&self) -> Option<CoreTensor> {
        self.result.as_ref().map(|r| CoreTensor(r.outputs.clone()))
    }
}
