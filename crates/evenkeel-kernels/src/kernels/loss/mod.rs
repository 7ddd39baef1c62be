//! Losses with their gradients: one pass over the logits (or predictions) gives each row's or element's loss and, when
//! wanted, its gradient, not yet reduced. What comes after is the same for all of them and lives here: [`weighted_sum`]
//! reduces, [`scale_rows`] multiplies the gradient by what the reduction and the chain rule ask for.
//!
//! Each `dx: Option<&mut [T]>` is overwritten, never added to.

mod cross_entropy;
mod pointwise;

pub use cross_entropy::{CrossEntropy, cross_entropy_index, cross_entropy_soft, nll_index};
pub use pointwise::{Pointwise, bce_pos_weight, pointwise};

use crate::simd::{LANES, Lanes, Real};

/// Numbers summed in one go: beyond that, partial sums are added in pairs.
const BLOCK: usize = 128;

/// Finds the first label outside 0..classes that is not `ignore_index`, as (row, label).
pub fn check_labels(target: &[i32], classes: usize, ignore_index: i32) -> Result<(), (usize, i32)> {
    let good = |t: i32| t == ignore_index || usize::try_from(t).is_ok_and(|t| t < classes);
    match target.iter().position(|&t| !good(t)) {
        Some(row) => Err((row, target[row])),
        None => Ok(()),
    }
}

/// (Σ wᵢ·lossᵢ, Σ wᵢ) with all weights 1 if there are none. The order of the additions is fixed by the length: lanes as
/// in [`Lanes::sum`] within 128 numbers, those sums in pairs.
///
/// # Panics
/// If there are fewer weights than losses.
pub fn weighted_sum<T: Real>(losses: &[T], weights: Option<&[T]>) -> (T, T) {
    match weights {
        None => (pairwise(losses, None), T::of(losses.len() as f64)),
        Some(w) => {
            let w = &w[..losses.len()];
            (pairwise(losses, Some(w)), pairwise(w, None))
        }
    }
}

/// Σ x, or Σ x·w, by halves: the error grows with the logarithm of the length.
fn pairwise<T: Real>(x: &[T], w: Option<&[T]>) -> T {
    if x.len() <= BLOCK {
        return block_sum(x, w);
    }
    let half = (x.len() / 2).next_multiple_of(BLOCK);
    let w = w.map(|w| w.split_at(half));
    pairwise(&x[..half], w.map(|w| w.0)) + pairwise(&x[half..], w.map(|w| w.1))
}

/// Σ x, or Σ x·w, in one vector of sums.
fn block_sum<T: Real>(x: &[T], w: Option<&[T]>) -> T {
    let mut sum = T::V::zero();
    for i in (0..x.len()).step_by(LANES) {
        let v = lanes_at(x, i, T::ZERO);
        sum += match w {
            None => v,
            Some(w) => v * lanes_at(w, i, T::ZERO),
        };
    }
    sum.sum()
}

/// Multiplies row r of `dx` in place by `scale`·`factors[r]` (by `scale` alone if there are none).
///
/// A mean over no weight at all (every row ignored) has the value NaN but, as in PyTorch, gradient 0: pass `scale` 0
/// then, not 1/0.
///
/// # Panics
/// If there are fewer factors than rows.
pub fn scale_rows<T: Real>(dx: &mut [T], row_len: usize, factors: Option<&[T]>, scale: T) {
    match factors {
        None => scale_all(dx, scale),
        Some(factors) => {
            for (r, row) in dx.chunks_mut(row_len.max(1)).enumerate() {
                scale_all(row, factors[r] * scale);
            }
        }
    }
}

fn scale_all<T: Real>(x: &mut [T], by: T) {
    let by = T::V::splat(by);
    let (x, tail) = x.as_chunks_mut::<LANES>();
    for x in x {
        (T::V::load(x) * by).store(x);
    }
    (T::V::load_part(tail, T::ZERO) * by).store_part(tail);
}

/// Four numbers from `i` on; those beyond the end are `fill`.
#[inline(always)]
fn lanes_at<T: Real>(x: &[T], i: usize, fill: T) -> T::V {
    match x[i..].first_chunk() {
        Some(x) => T::V::load(x),
        None => T::V::load_part(&x[i..], fill),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_outside_the_classes_are_found() {
        assert_eq!(check_labels(&[0, 2, -100, 1], 3, -100), Ok(()));
        assert_eq!(check_labels(&[0, 3, 7], 3, -100), Err((1, 3)));
        assert_eq!(check_labels(&[0, -1], 3, -100), Err((1, -1)));
        assert_eq!(check_labels(&[7], 3, 7), Ok(()));
    }

    #[test]
    fn weighted_sums_of_ragged_lengths() {
        for n in (0..=13).chain([127, 128, 129, 132, 1000]) {
            let x: Vec<f64> = (0..n).map(|i| (i * i % 17) as f64 - 5.0).collect();
            let w: Vec<f64> = (0..n).map(|i| (i % 5) as f64).collect();
            assert_eq!(weighted_sum(&x, None), (x.iter().sum(), n as f64));
            let dot = x.iter().zip(&w).map(|(x, w)| x * w).sum();
            assert_eq!(weighted_sum(&x, Some(&w)), (dot, w.iter().sum()));
        }
    }

    #[test]
    fn a_long_sum_stays_accurate() {
        let x = vec![0.1f32; 1 << 20];
        let right = 0.1f32 as f64 * x.len() as f64;
        let (sum, count) = weighted_sum(&x, None);
        assert_eq!(count, x.len() as f32);
        assert!((sum as f64 - right).abs() < 1e-6 * right, "{sum}, not {right}");
    }

    #[test]
    fn rows_are_scaled() {
        for row_len in 1..=9 {
            let mut dx: Vec<f32> = (0..3 * row_len).map(|i| i as f32).collect();
            scale_rows(&mut dx, row_len, Some(&[1.0, 0.0, -2.0]), 0.5);
            let right = (0..3 * row_len).map(|i| i as f32 * [0.5, 0.0, -1.0][i / row_len]);
            assert_eq!(dx, right.collect::<Vec<_>>());
            scale_rows(&mut dx, row_len, None, 0.0);
            assert!(dx.iter().all(|&v| v == 0.0));
        }
        scale_rows::<f32>(&mut [], 0, Some(&[]), 2.0);
    }
}
