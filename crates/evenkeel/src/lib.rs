//! The core of evenkeel: tensors, autograd, layers, losses, optimizers and training, with the same bits on every host.
//!
//! The rooms, each of which uses only those before it: [`simd`] and [`shape`], [`kernels`] (slices in, slices out),
//! [`tensor`] (pooled data), [`autograd`] (gradients), [`nn`], [`loss`], [`optim`], [`train`], [`io`].
#![deny(missing_docs)]

pub mod autograd;
pub mod error;
pub mod init;
pub mod io;
pub mod kernels;
pub mod loss;
pub mod nn;
pub mod optim;
pub mod rng;
pub mod schedule;
pub mod shape;
pub mod simd;
pub mod tensor;
pub mod train;

pub use autograd::{Tensor, no_grad};
pub use error::{Code, Error, Result};
pub use rng::Rng;
pub use tensor::Indices;
