//! The one place that knows a vector register.
//!
//! Kernels are written once, generic over a number type [`Real`] and its vector [`Lanes`]: four `f32` in a 128-bit
//! register (WebAssembly `simd128`, SSE2, NEON through the `wide` crate) or four `f64` in plain code, which only native
//! gradient checks use. Every operation here is exactly rounded or a selection, so all targets give the same bits;
//! there is deliberately no approximate reciprocal, and a fused multiply-add only where a build asks for it: see
//! [`Lanes::mul_add_fast`].
//!
//! Transcendental functions are [`Lanes`] methods too, implemented in `math` below from these operations.

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
mod f32s;
mod f64s;
mod math;

pub use f32s::F32s;
pub use f64s::F64s;

/// Numbers in one vector, on every target and for every type.
pub const LANES: usize = 4;

/// Whether this build fuses multiplications with additions where that is faster ([`Lanes::mul_add_fast`]). Its results
/// are as accurate, but have other bits, and not the same ones on every host.
pub const RELAXED: bool = cfg!(all(target_arch = "wasm32", target_feature = "relaxed-simd"));

/// A floating-point type the core computes in: `f32` (what ships) or `f64` (gradient checks, golden references).
pub trait Real:
    Copy
    + Default
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Send
    + Sync
    + 'static
{
    /// Four of these side by side.
    type V: Lanes<Self>;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// Nearest value to `x`.
    fn of(x: f64) -> Self;
    /// The same value as an `f64`.
    fn f64(self) -> f64;
    /// Square root, exactly rounded.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Sine of one number (radians), by the `libm` crate on every target.
    fn sin(self) -> Self;
    /// Cosine of one number (radians), by the `libm` crate on every target.
    fn cos(self) -> Self;
    /// `self` to the power `e`, by the `libm` crate on every target.
    fn powf(self, e: Self) -> Self;

    /// Applies a vector function to one number: the same bits as in any lane of a longer pass.
    #[inline(always)]
    fn lane(self, f: impl Fn(Self::V) -> Self::V) -> Self {
        f(Self::V::splat(self)).first()
    }
    /// The larger; the first if either is NaN or both are equal.
    #[inline(always)]
    fn max2(self, o: Self) -> Self {
        if self < o { o } else { self }
    }
    /// The smaller; the first if either is NaN or both are equal.
    #[inline(always)]
    fn min2(self, o: Self) -> Self {
        if o < self { o } else { self }
    }
}

/// Four numbers in a register.
pub trait Lanes<T: Real>:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// One truth value a lane.
    type Mask: Copy;
    /// The same number in each lane.
    fn splat(x: T) -> Self;
    /// Four numbers from memory.
    fn load(x: &[T; LANES]) -> Self;
    /// Four numbers to memory.
    fn store(self, to: &mut [T; LANES]);
    /// The lanes as an array.
    fn to_array(self) -> [T; LANES];
    /// Square root, exactly rounded.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Lane-wise `if self < o { o } else { self }` (a NaN in `self` stays).
    fn max(self, o: Self) -> Self;
    /// Lane-wise `if o < self { o } else { self }` (a NaN in `self` stays).
    fn min(self, o: Self) -> Self;
    /// `self < o`.
    fn lt(self, o: Self) -> Self::Mask;
    /// `self <= o`.
    fn le(self, o: Self) -> Self::Mask;
    /// `self == o`.
    fn eq(self, o: Self) -> Self::Mask;
    /// Per lane: `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Per lane: `x` where the mask holds, else 0.
    fn keep(mask: Self::Mask, x: Self) -> Self;

    /// Four vectors as the rows of a matrix, to its columns.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];

    /// e to the power of each lane.
    fn exp(self) -> Self;
    /// Natural logarithm; −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// ln(1 + x), accurate near 0.
    fn ln_1p(self) -> Self;
    /// e^x − 1, accurate near 0.
    fn exp_m1(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Error function 2/√π ∫₀ˣ e^(−t²) dt.
    fn erf(self) -> Self;
    /// Logistic function 1/(1 + e^−x).
    fn sigmoid(self) -> Self;

    /// self·b + c: a product rounded and then a sum rounded, as if written with operators; in a [`RELAXED`] build one
    /// instruction that may round once.
    #[inline(always)]
    fn mul_add_fast(self, b: Self, c: Self) -> Self {
        self * b + c
    }
    /// All lanes 0.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(T::ZERO)
    }
    /// Up to four numbers from memory; missing lanes are `fill`.
    #[inline(always)]
    fn load_part(x: &[T], fill: T) -> Self {
        Self::load(&padded(x, fill))
    }
    /// The first `to.len()` (at most four) lanes to memory.
    #[inline(always)]
    fn store_part(self, to: &mut [T]) {
        first(self.to_array(), to);
    }
    /// Lane 0.
    #[inline(always)]
    fn first(self) -> T {
        self.to_array()[0]
    }
    /// (a₀ + a₂) + (a₁ + a₃): the one order in which lanes are summed.
    #[inline(always)]
    fn sum(self) -> T {
        let a = self.to_array();
        (a[0] + a[2]) + (a[1] + a[3])
    }
    /// Largest lane.
    #[inline(always)]
    fn max_lane(self) -> T {
        let a = self.to_array();
        a[0].max2(a[2]).max2(a[1].max2(a[3]))
    }
}

// By cases, since a copy of unknown length would be a call of the host. In line: rows of ten classes end at each third
// vector, and a call took twice the time of the whole row.
#[inline(always)]
fn padded<T: Copy>(x: &[T], fill: T) -> [T; LANES] {
    match *x {
        [a, b, c, d] => [a, b, c, d],
        [a, b, c] => [a, b, c, fill],
        [a, b] => [a, b, fill, fill],
        [a] => [a, fill, fill, fill],
        _ => [fill; LANES],
    }
}

#[inline(always)]
fn first<T: Copy>([a, b, c, d]: [T; LANES], to: &mut [T]) {
    match to {
        [w, x, y, z] => [*w, *x, *y, *z] = [a, b, c, d],
        [w, x, y] => [*w, *x, *y] = [a, b, c],
        [w, x] => [*w, *x] = [a, b],
        [w] => *w = a,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_as_they_say_at_nan_and_zero() {
        let cases = [0.0f32, -0.0, 1.0, -2.5, f32::NAN, f32::INFINITY, -f32::INFINITY];
        for a in cases {
            for b in cases {
                let (va, vb) = (F32s::splat(a), F32s::splat(b));
                let same = |x: F32s, y: f32| x.first().to_bits() == y.to_bits() || (x.first().is_nan() && y.is_nan());
                assert!(same(va.max(vb), if a < b { b } else { a }), "max {a} {b}");
                assert!(same(va.min(vb), if b < a { b } else { a }), "min {a} {b}");
                assert!(same(F32s::keep(va.lt(vb), vb), if a < b { b } else { 0.0 }), "keep {a} {b}");
            }
        }
    }

    #[test]
    fn a_matrix_is_turned() {
        fn check<T: Real>() {
            let at = |i: usize, j: usize| T::of((10 * i + j) as f64);
            let rows = core::array::from_fn(|i| T::V::load(&core::array::from_fn(|j| at(i, j))));
            for (j, column) in T::V::transpose(rows).into_iter().enumerate() {
                assert_eq!(column.to_array(), core::array::from_fn(|i| at(i, j)));
            }
        }
        check::<f32>();
        check::<f64>();
    }
}
