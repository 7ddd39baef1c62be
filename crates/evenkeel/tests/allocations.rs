//! What a training step allocates once the pools are warm: bookkeeping of the tape, which is freed within the step, and
//! no memory for numbers.

use evenkeel::nn::Module;
use evenkeel::optim::{Algorithm, Optimizer};
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Indices, Rng, Tensor, loss::Loss, loss::Target};

const SPEC: &str = r#"{"type":"sequential","children":[
    {"type":"linear","in_features":64,"out_features":128},
    {"type":"batch_norm","features":128},
    {"type":"relu"},
    {"type":"linear","in_features":128,"out_features":10}]}"#;

const SMALL: &str = r#"{"type":"sequential","children":[
    {"type":"linear","in_features":2,"out_features":8},
    {"type":"relu"},
    {"type":"linear","in_features":8,"out_features":2}]}"#;

/// Blocks of a step of each: four a node (the tensor, its place on the tape, the list of its inputs, the closure), and a
/// few for the batch and the walk backwards. More would be a step back.
const BLOCKS: u64 = 23;
const SMALL_BLOCKS: u64 = 17;

/// What a step of this model allocates after some others.
fn step_of(spec: &str, features: usize, classes: i32) -> allocation_counter::AllocationInfo {
    let model: Module = Module::from_json(spec, &mut Rng::new(1)).unwrap();
    let x = Tensor::randn(&[256, features], &mut Rng::new(2)).unwrap();
    let labels: Vec<i32> = (0..256).map(|i| i % classes).collect();
    let y = Target::Classes(Indices::new(&labels, &[256]).unwrap());
    let params = model.parameters().into_iter().map(|(_, t, role)| (t, role)).collect();
    let optimizer = Optimizer::single(params, Algorithm::from_name("adam").unwrap()).unwrap();
    let mut trainer = Trainer::new(Some(model), Loss::cross_entropy(), optimizer, TrainerOptions::default()).unwrap();
    trainer.set_data(Dataset::new(x, y, None).unwrap(), 32, true, LastBatch::Auto).unwrap();
    trainer.start_epoch();
    for _ in 0..4 {
        trainer.next_step().unwrap();
    }
    let seen = allocation_counter::measure(|| {
        trainer.next_step().unwrap();
    });
    println!("{seen:?}");
    assert_eq!((seen.count_current, seen.bytes_current), (0, 0), "a step leaves something behind");
    seen
}

#[test]
fn a_step_allocates_no_numbers() {
    let seen = step_of(SPEC, 64, 10);
    // The tape's nodes go with the step. The smallest activation alone has 32·10 numbers, 1280 bytes, the largest 16 kB.
    assert!(seen.bytes_max < 8192, "a step allocates {seen:?}");
    assert!(seen.count_total <= BLOCKS, "a step allocates {seen:?}");
}

#[test]
fn a_small_step_allocates_little() {
    let seen = step_of(SMALL, 2, 2);
    assert!(seen.count_total <= SMALL_BLOCKS, "a step allocates {seen:?}");
}
