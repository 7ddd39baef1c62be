//! A description of layers, whatever it says, is built or refused. What was built describes itself the same.
#![no_main]

use evenkeel::{Rng, nn::Module};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    // Sizes that are honest but large would only spend memory.
    if json.split(|c: char| !c.is_ascii_digit()).any(|n| n.len() > 3) {
        return;
    }
    if let Ok(model) = Module::<f32>::from_json(json, &mut Rng::new(0)) {
        let spec = model.spec();
        let again = Module::<f32>::from_spec(&spec, &mut Rng::new(0)).expect("its own description builds");
        assert_eq!(again.spec(), spec);
    }
});
