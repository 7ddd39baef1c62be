//! The same bits everywhere: a small training whose final weights, bit for bit, hash to the constant in
//! `test/same_bits.json`. Every host runs the same recipe through its own API and compares with the same constant:
//!
//! - Model: the architecture [`SPEC`], built with generator `Rng(1)`.
//! - Inputs: `randn([256, 8])` with generator `Rng(7)`. Labels: for each row in order `Rng(8).below(3)`.
//! - Training: cross entropy, Adam with its defaults (lr 0.001), one parameter group, seed 1 (shuffle and dropout),
//!   batches of 32, shuffle on, last batch "auto", no accumulation, clipping, schedule or average.
//! - 50 steps: an epoch is started, steps are made until it ends, the epoch is ended, the next one started.
//! - Hash: FNV-1a, 64 bits, over the bytes of `0.weight`, `0.bias`, `1.weight`, `1.bias`, `1.running_mean`,
//!   `1.running_var`, `4.weight`, `4.bias` in this order, each value as a little-endian f32; written as 16 hexadecimal
//!   digits in lower case.
//!
//! The constant changes only when the arithmetic does, and then on purpose.

use evenkeel::loss::{Loss, Target};
use evenkeel::nn::{Module, StateValue};
use evenkeel::optim::{Algorithm, Optimizer};
use evenkeel::train::{Dataset, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Indices, Rng, Tensor};

const SPEC: &str = r#"{"type":"sequential","children":[
    {"type":"linear","in_features":8,"out_features":16},
    {"type":"batch_norm","features":16},
    {"type":"relu"},
    {"type":"dropout","p":0.1},
    {"type":"linear","in_features":16,"out_features":3}]}"#;

const HASHED: [&str; 8] =
    ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight", "4.bias"];

fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn train() -> Module {
    let model: Module = Module::from_json(SPEC, &mut Rng::new(1)).unwrap();
    let x = Tensor::randn(&[256, 8], &mut Rng::new(7)).unwrap();
    let mut rng = Rng::new(8);
    let labels: Vec<i32> = (0..256).map(|_| rng.below(3) as i32).collect();
    let y = Target::Classes(Indices::new(&labels, &[256]).unwrap());
    let params = model.parameters().into_iter().map(|(_, t, role)| (t, role)).collect();
    let optimizer = Optimizer::single(params, Algorithm::from_name("adam").unwrap()).unwrap();
    let options = TrainerOptions { seed: 1, ..TrainerOptions::default() };
    let mut trainer = Trainer::new(Some(model.clone()), Loss::cross_entropy(), optimizer, options).unwrap();
    trainer.set_data(Dataset::new(x, y, None).unwrap(), 32, true, LastBatch::Auto).unwrap();
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

fn hash(model: &Module) -> String {
    let state = model.state();
    let bytes = HASHED.iter().flat_map(|name| {
        let Some((_, StateValue::Tensor(data, _))) = state.iter().find(|(n, _)| n == name) else { panic!("no {name}") };
        data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()
    });
    format!("{:016x}", fnv1a(bytes))
}

#[test]
fn fifty_steps_give_the_committed_bits() {
    assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8, "the hash itself");
    let got = hash(&train());
    println!("{got}");
    assert_eq!(got, hash(&train()), "two runs in one process");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/same_bits.json");
    let file = std::fs::read_to_string(path).expect("test/same_bits.json");
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(json["hash"], got.as_str(), "the weights' bits have changed");
    #[cfg(feature = "threads")]
    for n in [2, 3, 5] {
        let _pool = evenkeel::threads::start(n);
        assert_eq!(got, hash(&train()), "{n} threads");
    }
}
