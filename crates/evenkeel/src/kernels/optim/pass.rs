//! The one loop of all optimizers: parameters, gradients and state arrays side by side, each read and written once.
//!
//! A rule is a function on vectors: (parameter, gradient, its state) → (parameter, state). The loop scales the
//! gradient, adds the weight decay and hands over; the ragged end goes through the same code in a padded block, so a
//! number's bits do not depend on where it stands.

use super::Step;
use crate::simd::{LANES, Lanes, Real};
use core::array::from_fn;

/// What happens to parameter and gradient before the rule, in f64, to be rounded once.
#[derive(Clone, Copy)]
pub(super) struct Prepare {
    /// Factor of the gradient: its scale, negative to maximise.
    scale: f64,
    /// Part of the parameter added to the gradient.
    couple: f64,
    /// Factor of the parameter.
    keep: f64,
}

impl Prepare {
    /// Nothing.
    pub(super) const fn none() -> Self {
        Self { scale: 1.0, couple: 0.0, keep: 1.0 }
    }

    /// g ← scale·g + weight_decay·p, or decoupled (AdamW): p ← (1 − lr·weight_decay)·p.
    pub(super) fn new(step: Step, maximize: bool, decoupled: Option<f64>) -> Self {
        let scale = if maximize { -step.grad_scale } else { step.grad_scale };
        match decoupled {
            Some(lr) => Self { scale, couple: 0.0, keep: 1.0 - lr * step.weight_decay },
            None => Self { scale, couple: step.weight_decay, keep: 1.0 },
        }
    }
}

/// Runs `rule` over all numbers. `slots` are the first `S` state arrays; more are left alone.
///
/// # Panics
/// If an array's length is not the parameters', or there are fewer than `S` slots: a caller's mistake, not a user's.
pub(super) fn pass<T: Real, const S: usize>(
    prepare: Prepare,
    p: &mut [T],
    g: &[T],
    slots: &mut [&mut [T]],
    rule: impl Fn(T::V, T::V, [T::V; S]) -> (T::V, [T::V; S]) + Copy,
) {
    let n = p.len();
    assert!(slots.len() >= S && g.len() == n && slots[..S].iter().all(|s| s.len() == n));
    let [scale, couple, keep] = [prepare.scale, prepare.couple, prepare.keep].map(|x| T::V::splat(T::of(x)));
    let rule = move |p: T::V, g: T::V, s: [T::V; S]| rule(p * keep, g * scale + p * couple, s);

    let (p, p_end) = p.as_chunks_mut::<LANES>();
    let (g, g_end) = g.as_chunks::<LANES>();
    let mut slots = slots.iter_mut().map(|s| s.as_chunks_mut::<LANES>());
    let mut slots: [_; S] = from_fn(|_| slots.next().unwrap_or_default());
    blocks::<T, S>(p, g, slots.each_mut().map(|s| &mut *s.0), rule);
    if !p_end.is_empty() {
        let pad = |x: &[T]| T::V::load_part(x, T::ZERO).to_array();
        let (mut p, mut s) = ([pad(p_end)], slots.each_ref().map(|s| [pad(s.1)]));
        blocks::<T, S>(&mut p, &[pad(g_end)], s.each_mut().map(|s| &mut s[..]), rule);
        p_end.copy_from_slice(&p[0][..p_end.len()]);
        for (slot, s) in slots.iter_mut().zip(&s) {
            slot.1.copy_from_slice(&s[0][..slot.1.len()]);
        }
    }
}

/// Vectors a turn of the loop: what it costs to go round is shared.
const TURN: usize = 2;

/// The loop proper. The rule comes by value, constants and all: behind a reference they would be read again for each
/// vector, since the loop writes. Called for the whole
/// blocks and for the padded one, but compiled once a rule.
#[inline(never)]
fn blocks<T: Real, const S: usize>(
    p: &mut [[T; LANES]],
    g: &[[T; LANES]],
    slots: [&mut [[T; LANES]]; S],
    rule: impl Fn(T::V, T::V, [T::V; S]) -> (T::V, [T::V; S]) + Copy,
) {
    let n = p.len();
    let (p, p_rest) = p.as_chunks_mut::<TURN>();
    let (g, g_rest) = g[..n].as_chunks::<TURN>();
    let mut slots = slots.map(|s| s[..n].as_chunks_mut::<TURN>());
    let turns = slots.each_mut().map(|s| &mut *s.0);
    for i in 0..p.len() {
        for u in 0..TURN {
            let state = from_fn(|k| T::V::load(&turns[k][i][u]));
            let (new, state) = rule(T::V::load(&p[i][u]), T::V::load(&g[i][u]), state);
            new.store(&mut p[i][u]);
            (0..S).for_each(|k| state[k].store(&mut turns[k][i][u]));
        }
    }
    let rests = slots.map(|s| s.1);
    for i in 0..p_rest.len() {
        let state = from_fn(|k| T::V::load(&rests[k][i]));
        let (new, state) = rule(T::V::load(&p_rest[i]), T::V::load(&g_rest[i]), state);
        new.store(&mut p_rest[i]);
        (0..S).for_each(|k| state[k].store(&mut rests[k][i]));
    }
}

/// `f` at each number of an array, in place, vector by vector.
pub(super) fn each<T: Real>(x: &mut [T], f: impl Fn(T::V) -> T::V) {
    let (lanes, end) = x.as_chunks_mut::<LANES>();
    lanes.iter_mut().for_each(|x| f(T::V::load(x)).store(x));
    f(T::V::load_part(end, T::ZERO)).store_part(end);
}
