//! The tape: one node an operation, `backward` walks them newest first and frees them.
//!
//! The tape is a graph held by the tensors themselves: a node lives as long as a tensor that came out of it, so a loss
//! that is dropped without `backward` leaves nothing behind. Nodes carry a running number; since inputs are always
//! older than outputs, descending numbers are an order in which every gradient is complete before it is used.
//!
//! What a node saves is views of data, never the tensors of its own graph (those are its `inputs`), so there are no
//! cycles. A parameter that was written between forward and backward is noticed by its version ([`Code::GraphStale`]).

use super::Tensor;
use crate::error::{Code, Error, Result};
use crate::tensor::{Float, View};
use core::cell::{Cell, Ref, RefCell};

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(1) };
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Runs `f` without recording: results carry no gradient, intermediate values are freed at once.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ENABLED.set(self.0);
        }
    }
    let _restore = Restore(ENABLED.replace(false));
    f()
}

/// Turns recording on or off for everything that follows; returns what it was. Prefer [`no_grad`], which restores it.
pub fn set_recording(on: bool) -> bool {
    ENABLED.replace(on)
}

/// Whether operations on these inputs are to be recorded.
pub(crate) fn recording<T: Float>(inputs: &[&Tensor<T>]) -> bool {
    ENABLED.get() && inputs.iter().any(|t| t.tracks())
}

type Step<T> = Box<dyn FnOnce(&mut Backward<'_, T>) -> Result<()>>;

/// One recorded operation.
pub(crate) struct Node<T: Float> {
    number: u64,
    seen: Cell<u64>,
    /// With the version of its data that each had.
    inputs: RefCell<Vec<(Tensor<T>, u32)>>,
    step: RefCell<Option<Step<T>>>,
    grad: RefCell<Option<View<T>>>,
}

impl<T: Float> Drop for Node<T> {
    /// Frees a long chain in a loop: recursion would overflow the stack of a deep graph.
    fn drop(&mut self) {
        let mut pending = core::mem::take(self.inputs.get_mut());
        while let Some((t, _)) = pending.pop() {
            if let Some(node) = t.into_sole_node() {
                pending.append(&mut node.inputs.borrow_mut());
            }
        }
    }
}

/// Records an operation: `step` gets the gradient of the output and hands on those of the inputs.
pub fn record<T: Float>(
    inputs: &[&Tensor<T>],
    output: Tensor<T>,
    step: impl FnOnce(&mut Backward<'_, T>) -> Result<()> + 'static,
) -> Tensor<T> {
    if recording(inputs) { attach(inputs, output, Box::new(step)) } else { output }
}

#[inline(never)]
fn attach<T: Float>(inputs: &[&Tensor<T>], output: Tensor<T>, step: Step<T>) -> Tensor<T> {
    output.with_node(Node {
        number: NEXT.replace(NEXT.get() + 1),
        seen: Cell::new(0),
        inputs: RefCell::new(inputs.iter().map(|&t| (t.clone(), t.version())).collect()),
        step: RefCell::new(Some(step)),
        grad: RefCell::new(None),
    })
}

/// What a backward step sees: the gradient of its output, its inputs, and where their gradients go.
pub struct Backward<'a, T: Float> {
    grad: View<T>,
    inputs: &'a [(Tensor<T>, u32)],
}

impl<T: Float> Backward<'_, T> {
    /// Gradient of the output.
    pub fn grad(&self) -> Ref<'_, [T]> {
        self.grad.read()
    }
    /// The same as a view that can be kept or handed on.
    pub fn grad_view(&self) -> &View<T> {
        &self.grad
    }
    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }
    /// Input `i`.
    pub fn input(&self, i: usize) -> &Tensor<T> {
        &self.inputs[i].0
    }
    /// Whether anybody wants the gradient of input `i`.
    pub fn needs(&self, i: usize) -> bool {
        self.input(i).tracks()
    }
    /// Lets `f` write (or, if its second argument is true, add) the gradient of input `i` in place.
    pub fn accumulate(&self, i: usize, f: impl FnOnce(&mut [T], bool)) -> Result<()> {
        let mut f = Some(f);
        // One body for all operations: only the closure differs.
        self.accumulate_by(i, &mut |to, add| {
            if let Some(f) = f.take() {
                f(to, add);
            }
        })
    }
    #[inline(never)]
    fn accumulate_by(&self, i: usize, f: &mut dyn FnMut(&mut [T], bool)) -> Result<()> {
        let input = self.input(i);
        if !input.tracks() {
            return Ok(());
        }
        match input.node() {
            Some(node) => {
                let mut slot = node.grad.borrow_mut();
                match &*slot {
                    None => *slot = Some(View::build(input.len(), |to| f(to, false))?),
                    Some(v) => {
                        if !v.is_unique() {
                            let own = v.copy()?;
                            *slot = Some(own);
                        }
                        f(&mut slot.as_ref().expect("filled above").write(), true);
                    }
                }
            }
            None => input.accumulate_leaf(f)?,
        }
        Ok(())
    }
    /// Lets `f` write the gradient of input `i` into a buffer of its own, which is then handed over: for what is seldom
    /// added to another gradient.
    pub fn build(&self, i: usize, f: impl FnOnce(&mut [T])) -> Result<()> {
        if !self.needs(i) {
            return Ok(());
        }
        self.give(i, View::build(self.input(i).len(), f)?)
    }
    /// Hands over a finished gradient of input `i`.
    pub fn give(&self, i: usize, grad: View<T>) -> Result<()> {
        let input = self.input(i);
        if let Some(node) = input.node() {
            let mut slot = node.grad.borrow_mut();
            if slot.is_none() {
                *slot = Some(grad);
                return Ok(());
            }
        }
        self.accumulate(i, |to, add| {
            let from = grad.read();
            if add {
                crate::kernels::binary::add_assign(to, &from);
            } else {
                to.copy_from_slice(&from);
            }
        })
    }
}

/// Gradients of `root` with respect to everything it came from, scaled by `seed` (its own gradient).
pub(crate) fn backward<T: Float>(root: &Tensor<T>, seed: View<T>) -> Result<()> {
    let Some(first) = root.node() else {
        if !root.tracks() {
            return Err(Error::new(Code::NoGraph));
        }
        // The root is a leaf itself: its gradient is the seed.
        return root.accumulate_leaf(&mut |to, add| {
            if add {
                crate::kernels::binary::add_assign(to, &seed.read());
            } else {
                to.copy_from_slice(&seed.read());
            }
        });
    };
    let run = NEXT.replace(NEXT.get() + 1);
    first.seen.set(run);
    let mut order: Vec<Tensor<T>> = vec![root.clone()];
    let mut next = 0;
    while let Some(node) = order.get(next).cloned().as_ref().and_then(Tensor::node) {
        next += 1;
        if node.step.borrow().is_none() {
            return Err(Error::new(Code::GraphFreed));
        }
        for (input, version) in node.inputs.borrow().iter() {
            if input.version() != *version {
                return Err(Error::new(Code::GraphStale).with("shape", input.shape()));
            }
            if let Some(n) = input.node()
                && n.seen.replace(run) != run
            {
                order.push(input.clone());
            }
        }
    }
    order.sort_unstable_by_key(|t| core::cmp::Reverse(t.node().map(|n| n.number)));
    *first.grad.borrow_mut() = Some(seed);
    for tensor in order {
        let Some(node) = tensor.node() else { continue };
        let step = node.step.take();
        let inputs = node.inputs.take();
        let grad = node.grad.take();
        if let (Some(step), Some(grad)) = (step, grad) {
            step(&mut Backward { grad, inputs: &inputs })?;
        }
    }
    Ok(())
}
