//! Golden vectors: every file of the folder (`$EVENKEEL_GOLDEN`, else `test/golden`) is run through the public layers,
//! losses, optimizers and schedules and compared with PyTorch's numbers, each in its own precision. A file of a kind
//! that is neither known nor in [`deferred_kinds`] is a failure, and so is an output or gradient that nobody compared.
//!
//! `cargo test --test golden -- --nocapture` shows the table of kinds with the worst share of the bound.

mod common;
#[path = "golden/layers.rs"]
mod layers;
#[path = "golden/loss.rs"]
mod loss;
#[path = "golden/norm.rs"]
mod norm;
#[path = "golden/optim.rs"]
mod optim;
#[path = "golden/schedule.rs"]
mod schedule;
#[path = "golden/train.rs"]
mod train;

use common::Case;
use evenkeel::tensor::Float;
use evenkeel::{Indices, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Kinds whose layers come with later issues: one list for both runners.
fn deferred_kinds() -> BTreeSet<String> {
    serde_json::from_str::<Vec<String>>(include_str!("../../../test/deferred-kinds.json"))
        .unwrap()
        .into_iter()
        .collect()
}

/// One file being run: what was compared, and how it went.
pub struct Run<'a> {
    /// The file.
    pub case: &'a Case,
    worst: f64,
    problems: Vec<String>,
    compared: BTreeSet<(String, String)>,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case) -> Self {
        Run { case, worst: 0.0, problems: Vec::new(), compared: BTreeSet::new() }
    }
    /// An input as a tensor.
    pub fn input<T: Float>(&self, name: &str) -> Tensor<T> {
        tensor(self.case.input(name))
    }
    /// An input as a parameter or as data whose gradient is wanted.
    pub fn tracked<T: Float>(&self, name: &str) -> Tensor<T> {
        self.input(name).tracked()
    }
    /// Compares an output.
    pub fn output<T: Float>(&mut self, name: &str, got: &Tensor<T>) {
        self.compare("outputs", name, got.dims(), &wide(got));
    }
    /// Compares a single number.
    pub fn scalar(&mut self, name: &str, got: f64) {
        self.compare("outputs", name, &[], &[got]);
    }
    /// Compares the gradient that `of` collected.
    pub fn grad<T: Float>(&mut self, name: &str, of: &Tensor<T>) {
        match of.grad() {
            Some(g) => self.compare("grads", name, g.dims(), &wide(&g)),
            None => self.problems.push(format!("no gradient of {name}")),
        }
    }
    /// Leaves out what the file's note says cannot be compared.
    pub fn skip(&mut self, name: &str) {
        self.compared.insert(("outputs".to_owned(), name.to_owned()));
    }
    /// Whether the file has an output of this name.
    pub fn has(&self, name: &str) -> bool {
        self.case.computed.outputs.contains_key(name)
    }
    /// Anything else that must hold.
    pub fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.problems.push(what.to_owned());
        }
    }
    /// Compares numbers within the README's bound.
    pub fn compare(&mut self, part: &str, name: &str, shape: &[usize], got: &[f64]) {
        let bound = |want: &[f64]| self.case.bound(part, name, want);
        self.compare_within(part, name, shape, got, bound);
    }
    /// The same within a bound of one's own.
    pub fn compare_within(
        &mut self,
        part: &str,
        name: &str,
        shape: &[usize],
        got: &[f64],
        bound: impl Fn(&[f64]) -> f64,
    ) {
        self.compared.insert((part.to_owned(), name.to_owned()));
        let Some(want) = self.case.wanted(part, name) else {
            return self.problems.push(format!("the file has no {part}.{name}"));
        };
        if want.shape != shape || want.data.len() != got.len() {
            return self.problems.push(format!("{part}.{name} has shape {shape:?}, not {:?}", want.shape));
        }
        let (off, at) = common::worst(got, &want.data);
        let allowed = bound(&want.data);
        self.worst = self.worst.max(off / allowed);
        if off.is_nan() || off > allowed {
            let (got, want) = (got[at], want.data[at]);
            self.problems
                .push(format!("{part}.{name}[{at}] is {got}, not {want}: off by {off:e}, allowed {allowed:e}"));
        }
    }
    /// What was wrong, also that something was not compared at all.
    fn finish(mut self) -> (f64, Vec<String>) {
        for part in ["outputs", "grads"] {
            for name in self.case.computed.part(part).keys() {
                if !self.compared.contains(&(part.to_owned(), name.clone())) {
                    self.problems.push(format!("{part}.{name} was not compared"));
                }
            }
        }
        (self.worst, self.problems)
    }
}

/// A golden tensor as one of ours.
pub fn tensor<T: Float>(t: &common::Tensor) -> Tensor<T> {
    let data: Vec<T> = t.data.iter().map(|&x| T::of(x)).collect();
    Tensor::new(&data, &t.shape).unwrap()
}

/// A golden tensor of integers as labels.
pub fn indices(t: &common::Tensor) -> Indices {
    let data: Vec<i32> = t.data.iter().map(|&x| x as i32).collect();
    Indices::new(&data, &t.shape).unwrap()
}

/// The values in double precision.
pub fn wide<T: Float>(t: &Tensor<T>) -> Vec<f64> {
    t.with_data(|d| d.iter().map(|x| x.f64()).collect())
}

/// Runs a file in one precision; false if its kind is not known.
fn dispatch<T: Float>(run: &mut Run<'_>) -> bool {
    let case = run.case;
    match case.op.as_str() {
        "linear" => layers::linear::<T>(run),
        "matmul" => layers::matmul::<T>(run),
        "batchnorm1d" | "batchnorm2d" => norm::batch_norm::<T>(run),
        "batchnorm_error" => norm::error::<T>(run),
        "batchnorm_sequence" => norm::sequence::<T>(run),
        "batchnorm_keras" => norm::keras::<T>(run),
        "bn_fold_linear" => norm::fold::<T>(run),
        "lecture_moving_average" => norm::lecture::<T>(run),
        "paper_algorithm2" => norm::population::<T>(run),
        "feature_normalization" => norm::feature_norm::<T>(run),
        "cross_entropy" | "cross_entropy_prob" | "nll" | "bce_with_logits" | "mse" | "l1" | "huber" | "smooth_l1" => {
            loss::loss::<T>(run);
        }
        "clip_grad_norm" => optim::clip_norm::<T>(run),
        "clip_grad_value" => optim::clip_value::<T>(run),
        "init" => optim::init(run),
        "lr_scheduler" => schedule::schedule(run),
        "train_mlp" => train::mlp::<T>(run),
        op if op.starts_with("activation_") => layers::activation::<T>(run),
        op if op.starts_with("optimizer_") => optim::optimizer::<T>(run),
        _ => return false,
    }
    true
}

#[derive(Default)]
struct Row {
    files: usize,
    worst: f64,
    failed: usize,
}

#[test]
fn every_file() {
    let cases = common::all();
    let later = deferred_kinds();
    let (mut ran, mut deferred, mut failures) = (0, 0, Vec::new());
    let mut table: BTreeMap<&str, Row> = BTreeMap::new();
    for case in &cases {
        if later.contains(&case.op) {
            deferred += 1;
            continue;
        }
        ran += 1;
        let mut run = Run::new(case);
        let known = catch_unwind(AssertUnwindSafe(|| {
            if case.is_f32() { dispatch::<f32>(&mut run) } else { dispatch::<f64>(&mut run) }
        }));
        let (worst, problems) = match known {
            Ok(true) => run.finish(),
            Ok(false) => (f64::NAN, vec![format!("nobody knows the kind {:?}", case.op)]),
            Err(_) => (f64::NAN, vec!["panicked (see above)".to_owned()]),
        };
        let row = table.entry(&case.op).or_default();
        row.files += 1;
        row.worst = row.worst.max(worst);
        row.failed += usize::from(!problems.is_empty());
        failures.extend(problems.into_iter().map(|p| format!("{}: {p}", case.name)));
    }
    println!("{:<26} {:>5} {:>12} {:>6}", "kind", "files", "worst/bound", "failed");
    for (kind, row) in &table {
        println!("{kind:<26} {:>5} {:>12.4} {:>6}", row.files, row.worst, row.failed);
    }
    println!("{ran} files ran, {deferred} of kinds that come later, {} in all", cases.len());
    assert!(ran > 0, "no golden file in {}", common::folder().display());
    assert_eq!(ran + deferred, cases.len());
    assert!(failures.is_empty(), "{} problems:\n{}", failures.len(), failures.join("\n"));
}
