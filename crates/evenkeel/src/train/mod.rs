//! Training: data sets, the order of batches, and a trainer whose step is one call.

mod checkpoint;
mod data;
mod evaluate;
mod trainer;

pub use checkpoint::model_state;
pub use data::{Batch, Batches, Dataset, LastBatch, check_finite, split};
pub use evaluate::{Evaluation, Evaluator, evaluate, judge};
pub use trainer::{EpochReport, Every, StepReport, Trainer, TrainerOptions};
