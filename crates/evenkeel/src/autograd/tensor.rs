//! The tensor: a shape, a view of pooled storage and, where gradients are wanted, its place on the tape.

use super::tape::{self, Node};
use crate::error::{Code, Error, Result};
use crate::tensor::{Float, Shape, View};
use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

struct Gradient<T: Float> {
    view: View<T>,
    /// False after `zero_grad`: the next gradient overwrites instead of adding, so nothing need be cleared.
    filled: bool,
}

struct Inner<T: Float> {
    shape: Shape,
    /// Moves only when a parameter is taken into an optimizer's arena.
    view: RefCell<View<T>>,
    tracks: Cell<bool>,
    /// Boxed, since most tensors have none and all are moved about while they are made.
    node: Option<Box<Node<T>>>,
    grad: RefCell<Option<Gradient<T>>>,
}

/// A dense row-major tensor. Cloning is cheap and shares the data.
pub struct Tensor<T: Float = f32>(Rc<Inner<T>>);

impl<T: Float> Clone for Tensor<T> {
    fn clone(&self) -> Self {
        Tensor(self.0.clone())
    }
}

impl<T: Float> Tensor<T> {
    pub(crate) fn from_view(view: View<T>, shape: Shape) -> Self {
        debug_assert_eq!(view.len(), shape.len());
        Tensor(Rc::new(Inner {
            shape,
            view: RefCell::new(view),
            tracks: Cell::new(false),
            node: None,
            grad: RefCell::new(None),
        }))
    }
    /// A tensor whose data `fill` writes completely.
    pub(crate) fn build(shape: Shape, fill: impl FnOnce(&mut [T])) -> Result<Self> {
        Ok(Self::from_view(View::build(shape.len(), fill)?, shape))
    }
    /// From values and their shape.
    pub fn new(data: &[T], shape: &[usize]) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if shape.len() != data.len() {
            return Err(Error::shape("tensor", "as many values as the shape holds", shape).with("values", data.len()));
        }
        Self::build(shape, |to| to.copy_from_slice(data))
    }
    /// A tensor of rank 0.
    pub fn scalar(value: T) -> Result<Self> {
        Self::build(Shape::scalar(), |to| to[0] = value)
    }

    /// The same data, detached from any graph.
    pub fn detach(&self) -> Self {
        Self::from_view(self.view(), self.0.shape)
    }
    /// The same data as a leaf that collects gradients: a parameter.
    #[must_use]
    pub fn tracked(self) -> Self {
        let t = self.detach();
        t.0.tracks.set(true);
        t
    }
    /// Whether operations on this tensor are recorded.
    pub fn tracks(&self) -> bool {
        self.0.tracks.get() || self.0.node.is_some()
    }
    /// Starts or stops collecting gradients in this leaf.
    pub fn set_tracks(&self, on: bool) {
        self.0.tracks.set(on);
    }
    /// Nothing recorded leads here: data or a parameter.
    pub fn is_leaf(&self) -> bool {
        self.0.node.is_none()
    }
    /// The same with its place on the tape. What comes out of an operation is nobody else's yet.
    pub(super) fn with_node(mut self, node: Node<T>) -> Self {
        if Rc::get_mut(&mut self.0).is_none() {
            self = self.detach();
        }
        if let Some(inner) = Rc::get_mut(&mut self.0) {
            inner.node = Some(Box::new(node));
        }
        self
    }
    pub(super) fn node(&self) -> Option<&Node<T>> {
        self.0.node.as_deref()
    }
    /// The node, if this was the last reference to its tensor.
    pub(super) fn into_sole_node(self) -> Option<Box<Node<T>>> {
        Rc::into_inner(self.0)?.node
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.0.shape
    }
    /// The extents.
    pub fn dims(&self) -> &[usize] {
        self.0.shape.dims()
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.shape.len()
    }
    /// No elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The storage.
    pub(crate) fn view(&self) -> View<T> {
        self.0.view.borrow().clone()
    }
    /// Changes with every write to the data.
    pub(super) fn version(&self) -> u32 {
        self.0.view.borrow().version()
    }
    /// The values as a vector.
    pub fn to_vec(&self) -> Vec<T> {
        self.view().read().to_vec()
    }
    /// Calls `f` with the values.
    pub fn with_data<R>(&self, f: impl FnOnce(&[T]) -> R) -> R {
        f(&self.view().read())
    }
    /// Calls `f` with the values to change them in place: for parameters and buffers, outside any graph.
    pub fn with_data_mut<R>(&self, f: impl FnOnce(&mut [T]) -> R) -> R {
        f(&mut self.view().write())
    }
    /// The one value of a one-element tensor.
    pub fn item(&self) -> Result<T> {
        if self.len() != 1 {
            return Err(Error::new(Code::NotScalar).with("shape", self.shape()));
        }
        Ok(self.with_data(|d| d[0]))
    }

    /// Gradients of this one-element tensor with respect to all leaves that track; added to what they hold.
    pub fn backward(&self) -> Result<()> {
        if self.len() != 1 {
            return Err(Error::new(Code::NotScalar).with("shape", self.shape()));
        }
        tape::backward(self, View::full(1, T::ONE)?)
    }
    /// The same from a tensor of any shape, given its own gradient.
    pub fn backward_with(&self, grad: &Tensor<T>) -> Result<()> {
        if grad.shape() != self.shape() {
            return Err(Error::shapes("backward", self.shape(), grad.shape()));
        }
        tape::backward(self, grad.view())
    }
    /// The gradient collected so far, as a copy.
    pub fn grad(&self) -> Option<Tensor<T>> {
        let slot = self.0.grad.borrow();
        let g = slot.as_ref().filter(|g| g.filled)?;
        Some(Self::from_view(g.view.copy().ok()?, self.0.shape))
    }
    /// Whether a gradient has been collected since the last `zero_grad`.
    pub fn has_grad(&self) -> bool {
        self.0.grad.borrow().as_ref().is_some_and(|g| g.filled)
    }
    /// Forgets the gradient. Costs nothing: the next one overwrites.
    pub fn zero_grad(&self) {
        if let Some(g) = self.0.grad.borrow_mut().as_mut() {
            g.filled = false;
        }
    }
    /// Puts a gradient in place, as a backward pass would.
    pub fn set_grad(&self, grad: &[T]) -> Result<()> {
        if grad.len() != self.len() {
            return Err(Error::shape("grad", "as many values as the parameter has", self.shape()));
        }
        self.zero_grad();
        self.accumulate_leaf(&mut |to, _| to.copy_from_slice(grad))
    }
    pub(super) fn accumulate_leaf(&self, f: &mut dyn FnMut(&mut [T], bool)) -> Result<()> {
        let mut slot = self.0.grad.borrow_mut();
        match slot.as_mut() {
            None => {
                *slot = Some(Gradient { view: View::build(self.len(), |to| f(to, false))?, filled: true });
            }
            Some(g) => {
                f(&mut g.view.write(), g.filled);
                g.filled = true;
            }
        }
        Ok(())
    }
    /// Moves data and gradient of a leaf into these ranges of an arena.
    pub(crate) fn adopt(&self, data: View<T>, grad: View<T>) {
        data.write().copy_from_slice(&self.view().read());
        let mut slot = self.0.grad.borrow_mut();
        let filled = match slot.as_ref() {
            Some(g) if g.filled => {
                grad.write().copy_from_slice(&g.view.read());
                true
            }
            _ => false,
        };
        *slot = Some(Gradient { view: grad, filled });
        *self.0.view.borrow_mut() = data;
    }
    /// The same tensor object, not merely the same values.
    pub fn same(&self, other: &Tensor<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Float> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{:?} {:?}", self.shape(), self.to_vec())
    }
}
