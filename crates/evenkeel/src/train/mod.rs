//! Training: data sets, the order of batches, and a trainer whose step is one call.

mod checkpoint;
mod data;
mod trainer;

pub use data::{Batch, Batches, Dataset, LastBatch, check_finite, split};
pub use trainer::{EpochReport, Evaluation, Evaluator, Every, StepReport, Trainer, TrainerOptions, evaluate, judge};
