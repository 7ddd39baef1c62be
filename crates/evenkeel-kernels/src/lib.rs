//! The arithmetic of evenkeel: what has to be fast, in a crate of its own so that it alone is compiled for speed.
//!
//! [`simd`] (the vector register), [`kernels`] on slices, and what they need: [`shape`], [`error`], [`rng`], and the
//! `threads` beneath them where there are some. The crate `evenkeel` has all of it under the same names.
#![deny(missing_docs)]

pub mod error;
pub mod kernels;
pub mod rng;
pub mod shape;
pub mod simd;
#[cfg(feature = "threads")]
pub mod threads;

pub use error::{Code, Error, Result};
pub use rng::Rng;
