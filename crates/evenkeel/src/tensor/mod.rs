//! Data without gradients: shapes, pooled storage, integer tensors.

mod int;

mod storage;

pub use crate::shape::{MAX_RANK, Shape};
pub use int::Indices;
pub use storage::{Element, Float, Memory, View, memory, trim};
