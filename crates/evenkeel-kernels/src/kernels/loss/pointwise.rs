//! Losses of each element against its own target, with their derivatives by the prediction x (d = x − t):
//!
//! - `Mse` d², 2d; `L1` |d|, sign d;
//! - `Huber` ½d² up to |d| = δ, then δ(|d| − ½δ); the derivative is d held within ±δ;
//! - `SmoothL1` the same with δ = β, divided by β; β = 0 is `L1`;
//! - `Bce` of logits, −w·t·ln σ(x) − (1 − t)·ln(1 − σ(x)) with w the weight of the positive class, written as
//!   (1 + (w − 1)t)·ln(1 + e^−|x|) plus (1 − t)·x for x ≥ 0 or −w·t·x for x < 0: nothing overflows or cancels.
//!   The derivative is (1 + (w − 1)t)·σ(x) − w·t.
//!
//! PyTorch's values, derivatives and treatment of NaN (whose derivative is 0 in `L1`).

use crate::simd::{LANES, Lanes, Real};

/// A loss of one number against one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pointwise<T> {
    /// Squared error.
    Mse,
    /// Absolute error.
    L1,
    /// Squared near 0, absolute beyond.
    Huber {
        /// Where it turns, above 0.
        delta: T,
    },
    /// Huber divided by its threshold, so that the slope beyond is 1.
    SmoothL1 {
        /// Where it turns, 0 or more.
        beta: T,
    },
    /// Binary cross entropy of a logit against a probability.
    Bce,
}

/// Fills `losses`, one an element, and, if given, `dx` with the derivatives.
///
/// # Panics
/// If the lengths differ.
pub fn pointwise<T: Real>(op: Pointwise<T>, x: &[T], target: &[T], losses: &mut [T], dx: Option<&mut [T]>) {
    let dx = dx.unwrap_or_default();
    check(x, target, losses, dx);
    slice(op, x, target, None, losses, dx);
}

/// [`Pointwise::Bce`] with a weight of the positive class for each column: element i has `pos_weight[i % columns]`.
///
/// # Panics
/// If the lengths differ or there are elements but no weight.
pub fn bce_pos_weight<T: Real>(x: &[T], target: &[T], pos_weight: &[T], losses: &mut [T], dx: Option<&mut [T]>) {
    let dx = dx.unwrap_or_default();
    check(x, target, losses, dx);
    let columns = pos_weight.len();
    assert!(x.is_empty() || columns > 0, "bce: no pos_weight");
    let mut dx = dx.chunks_mut(columns.max(1));
    let rows = x.chunks(columns.max(1)).zip(target.chunks(columns.max(1)));
    for ((x, target), losses) in rows.zip(losses.chunks_mut(columns.max(1))) {
        let weight = Some(&pos_weight[..x.len()]);
        slice(Pointwise::Bce, x, target, weight, losses, dx.next().unwrap_or_default());
    }
}

fn check<T>(x: &[T], target: &[T], losses: &[T], dx: &[T]) {
    let n = x.len();
    assert!(target.len() == n && losses.len() == n, "pointwise loss: lengths differ");
    assert!(dx.is_empty() || dx.len() == n, "pointwise loss: the gradient's length differs");
}

/// Whole vectors, then the rest in padded ones. `dx` may be empty.
fn slice<T: Real>(op: Pointwise<T>, x: &[T], target: &[T], weight: Option<&[T]>, losses: &mut [T], dx: &mut [T]) {
    let (x, x_tail) = x.as_chunks::<LANES>();
    let (target, target_tail) = target.as_chunks::<LANES>();
    let weight = weight.map(|w| w.as_chunks::<LANES>());
    let (losses, losses_tail) = losses.as_chunks_mut::<LANES>();
    let (dx, dx_tail) = dx.as_chunks_mut::<LANES>();
    chunks(op, x, target, weight.map(|w| w.0), losses, dx);
    if !x_tail.is_empty() {
        let pad = |tail: &[T]| [T::V::load_part(tail, T::ONE).to_array()];
        let (mut l, mut d) = ([[T::ZERO; LANES]], [[T::ZERO; LANES]]);
        let weight = weight.map(|w| pad(w.1));
        chunks(op, &pad(x_tail), &pad(target_tail), weight.as_ref().map(|w| &w[..]), &mut l, &mut d);
        losses_tail.copy_from_slice(&l[0][..losses_tail.len()]);
        dx_tail.copy_from_slice(&d[0][..dx_tail.len()]);
    }
}

/// The one loop: f takes prediction, target and weight, and gives loss and derivative.
#[inline(always)]
fn map<T: Real>(
    x: &[[T; LANES]],
    target: &[[T; LANES]],
    weight: Option<&[[T; LANES]]>,
    losses: &mut [[T; LANES]],
    dx: &mut [[T; LANES]],
    f: impl Fn(T::V, T::V, T::V) -> (T::V, T::V),
) {
    let mut weight = weight.unwrap_or_default().iter();
    let mut dx = dx.iter_mut();
    for ((x, t), loss) in x.iter().zip(target).zip(losses) {
        let w = weight.next().map_or(T::V::splat(T::ONE), T::V::load);
        let (l, d) = f(T::V::load(x), T::V::load(t), w);
        l.store(loss);
        if let Some(dx) = dx.next() {
            d.store(dx);
        }
    }
}

#[inline(never)]
fn chunks<T: Real>(
    op: Pointwise<T>,
    x: &[[T; LANES]],
    target: &[[T; LANES]],
    weight: Option<&[[T; LANES]]>,
    losses: &mut [[T; LANES]],
    dx: &mut [[T; LANES]],
) {
    let (zero, one, half) = (T::V::zero(), T::V::splat(T::ONE), T::V::splat(T::of(0.5)));
    match op {
        Pointwise::SmoothL1 { beta } if beta != T::ZERO => {
            let beta = T::V::splat(beta);
            map(x, target, weight, losses, dx, |x, t, _| {
                let d = x - t;
                let a = d.abs();
                (T::V::select(a.lt(beta), half * a * a / beta, a - half * beta), (d / beta).max(-one).min(one))
            });
        }
        Pointwise::L1 | Pointwise::SmoothL1 { .. } => map(x, target, weight, losses, dx, |x, t, _| {
            let d = x - t;
            let below = T::V::select(d.lt(zero), -one, zero);
            (d.abs(), T::V::select(zero.lt(d), one, below))
        }),
        Pointwise::Mse => map(x, target, weight, losses, dx, |x, t, _| {
            let d = x - t;
            (d * d, d + d)
        }),
        Pointwise::Huber { delta } => {
            let delta = T::V::splat(delta);
            map(x, target, weight, losses, dx, |x, t, _| {
                let d = x - t;
                let a = d.abs();
                (T::V::select(a.lt(delta), half * a * a, delta * (a - half * delta)), d.max(-delta).min(delta))
            });
        }
        Pointwise::Bce => map(x, target, weight, losses, dx, |x, t, w| {
            let negative = x.lt(zero);
            let e = (-x.abs()).exp();
            let both = (w - one) * t + one;
            let line = T::V::select(negative, -(w * t * x), (one - t) * x);
            let sigmoid = T::V::select(negative, e, one) / (one + e);
            (both * e.ln_1p() + line, both * sigmoid - w * t)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: each loss as its definition, with the weight of the positive class.
    fn reference(op: Pointwise<f64>, x: f64, t: f64, w: f64) -> f64 {
        let d = x - t;
        let huber = |delta: f64| if d.abs() < delta { 0.5 * d * d } else { delta * (d.abs() - 0.5 * delta) };
        let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        match op {
            Pointwise::Mse => d * d,
            Pointwise::L1 | Pointwise::SmoothL1 { beta: 0.0 } => d.abs(),
            Pointwise::Huber { delta } => huber(delta),
            Pointwise::SmoothL1 { beta } => huber(beta) / beta,
            Pointwise::Bce => w * t * softplus(-x) + (1.0 - t) * softplus(x),
        }
    }

    fn all<T: Real>() -> [Pointwise<T>; 6] {
        use Pointwise::*;
        let t = T::of;
        [Mse, L1, Huber { delta: t(0.5) }, SmoothL1 { beta: t(0.25) }, SmoothL1 { beta: t(0.0) }, Bce]
    }

    const X: [f64; 13] = [0.3, -2.0, 1.5, 30.0, -30.0, 0.7, -0.2, 0.1, 5.0, -4.5, 0.0, 0.9, 2.5];
    const TARGET: [f64; 13] = [0.0, 1.0, 0.5, 1.0, 0.0, 0.6, 0.3, 0.2, 0.0, 1.0, 1.0, 0.75, 1.0];
    const WEIGHT: [f64; 3] = [0.5, 3.0, 1.0];

    fn check_all<T: Real>(tolerance: f64) {
        let t = |v: &[f64]| v.iter().map(|&v| T::of(v)).collect::<Vec<T>>();
        let close = |a: T, b: f64, tolerance: f64, what: &str| {
            assert!((a.f64() - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a:?} is not {b}");
        };
        for (op, op64) in all::<T>().into_iter().zip(all::<f64>()) {
            for n in 0..=X.len() {
                let (x, target, weights) = (t(&X[..n]), t(&TARGET[..n]), t(&WEIGHT));
                for weighted in [false, op == Pointwise::Bce] {
                    let (mut losses, mut dx) = (vec![T::ONE; n], vec![T::ONE; n]);
                    let mut again = vec![T::ONE; n];
                    if weighted {
                        bce_pos_weight(&x, &target, &weights, &mut losses, Some(&mut dx));
                        bce_pos_weight(&x, &target, &weights, &mut again, None);
                    } else {
                        pointwise(op, &x, &target, &mut losses, Some(&mut dx));
                        pointwise(op, &x, &target, &mut again, None);
                    }
                    assert_eq!(losses, again, "without the derivative");
                    for i in 0..n {
                        let w = if weighted { WEIGHT[i % 3] } else { 1.0 };
                        let f = |x| reference(op64, x, target[i].f64(), w);
                        let (x, h) = (x[i].f64(), 1e-6);
                        close(losses[i], f(x), tolerance, &format!("{op64:?} of {x}"));
                        close(dx[i], (f(x + h) - f(x - h)) / (2.0 * h), 1e-6, &format!("{op64:?}' at {x}"));
                    }
                }
            }
        }
    }

    #[test]
    fn losses_and_derivatives_match_the_definitions() {
        check_all::<f64>(1e-14);
        check_all::<f32>(1e-6);
    }

    #[test]
    fn kinks_and_extremes_are_pytorchs() {
        use Pointwise::*;
        let table = [
            (L1, 1.0, 1.0, 0.0, 0.0),
            (SmoothL1 { beta: 0.0 }, 1.0, 1.0, 0.0, 0.0),
            (SmoothL1 { beta: 0.5 }, 0.5, 0.0, 0.25, 1.0),
            (Huber { delta: 0.5 }, -0.5, 0.0, 0.125, -0.5),
            (Bce, 1e4, 1.0, 0.0, 0.0),
            (Bce, 1e4, 0.0, 1e4, 1.0),
            (Bce, -1e4, 0.0, 0.0, 0.0),
            (Bce, -1e4, 1.0, 1e4, -1.0),
        ];
        for (op, x, target, loss, slope) in table {
            let (mut l, mut d) = ([9.0f32], [9.0f32]);
            pointwise(op, &[x], &[target], &mut l, Some(&mut d));
            assert_eq!((l[0], d[0]), (loss, slope), "{op:?} at {x}, {target}");
        }
        let (mut l, mut d) = ([0.0f32], [9.0f32]);
        for (op, slope) in [(L1, Some(0.0)), (Mse, None), (Huber { delta: 1.0 }, None), (Bce, None)] {
            pointwise(op, &[f32::NAN], &[0.5], &mut l, Some(&mut d));
            assert!(l[0].is_nan() && slope.map_or(d[0].is_nan(), |s| d[0] == s), "{op:?}: {l:?} {d:?}");
        }
    }

    #[test]
    fn a_confident_right_answer_keeps_its_tiny_loss() {
        let (mut l, mut d) = ([0.0f32; 2], [0.0f32; 2]);
        pointwise(Pointwise::Bce, &[-30.0, 30.0], &[0.0, 1.0], &mut l, Some(&mut d));
        let right = libm::exp(-30.0);
        assert!(l.iter().all(|&l| (l as f64 / right - 1.0).abs() < 1e-5), "{l:?}");
    }
}
