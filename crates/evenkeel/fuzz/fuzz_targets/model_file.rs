//! A model file, whatever is in it, is read or refused: no panic, no huge allocation. What was read can be written and
//! read again.
#![no_main]

use evenkeel::io;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = io::read_state::<f32>(data);
    if let Ok(model) = io::load_model::<f32>(data) {
        let bytes = io::save_model(&model).expect("what was read can be written");
        io::load_model::<f32>(&bytes).expect("and read again");
    }
});
