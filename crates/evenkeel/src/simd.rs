//! The one place that knows a vector register.
//!
//! Kernels are written once, generic over a number type [`Real`] and its vector [`Lanes`]: four `f32` in a 128-bit
//! register (WebAssembly `simd128`, SSE2, NEON through the `wide` crate) or four `f64` in plain code, which only native
//! gradient checks use. Every operation here is exactly rounded or a selection, so all targets give the same bits;
//! there is deliberately no fused multiply-add and no approximate reciprocal.
//!
//! Transcendental functions are [`Lanes`] methods too, implemented in [`crate::kernels::math`] from these operations.

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use wide::{f32x4, i32x4};

/// Numbers in one vector, on every target and for every type.
pub const LANES: usize = 4;

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

    /// All lanes 0.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(T::ZERO)
    }
    /// Up to four numbers from memory; missing lanes are `fill`.
    #[inline(always)]
    fn load_part(x: &[T], fill: T) -> Self {
        let mut a = [fill; LANES];
        a[..x.len()].copy_from_slice(x);
        Self::load(&a)
    }
    /// The first `to.len()` (at most four) lanes to memory.
    #[inline(always)]
    fn store_part(self, to: &mut [T]) {
        let a = self.to_array();
        let n = to.len();
        to.copy_from_slice(&a[..n]);
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

/// Four `f32`: one 128-bit register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32s(pub(crate) f32x4);

macro_rules! f32_op {
    ($trait:ident, $f:ident, $atrait:ident, $af:ident, $op:tt) => {
        impl $trait for F32s {
            type Output = Self;
            #[inline(always)]
            fn $f(self, o: Self) -> Self { Self(self.0 $op o.0) }
        }
        impl $atrait for F32s {
            #[inline(always)]
            fn $af(&mut self, o: Self) { self.0 = self.0 $op o.0; }
        }
    };
}
f32_op!(Add, add, AddAssign, add_assign, +);
f32_op!(Sub, sub, SubAssign, sub_assign, -);
f32_op!(Mul, mul, MulAssign, mul_assign, *);
f32_op!(Div, div, DivAssign, div_assign, /);

impl Neg for F32s {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl F32s {
    /// The bits as integers: no instruction.
    #[inline(always)]
    pub(crate) fn bits(self) -> i32x4 {
        wide::bytemuck::cast(self.0)
    }
    /// Floats of these bits.
    #[inline(always)]
    pub(crate) fn from_bits(x: i32x4) -> Self {
        Self(wide::bytemuck::cast(x))
    }
}

impl Lanes<f32> for F32s {
    type Mask = f32x4;
    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self(f32x4::splat(x))
    }
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        Self(f32x4::new(*x))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0.to_array();
    }
    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        self.0.to_array()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs())
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        Self(self.0.simd_lt(o.0).bitselect(o.0, self.0))
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        Self(o.0.simd_lt(self.0).bitselect(o.0, self.0))
    }
    #[inline(always)]
    fn lt(self, o: Self) -> f32x4 {
        self.0.simd_lt(o.0)
    }
    #[inline(always)]
    fn le(self, o: Self) -> f32x4 {
        self.0.simd_le(o.0)
    }
    #[inline(always)]
    fn eq(self, o: Self) -> f32x4 {
        self.0.simd_eq(o.0)
    }
    #[inline(always)]
    fn select(mask: f32x4, yes: Self, no: Self) -> Self {
        Self(mask.bitselect(yes.0, no.0))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        crate::kernels::math::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        crate::kernels::math::ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        crate::kernels::math::ln_1p(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        crate::kernels::math::exp_m1(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        crate::kernels::math::tanh(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        crate::kernels::math::erf(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        crate::kernels::math::sigmoid(self)
    }
}

impl Real for f32 {
    type V = F32s;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    const NAN: Self = f32::NAN;
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    fn sin(self) -> Self {
        libm::sinf(self)
    }
    fn cos(self) -> Self {
        libm::cosf(self)
    }
    fn powf(self, e: Self) -> Self {
        libm::powf(self, e)
    }
}

/// Four `f64`, in plain code: the native oracle, never in the shipped wasm.
#[derive(Clone, Copy)]
pub struct F64s([f64; LANES]);

impl F64s {
    #[inline(always)]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(f))
    }
    #[inline(always)]
    fn zip<R: Copy + Default>(self, o: Self, f: impl Fn(f64, f64) -> R) -> [R; LANES] {
        core::array::from_fn(|i| f(self.0[i], o.0[i]))
    }
}

macro_rules! f64_op {
    ($trait:ident, $f:ident, $atrait:ident, $af:ident, $op:tt) => {
        impl $trait for F64s {
            type Output = Self;
            #[inline(always)]
            fn $f(self, o: Self) -> Self { Self(self.zip(o, |a, b| a $op b)) }
        }
        impl $atrait for F64s {
            #[inline(always)]
            fn $af(&mut self, o: Self) { *self = *self $op o; }
        }
    };
}
f64_op!(Add, add, AddAssign, add_assign, +);
f64_op!(Sub, sub, SubAssign, sub_assign, -);
f64_op!(Mul, mul, MulAssign, mul_assign, *);
f64_op!(Div, div, DivAssign, div_assign, /);

impl Neg for F64s {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|a| -a)
    }
}

impl Lanes<f64> for F64s {
    type Mask = [bool; LANES];
    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    fn load(x: &[f64; LANES]) -> Self {
        Self(*x)
    }
    #[inline(always)]
    fn store(self, to: &mut [f64; LANES]) {
        *to = self.0;
    }
    #[inline(always)]
    fn to_array(self) -> [f64; LANES] {
        self.0
    }
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
    fn abs(self) -> Self {
        self.map(f64::abs)
    }
    fn max(self, o: Self) -> Self {
        Self(self.zip(o, f64::max2))
    }
    fn min(self, o: Self) -> Self {
        Self(self.zip(o, f64::min2))
    }
    fn lt(self, o: Self) -> [bool; LANES] {
        self.zip(o, |a, b| a < b)
    }
    fn le(self, o: Self) -> [bool; LANES] {
        self.zip(o, |a, b| a <= b)
    }
    fn eq(self, o: Self) -> [bool; LANES] {
        self.zip(o, |a, b| a == b)
    }
    fn select(mask: [bool; LANES], yes: Self, no: Self) -> Self {
        Self(core::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }
    fn exp(self) -> Self {
        self.map(libm::exp)
    }
    fn ln(self) -> Self {
        self.map(libm::log)
    }
    fn ln_1p(self) -> Self {
        self.map(libm::log1p)
    }
    fn exp_m1(self) -> Self {
        self.map(libm::expm1)
    }
    fn tanh(self) -> Self {
        self.map(libm::tanh)
    }
    fn erf(self) -> Self {
        self.map(libm::erf)
    }
    fn sigmoid(self) -> Self {
        self.map(|x| {
            if x < 0.0 {
                let e = libm::exp(x);
                e / (1.0 + e)
            } else {
                1.0 / (1.0 + libm::exp(-x))
            }
        })
    }
}

impl Real for f64 {
    type V = F64s;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f64::INFINITY;
    const NAN: Self = f64::NAN;
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn abs(self) -> Self {
        f64::abs(self)
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    fn sin(self) -> Self {
        libm::sin(self)
    }
    fn cos(self) -> Self {
        libm::cos(self)
    }
    fn powf(self, e: Self) -> Self {
        libm::pow(self, e)
    }
}
