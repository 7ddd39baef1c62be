//! The same bits everywhere: two small trainings whose results, bit for bit, hash to the constants in
//! `test/same_bits.json`. Every host runs the same recipes through its own API and compares with the same constants.
//! Both: the model is built with generator `Rng(1)`; cross entropy, Adam with its defaults (lr 0.001), one parameter
//! group, seed 1 (shuffle and dropout), shuffle on, last batch "auto", no accumulation, clipping, schedule or average;
//! 50 steps: an epoch is started, steps are made until it ends, the epoch is ended, the next one started.
//!
//! `hash` (`test/wasm/same-bits.mjs`):
//! - Model: the architecture [`SPEC`]. Inputs: `randn([256, 8])` with generator `Rng(7)`. Labels: for each row in order
//!   `Rng(8).below(3)`. Batches of 32.
//! - FNV-1a, 64 bits, over the bytes of the weights and statistics named in [`HASHED`] in this order, each value as a
//!   little-endian f32; written as 16 hexadecimal digits in lower case.
//!
//! `digits` (`test/runtimes/program.mjs`):
//! - Model: the architecture [`DIGITS_SPEC`]. Inputs: all of `test/data/digits_8x8_u8.bin`, each pixel divided by 16.
//!   Batches of 128: large enough for products that threads share.
//! - `weights`: SHA-256, in hexadecimal, over the bytes of what [`DIGITS_HASHED`] names, as above.
//! - `outputs`: the same over what the trained model predicts for all rows in one call.
//!
//! The constants change only when the arithmetic does, and then on purpose.

use evenkeel::loss::{Loss, Target};
use evenkeel::nn::{Module, StateValue};
use evenkeel::optim::{Algorithm, Optimizer};
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Indices, Rng, Tensor};
use sha2::{Digest, Sha256};

const SPEC: &str = r#"{"type":"sequential","children":[
    {"type":"linear","in_features":8,"out_features":16},
    {"type":"batch_norm","features":16},
    {"type":"relu"},
    {"type":"dropout","p":0.1},
    {"type":"linear","in_features":16,"out_features":3}]}"#;

const HASHED: [&str; 8] =
    ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight", "4.bias"];

const DIGITS_SPEC: &str = r#"{"type":"sequential","children":[
    {"type":"linear","in_features":64,"out_features":128},
    {"type":"batch_norm","features":128},
    {"type":"relu"},
    {"type":"linear","in_features":128,"out_features":10}]}"#;

const DIGITS_HASHED: [&str; 8] =
    ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "3.weight", "3.bias"];

const DIGITS: &[u8] = include_bytes!("../../../test/data/digits_8x8_u8.bin");

fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn train(spec: &str, x: Tensor, labels: &[i32], batch: usize) -> Module {
    let model: Module = Module::from_json(spec, &mut Rng::new(1)).unwrap();
    let y = Target::Classes(Indices::new(labels, &[labels.len()]).unwrap());
    let params = model.parameters().into_iter().map(|(_, t, role)| (t, role)).collect();
    let optimizer = Optimizer::single(params, Algorithm::from_name("adam").unwrap()).unwrap();
    let options = TrainerOptions { seed: 1, ..TrainerOptions::default() };
    let mut trainer = Trainer::new(Some(model.clone()), Loss::cross_entropy(), optimizer, options).unwrap();
    trainer.set_data(Dataset::new(x, y, None).unwrap(), batch, true, LastBatch::Auto).unwrap();
    trainer.start_epoch();
    let mut steps = 0;
    while steps < 50 {
        if trainer.next_step().unwrap().is_some() {
            steps += 1;
        } else {
            trainer.end_epoch(None).unwrap();
            trainer.start_epoch();
        }
    }
    model
}

fn state_bytes(model: &Module, names: &[&str]) -> Vec<u8> {
    let state = model.state();
    let bytes = |name: &&str| {
        let Some((_, StateValue::Tensor(data, _))) = state.iter().find(|(n, _)| n == name) else { panic!("no {name}") };
        little_endian(data)
    };
    names.iter().flat_map(bytes).collect()
}

fn random_rows() -> String {
    let x = Tensor::randn(&[256, 8], &mut Rng::new(7)).unwrap();
    let mut rng = Rng::new(8);
    let labels: Vec<i32> = (0..256).map(|_| rng.below(3) as i32).collect();
    let model = train(SPEC, x, &labels, 32);
    format!("{:016x}", fnv1a(state_bytes(&model, &HASHED)))
}

/// The hashes of the weights and of the outputs.
fn digits() -> [String; 2] {
    let rows = DIGITS.chunks_exact(65);
    let shape = [rows.len(), 64];
    let labels: Vec<i32> = rows.clone().map(|row| i32::from(row[64])).collect();
    let pixels: Vec<f32> = rows.flat_map(|row| row[..64].iter().map(|&pixel| f32::from(pixel) / 16.0)).collect();
    let x = Tensor::new(&pixels, &shape).unwrap();
    let model = train(DIGITS_SPEC, x.clone(), &labels, 128);
    let outputs = model.predict(&x).unwrap().to_vec();
    [sha256(&state_bytes(&model, &DIGITS_HASHED)), sha256(&little_endian(&outputs))]
}

fn committed() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/same_bits.json");
    let file = std::fs::read_to_string(path).expect("test/same_bits.json");
    serde_json::from_str(&file).unwrap()
}

#[test]
fn fifty_steps_give_the_committed_bits() {
    assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8, "the hash itself");
    let results = || (random_rows(), digits());
    let got = results();
    println!("{got:?}");
    assert_eq!(got, results(), "two runs in one process");
    let (hash, [weights, outputs]) = &got;
    let committed = committed();
    assert_eq!(committed["hash"], hash.as_str(), "the weights' bits have changed");
    assert_eq!(committed["digits"]["weights"], weights.as_str(), "the weights' bits have changed");
    assert_eq!(committed["digits"]["outputs"], outputs.as_str(), "the outputs' bits have changed");
    #[cfg(feature = "threads")]
    for n in [2, 3, 5] {
        let _pool = evenkeel::threads::start(n);
        assert_eq!(got, results(), "{n} threads");
    }
}
