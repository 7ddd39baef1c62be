//! Optimizers over parameter groups.
//!
//! The parameters of a group, their gradients and the optimizer's moments each lie in one contiguous arena, so an update
//! is one fused pass over memory. Within a group the decayed parameters (weights) come first; biases and the scale and
//! shift of normalisation are not decayed unless the group asks for it.
//!
//! A parameter without a gradient in this step (frozen, or not part of the loss) is skipped: neither its value nor its
//! own step counter moves, as in PyTorch.

mod checkpoint;

use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::kernels::optim::{self as kernel, MOST_SLOTS, Step};
use crate::nn::Role;
use crate::tensor::{Float, View};
pub(crate) use checkpoint::{bits, find, from_bits, is_count};
use core::array::from_fn;

pub use crate::kernels::optim::{Adadelta, Adagrad, Adam, Adamax, Algorithm, NAdam, RAdam, RmsProp, Sgd};

/// Limits gradients before an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Scales all gradients so that their common norm is at most `max`; `p` is the kind of norm (2, 1, ∞, ...).
    Norm {
        /// The largest norm allowed.
        max: f64,
        /// Which norm.
        p: f64,
    },
    /// Limits each gradient to ±this.
    Value(f64),
}

/// What a group is made of.
pub struct GroupOptions<T: Float = f32> {
    /// Parameters and what they are for.
    pub params: Vec<(Tensor<T>, Role)>,
    /// The algorithm with its settings.
    pub algorithm: Algorithm,
    /// Whether weight decay also reaches biases and normalisation.
    pub decay_all: bool,
}

struct Member<T: Float> {
    tensor: Tensor<T>,
    offset: usize,
    decayed: bool,
    t: u64,
    /// NAdam's product of momenta, which goes with `t`.
    scalar: f64,
}

impl<T: Float> Member<T> {
    /// Its place in the group's arenas.
    fn range(&self) -> core::ops::Range<usize> {
        self.offset..self.offset + self.tensor.len()
    }
}

struct Group<T: Float> {
    algorithm: Algorithm,
    members: Vec<Member<T>>,
    data: View<T>,
    grad: View<T>,
    /// Moments and the like, with the names the algorithm has for them.
    slots: Vec<(&'static str, View<T>)>,
    /// Exponential average of the parameters, where one is kept.
    average: Option<View<T>>,
}

/// An optimizer with its parameters.
pub struct Optimizer<T: Float = f32> {
    groups: Vec<Group<T>>,
    average_decay: Option<f64>,
}

impl<T: Float> Optimizer<T> {
    /// Takes the parameters of each group into an arena. A parameter belongs to one group.
    pub fn new(groups: Vec<GroupOptions<T>>) -> Result<Self> {
        let mut all: Vec<Tensor<T>> = Vec::new();
        for g in &groups {
            if let Err((name, value)) = g.algorithm.validate() {
                return Err(Error::argument(name, "a value this optimizer can use", value));
            }
            for (p, _) in &g.params {
                if all.iter().any(|o| o.same(p)) {
                    return Err(Error::argument("parameters", "each parameter in one group", p.shape()));
                }
                all.push(p.clone());
            }
        }
        if all.is_empty() {
            return Err(Error::new(Code::Empty).with("argument", "parameters"));
        }
        let groups = groups.into_iter().map(Group::new).collect::<Result<_>>()?;
        Ok(Optimizer { groups, average_decay: None })
    }
    /// One group with these parameters.
    pub fn single(params: Vec<(Tensor<T>, Role)>, algorithm: Algorithm) -> Result<Self> {
        Self::new(vec![GroupOptions { params, algorithm, decay_all: false }])
    }
    /// Forgets all gradients.
    pub fn zero_grad(&self) {
        self.groups.iter().flat_map(|g| &g.members).for_each(|m| m.tensor.zero_grad());
    }
    /// Updates every parameter that has a gradient, each gradient multiplied by `scale` first. Returns the norm of the
    /// (scaled) gradients where clipping needed it.
    pub fn step(&mut self, scale: f64, clip: Option<Clip>) -> Result<Option<f64>> {
        for g in &mut self.groups {
            g.gather()?;
            g.fit_slots()?;
        }
        let (mut scale, mut norm) = (scale, None);
        match clip {
            None => {}
            Some(Clip::Value(c)) => {
                for g in &self.groups {
                    for m in g.members.iter().filter(|m| m.tensor.has_grad()) {
                        let grad = &mut g.grad.write()[m.range()];
                        if scale != 1.0 {
                            kernel::scale(grad, scale);
                        }
                        kernel::clip_value(grad, c);
                    }
                }
                scale = 1.0;
            }
            Some(Clip::Norm { max, p }) => {
                let n = kernel::grad_norm(&|f| self.each_grad(f), p) * scale;
                norm = Some(n);
                scale *= kernel::clip_factor(n, max);
            }
        }
        for g in &mut self.groups {
            g.step(scale);
            if let (Some(decay), Some(average)) = (self.average_decay, &g.average) {
                T::ema(&mut average.write(), &g.data.read(), decay);
            }
        }
        Ok(norm)
    }
    /// Calls `f` with each gradient that there is.
    fn each_grad(&self, f: &mut dyn FnMut(&[T])) {
        for g in &self.groups {
            for m in g.members.iter().filter(|m| m.tensor.has_grad()) {
                f(&g.grad.read()[m.range()]);
            }
        }
    }
    /// Names of the algorithms, one a group.
    pub fn names(&self) -> Vec<&'static str> {
        self.groups.iter().map(|g| g.algorithm.name()).collect()
    }
    /// Names of the state arrays of each group.
    pub(crate) fn slot_names(&self) -> Vec<Vec<&'static str>> {
        self.groups.iter().map(|g| g.slots.iter().map(|s| s.0).collect()).collect()
    }
    /// Number of groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }
    /// The algorithm of a group, to read or change its settings.
    pub fn algorithm(&mut self, group: usize) -> Option<&mut Algorithm> {
        self.groups.get_mut(group).map(|g| &mut g.algorithm)
    }
    /// Learning rates, one a group.
    pub fn rates(&self) -> Vec<f64> {
        self.groups.iter().map(|g| g.algorithm.lr()).collect()
    }
    /// Sets the learning rate of each group, and the momentum of all where one is given.
    pub fn set_rates(&mut self, rates: &[f64], momentum: Option<f64>) -> Result<()> {
        for (g, &lr) in self.groups.iter_mut().zip(rates) {
            g.algorithm.set_lr(lr);
            if let Some(m) = momentum {
                g.algorithm.set_momentum(m);
                g.fit_slots()?;
            }
        }
        Ok(())
    }
    /// Starts keeping an exponential average of the parameters: a ← d·a + (1 − d)·p after each step.
    pub fn keep_average(&mut self, decay: f64) -> Result<()> {
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::argument("average", "at least 0 and below 1", decay));
        }
        self.average_decay = Some(decay);
        for g in &mut self.groups {
            g.gather()?;
            g.average = Some(g.data.copy()?);
        }
        Ok(())
    }
    /// Exchanges parameters and their averages; doing it again undoes it.
    pub fn swap_average(&mut self) -> Result<()> {
        for g in &mut self.groups {
            g.gather()?;
            let Some(average) = &g.average else {
                return Err(Error::new(Code::WrongMode).with("reason", "no average is kept"));
            };
            average.write().swap_with_slice(&mut g.data.write());
        }
        Ok(())
    }
}

impl<T: Float> Group<T> {
    fn new(o: GroupOptions<T>) -> Result<Self> {
        let mut members = Vec::with_capacity(o.params.len());
        let mut total = 0;
        for decayed in [true, false] {
            for (tensor, role) in &o.params {
                if (o.decay_all || *role == Role::Weight) == decayed {
                    members.push(Member { tensor: tensor.clone(), offset: total, decayed, t: 0, scalar: 1.0 });
                    total += tensor.len();
                }
            }
        }
        let (data, grad) = (View::full(total, T::ZERO)?, View::full(total, T::ZERO)?);
        let mut g = Group { algorithm: o.algorithm, members, data, grad, slots: Vec::new(), average: None };
        g.gather()?;
        g.fit_slots()?;
        Ok(g)
    }
    /// Gives the algorithm the slots it wants now: a schedule that sets a momentum makes SGD want one more.
    fn fit_slots(&mut self) -> Result<()> {
        let names = self.algorithm.slot_names();
        if self.slots.iter().map(|s| s.0).eq(names.iter().copied()) {
            return Ok(());
        }
        let mut slots = Vec::with_capacity(names.len());
        for (k, name) in names.iter().enumerate() {
            let view = match self.slots.iter().find(|s| s.0 == *name) {
                Some((_, v)) => v.clone(),
                None => View::full(self.data.len(), T::of(self.algorithm.slot_start(k)))?,
            };
            slots.push((*name, view));
        }
        self.slots = slots;
        Ok(())
    }
    fn part(&self, v: &View<T>, m: &Member<T>) -> View<T> {
        v.part(m.offset, m.tensor.len())
    }
    /// Brings parameters into the arena that are not there: all at first, later those another optimizer took.
    fn gather(&mut self) -> Result<()> {
        for m in &self.members {
            if !m.tensor.view().same_block(&self.data) {
                m.tensor.adopt(self.part(&self.data, m), self.part(&self.grad, m));
            }
        }
        Ok(())
    }
    fn step(&mut self, scale: f64) {
        let ready = |m: &Member<T>| m.tensor.has_grad() && m.tensor.tracks();
        let mut i = 0;
        while i < self.members.len() {
            if !ready(&self.members[i]) {
                i += 1;
                continue;
            }
            // Neighbours that are at the same step and decay alike are one pass.
            let (t, decayed, from) = (self.members[i].t, self.members[i].decayed, self.members[i].offset);
            let mut algorithm = self.algorithm;
            if let [scalar] = algorithm.scalars_mut() {
                *scalar = self.members[i].scalar;
            }
            algorithm.begin(t + 1);
            let scalar = algorithm.scalars().first().copied().unwrap_or(1.0);
            let mut len = 0;
            while let Some(m) = self.members.get_mut(i)
                && m.t == t
                && m.decayed == decayed
                && ready(m)
            {
                m.t += 1;
                m.scalar = scalar;
                len += m.tensor.len();
                i += 1;
            }
            let weight_decay = if decayed { algorithm.weight_decay() } else { 0.0 };
            let step = Step { t: t + 1, weight_decay, grad_scale: scale };
            let mut arrays: [_; MOST_SLOTS] = from_fn(|k| self.slots.get(k).map(|s| s.1.write()));
            let mut slots: [&mut [T]; MOST_SLOTS] = arrays.each_mut().map(|array| match array {
                Some(array) => &mut array[from..from + len],
                None => &mut [],
            });
            let slots = &mut slots[..self.slots.len()];
            let (p, g) = (&mut self.data.write()[from..from + len], &self.grad.read()[from..from + len]);
            T::optimize(&algorithm, step, p, g, slots);
        }
    }
}

/// Scales the gradients of these tensors so that their common norm is at most `max`; returns the norm before.
pub fn clip_grad_norm<T: Float>(params: &[Tensor<T>], max: f64, p: f64) -> Result<f64> {
    let norm = kernel::grad_norm(&|f| params.iter().filter_map(Tensor::grad).for_each(|g| g.with_data(|g| f(g))), p);
    let factor = kernel::clip_factor(norm, max);
    change_grads(params, |g| kernel::scale(g, factor))?;
    Ok(norm)
}

/// Limits each gradient of these tensors to ±`c`.
pub fn clip_grad_value<T: Float>(params: &[Tensor<T>], c: f64) -> Result<()> {
    change_grads(params, |g| kernel::clip_value(g, c))
}

fn change_grads<T: Float>(params: &[Tensor<T>], f: impl Fn(&mut [T])) -> Result<()> {
    for p in params {
        if let Some(g) = p.grad() {
            g.with_data_mut(&f);
            p.set_grad(&g.to_vec())?;
        }
    }
    Ok(())
}
