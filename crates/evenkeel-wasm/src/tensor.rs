//! Handles on tensors.

use crate::convert::{Js, binary, js, unary};
use crate::random;
use evenkeel::{Indices, Tensor};
use wasm_bindgen::prelude::*;

/// A floating-point tensor.
#[wasm_bindgen]
pub struct CoreTensor(pub(crate) Tensor);

/// An integer tensor.
#[wasm_bindgen]
pub struct CoreIndices(pub(crate) Indices);

fn wrap(t: evenkeel::Result<Tensor>) -> Js<CoreTensor> {
    t.map(CoreTensor).map_err(js)
}

#[wasm_bindgen]
impl CoreTensor {
    #[wasm_bindgen(constructor)]
    pub fn new(data: &[f32], shape: &[usize]) -> Js<CoreTensor> {
        wrap(Tensor::new(data, shape))
    }
    pub fn full(shape: &[usize], value: f32) -> Js<CoreTensor> {
        wrap(Tensor::full(shape, value))
    }
    pub fn arange(start: f64, end: f64, step: f64) -> Js<CoreTensor> {
        wrap(Tensor::arange(start, end, step))
    }
    pub fn linspace(start: f64, end: f64, n: usize) -> Js<CoreTensor> {
        wrap(Tensor::linspace(start, end, n))
    }
    pub fn eye(n: usize) -> Js<CoreTensor> {
        wrap(Tensor::eye(n))
    }
    pub fn rand(shape: &[usize], seed: f64) -> Js<CoreTensor> {
        random::with(seed, |r| wrap(Tensor::rand(shape, r)))
    }
    pub fn randn(shape: &[usize], seed: f64) -> Js<CoreTensor> {
        random::with(seed, |r| wrap(Tensor::randn(shape, r)))
    }
    #[wasm_bindgen(js_name = oneHot)]
    pub fn one_hot(labels: &CoreIndices, classes: usize) -> Js<CoreTensor> {
        wrap(Tensor::one_hot(&labels.0, classes))
    }
    /// Another handle on the same tensor.
    pub fn share(&self) -> CoreTensor {
        CoreTensor(self.0.clone())
    }
    pub fn shape(&self) -> Vec<usize> {
        self.0.dims().to_vec()
    }
    pub fn size(&self) -> usize {
        self.0.len()
    }
    pub fn data(&self) -> Vec<f32> {
        self.0.to_vec()
    }
    /// Where the data lies, for a view that is used at once.
    pub fn address(&self) -> *const f32 {
        self.0.with_data(<[f32]>::as_ptr)
    }
    pub fn item(&self) -> Js<f32> {
        self.0.item().map_err(js)
    }
    /// Overwrites the values in place.
    pub fn assign(&self, data: &[f32]) -> Js<()> {
        if data.len() != self.0.len() {
            return Err(js(evenkeel::Error::shape("assign", "as many values as the tensor has", self.0.shape())
                .with("values", data.len())));
        }
        self.0.with_data_mut(|to| to.copy_from_slice(data));
        Ok(())
    }

    pub fn unary(&self, function: u32, a: f32, b: f32) -> Js<CoreTensor> {
        wrap(self.0.unary(unary(function, a, b)?))
    }
    pub fn binary(&self, operation: u32, other: &CoreTensor) -> Js<CoreTensor> {
        wrap(self.0.binary(binary(operation)?, &other.0))
    }
    #[wasm_bindgen(js_name = where)]
    pub fn where_(&self, yes: &CoreTensor, no: &CoreTensor) -> Js<CoreTensor> {
        wrap(evenkeel::autograd::where_(&self.0, &yes.0, &no.0))
    }
    pub fn matmul(&self, other: &CoreTensor) -> Js<CoreTensor> {
        wrap(self.0.matmul(&other.0))
    }
    /// 0 sum, 1 mean, 2 variance, 3 standard deviation over axes; `correction` is for the last two.
    pub fn reduce(&self, kind: u32, axes: &[isize], keep: bool, correction: usize) -> Js<CoreTensor> {
        wrap(match kind {
            0 => self.0.sum(axes, keep),
            1 => self.0.mean(axes, keep),
            2 => self.0.var(axes, correction, keep),
            _ => self.0.std(axes, correction, keep),
        })
    }
    /// 0 max, 1 min, 2 softmax, 3 log-softmax, 4 log-sum-exp along one axis.
    pub fn along(&self, kind: u32, axis: isize, keep: bool) -> Js<CoreTensor> {
        wrap(match kind {
            0 => self.0.max(axis, keep),
            1 => self.0.min(axis, keep),
            2 => self.0.softmax(axis),
            3 => self.0.log_softmax(axis),
            _ => self.0.log_sum_exp(axis, keep),
        })
    }
    pub fn arg(&self, largest: bool, axis: isize) -> Js<CoreIndices> {
        (if largest { self.0.argmax(axis) } else { self.0.argmin(axis) }).map(CoreIndices).map_err(js)
    }
    pub fn reshape(&self, shape: &[usize]) -> Js<CoreTensor> {
        wrap(self.0.reshape(shape))
    }
    pub fn permute(&self, order: &[usize]) -> Js<CoreTensor> {
        wrap(self.0.permute(order))
    }
    pub fn transpose(&self, a: isize, b: isize) -> Js<CoreTensor> {
        wrap(self.0.transpose(a, b))
    }
    pub fn slice(&self, axis: isize, start: usize, end: usize) -> Js<CoreTensor> {
        wrap(self.0.slice(axis, start, end))
    }
    pub fn gather(&self, rows: &CoreIndices) -> Js<CoreTensor> {
        wrap(self.0.gather(&rows.0))
    }
    pub fn expand(&self, shape: &[usize]) -> Js<CoreTensor> {
        wrap(self.0.expand(shape))
    }
    pub fn join(parts: Vec<CoreTensor>, axis: isize, new_axis: bool) -> Js<CoreTensor> {
        let parts: Vec<&Tensor> = parts.iter().map(|p| &p.0).collect();
        wrap(if new_axis {
            evenkeel::autograd::stack(&parts, axis as usize)
        } else {
            evenkeel::autograd::concat(&parts, axis)
        })
    }

    pub fn tracked(&self) -> CoreTensor {
        CoreTensor(self.0.clone().tracked())
    }
    pub fn detach(&self) -> CoreTensor {
        CoreTensor(self.0.detach())
    }
    pub fn tracks(&self) -> bool {
        self.0.tracks()
    }
    #[wasm_bindgen(js_name = setTracks)]
    pub fn set_tracks(&self, on: bool) {
        self.0.set_tracks(on);
    }
    pub fn backward(&self) -> Js<()> {
        self.0.backward().map_err(js)
    }
    #[wasm_bindgen(js_name = backwardWith)]
    pub fn backward_with(&self, grad: &CoreTensor) -> Js<()> {
        self.0.backward_with(&grad.0).map_err(js)
    }
    pub fn grad(&self) -> Option<CoreTensor> {
        self.0.grad().map(CoreTensor)
    }
    #[wasm_bindgen(js_name = setGrad)]
    pub fn set_grad(&self, grad: &[f32]) -> Js<()> {
        self.0.set_grad(grad).map_err(js)
    }
    #[wasm_bindgen(js_name = zeroGrad)]
    pub fn zero_grad(&self) {
        self.0.zero_grad();
    }
}

#[wasm_bindgen]
impl CoreIndices {
    #[wasm_bindgen(constructor)]
    pub fn new(data: &[i32], shape: &[usize]) -> Js<CoreIndices> {
        Indices::new(data, shape).map(CoreIndices).map_err(js)
    }
    /// Whole numbers below `high`.
    pub fn random(high: u32, shape: &[usize], seed: f64) -> Js<CoreIndices> {
        // Its memory is asked for first: a shape too large is an error, not a trap.
        let n = Tensor::full(shape, 0.0).map_err(js)?.len();
        let data: Vec<i32> = random::with(seed, |r| (0..n).map(|_| r.below(high) as i32).collect());
        Self::new(&data, shape)
    }
    pub fn share(&self) -> CoreIndices {
        CoreIndices(self.0.clone())
    }
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().dims().to_vec()
    }
    pub fn data(&self) -> Vec<i32> {
        self.0.to_vec()
    }
}

/// Turns recording on or off for everything that follows; returns what it was.
#[wasm_bindgen(js_name = setRecording)]
pub fn set_recording(on: bool) -> bool {
    evenkeel::autograd::set_recording(on)
}
