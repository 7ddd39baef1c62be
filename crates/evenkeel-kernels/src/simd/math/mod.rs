//! Transcendental functions on four `f32` at a time, the same bits on every target.
//!
//! Only exactly rounded operations (`+ − × ÷`), comparisons, selections and integer operations on the bits are used:
//! no fused multiply-add, no table, no branch, nothing from the host's mathematical library. Infinities, NaN, signed
//! zeros and subnormal numbers come out right by formula. Only a NaN's payload is left to the target.
//!
//! The polynomials are fits made for this file: iteratively reweighted least squares (Lawson's way to the minimax) of
//! the relative error on 4000 Chebyshev nodes in `f64`, the coefficients then rounded to `f32` one after the other from
//! the lowest, the rest being fitted anew each time. Each one's fitted error is said where it is defined. The errors
//! said in each function's doc are the largest over all 2³² arguments, against the `libm` crate in `f64`, in units in
//! the last place of the exact result; the tests (at the foot of this file) hold them.

use crate::simd::{F32s, Lanes};
use wide::i32x4;

/// 1.5 × 2²³: added to a number of magnitude below 2²², it leaves the nearest integer in the low bits of the sum.
const MAGIC: f32 = 12_582_912.0;
/// log₂ e.
const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// ln 2 rounded down to 15 bits: its product with an integer below 2⁹ is exact.
const LN_2_HI: f32 = f32::from_bits(0x3f317200);
/// ln 2 − [`LN_2_HI`], positive.
const LN_2_LO: f32 = f32::from_bits(0x35bfbe8e);
/// The bits of the `f32` just below √½: where a significand's range starts in a logarithm.
const SQRT_HALF: i32 = 0x3f3504f3;
/// Below this magnitude (2⁻²⁴), ln(1 + x) and e^x − 1 are x to half a unit in the last place.
const TINY: f32 = f32::from_bits(0x33800000);

/// (e^r − 1 − r) / r² on |r| ≤ ½ ln 2 (and a thousandth more): e^r to 3.2e-9 relative.
const EXP: [f32; 5] = bits([0x3efffffe, 0x3e2aaa49, 0x3d2aac5a, 0x3c091cd0, 0x3ab524ae]);
/// (ln(1 + f) − f + ½f²) / f³ on √½ − 1 ≤ f ≤ √2 − 1: ln(1 + f) to 5.9e-9 relative.
const LN: [f32; 8] =
    bits([0x3eaaaaaa, 0xbe800113, 0x3e4cd00e, 0xbe2a3944, 0x3e116c97, 0xbe06c133, 0x3e02af6a, 0xbd9c647d]);
/// erf(√z)/√z − 1 on 0 ≤ z ≤ 1.125²: erf to 6.4e-9 relative.
const ERF: [f32; 7] = bits([0x3e0375d4, 0xbec09397, 0x3de714c2, 0xbcdbddee, 0x3ba91764, 0xba4b9362, 0x389421ea]);
/// 1 − erf(w + [`ERFC_MID`]) on 1.125 ≤ w + [`ERFC_MID`] ≤ [`ERF_END`]: erf to 1.4e-8 relative.
const ERFC: [f32; 14] = bits([
    0x39982095, 0xbad00ee1, 0x3b854f48, 0xbbd26cc0, 0x3be0ff92, 0xbba7617a, 0x3b26ee56, 0xba2be889, 0xb9197a5e,
    0x3964ee42, 0xb8959580, 0xb6e28600, 0x37106967, 0xb5a01853,
]);
/// Where [`erf`] goes from [`ERF`] to [`ERFC`].
const ERF_SPLIT: f32 = 1.125;
/// The middle of [`ERFC`]'s range.
const ERFC_MID: f32 = 2.5625;
/// From here on the value is 1, which is what erf rounds to from 3.8325 on.
const ERF_END: f32 = 4.0;

/// Numbers from their bits: coefficients are written so that no decimal conversion stands between.
const fn bits<const N: usize>(b: [u32; N]) -> [f32; N] {
    let mut c = [0.0; N];
    let mut i = 0;
    while i < N {
        c[i] = f32::from_bits(b[i]);
        i += 1;
    }
    c
}

#[inline(always)]
fn c(x: f32) -> F32s {
    F32s::splat(x)
}

/// k₀ + k₁x + k₂x² + …, by Horner's rule.
#[inline(always)]
fn poly<const N: usize>(x: F32s, k: &[f32; N]) -> F32s {
    let mut s = c(k[N - 1]);
    for i in (0..N - 1).rev() {
        s = s * x + c(k[i]);
    }
    s
}

/// The same in two halves of Horner's rule, of the even and the odd powers, that a processor can do at once.
#[inline(always)]
fn poly2<const N: usize>(x: F32s, x2: F32s, k: &[f32; N]) -> F32s {
    let (mut s, mut t) = (c(k[N - 1]), c(k[N - 2]));
    for i in (0..N - 2).rev() {
        (s, t) = (t, s * x2 + c(k[i]));
    }
    s * x + t
}

/// Of x = n ln 2 + r with n the nearest integer: the bits of 1.5 × 2²³ + `bias` + n, and e^r − 1. For |x| ≤ 104.
#[inline(always)]
fn reduce(x: F32s, bias: f32) -> (i32x4, F32s) {
    let t = x * c(LOG2_E) + c(MAGIC + bias);
    let n = t - c(MAGIC + bias);
    let r = (x - n * c(LN_2_HI)) - n * c(LN_2_LO);
    (t.bits(), r + r * r * poly(r, &EXP))
}

/// e^x for x already within [−104, 89] (or NaN).
#[inline(always)]
fn exp_within(x: F32s) -> F32s {
    // 2^n in two halves, as n runs from −150 (half the least subnormal) to 128: with a bias of 2 × 127 each half is the
    // exponent field of a normal number. Bits above the low nine fall off the shift.
    let (b, p) = reduce(x, 254.0);
    let h = b >> 1u32;
    (c(1.0) + p) * F32s::from_bits(h << 23u32) * F32s::from_bits((b - h) << 23u32)
}

/// e^x. Largest error: 0.99 ulp.
#[inline(always)]
pub(crate) fn exp(x: F32s) -> F32s {
    exp_within(x.max(c(-104.0)).min(c(89.0)))
}

/// e^x − 1, accurate near 0, where the sign of 0 stays. Largest error: 1.59 ulp.
#[inline(always)]
pub(crate) fn exp_m1(x: F32s) -> F32s {
    // With s = 2^(n−1): ½(2^n e^r − 1) = s (e^r − 1) + (s − ½), so that n = 128 does not overflow early.
    let (b, p) = reduce(x.max(c(-18.0)).min(c(89.0)), 126.0);
    let s = F32s::from_bits(b << 23u32);
    let half = p * s + (s - c(0.5));
    F32s::select(x.abs().lt(c(TINY)), x, half + half)
}

/// 1/(1 + e^−x): subnormal, not 0, on the far left. Largest error: 2.41 ulp.
#[inline(always)]
pub(crate) fn sigmoid(x: F32s) -> F32s {
    let e = exp_within((-x.abs()).max(c(-104.0)));
    F32s::select(x.lt(c(0.0)), e, c(1.0)) / (c(1.0) + e)
}

/// Hyperbolic tangent. Largest error: 1.97 ulp.
#[inline(always)]
pub(crate) fn tanh(x: F32s) -> F32s {
    // (1 − e)/(1 + e) with e = e^(−2|x|) = s + s p, s a power of two.
    let y = x.abs() * c(-2.0);
    let (b, p) = reduce(y.max(c(-18.25)), 127.0);
    let s = F32s::from_bits(b << 23u32);
    let sp = s * p;
    with_sign(((c(1.0) - s) - sp) / ((c(1.0) + s) + sp), x)
}

/// `mag` (whose sign is +) with the sign of `x`.
#[inline(always)]
fn with_sign(mag: F32s, x: F32s) -> F32s {
    F32s::from_bits(mag.bits() | (x.bits() & i32x4::splat(i32::MIN)))
}

/// Error function. Largest error: 1.56 ulp.
#[inline(always)]
pub(crate) fn erf(x: F32s) -> F32s {
    let a = x.abs();
    let near = x + x * poly(x * x, &ERF);
    let w = a.min(c(ERF_END)) - c(ERFC_MID);
    let far = c(1.0) - poly2(w, w * w, &ERFC);
    F32s::select(a.lt(c(ERF_SPLIT)), near, with_sign(far, x))
}

/// Of x = 2^k m with m within [√½, √2): the bits of m, and k as an integer. For x normal.
#[inline(always)]
fn split(x: F32s) -> (F32s, i32x4) {
    let b = x.bits() - i32x4::splat(SQRT_HALF);
    let m = (b & i32x4::splat(0x007fffff)) + i32x4::splat(SQRT_HALF);
    (F32s::from_bits(m), b >> 23u32)
}

/// A small integer as a float, exactly.
#[inline(always)]
fn float(k: i32x4) -> F32s {
    F32s::from_bits(k + i32x4::splat(MAGIC.to_bits() as i32)) - c(MAGIC)
}

/// k ln 2 + ln(1 + f), except that where `x` (whose logarithm that is) is not a positive number: −∞ at 0, NaN below,
/// and ∞ and NaN themselves.
#[inline(always)]
fn ln_of(x: F32s, k: F32s, f: F32s) -> F32s {
    let q = f * f;
    let low = k * c(LN_2_LO) + (f * q * poly2(f, q, &LN) - c(0.5) * q);
    let y = k * c(LN_2_HI) + (f + low);
    let y = F32s::select(x.lt(c(f32::INFINITY)), y, x);
    let edge = F32s::select(x.lt(c(0.0)), c(f32::NAN), c(f32::NEG_INFINITY));
    F32s::select(x.le(c(0.0)), edge, y)
}

/// Natural logarithm; −∞ at ±0, NaN below. Largest error: 0.93 ulp.
#[inline(always)]
pub(crate) fn ln(x: F32s) -> F32s {
    // Subnormal numbers are made normal first.
    let sub = x.lt(c(f32::MIN_POSITIVE));
    let (m, k) = split(F32s::select(sub, x * c(8_388_608.0), x));
    ln_of(x, float(k) - F32s::select(sub, c(23.0), c(0.0)), m - c(1.0))
}

/// ln(1 + x), accurate near 0, where the sign of 0 stays. Largest error: 1.46 ulp.
#[inline(always)]
pub(crate) fn ln_1p(x: F32s) -> F32s {
    // 1 + x rounded says k; then f = 2^−k (1 + x) − 1 = 2^−k x + (2^−k − 1), of which only the last sum rounds. As k may
    // be 128, s = 2^(2−k) and a quarter of it.
    let u = c(1.0) + x;
    let (_, k) = split(u);
    let s = F32s::from_bits(i32x4::splat(129 << 23) - (k << 23u32));
    let f = (c(0.25) * x) * s + (c(0.25) * s - c(1.0));
    F32s::select(x.abs().lt(c(TINY)), x, ln_of(u, float(k), f))
}

#[cfg(test)]
mod tests;
