//! What goes with an update: norms and clipping of gradients, moving averages of weights.
//!
//! Sums are taken in blocks of [`BLOCK`] numbers, four partial sums each, whose totals are added in f64: always in the
//! same order, and accurate to a few units of the last place for arrays of any length.

use super::pass::{Prepare, each, pass};
use crate::simd::{LANES, Lanes, Real};

/// Numbers in a block of a sum.
const BLOCK: usize = 64 * LANES;

/// Σ f(x). `f` of 0 must be 0.
fn sum<T: Real>(x: &[T], f: impl Fn(T::V) -> T::V) -> f64 {
    let mut total = 0.0;
    for block in x.chunks(BLOCK) {
        let (lanes, end) = block.as_chunks::<LANES>();
        let mut partial = [T::V::zero(); 4];
        for four in lanes.chunks(4) {
            for (sum, lanes) in partial.iter_mut().zip(four) {
                *sum += f(T::V::load(lanes));
            }
        }
        let [a, b, c, d] = partial;
        let end = f(T::V::load_part(end, T::ZERO));
        total += (((a + c) + (b + d)) + end).sum().f64();
    }
    total
}

/// Σ g².
pub fn sum_of_squares<T: Real>(g: &[T]) -> f64 {
    sum(g, |x| x * x)
}

/// Σ |g|^p, for p above 0.
pub fn sum_abs_pow<T: Real>(g: &[T], p: f64) -> f64 {
    if p == 1.0 {
        return sum(g, |x| x.abs());
    }
    let p = T::of(p);
    sum(g, |x| T::V::load(&x.to_array().map(|x| x.abs().powf(p))))
}

/// max |g|: 0 of nothing, NaN if there is one.
pub fn max_abs<T: Real>(g: &[T]) -> f64 {
    let (mut most, mut poison) = (T::V::zero(), T::V::zero());
    let mut take = |x: T::V| {
        let x = x.abs();
        most = most.max(x);
        poison = T::V::select(x.eq(x), poison, x);
    };
    let (lanes, end) = g.as_chunks::<LANES>();
    lanes.iter().for_each(|lanes| take(T::V::load(lanes)));
    take(T::V::load_part(end, T::ZERO));
    // A lane of `poison` is 0, or NaN.
    most.max_lane().f64() + poison.sum().f64()
}

/// Calls what it is given with each of several arrays.
pub type Each<'a, T> = dyn Fn(&mut dyn FnMut(&[T])) + 'a;

/// The p-norm of several gradient arrays together, p ∈ (0, ∞] (`torch.nn.utils.get_total_norm`). The square norm
/// survives gradients whose squares leave the range of `T`.
pub fn grad_norm<T: Real>(each: &Each<'_, T>, p: f64) -> f64 {
    let sum_of = |f: &dyn Fn(&[T]) -> f64| {
        let mut total = 0.0;
        each(&mut |g| total += f(g));
        total
    };
    let largest = || {
        let mut a = 0.0;
        each(&mut |g| {
            let b = max_abs(g);
            a = if b > a || b.is_nan() { b } else { a };
        });
        a
    };
    if p == f64::INFINITY {
        return largest();
    }
    if p != 2.0 {
        return libm::pow(sum_of(&|g| sum_abs_pow(g, p)), 1.0 / p);
    }
    let squares = sum_of(&|g| sum_of_squares(g));
    if (1e-24..f64::INFINITY).contains(&squares) {
        return squares.sqrt();
    }
    let largest = largest();
    if !(largest > 0.0 && largest < f64::INFINITY) {
        return largest;
    }
    let unit = T::V::splat(T::of(largest));
    largest * sum_of(&|g| sum(g, |x| (x / unit) * (x / unit))).sqrt()
}

/// What gradients of this norm are to be multiplied by: min(1, max_norm/(norm + 10⁻⁶)) (`clip_grad_norm_`); NaN for NaN.
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    let factor = max_norm / (norm + 1e-6);
    if factor > 1.0 { 1.0 } else { factor }
}

/// g ← g·factor.
pub fn scale<T: Real>(g: &mut [T], factor: f64) {
    let factor = T::V::splat(T::of(factor));
    each(g, |x| x * factor);
}

/// Moves each gradient into [−c, c] (`clip_grad_value_`); NaN stays.
pub fn clip_value<T: Real>(g: &mut [T], c: f64) {
    let c = T::V::splat(T::of(c));
    each(g, |x| x.max(-c).min(c));
}

/// average ← average + (1 − decay)·(p − average): an exponential average of weights.
///
/// # Panics
/// If the lengths differ.
pub fn ema<T: Real>(average: &mut [T], p: &[T], decay: f64) {
    let fresh = T::V::splat(T::of(1.0 - decay));
    pass(Prepare::none(), average, p, &mut [], move |average, p, []| (average + (p - average) * fresh, []));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm<T: Real>(parts: &[&[T]], p: f64) -> f64 {
        grad_norm(&|f| parts.iter().for_each(|g| f(g)), p)
    }
    use crate::rng::Rng;

    #[test]
    fn sums_against_f64_at_ragged_lengths() {
        for n in (0..20).chain([255, 256, 257, 1023, 5000]) {
            let mut x = vec![0.0_f32; n];
            Rng::new(n as u64).fill_normal(&mut x, 0.3, 2.0);
            let wide: Vec<f64> = x.iter().map(|&v| v as f64).collect();
            for p in [0.5, 1.0, 2.0, 3.0, f64::INFINITY] {
                let want = if p == f64::INFINITY {
                    wide.iter().fold(0.0, |a: f64, b| a.max(b.abs()))
                } else {
                    wide.iter().map(|v| v.abs().powf(p)).sum::<f64>().powf(1.0 / p)
                };
                assert!((norm(&[&x[..n / 3], &x[n / 3..]], p) - want).abs() <= 4e-7 * want, "{n} {p}");
                assert!((norm(&[&wide[..]], p) - want).abs() <= 1e-14 * want, "{n} {p}");
            }
        }
    }

    #[test]
    fn norms_of_extreme_gradients() {
        assert_eq!(norm::<f32>(&[], 2.0), 0.0);
        assert_eq!(norm(&[&[0.0_f32; 5]], 2.0), 0.0);
        let is = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-6, "{got} is not {want}");
        is(norm(&[&[3e30_f32, 4e30]], 2.0), 5e30);
        is(norm(&[&[3e-30_f32], &[4e-30]], 2.0), 5e-30);
        assert_eq!(norm(&[&[1.0_f32, f32::INFINITY]], 2.0), f64::INFINITY);
        for at in 0..9 {
            let mut x = [1.0_f32; 9];
            x[at] = f32::NAN;
            for p in [1.0, 2.0, 3.0, f64::INFINITY] {
                assert!(norm(&[&[1.0], &x, &[2.0]], p).is_nan());
            }
            clip_value(&mut x, 0.5);
            assert!(x[at].is_nan() && x.iter().filter(|&&v| v == 0.5).count() == 8);
        }
        assert!(clip_factor(f64::NAN, 1.0).is_nan());
        assert_eq!(clip_factor(f64::INFINITY, 1.0), 0.0);
    }

    #[test]
    fn averages() {
        let (mut average, p) = ([1.0_f32, 2.0, 3.0, 4.0, 5.0], [2.0_f32, 2.0, 2.0, 2.0, 2.0]);
        ema(&mut average, &p, 0.75);
        assert_eq!(average, [1.25, 2.0, 2.75, 3.5, 4.25]);
        ema(&mut average, &p, 0.0);
        assert_eq!(average, p);
    }
}
