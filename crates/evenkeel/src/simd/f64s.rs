//! Four `f64` in plain code, for native checks.

use super::{LANES, Lanes, Real};
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

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
    fn keep(mask: [bool; LANES], x: Self) -> Self {
        Self::select(mask, x, Self::zero())
    }
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        core::array::from_fn(|i| Self(rows.map(|r| r.0[i])))
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
