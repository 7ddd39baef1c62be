//! Kernels: pure functions on slices. Slices in, slices out, no allocation, no knowledge of tensors or graphs.

pub mod binary;
pub mod gemm;
pub mod layout;
pub mod loss;
pub(crate) mod math;
pub mod norm;
pub mod optim;
pub mod reduce;
pub mod softmax;
pub mod unary;
