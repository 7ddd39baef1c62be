//! What users of other libraries complain of (`PAIN.md`), row by row: each test is named after the report and asserts
//! the right value of its row, in f32 unless it says otherwise. Rows about hosts, files of other formats and layers to
//! come are tested where those are.

#[path = "pain/batch_norm.rs"]
mod batch_norm;
#[path = "pain/training.rs"]
mod training;

use evenkeel::nn::{BatchNorm, BatchNormOptions, Module};
use evenkeel::tensor::Float;
use evenkeel::{Rng, Tensor};

/// A tensor of these values.
pub fn tensor<T: Float>(data: &[f64], shape: &[usize]) -> Tensor<T> {
    Tensor::new(&data.iter().map(|&x| T::of(x)).collect::<Vec<_>>(), shape).unwrap()
}

/// A batch norm layer.
pub fn layer<T: Float>(features: usize, options: BatchNormOptions) -> Module<T> {
    BatchNorm::with_options(features, options).unwrap().into()
}

/// A model from its description.
pub fn model<T: Float>(json: &str, seed: u64) -> Module<T> {
    Module::from_json(json, &mut Rng::new(seed)).unwrap()
}

/// Running mean and variance of a batch norm layer.
pub fn running<T: Float>(m: &Module<T>) -> (Vec<f64>, Vec<f64>) {
    let (mean, var) = m.layer().as_batch_norm().unwrap().running().unwrap();
    (wide(mean), wide(var))
}

/// The values in double precision.
pub fn wide<T: Float>(t: &Tensor<T>) -> Vec<f64> {
    t.to_vec().iter().map(|x| x.f64()).collect()
}

/// Each value within `tolerance` of the wanted one, relative where that is above 1.
#[track_caller]
pub fn near(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance * w.abs().max(1.0), "{got:?} is not {want:?}");
    }
}
