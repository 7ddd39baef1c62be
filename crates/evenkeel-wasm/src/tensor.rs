//! Tensors.

use crate::convert::{binary, done, unary};
use crate::random;
use crate::rows::{note, rows};
use crate::table::{extent, give, give_some, indices, made, made_tensor, some_tensor, tensor, tensors};
use evenkeel::error::Error;
use evenkeel::{Indices, Tensor, autograd};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// One value throughout. Rows: shape.
#[wasm_bindgen]
pub fn full(rank: usize, value: f32) -> u32 {
    made_tensor(Tensor::full(rows().next(rank), value))
}
#[wasm_bindgen]
pub fn arange(start: f64, end: f64, step: f64) -> u32 {
    made_tensor(Tensor::arange(start, end, step))
}
#[wasm_bindgen]
pub fn linspace(start: f64, end: f64, n: usize) -> u32 {
    made_tensor(Tensor::linspace(start, end, n))
}
#[wasm_bindgen]
pub fn eye(n: usize) -> u32 {
    made_tensor(Tensor::eye(n))
}
/// Random numbers, normal or uniform. Rows: shape.
#[wasm_bindgen]
pub fn random(rank: usize, normal: bool, seed: f64) -> u32 {
    let rows = rows();
    let shape = rows.next(rank);
    made_tensor(random::with(seed, |r| if normal { Tensor::randn(shape, r) } else { Tensor::rand(shape, r) }))
}
#[wasm_bindgen(js_name = oneHot)]
pub fn one_hot(labels: u32, classes: usize) -> u32 {
    made_tensor(Tensor::one_hot(&indices(labels), classes))
}

/// An integer tensor. Rows: values, shape.
#[wasm_bindgen(js_name = makeIndices)]
pub fn make_indices(len: usize, rank: usize) -> u32 {
    let rows = rows();
    made(Indices::new(rows.next(len), rows.next(rank)).map(Rc::new))
}
/// Whole numbers below `high`. Rows: shape.
#[wasm_bindgen(js_name = randomIndices)]
pub fn random_indices(high: u32, rank: usize, seed: f64) -> u32 {
    let rows = rows();
    let shape = rows.next(rank);
    // Its memory is asked for first: a shape too large is an error, not a trap.
    let drawn = Tensor::full(shape, 0f32).and_then(|room| {
        let data: Vec<i32> = random::with(seed, |r| (0..room.len()).map(|_| r.below(high) as i32).collect());
        Indices::new(&data, shape)
    });
    made(drawn.map(Rc::new))
}

/// The rank, and the shape as numbers.
#[wasm_bindgen]
pub fn shape(t: u32) -> usize {
    let (shape, _) = extent(t);
    shape.dims().iter().enumerate().for_each(|(i, &d)| note(i, &[d as f64]));
    shape.rank()
}
#[wasm_bindgen]
pub fn size(t: u32) -> usize {
    extent(t).0.len()
}
/// Where the data lies, for a view that is used at once.
#[wasm_bindgen]
pub fn address(t: u32) -> *const u8 {
    extent(t).1
}
/// The number is the value.
#[wasm_bindgen]
pub fn item(t: u32) -> bool {
    done(tensor(t).item().map(|x| note(0, &[f64::from(x)])))
}
/// Overwrites the values in place. Rows: values.
#[wasm_bindgen]
pub fn assign(t: u32, len: usize) -> bool {
    let rows = rows();
    let t = tensor(t);
    done(if len == t.len() {
        t.with_data_mut(|to| to.copy_from_slice(rows.next(len)));
        Ok(())
    } else {
        Err(Error::shape("assign", "as many values as the tensor has", t.shape()).with("values", len))
    })
}

#[wasm_bindgen(js_name = unary)]
pub fn unary_(t: u32, function: u32, a: f32, b: f32) -> u32 {
    made_tensor(unary(function, a, b).and_then(|f| tensor(t).unary(f)))
}
#[wasm_bindgen(js_name = binary)]
pub fn binary_(a: u32, operation: u32, b: u32) -> u32 {
    made_tensor(binary(operation).and_then(|op| tensor(a).binary(op, &tensor(b))))
}
#[wasm_bindgen(js_name = where)]
pub fn where_(condition: u32, yes: u32, no: u32) -> u32 {
    made_tensor(autograd::where_(&tensor(condition), &tensor(yes), &tensor(no)))
}
#[wasm_bindgen]
pub fn matmul(a: u32, b: u32) -> u32 {
    made_tensor(tensor(a).matmul(&tensor(b)))
}
/// 0 sum, 1 mean, 2 variance, 3 standard deviation over axes; `correction` is for the last two. Rows: axes.
#[wasm_bindgen]
pub fn reduce(t: u32, kind: u32, axes: usize, keep: bool, correction: usize) -> u32 {
    let (t, rows) = (tensor(t), rows());
    let axes = rows.next(axes);
    made_tensor(match kind {
        0 => t.sum(axes, keep),
        1 => t.mean(axes, keep),
        2 => t.var(axes, correction, keep),
        _ => t.std(axes, correction, keep),
    })
}
/// 0 max, 1 min, 2 softmax, 3 log-softmax, 4 log-sum-exp along one axis.
#[wasm_bindgen]
pub fn along(t: u32, kind: u32, axis: isize, keep: bool) -> u32 {
    let t = tensor(t);
    made_tensor(match kind {
        0 => t.max(axis, keep),
        1 => t.min(axis, keep),
        2 => t.softmax(axis),
        3 => t.log_softmax(axis),
        _ => t.log_sum_exp(axis, keep),
    })
}
/// Indices of the largest values along an axis, or the smallest.
#[wasm_bindgen]
pub fn arg(t: u32, largest: bool, axis: isize) -> u32 {
    let t = tensor(t);
    made((if largest { t.argmax(axis) } else { t.argmin(axis) }).map(Rc::new))
}
/// 0 reshape, 1 permute, 2 expand. Rows: the shape, or the order of the axes.
#[wasm_bindgen]
pub fn reshape(t: u32, kind: u32, rank: usize) -> u32 {
    let (t, rows) = (tensor(t), rows());
    let to = rows.next(rank);
    made_tensor(match kind {
        0 => t.reshape(to),
        1 => t.permute(to),
        _ => t.expand(to),
    })
}
#[wasm_bindgen]
pub fn transpose(t: u32, a: isize, b: isize) -> u32 {
    made_tensor(tensor(t).transpose(a, b))
}
#[wasm_bindgen]
pub fn slice(t: u32, axis: isize, start: usize, end: usize) -> u32 {
    made_tensor(tensor(t).slice(axis, start, end))
}
#[wasm_bindgen]
pub fn gather(t: u32, rows: u32) -> u32 {
    made_tensor(tensor(t).gather(&indices(rows)))
}
/// Joins tensors along an axis, or a new one. Rows: tensors.
#[wasm_bindgen]
pub fn join(parts: usize, axis: isize, new_axis: bool) -> u32 {
    let parts = tensors(rows().next(parts));
    let parts: Vec<&Tensor> = parts.iter().collect();
    made_tensor(if new_axis { autograd::stack(&parts, axis as usize) } else { autograd::concat(&parts, axis) })
}

#[wasm_bindgen]
pub fn tracked(t: u32) -> u32 {
    give(tensor(t).tracked())
}
#[wasm_bindgen]
pub fn detach(t: u32) -> u32 {
    give(tensor(t).detach())
}
#[wasm_bindgen]
pub fn tracks(t: u32) -> bool {
    tensor(t).tracks()
}
#[wasm_bindgen(js_name = setTracks)]
pub fn set_tracks(t: u32, on: bool) {
    tensor(t).set_tracks(on);
}
/// Backward from one value, or with this gradient if it is not 0.
#[wasm_bindgen]
pub fn backward(t: u32, grad: u32) -> bool {
    let t = tensor(t);
    done(match some_tensor(grad) {
        None => t.backward(),
        Some(grad) => t.backward_with(&grad),
    })
}
/// The gradient; 0 if there is none.
#[wasm_bindgen]
pub fn grad(t: u32) -> u32 {
    give_some(tensor(t).grad())
}
#[wasm_bindgen(js_name = zeroGrad)]
pub fn zero_grad(t: u32) {
    tensor(t).zero_grad();
}

/// Turns recording on or off for everything that follows; returns what it was.
#[wasm_bindgen(js_name = setRecording)]
pub fn set_recording(on: bool) -> bool {
    autograd::set_recording(on)
}
