//! A checkpoint, whatever is in it, is taken or refused, and a refused one changes nothing.
#![no_main]

use evenkeel::loss::Loss;
use evenkeel::nn::{BatchNorm, Linear, Module, Sequential};
use evenkeel::optim::{Adam, Algorithm, Optimizer};
use evenkeel::train::{Trainer, TrainerOptions};
use evenkeel::Rng;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rng = Rng::new(1);
    let layers: Vec<Module> = vec![
        Linear::new(2, 3, true, &mut rng).expect("fits").into(),
        BatchNorm::new(3).expect("fits").into(),
    ];
    let model: Module = Sequential::new(layers).into();
    let params = model.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
    let optimizer = Optimizer::single(params, Algorithm::Adam(Adam::default())).expect("fits");
    let mut trainer =
        Trainer::new(Some(model), Loss::mse(), optimizer, TrainerOptions::default()).expect("fits");
    let before = trainer.save().expect("can be saved");
    if trainer.load(data).is_err() {
        assert_eq!(trainer.save().expect("can be saved"), before, "a refused checkpoint changed something");
    }
});
