//! evenkeel's kernels, called as the layers call them.

use crate::{Case, case, numbers};
use core::hint::black_box;
use evenkeel::kernels::Kernels;
use evenkeel::kernels::gemm::{Matrix, Start, scratch};
use evenkeel::kernels::loss::CrossEntropy;
use evenkeel::kernels::norm::Layout;
use evenkeel::kernels::optim::{Adam, Algorithm, Sgd, Step};
use evenkeel::kernels::unary::Unary;
use wasm_bindgen::prelude::*;

/// C = A·B with A `[m, k]` and B `[k, n]`, either stored transposed.
#[wasm_bindgen]
pub fn gemm(m: usize, n: usize, k: usize, a_transposed: bool, b_transposed: bool) -> Case {
    let (a, b, mut c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
    let mut pack = numbers(scratch(m, n, k), 4);
    case(move || {
        let a = if a_transposed { Matrix::transposed(&a, m) } else { Matrix::rows(&a, k) };
        let b = if b_transposed { Matrix::transposed(&b, k) } else { Matrix::rows(&b, n) };
        f32::gemm(m, n, k, a, b, &mut c, Start::Zero, &mut pack);
        black_box(&mut c);
    })
}

/// Batch norm's forward pass in training: statistics, then normalise, scale, shift and perhaps ReLU.
#[wasm_bindgen(js_name = normForward)]
pub fn norm_forward(n: usize, channels: usize, length: usize, relu: bool) -> Case {
    let d = Layout { n, channels, length };
    let (x, mut y) = (numbers(n * channels * length, 1), numbers(n * channels * length, 2));
    let [mut shift, mut delta, mut var, mut scale] = [3, 4, 5, 6].map(|seed| numbers(channels, seed));
    case(move || {
        f32::statistics(&x, d, &mut shift, &mut delta, &mut var);
        for (s, v) in scale.iter_mut().zip(&var) {
            *s = 1.0 / (v + 1e-5).sqrt();
        }
        f32::normalize(&x, d, &shift, &scale, &delta, relu, &mut y);
        black_box(&mut y);
    })
}

/// Batch norm's backward pass: both sums, then the gradient of the input.
#[wasm_bindgen(js_name = normBackward)]
pub fn norm_backward(n: usize, channels: usize, length: usize, relu: bool) -> Case {
    let d = Layout { n, channels, length };
    let [x, dy, y, mut dx] = [1, 2, 3, 4].map(|seed| numbers(n * channels * length, seed));
    let [shift, a] = [5, 6].map(|seed| numbers(channels, seed));
    let [mut sum, mut product] = [7, 8].map(|seed| numbers(channels, seed));
    case(move || {
        let y = relu.then_some(&y[..]);
        f32::norm_sums(&x, &dy, y, d, &shift, &mut sum, &mut product);
        f32::norm_input(&x, &dy, y, d, &shift, [&a, &product, &sum], &mut dx);
        black_box(&mut dx);
    })
}

/// An update of so many parameters: `sgd`, `momentum`, `adam`, `adamw`, `amsgrad`.
#[wasm_bindgen]
pub fn optimizer(name: &str, count: usize) -> Case {
    let algorithm = match name {
        "sgd" => Algorithm::Sgd(Sgd::default()),
        "momentum" => Algorithm::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }),
        "adamw" => Algorithm::Adam(Adam::decoupled()),
        _ => Algorithm::Adam(Adam { amsgrad: name == "amsgrad", ..Adam::default() }),
    };
    let (mut p, g) = (numbers(count, 1), numbers(count, 2));
    let mut slots: Vec<Vec<f32>> = (0..algorithm.slots()).map(|_| vec![0.01; count]).collect();
    let step = Step { t: 10, weight_decay: algorithm.weight_decay(), grad_scale: 1.0 };
    case(move || {
        let mut slots: Vec<&mut [f32]> = slots.iter_mut().map(|s| &mut s[..]).collect();
        f32::optimize(&algorithm, step, &mut p, &g, &mut slots);
        black_box(&mut p);
    })
}

/// y = f(x) element by element: `relu`, `tanh`, `sigmoid`, `exp`, `gelu`.
#[wasm_bindgen]
pub fn unary(name: &str, count: usize) -> Case {
    let op = match name {
        "relu" => Unary::Relu,
        "tanh" => Unary::Tanh,
        "sigmoid" => Unary::Sigmoid,
        "exp" => Unary::Exp,
        _ => Unary::Gelu,
    };
    let (x, mut y) = (numbers(count, 1), numbers(count, 2));
    case(move || {
        f32::unary(op, &x, &mut y);
        black_box(&mut y);
    })
}

/// Softmax of each row.
#[wasm_bindgen]
pub fn softmax(rows: usize, n: usize) -> Case {
    let (x, mut y) = (numbers(rows * n, 1), numbers(rows * n, 2));
    case(move || {
        f32::softmax(&x, n, false, &mut y);
        black_box(&mut y);
    })
}

/// Σ over the rows of a matrix: the gradient of a bias.
#[wasm_bindgen(js_name = columnSums)]
pub fn column_sums(rows: usize, columns: usize) -> Case {
    let (x, mut y) = (numbers(rows * columns, 1), numbers(columns, 2));
    case(move || {
        f32::sum(&x, 1, rows, columns, &mut y, false);
        black_box(&mut y);
    })
}

/// Cross entropy of class labels with its gradient, for each row.
#[wasm_bindgen(js_name = crossEntropy)]
pub fn cross_entropy(rows: usize, classes: usize) -> Case {
    let (x, mut dx) = (numbers(rows * classes, 1), numbers(rows * classes, 2));
    let labels: Vec<i32> = (0..rows).map(|i| (i % classes) as i32).collect();
    let mut losses = numbers(rows, 3);
    let settings = CrossEntropy::default();
    case(move || {
        black_box(f32::cross_entropy(&x, classes, &labels, &settings, &mut losses, Some(&mut dx)));
    })
}
