//! Tensors from nothing: constants, ranges, random numbers, one-hot rows.

use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::kernels::layout;
use crate::rng::Rng;
use crate::tensor::{Float, Indices, Shape};

impl<T: Float> Tensor<T> {
    /// The same value throughout.
    pub fn full(shape: &[usize], value: T) -> Result<Self> {
        Self::build(Shape::new(shape)?, |to| to.fill(value))
    }
    /// Zeros.
    pub fn zeros(shape: &[usize]) -> Result<Self> {
        Self::full(shape, T::ZERO)
    }
    /// Ones.
    pub fn ones(shape: &[usize]) -> Result<Self> {
        Self::full(shape, T::ONE)
    }
    /// start, start + step, ... below `end` (above, for a negative step); each is start + i·step, as in PyTorch.
    pub fn arange(start: f64, end: f64, step: f64) -> Result<Self> {
        let n = libm::ceil((end - start) / step);
        if step == 0.0 || !n.is_finite() {
            return Err(Error::argument("step", "a step that leads from start to end", step));
        }
        if n > 1e9 {
            return Err(Error::argument("end", "a range of at most 10⁹ values", n));
        }
        Self::build(Shape::vector(n.max(0.0) as usize), |to| {
            to.iter_mut().enumerate().for_each(|(i, v)| *v = T::of(start + i as f64 * step));
        })
    }
    /// `n` values from `start` to `end`, both included.
    pub fn linspace(start: f64, end: f64, n: usize) -> Result<Self> {
        let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
        Self::build(Shape::new(&[n])?, |to| {
            // From both ends, so that the last value is `end` itself.
            for (i, v) in to.iter_mut().enumerate() {
                *v = T::of(if i < n / 2 { start + i as f64 * step } else { end - (n - 1 - i) as f64 * step });
            }
            if n == 1 {
                to[0] = T::of(start);
            }
        })
    }
    /// The identity matrix.
    pub fn eye(n: usize) -> Result<Self> {
        Self::build(Shape::new(&[n, n])?, |to| {
            to.fill(T::ZERO);
            (0..n).for_each(|i| to[i * n + i] = T::ONE);
        })
    }
    /// Uniform in [0, 1).
    pub fn rand(shape: &[usize], rng: &mut Rng) -> Result<Self> {
        Self::build(Shape::new(shape)?, |to| rng.fill_uniform(to, 0.0, 1.0))
    }
    /// Standard normal.
    pub fn randn(shape: &[usize], rng: &mut Rng) -> Result<Self> {
        Self::build(Shape::new(shape)?, |to| rng.fill_normal(to, 0.0, 1.0))
    }
    /// 1 at each label, 0 elsewhere: labels `[..]` to `[.., classes]`.
    pub fn one_hot(labels: &Indices, classes: usize) -> Result<Self> {
        let read = labels.read();
        if let Some(row) = read.iter().position(|&l| l < 0 || l as usize >= classes) {
            return Err(label_error(row, read[row], classes));
        }
        Self::build(labels.shape().with(classes)?, |to| layout::one_hot(&read, classes, to))
    }
}

/// A label outside its range.
pub(crate) fn label_error(row: usize, label: i32, classes: usize) -> Error {
    Error::new(Code::LabelOutOfRange).with("row", row).with("label", label as f64).with("classes", classes)
}
