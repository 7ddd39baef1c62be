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

#[test]
fn a_step_allocates_no_numbers() {
    let model: Module = Module::from_json(SPEC, &mut Rng::new(1)).unwrap();
    let x = Tensor::randn(&[256, 64], &mut Rng::new(2)).unwrap();
    let labels: Vec<i32> = (0..256).map(|i| i % 10).collect();
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
    // The tape's nodes go with the step. The smallest activation alone has 32·10 numbers, 1280 bytes, the largest 16 kB.
    assert_eq!((seen.count_current, seen.bytes_current), (0, 0), "a step leaves something behind");
    assert!(seen.bytes_max < 8192 && seen.count_total < 200, "a step allocates {seen:?}");
}
