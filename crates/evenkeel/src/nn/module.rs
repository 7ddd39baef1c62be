//! The module: a shared handle on a layer, its mode, and walks over the tree of layers.

use crate::autograd::{Tensor, no_grad};
use crate::error::Result;
use crate::kernels::unary::Unary;
use crate::rng::Rng;
use crate::tensor::Float;
use crate::value::Map;
use core::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a parameter is for; optimizers decay only weights unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A weight matrix or filter.
    Weight,
    /// A bias vector.
    Bias,
    /// Scale or shift of a normalisation layer.
    Norm,
}

/// One named thing of a layer's state.
pub enum Item<'a, T: Float> {
    /// A parameter: trained, in the state.
    Param(&'a Tensor<T>, Role),
    /// A buffer: in the state, never trained.
    Buffer(&'a Tensor<T>),
    /// An integer counter: in the state as an int64 scalar.
    Counter(&'a Cell<u64>),
}

/// How a forward pass is run.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Training behaviour of this layer: batch statistics, dropout.
    pub training: bool,
    /// Takes the changes of running statistics; without it neither they nor random states move.
    pub update: Option<&'a Updates>,
    /// Looks for the first layer whose output is not finite.
    pub probe: Option<&'a Probe>,
}

/// Changes of running statistics that wait until the whole forward pass has succeeded.
#[derive(Default)]
pub struct Updates(RefCell<Vec<Box<dyn FnOnce()>>>);

impl Updates {
    pub(super) fn push(&self, change: impl FnOnce() + 'static) {
        self.0.borrow_mut().push(Box::new(change));
    }
    /// Makes the changes, in order. Dropping them leaves everything as it was.
    pub fn commit(self) {
        self.0.into_inner().into_iter().for_each(|change| change());
    }
}

thread_local! {
    /// Where the changes of running statistics wait while a [`Hold`] lives.
    static HELD: RefCell<Option<Vec<Updates>>> = const { RefCell::new(None) };
}

/// Holds back changes of running statistics in everything that runs from outside, layer by layer, until it is known
/// that the whole step succeeds; dropping it forgets them. Inside another hold, committing hands them to that one.
pub struct Hold(Option<Vec<Updates>>);

impl Hold {
    /// Begins holding.
    pub fn start() -> Self {
        Hold(HELD.replace(Some(Vec::new())))
    }
    /// Makes the changes.
    pub fn commit(mut self) {
        let own = HELD.take().into_iter().flatten();
        match &mut self.0 {
            Some(outer) => outer.extend(own),
            None => own.for_each(Updates::commit),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.set(self.0.take());
    }
}

/// Finds the first layer that gives NaN or infinity.
#[derive(Default)]
pub struct Probe {
    path: RefCell<Vec<String>>,
    found: RefCell<Option<(String, &'static str)>>,
}

impl Probe {
    /// Path and kind of the first layer that went bad.
    pub fn found(self) -> Option<(String, &'static str)> {
        self.found.into_inner()
    }
}

/// Something that happened and is worth knowing, but is no error.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// Stable text, like an error's code.
    pub code: &'static str,
    /// A number that belongs to it (values a channel, for example).
    pub value: f64,
}

thread_local! {
    static WARNINGS: RefCell<Vec<Warning>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn warn(code: &'static str, value: f64) {
    WARNINGS.with_borrow_mut(|w| w.push(Warning { code, value }));
}

/// The warnings since the last call.
pub fn take_warnings() -> Vec<Warning> {
    WARNINGS.take()
}

/// A layer: what a file in this folder implements.
pub trait Layer<T: Float> {
    /// The name of this kind of layer in specs and errors.
    fn kind(&self) -> &'static str;
    /// The layer's function.
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>>;
    /// The same followed by an activation in one node, for layers that can.
    fn forward_fused(&self, _x: &Tensor<T>, _act: Unary<T>, _ctx: Context<'_>) -> Option<Result<Tensor<T>>> {
        None
    }
    /// The activation this layer is, if it is one that can be taken into the layer before.
    fn fusable(&self) -> Option<Unary<T>> {
        None
    }
    /// Parameters, buffers and counters, by PyTorch's names.
    fn items(&self, _f: &mut dyn FnMut(&'static str, Item<'_, T>)) {}
    /// Layers inside, with their names.
    fn children(&self) -> &[(String, Module<T>)] {
        &[]
    }
    /// Adds what is needed to build this layer anew (beside `type` and `children`).
    fn describe(&self, _spec: &mut Map) {}
    /// The random state, for layers that draw numbers.
    fn rng(&self) -> Option<&RefCell<Rng>> {
        None
    }
    /// Shape of the output for this input shape, without computing anything.
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        input.to_vec()
    }
    /// This layer as batch norm, if it is one.
    fn as_batch_norm(&self) -> Option<&super::BatchNorm<T>> {
        None
    }
    /// This layer as a linear layer, if it is one.
    fn as_linear(&self) -> Option<&super::Linear<T>> {
        None
    }
    /// This layer as a feature norm, if it is one.
    fn as_feature_norm(&self) -> Option<&super::FeatureNorm<T>> {
        None
    }
}

struct Body<T: Float> {
    layer: Box<dyn Layer<T>>,
    training: Cell<bool>,
    frozen: Cell<bool>,
}

/// A shared handle on a layer. New modules are in training mode, as in PyTorch.
pub struct Module<T: Float = f32>(Rc<Body<T>>);

impl<T: Float> Clone for Module<T> {
    fn clone(&self) -> Self {
        Module(self.0.clone())
    }
}

impl<T: Float> Module<T> {
    /// Around a layer: one of this crate's, which also convert by `into()`, or one's own.
    pub fn new(layer: impl Layer<T> + 'static) -> Self {
        Module(Rc::new(Body { layer: Box::new(layer), training: Cell::new(true), frozen: Cell::new(false) }))
    }
    /// The layer inside.
    pub fn layer(&self) -> &dyn Layer<T> {
        &*self.0.layer
    }
    /// Runs the layer in its own mode.
    pub fn forward(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let (y, updates) = self.forward_held(x)?;
        let ready = HELD.with_borrow_mut(|held| match held {
            Some(all) => {
                all.push(updates);
                None
            }
            None => Some(updates),
        });
        if let Some(updates) = ready {
            updates.commit();
        }
        Ok(y)
    }
    /// The same with the changes of running statistics held back until they are committed.
    pub fn forward_held(&self, x: &Tensor<T>) -> Result<(Tensor<T>, Updates)> {
        let updates = Updates::default();
        let y = self.run(x, Context { training: true, update: Some(&updates), probe: None })?;
        Ok((y, updates))
    }
    /// Runs the layer in eval mode without recording, whatever its mode, and leaves the mode as it is.
    pub fn predict(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        no_grad(|| self.run(x, Context { training: false, update: None, probe: None }))
    }
    /// Whether the layer behaves as in training.
    fn active(&self, ctx: Context<'_>) -> bool {
        ctx.training && self.0.training.get() && !self.0.frozen.get()
    }
    pub(super) fn run(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        let own = Context { training: self.active(ctx), ..ctx };
        // A container passes on what it was given: its children have modes of their own.
        let is_leaf = self.layer().children().is_empty();
        let y = self.layer().forward(x, if is_leaf { own } else { ctx }).map_err(|e| self.explain(e))?;
        if let Some(probe) = ctx.probe
            && is_leaf
            && probe.found.borrow().is_none()
            && !y.with_data(all_finite)
        {
            *probe.found.borrow_mut() = Some((probe.path.borrow().join("."), self.layer().kind()));
        }
        Ok(y)
    }
    /// Runs the layer with an activation in the same node, where that is possible.
    pub(super) fn run_fused(&self, x: &Tensor<T>, act: Unary<T>, ctx: Context<'_>) -> Option<Result<Tensor<T>>> {
        let own = Context { training: self.active(ctx), ..ctx };
        Some(self.layer().forward_fused(x, act, own)?.map_err(|e| self.explain(e)))
    }
    fn explain(&self, e: crate::Error) -> crate::Error {
        if e.get("kind").is_none() { e.with("kind", self.layer().kind()) } else { e }
    }
    /// Runs a child by name: errors and probes get its place.
    pub(super) fn run_child(name: &str, child: &Module<T>, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        if let Some(p) = ctx.probe {
            p.path.borrow_mut().push(name.to_owned());
        }
        let y = child.run(x, ctx).map_err(|e| e.inside(name));
        if let Some(p) = ctx.probe {
            p.path.borrow_mut().pop();
        }
        y
    }

    /// Calls `f` with this module and everything in it, parents first, with paths like `"2.body"` (empty for itself).
    pub fn visit(&self, f: &mut dyn FnMut(&str, &Module<T>)) {
        self.visit_at("", f);
    }
    fn visit_at(&self, path: &str, f: &mut dyn FnMut(&str, &Module<T>)) {
        f(path, self);
        for (name, child) in self.layer().children() {
            child.visit_at(&join(path, name), f);
        }
    }
    /// Calls `f` with every named item of the tree: `"0.weight"`, `"1.running_mean"`, ...
    pub fn items(&self, f: &mut dyn FnMut(&str, Item<'_, T>)) {
        self.visit(&mut |path, m| m.layer().items(&mut |name, item| f(&join(path, name), item)));
    }
    /// All parameters with their names, in order; one that occurs twice is listed once.
    pub fn parameters(&self) -> Vec<(String, Tensor<T>, Role)> {
        let mut all: Vec<(String, Tensor<T>, Role)> = Vec::new();
        self.items(&mut |name, item| {
            if let Item::Param(t, role) = item
                && !all.iter().any(|(_, o, _)| o.same(t))
            {
                all.push((name.to_owned(), t.clone(), role));
            }
        });
        all
    }
    /// Number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, t, _)| t.len()).sum()
    }
    /// Sets training mode in the whole tree.
    pub fn train(&self) {
        self.visit(&mut |_, m| m.0.training.set(true));
    }
    /// Sets eval mode in the whole tree.
    pub fn eval(&self) {
        self.visit(&mut |_, m| m.0.training.set(false));
    }
    /// Training modes of the whole tree, parents first.
    pub fn modes(&self) -> Vec<bool> {
        let mut modes = Vec::new();
        self.visit(&mut |_, m| modes.push(m.training()));
        modes
    }
    /// Puts back what [`modes`](Self::modes) gave.
    pub fn set_modes(&self, modes: &[bool]) {
        let mut i = 0;
        self.visit(&mut |_, m| {
            if let Some(&training) = modes.get(i) {
                m.0.training.set(training);
            }
            i += 1;
        });
    }
    /// Whether this module itself is in training mode.
    pub fn training(&self) -> bool {
        self.0.training.get()
    }
    /// Holds the whole tree as it is: eval behaviour through `train()`, parameters without gradients.
    pub fn freeze(&self, frozen: bool) {
        self.visit(&mut |_, m| {
            m.0.frozen.set(frozen);
            m.layer().items(&mut |_, item| {
                if let Item::Param(t, _) = item {
                    t.set_tracks(!frozen);
                    t.zero_grad();
                }
            });
        });
    }
    /// Whether this module itself is frozen.
    pub fn frozen(&self) -> bool {
        self.0.frozen.get()
    }
    /// Seeds every layer that draws random numbers, each with a stream of its own.
    pub fn seed(&self, seed: u64) {
        let mut place = 0;
        self.visit(&mut |_, m| {
            if let Some(rng) = m.layer().rng() {
                *rng.borrow_mut() = Rng::stream(seed, place);
            }
            place += 1;
        });
    }
    /// A model of the same build, values and modes that shares nothing with this one.
    pub fn duplicate(&self) -> Result<Self> {
        let copy = Self::from_spec(&self.spec(), &mut Rng::new(0))?;
        copy.load_state(&self.state(), true)?;
        let mut modes = Vec::new();
        self.visit(&mut |_, m| {
            modes.push((m.training(), m.frozen(), m.layer().rng().map(|r| r.borrow().state())));
        });
        let mut modes = modes.into_iter();
        copy.visit(&mut |_, m| {
            if let Some((training, frozen, rng)) = modes.next() {
                m.0.training.set(training);
                m.0.frozen.set(frozen);
                m.layer().items(&mut |_, item| {
                    if let Item::Param(t, _) = item {
                        t.set_tracks(!frozen);
                    }
                });
                if let (Some(state), Some(to)) = (rng.and_then(Rng::from_state), m.layer().rng()) {
                    *to.borrow_mut() = state;
                }
            }
        });
        Ok(copy)
    }
    /// The first layer whose output on `x` is not finite, run as in training but moving nothing.
    pub fn first_not_finite(&self, x: &Tensor<T>) -> Option<(String, &'static str)> {
        let probe = Probe::default();
        // An error on the way ends the search; what was found before it stands.
        let _ = no_grad(|| self.run(x, Context { training: true, update: None, probe: Some(&probe) }));
        probe.found()
    }
}

/// `a.b`, or `b` at the root.
pub(super) fn join(path: &str, name: &str) -> String {
    let mut s = String::with_capacity(path.len() + name.len() + 1);
    s.push_str(path);
    if !path.is_empty() {
        s.push('.');
    }
    s.push_str(name);
    s
}

/// A whole number in decimal digits. The standard library's way there brings its formatting along, most of a kilobyte.
pub(crate) fn decimal(mut n: usize) -> String {
    let mut s = String::new();
    loop {
        s.insert(0, char::from(b'0' + (n % 10) as u8));
        n /= 10;
        if n == 0 {
            return s;
        }
    }
}

/// Neither NaN nor infinity anywhere: x − x is 0 exactly for finite x.
pub(crate) fn all_finite<T: Float>(x: &[T]) -> bool {
    x.iter().all(|v| v.is_finite())
}
