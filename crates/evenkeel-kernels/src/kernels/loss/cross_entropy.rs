//! Softmax and cross entropy in one, for class indices and for probabilities; and the negative log likelihood.
//!
//! With p = softmax(x), z = x − max x and ln Z = ln Σ eᶻ (so ln p = z − ln Z, stable for any finite logits), every
//! variant is a row's loss −Σ qₖ·ln pₖ = Q·ln Z − Σ qₖzₖ with Q = Σ qₖ, and its gradient Q·p − q. They differ in q:
//!
//! - index t: q = (1 − s)·w_t at t, plus (s/K)·wₖ at each of the K classes;
//! - probabilities: qₖ = wₖ((1 − s)·tₖ + s/K),
//!
//! for label smoothing s and class weights w. Both are PyTorch's `cross_entropy`. Its mean divides by Σ w_t over the
//! rows that are not ignored (with smoothing too), and for probabilities by the number of rows.
//!
//! A row with a NaN, with +∞, or with nothing but −∞ gives NaN. A single −∞ is a class of probability 0; its loss is ∞
//! as a target, and NaN (0·∞) if smoothing or probabilities touch it, as in PyTorch.

use super::lanes_at;
use crate::simd::{LANES, Lanes, Real};

/// Settings of the cross entropies, in PyTorch's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy<'a, T> {
    /// Weight of each class; all 1 if absent.
    pub weight: Option<&'a [T]>,
    /// Rows with this label have loss and gradient 0. Not used with probabilities.
    pub ignore_index: i32,
    /// Share of the target that is spread evenly over all classes, 0 to 1.
    pub label_smoothing: T,
}

impl<T: Real> Default for CrossEntropy<'_, T> {
    fn default() -> Self {
        Self { weight: None, ignore_index: -100, label_smoothing: T::ZERO }
    }
}

/// Cross entropy of logits `x`, rows of `classes` (at least one), against class indices.
///
/// Fills `losses` (one a row) and, if given, `dx` with the gradient of each row's loss; returns the total weight, the
/// denominator of the mean.
///
/// # Panics
/// If lengths do not fit, or for a label that [`check_labels`](super::check_labels) refuses.
pub fn cross_entropy_index<T: Real>(
    x: &[T],
    classes: usize,
    target: &[i32],
    opts: &CrossEntropy<T>,
    losses: &mut [T],
    dx: Option<&mut [T]>,
) -> T {
    let smooth = opts.label_smoothing;
    let soft = Soft { target: None, weight: opts.weight, keep: T::ZERO, even: smooth / T::of(classes as f64) };
    let soft = (smooth != T::ZERO).then_some(soft);
    each_label(x, classes, target, opts, losses, dx, |x, t, weight, dx| {
        softmax_row(x, soft, Some((t, (T::ONE - smooth) * weight)), dx)
    })
}

/// Cross entropy of logits `x`, rows of `classes` (at least one), against a probability of each class (`target`, like
/// `x`). Fills `losses` and `dx` as [`cross_entropy_index`] does; returns the number of rows.
///
/// # Panics
/// If lengths do not fit.
pub fn cross_entropy_soft<T: Real>(
    x: &[T],
    classes: usize,
    target: &[T],
    opts: &CrossEntropy<T>,
    losses: &mut [T],
    dx: Option<&mut [T]>,
) -> T {
    let dx = dx.unwrap_or_default();
    assert!(target.len() == x.len(), "cross entropy: lengths differ");
    check_rows(x, classes, losses.len(), dx);
    let keep = T::ONE - opts.label_smoothing;
    let even = opts.label_smoothing / T::of(classes as f64);
    let mut dx = dx.chunks_exact_mut(classes);
    let rows = x.chunks_exact(classes).zip(target.chunks_exact(classes));
    for ((x, target), loss) in rows.zip(losses.iter_mut()) {
        let soft = Soft { target: Some(target), weight: opts.weight, keep, even };
        *loss = softmax_row(x, Some(soft), None, dx.next().unwrap_or_default());
    }
    T::of(losses.len() as f64)
}

/// Negative log likelihood −w_t·x_t of log-probabilities `x` against class indices (PyTorch's `nll_loss`); label
/// smoothing is not used. Otherwise as [`cross_entropy_index`].
///
/// # Panics
/// If lengths do not fit, or for a label that [`check_labels`](super::check_labels) refuses.
pub fn nll_index<T: Real>(
    x: &[T],
    classes: usize,
    target: &[i32],
    opts: &CrossEntropy<T>,
    losses: &mut [T],
    dx: Option<&mut [T]>,
) -> T {
    each_label(x, classes, target, opts, losses, dx, |x, t, weight, dx| {
        if !dx.is_empty() {
            dx.fill(T::ZERO);
            dx[t] = -weight;
        }
        -x[t] * weight
    })
}

fn check_rows<T>(x: &[T], classes: usize, rows: usize, dx: &[T]) {
    assert!(classes > 0 && x.len() == rows * classes, "cross entropy: lengths differ");
    assert!(dx.is_empty() || dx.len() == x.len(), "cross entropy: the gradient's length differs");
}

/// Calls `row(x, label, weight, dx)` for the rows that are not ignored and sums their weights.
fn each_label<T: Real>(
    x: &[T],
    classes: usize,
    target: &[i32],
    opts: &CrossEntropy<T>,
    losses: &mut [T],
    dx: Option<&mut [T]>,
    row: impl Fn(&[T], usize, T, &mut [T]) -> T,
) -> T {
    let dx = dx.unwrap_or_default();
    assert!(target.len() == losses.len(), "cross entropy: lengths differ");
    check_rows(x, classes, losses.len(), dx);
    let mut dx = dx.chunks_exact_mut(classes);
    let (mut total, mut lost) = (T::ZERO, T::ZERO);
    for (r, (x, loss)) in x.chunks_exact(classes).zip(losses).enumerate() {
        let dx = dx.next().unwrap_or_default();
        if target[r] == opts.ignore_index {
            *loss = T::ZERO;
            dx.fill(T::ZERO);
        } else {
            let label = target[r] as usize;
            let weight = opts.weight.map_or(T::ONE, |w| w[label]);
            *loss = row(x, label, weight, dx);
            // Kahan's sum: what an addition rounds off is added to the next.
            let next = weight - lost;
            let sum = total + next;
            lost = (sum - total) - next;
            total = sum;
        }
    }
    total
}

/// The part of q that touches every class: qₖ = wₖ(keep·tₖ + even).
#[derive(Clone, Copy)]
struct Soft<'a, T> {
    target: Option<&'a [T]>,
    weight: Option<&'a [T]>,
    keep: T,
    even: T,
}

impl<T: Real> Soft<'_, T> {
    /// q of the classes from `i` on; lanes beyond the last class are 0.
    #[inline(always)]
    fn at(&self, i: usize, classes: usize) -> T::V {
        let even = T::V::splat(self.even);
        let q = match self.target {
            Some(t) => lanes_at(t, i, T::ZERO) * T::V::splat(self.keep) + even,
            None => even,
        };
        match self.weight {
            Some(w) => q * lanes_at(w, i, T::ZERO),
            None if i + LANES <= classes => q,
            None => T::V::load_part(&q.to_array()[..classes - i], T::ZERO),
        }
    }
}

/// The loss of one row; its gradient into `dx` unless that is empty. q is `soft` plus, for (t, v) in `spike`, v at t.
fn softmax_row<T: Real>(x: &[T], soft: Option<Soft<T>>, spike: Option<(usize, T)>, dx: &mut [T]) -> T {
    let max = row_max(x);
    let sum = row_exp(x, max, dx);
    let (mut total, mut dot) = (T::ZERO, T::ZERO);
    if let Some(soft) = soft {
        let (mut q_sum, mut z_sum) = (T::V::zero(), T::V::zero());
        for i in (0..x.len()).step_by(LANES) {
            let q = soft.at(i, x.len());
            q_sum += q;
            z_sum += q * (lanes_at(x, i, max) - T::V::splat(max));
        }
        (total, dot) = (q_sum.sum(), z_sum.sum());
    }
    if let Some((t, v)) = spike {
        total += v;
        dot += v * (x[t] - max);
    }
    if !dx.is_empty() {
        let scale = total / sum;
        super::scale_all(dx, scale);
        if let Some(soft) = soft {
            for i in (0..x.len()).step_by(LANES) {
                let to = i + LANES.min(x.len() - i);
                (lanes_at(dx, i, T::ZERO) - soft.at(i, x.len())).store_part(&mut dx[i..to]);
            }
        }
        if let Some((t, v)) = spike {
            dx[t] -= v;
        }
    }
    total * sum.lane(|z| z.ln()) - dot
}

/// Largest number of a row; a NaN is passed over here and comes back in the sum of exponentials.
fn row_max<T: Real>(x: &[T]) -> T {
    let lowest = -T::INFINITY;
    let (x, tail) = x.as_chunks::<LANES>();
    let max = T::V::load_part(tail, lowest);
    x.iter().fold(T::V::splat(lowest).max(max), |max, x| max.max(T::V::load(x))).max_lane()
}

/// Σ e^(x − max); the exponentials themselves into `e` unless that is empty.
fn row_exp<T: Real>(x: &[T], max: T, e: &mut [T]) -> T {
    let max = T::V::splat(max);
    let (x, x_tail) = x.as_chunks::<LANES>();
    let (e, e_tail) = e.as_chunks_mut::<LANES>();
    let mut e = e.iter_mut();
    let mut sum = T::V::zero();
    for x in x {
        let v = (T::V::load(x) - max).exp();
        sum += v;
        if let Some(e) = e.next() {
            v.store(e);
        }
    }
    if !x_tail.is_empty() {
        let v = (T::V::load_part(x_tail, -T::INFINITY) - max).exp();
        sum += v;
        v.store_part(e_tail);
    }
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 4;
    const TARGET: [i32; ROWS] = [0, 1, -100, 3];

    /// Target probabilities, one row a class distribution: what index and smoothing come to.
    fn smoothed(classes: usize, smooth: f64, weight: &[f64]) -> Vec<f64> {
        let mut q = vec![0.0; ROWS * classes];
        for (r, q) in q.chunks_mut(classes).enumerate().filter(|(r, _)| TARGET[*r] >= 0) {
            let t = TARGET[r] as usize % classes;
            for k in 0..classes {
                q[k] = weight[k] * ((1.0 - smooth) * f64::from(k == t) + smooth / classes as f64);
            }
        }
        q
    }

    /// The oracle: loss −Σ q ln p and gradient of each row, straight from the definition.
    fn reference(x: &[f64], q: &[f64], classes: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut losses, mut dx) = (vec![], vec![]);
        for (x, q) in x.chunks(classes).zip(q.chunks(classes)) {
            let max = x.iter().fold(f64::MIN, |a, &b| a.max(b));
            let sum: f64 = x.iter().map(|x| libm::exp(x - max)).sum();
            let total: f64 = q.iter().sum();
            losses.push(x.iter().zip(q).map(|(x, q)| q * (libm::log(sum) - (x - max))).sum());
            dx.extend(x.iter().zip(q).map(|(x, q)| total * libm::exp(x - max) / sum - q));
        }
        (losses, dx)
    }

    fn logits(classes: usize) -> Vec<f64> {
        (0..ROWS * classes).map(|i| f64::from((i * i * 7 % 31) as f32 * 0.37 - 4.0)).collect()
    }

    fn close<T: Real>(got: &[T], right: &[f64], tolerance: f64, what: &str) {
        assert_eq!(got.len(), right.len());
        for (a, b) in got.iter().zip(right) {
            assert!((a.f64() - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {got:?} is not {right:?}");
        }
    }

    fn check_all<T: Real>(tolerance: f64) {
        let t = |v: &[f64]| v.iter().map(|&v| T::of(v)).collect::<Vec<T>>();
        for classes in 1..=13 {
            let x = logits(classes);
            let labels = TARGET.map(|l| if l < 0 { l } else { l % classes as i32 });
            let weights: Vec<f64> = (0..classes).map(|k| 0.5 + k as f64 * 0.25).collect();
            for (smooth, weighted) in [(0.0, false), (0.0, true), (0.25, false), (0.25, true), (1.0, true)] {
                let what = format!("{classes} classes, smoothing {smooth}, weighted {weighted}");
                let weight = if weighted { weights.clone() } else { vec![1.0; classes] };
                let tw = t(&weight);
                let opts = CrossEntropy {
                    weight: weighted.then_some(&tw[..]),
                    label_smoothing: T::of(smooth),
                    ..CrossEntropy::default()
                };
                let (mut losses, mut dx) = (vec![T::ONE; ROWS], vec![T::ONE; x.len()]);
                let (right, right_dx) = reference(&x, &smoothed(classes, smooth, &weight), classes);
                let total = cross_entropy_index(&t(&x), classes, &labels, &opts, &mut losses, Some(&mut dx));
                close(&losses, &right, tolerance, &what);
                close(&dx, &right_dx, tolerance, &what);
                let sum: f64 = labels.iter().filter(|&&l| l >= 0).map(|&l| weight[l as usize]).sum();
                close(&[total], &[sum], tolerance, "total weight");
                let mut again = vec![T::ZERO; ROWS];
                cross_entropy_index(&t(&x), classes, &labels, &opts, &mut again, None);
                assert_eq!(again, losses, "without the gradient");

                // Probabilities that are no distribution, so that Q is not 1.
                let probabilities: Vec<f64> = (0..x.len()).map(|i| (i % 5) as f64 * 0.2).collect();
                let q = probabilities.iter().enumerate();
                let q = q.map(|(i, p)| weight[i % classes] * ((1.0 - smooth) * p + smooth / classes as f64));
                let (right, right_dx) = reference(&x, &q.collect::<Vec<_>>(), classes);
                let rows = cross_entropy_soft(&t(&x), classes, &t(&probabilities), &opts, &mut losses, Some(&mut dx));
                close(&losses, &right, tolerance, &what);
                close(&dx, &right_dx, tolerance, &what);
                assert_eq!(rows.f64(), ROWS as f64);
            }
        }
    }

    #[test]
    fn all_variants_match_the_definition() {
        check_all::<f64>(1e-13);
        check_all::<f32>(3e-6);
    }

    #[test]
    fn large_logits_neither_overflow_nor_lose() {
        let mut losses = [0.0f32; 2];
        let mut dx = [0.0f32; 4];
        let opts = CrossEntropy::default();
        cross_entropy_index(&[1000.0, 0.0, -1e4, 1e4], 2, &[1, 1], &opts, &mut losses, Some(&mut dx));
        assert_eq!(losses, [1000.0, 0.0]);
        assert_eq!(dx, [1.0, -1.0, 0.0, 0.0]);
        let mut losses = [0.0f64];
        let mut dx = [0.0; 3];
        let opts = CrossEntropy::default();
        cross_entropy_index(&[0.0, -3.0, -1.0], 3, &[2], &opts, &mut losses, Some(&mut dx));
        close(&losses, &[1.3490122], 1e-7, "loss");
        close(&dx, &[0.7053845, 0.0351190, -0.7405035], 1e-7, "gradient");
    }

    #[test]
    fn ignored_rows_count_for_nothing_even_when_nan() {
        let (mut losses, mut dx) = ([1.0f32; 2], [1.0f32; 4]);
        let x = [f32::NAN, 0.0, f32::INFINITY, 0.0];
        let opts = CrossEntropy { ignore_index: 1, label_smoothing: 0.1, weight: Some(&[2.0, 3.0]) };
        assert_eq!(cross_entropy_index(&x, 2, &[1, 1], &opts, &mut losses, Some(&mut dx)), 0.0);
        assert_eq!((losses, dx), ([0.0; 2], [0.0; 4]));
        assert_eq!(nll_index(&x, 2, &[1, 1], &opts, &mut losses, Some(&mut dx)), 0.0);
        assert_eq!((losses, dx), ([0.0; 2], [0.0; 4]));
    }

    #[test]
    fn non_finite_logits() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let (mut losses, mut dx) = ([0.0f32; 4], [0.0f32; 20]);
        let mut x = [0.0; 20];
        (x[0], x[6], x[14]) = (-inf, nan, inf);
        x[15..].fill(-inf);
        cross_entropy_index(&x, 5, &[4, 0, 0, 0], &CrossEntropy::default(), &mut losses, Some(&mut dx));
        assert!((losses[0] - 4f32.ln()).abs() < 1e-6 && dx[0] == 0.0, "{losses:?} {dx:?}");
        assert!(losses[1..].iter().chain(&dx[5..]).all(|v| v.is_nan()), "{losses:?} {dx:?}");
        cross_entropy_index(&x[..5], 5, &[0], &CrossEntropy::default(), &mut losses[..1], None);
        assert_eq!(losses[0], inf);
    }

    #[test]
    fn nll_picks_and_weighs() {
        let (mut losses, mut dx) = ([0.0f32; 3], [9.0f32; 6]);
        let opts = CrossEntropy { weight: Some(&[2.0, 3.0]), ..CrossEntropy::default() };
        let x = [-0.5, -1.0, -2.0, -4.0, -1.0, -1.0];
        assert_eq!(nll_index(&x, 2, &[0, 1, -100], &opts, &mut losses, Some(&mut dx)), 5.0);
        assert_eq!(losses, [1.0, 12.0, 0.0]);
        assert_eq!(dx, [-2.0, 0.0, 0.0, -3.0, 0.0, 0.0]);
    }
}
