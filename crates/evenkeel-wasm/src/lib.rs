//! A placeholder, until the real surface is here.
use wasm_bindgen::prelude::*;

/// Sums, to try the pipeline.
#[wasm_bindgen]
pub struct Probe {
    values: Vec<f32>,
}

#[wasm_bindgen]
impl Probe {
    /// Takes a copy.
    #[wasm_bindgen(constructor)]
    pub fn new(values: &[f32]) -> Probe {
        Probe { values: values.to_vec() }
    }

    /// The sum.
    pub fn sum(&self) -> Result<f32, JsError> {
        if self.values.is_empty() {
            return Err(JsError::new("nothing to sum"));
        }
        Ok(self.values.iter().sum())
    }
}
