//! Integer tensors: class labels and row indices. They never carry gradients.

use super::{Shape, View};
use crate::error::{Error, Result};
use core::cell::Ref;

/// A dense `i32` tensor.
#[derive(Clone)]
pub struct Indices {
    shape: Shape,
    view: View<i32>,
}

impl Indices {
    /// From values and their shape.
    pub fn new(data: &[i32], shape: &[usize]) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if shape.len() != data.len() {
            return Err(Error::shape("indices", "as many values as the shape holds", shape).with("values", data.len()));
        }
        Ok(Indices { shape, view: View::from_slice(data)? })
    }
    pub(crate) fn from_view(view: View<i32>, shape: Shape) -> Self {
        Indices { shape, view }
    }
    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// The values.
    pub fn read(&self) -> Ref<'_, [i32]> {
        self.view.read()
    }
    /// The values as a vector.
    pub fn to_vec(&self) -> Vec<i32> {
        self.read().to_vec()
    }
}
