//! Data sets and trainings.

use crate::convert::{answered, done, fail, pack, parse};
use crate::optim::clip;
use crate::rows::{note, rows};
use crate::table::{
    batch, dataset, evaluator, give, give_some, layer, layers, loss, made, scheduler, shared, some_tensor, state,
    take_dataset, take_optimizer, target, tensor, trainer,
};
use evenkeel::error::Error;
use evenkeel::loss::{LossValue, Target};
use evenkeel::train::{self, Dataset, EpochReport, Evaluator, Every, LastBatch, StepReport, Trainer, TrainerOptions};
use evenkeel::value::Value;
use evenkeel::{Indices, Result, Rng, Tensor};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A data set: inputs, labels or values, weights if they are not 0.
#[wasm_bindgen(js_name = makeDataset)]
pub fn make_dataset(x: u32, y: u32, weights: u32) -> u32 {
    made(Dataset::new(tensor(x).detach(), target(y), some_tensor(weights)).map(Rc::new))
}
#[wasm_bindgen(js_name = rowsOf)]
pub fn rows_of(data: u32) -> usize {
    dataset(data).rows()
}
/// The targets, labels or values. The number is 1 for labels, else 0.
#[wasm_bindgen(js_name = targetsOf)]
pub fn targets_of(data: u32) -> u32 {
    give_target(dataset(data).y())
}
fn give_target(y: &Target) -> u32 {
    note(0, &[f64::from(u8::from(matches!(y, Target::Classes(_))))]);
    match y {
        Target::Classes(l) => give(Rc::new(l.clone())),
        Target::Values(v) => give(v.clone()),
    }
}
/// Splits off rows for validation, and gives a data set of the others; the number is that of the validation rows.
#[wasm_bindgen]
pub fn split(data: u32, validation: f64, stratify: bool, seed: f64) -> u32 {
    match split_of(&dataset(data), validation, stratify, seed) {
        Ok((train, valid)) => {
            note(0, &[f64::from(give(Rc::new(valid)))]);
            give(Rc::new(train))
        }
        Err(e) => fail(&e),
    }
}
fn split_of(data: &Dataset, validation: f64, stratify: bool, seed: f64) -> Result<(Dataset, Dataset)> {
    let labels = match data.y() {
        Target::Classes(l) if stratify => Some(l.to_vec()),
        _ if stratify => return Err(Error::argument("stratify", "class labels to stratify by", "values")),
        _ => None,
    };
    let mut rng = Rng::stream(seed as u64, u64::MAX - 1);
    let (a, b) = train::split(data.rows(), validation, labels.as_deref(), &mut rng)?;
    let valid = data.subset(&b)?;
    Ok((data.subset(&a)?, valid))
}

/// Rows `from..to`, for a model or loss that lives in JavaScript.
#[wasm_bindgen(js_name = rowsBetween)]
pub fn rows_between(data: u32, from: usize, to: usize) -> u32 {
    made(dataset(data).rows_between(from, to).map(Rc::new))
}
#[wasm_bindgen(js_name = batchInputs)]
pub fn batch_inputs(b: u32) -> u32 {
    give(batch(b).x.clone())
}
/// As [`targets_of`].
#[wasm_bindgen(js_name = batchTargets)]
pub fn batch_targets(b: u32) -> u32 {
    give_target(&batch(b).y)
}
/// 0 if there are none.
#[wasm_bindgen(js_name = batchWeights)]
pub fn batch_weights(b: u32) -> u32 {
    give_some(batch(b).weights.clone())
}

/// A training, which takes over the optimizer; model and schedule may be 0. The numbers after a step are loss, rows, hits,
/// judged, norm; those of an epoch, from the sixth on, loss, accuracy, rows. Rows: settings,
/// `{"seed","accumulate","clip","clipP","average","every"}`.
#[wasm_bindgen(js_name = makeTrainer)]
pub fn make_trainer(model: u32, l: u32, optimizer: u32, schedule: u32, settings: usize) -> u32 {
    let optimizer = take_optimizer(optimizer);
    let options = parse(rows().next(settings)).map(|s| trainer_options(&s, schedule));
    let model = (model != 0).then(|| layer(model));
    made(options.and_then(|options| Trainer::new(model, (*loss(l)).clone(), optimizer, options)).map(shared))
}
fn trainer_options(s: &Value, schedule: u32) -> TrainerOptions {
    let every = if s["every"].as_str() == Some("epoch") { Every::Epoch } else { Every::Step };
    let p = match s["clipP"].as_str() {
        Some("inf") => Some(f64::INFINITY),
        _ => s["clipP"].as_f64(),
    };
    TrainerOptions {
        seed: s["seed"].as_f64().unwrap_or(0.0) as u64,
        clip: clip(s["clip"].as_f64(), p),
        accumulate: s["accumulate"].as_f64().unwrap_or(1.0) as usize,
        schedule: (schedule != 0).then(|| (scheduler(schedule).borrow().clone(), every)),
        average: s["average"].as_f64(),
    }
}
fn note_step(r: StepReport) {
    note(0, &[r.loss, r.rows as f64, r.hits, r.judged, r.norm]);
}
fn note_epoch(r: EpochReport) {
    note(5, &[r.loss, r.accuracy, r.rows as f64]);
}
/// Takes over a data set. `last`: 0 auto, 1 drop, 2 keep.
#[wasm_bindgen(js_name = setData)]
pub fn set_data(t: u32, data: u32, batch_size: usize, shuffle: bool, last: u32) -> bool {
    let last = [LastBatch::Auto, LastBatch::Drop, LastBatch::Keep][last.min(2) as usize];
    let data = take_dataset(data);
    done(trainer(t).borrow_mut().set_data(data, batch_size, shuffle, last))
}
#[wasm_bindgen(js_name = abandonEpoch)]
pub fn abandon_epoch(t: u32) {
    trainer(t).borrow_mut().abandon_epoch();
}
#[wasm_bindgen(js_name = releaseData)]
pub fn release_data(t: u32) {
    trainer(t).borrow_mut().release_data();
}
#[wasm_bindgen(js_name = startEpoch)]
pub fn start_epoch(t: u32) {
    trainer(t).borrow_mut().start_epoch();
}
#[wasm_bindgen(js_name = stepsPerEpoch)]
pub fn steps_per_epoch(t: u32) -> usize {
    trainer(t).borrow().steps_per_epoch()
}
/// 0 failed, 1 the epoch is over, 2 a step was made.
#[wasm_bindgen(js_name = nextStep)]
pub fn next_step(t: u32) -> u32 {
    match trainer(t).borrow_mut().next_step() {
        Ok(report) => 1 + u32::from(report.map(note_step).is_some()),
        Err(e) => fail(&e),
    }
}
/// Whether it did not fail; the number is that of the next batch, 0 if the epoch is over.
#[wasm_bindgen(js_name = nextBatch)]
pub fn next_batch(t: u32) -> bool {
    let next = trainer(t).borrow_mut().next_batch();
    done(next.map(|b| note(0, &[f64::from(give_some(b.map(Rc::new)))])))
}
/// A step on rows that come from JavaScript. Rows: inputs and their shape; labels, where `against` is 0 and not a
/// tensor's number; sample weights, if their length is not negative.
#[wasm_bindgen(js_name = trainStep)]
pub fn train_step(t: u32, len: usize, rank: usize, against: u32, labels: usize, weights: i32) -> bool {
    let rows = rows();
    let (x, shape) = (rows.next(len), rows.next(rank));
    let (labels, weights) = (rows.next(labels), rows.next_if(weights));
    let run = || {
        let weights = weights.map(|w| Tensor::new(w, &[w.len()])).transpose()?;
        let x = Tensor::new(x, shape)?;
        let y = match (against != 0).then(|| target(against)) {
            None => Target::Classes(Indices::new(labels, &[labels.len()])?),
            Some(Target::Classes(l)) => Target::Classes(Indices::new(&l.read(), &[l.shape().len()])?),
            Some(Target::Values(v)) => Target::Values(v.detach()),
        };
        let batch = Dataset::new(x, y, weights)?.into_batch();
        trainer(t).borrow_mut().step(&batch).map(note_step)
    };
    done(run())
}
/// Backward and update for a loss that JavaScript computed, of so many rows; `weight` is what the mean divides by.
#[wasm_bindgen(js_name = applyLoss)]
pub fn apply_loss(t: u32, l: u32, rows: usize, weight: f64, hits: f64, judged: f64) -> bool {
    let value = LossValue { loss: tensor(l), weight: weight as f32 };
    done(trainer(t).borrow_mut().apply(value, rows, (hits, judged)).map(note_step))
}
#[wasm_bindgen(js_name = endEpoch)]
pub fn end_epoch(t: u32, metric: f64) -> bool {
    done(trainer(t).borrow_mut().end_epoch(Some(metric)).map(note_epoch))
}
#[wasm_bindgen(js_name = epochReport)]
pub fn epoch_report(t: u32) {
    note_epoch(trainer(t).borrow().epoch_report());
}
/// 0 learning rate, 1 seed, 2 updates, 3 epochs.
#[wasm_bindgen(js_name = trainerNumber)]
pub fn trainer_number(t: u32, which: u32) -> f64 {
    let t = trainer(t);
    let t = t.borrow();
    match which {
        0 => t.lr(),
        1 => t.seed() as f64,
        2 => t.updates() as f64,
        _ => t.epoch() as f64,
    }
}
#[wasm_bindgen(js_name = swapAverage)]
pub fn swap_average(t: u32) -> bool {
    done(trainer(t).borrow_mut().optimizer().swap_average())
}
#[wasm_bindgen(js_name = saveTraining)]
pub fn save_training(t: u32) -> bool {
    answered(pack(trainer(t).borrow().to_parts()))
}
/// Rows: header, data.
#[wasm_bindgen(js_name = loadTraining)]
pub fn load_training(t: u32, header: usize, data: usize) -> bool {
    let rows = rows();
    done(parse(rows.next(header)).and_then(|h| trainer(t).borrow_mut().load_parts(&h, rows.next(data))))
}
/// For a model that lives in JavaScript: its state and its built-in layers. Rows: layers.
#[wasm_bindgen(js_name = saveOutside)]
pub fn save_outside(t: u32, s: u32, parts: usize) -> bool {
    let parts = layers(rows().next(parts));
    answered(pack(trainer(t).borrow().to_parts_outside(state(s).take(), &parts)))
}
/// Rows: layers, header, data.
#[wasm_bindgen(js_name = loadOutside)]
pub fn load_outside(t: u32, parts: usize, header: usize, data: usize) -> bool {
    let rows = rows();
    let parts = layers(rows.next(parts));
    let header = parse(rows.next(header));
    done(header.and_then(|h| trainer(t).borrow_mut().load_parts_outside(&h, rows.next(data), &parts)))
}
/// The state of the model in a checkpoint. Rows: header, data.
#[wasm_bindgen(js_name = modelState)]
pub fn model_state(header: usize, data: usize) -> u32 {
    let rows = rows();
    made(parse(rows.next(header)).and_then(|h| train::model_state(&h, rows.next(data))).map(shared))
}

/// What a model gives on a data set, collected some rows at a time.
#[wasm_bindgen(js_name = startEvaluation)]
pub fn start_evaluation() -> u32 {
    give(shared(Evaluator::new()))
}
/// Rows `from..to` through a model in eval mode.
#[wasm_bindgen]
pub fn evaluate(e: u32, model: u32, l: u32, data: u32, from: usize, to: usize) -> bool {
    done(evaluator(e).borrow_mut().step(&layer(model), &loss(l), &dataset(data), from, to))
}
/// Outputs of a model that lives in JavaScript.
#[wasm_bindgen(js_name = addOutputs)]
pub fn add_outputs(e: u32, output: u32, l: u32, b: u32) -> bool {
    done(evaluator(e).borrow_mut().add(tensor(output), &loss(l), &batch(b)))
}
/// Outputs and loss from JavaScript.
#[wasm_bindgen(js_name = addValue)]
pub fn add_value(e: u32, output: u32, l: f64, rows: usize) {
    evaluator(e).borrow_mut().add_value(tensor(output), l, rows as f64, rows, (0.0, 0.0));
}
/// All outputs; the numbers are loss and accuracy.
#[wasm_bindgen(js_name = finishEvaluation)]
pub fn finish_evaluation(e: u32) -> u32 {
    made(evaluator(e).borrow_mut().finish().map(|r| {
        note(0, &[r.report.loss, r.report.accuracy]);
        r.outputs
    }))
}
