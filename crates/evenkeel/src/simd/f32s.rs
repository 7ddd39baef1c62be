//! Four `f32` in a 128-bit register, by the `wide` crate.

use super::{LANES, Lanes, Real};
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use wide::{f32x4, i32x4};

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
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    #[inline(always)]
    fn mul_add_fast(self, b: Self, c: Self) -> Self {
        use core::arch::wasm32::{f32x4, f32x4_extract_lane as lane, f32x4_relaxed_madd};
        // Lane by lane in the source, nothing at all in the wasm: both types are one register.
        let [x, b, c] = [self, b, c].map(|v| {
            let [p, q, r, s] = v.to_array();
            f32x4(p, q, r, s)
        });
        let v = f32x4_relaxed_madd(x, b, c);
        Self(wide::f32x4::new([lane::<0>(v), lane::<1>(v), lane::<2>(v), lane::<3>(v)]))
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
        // One instruction where there is one that selects by `<` and keeps a NaN on the left: `pmax` of WebAssembly, and
        // SSE's, which has its operands the other way round. NEON's makes a NaN of either.
        if cfg!(target_arch = "wasm32") {
            Self(self.0.fast_max(o.0))
        } else if cfg!(target_arch = "x86_64") {
            Self(o.0.fast_max(self.0))
        } else {
            Self(self.0.simd_lt(o.0).bitselect(o.0, self.0))
        }
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        if cfg!(target_arch = "wasm32") {
            Self(self.0.fast_min(o.0))
        } else if cfg!(target_arch = "x86_64") {
            Self(o.0.fast_min(self.0))
        } else {
            Self(o.0.simd_lt(self.0).bitselect(o.0, self.0))
        }
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
    fn keep(mask: f32x4, x: Self) -> Self {
        Self(mask & x.0)
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        f32x4::transpose(rows.map(|r| r.0)).map(Self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        super::math::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        super::math::ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        super::math::ln_1p(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        super::math::exp_m1(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        super::math::tanh(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        super::math::erf(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        super::math::sigmoid(self)
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
