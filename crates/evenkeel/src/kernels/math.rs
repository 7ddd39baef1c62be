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
const LN_2_HI: f32 = f32::from_bits(0x3f31_7200);
/// ln 2 − [`LN_2_HI`], positive.
const LN_2_LO: f32 = f32::from_bits(0x35bf_be8e);
/// The bits of the largest `f32` below √½: where a significand's range starts in a logarithm.
const SQRT_HALF: i32 = 0x3f35_04f3;
/// Below this magnitude (2⁻²⁴), ln(1 + x) and e^x − 1 are x to half a unit in the last place.
const TINY: f32 = f32::from_bits(0x3380_0000);

/// (e^r − 1 − r) / r² on |r| ≤ ½ ln 2 (a thousandth more): e^r − 1 to 1.4e-8 relative.
const EXP: [f32; 5] = bits([0x3eff_ffff, 0x3e2a_aa5a, 0x3d2a_ab79, 0x3c09_12b0, 0x3ab5_ce55]);
/// (ln(1 + f) − f + ½f²) / f³ on √½ − 1 ≤ f ≤ √2 − 1: ln(1 + f) to 5.9e-9 relative.
const LN: [f32; 8] =
    bits([0x3eaa_aaaa, 0xbe80_0113, 0x3e4c_d00e, 0xbe2a_3944, 0x3e11_6c97, 0xbe06_c133, 0x3e02_af6a, 0xbd9c_647d]);
/// erf(√z)/√z − 1 on 0 ≤ z ≤ 1.125²: erf to 6.4e-9 relative.
const ERF: [f32; 7] = bits([0x3e03_75d4, 0xbec0_9397, 0x3de7_14c2, 0xbcdb_ddee, 0x3ba9_1764, 0xba4b_9362, 0x3894_21ea]);
/// 1 − erf(w + [`ERFC_MID`]) on 1.125 ≤ w + [`ERFC_MID`] ≤ [`ERF_END`]: erf to 1.2e-8 relative.
const ERFC: [f32; 14] = bits([
    0x39b4_5349,
    0xbaf3_f66e,
    0x3b9a_674c,
    0xbbf0_3eb5,
    0x3bfc_6cac,
    0xbbb7_6ab7,
    0x3b2f_e66e,
    0xba20_f948,
    0xb95a_dd5f,
    0x397e_b1b0,
    0xb891_b45c,
    0xb73d_5e08,
    0x371b_a970,
    0xb584_3b8c,
]);
/// Where [`erf`] goes from [`ERF`] to [`ERFC`].
const ERF_SPLIT: f32 = 1.125;
/// The middle of [`ERFC`]'s range.
const ERFC_MID: f32 = 2.53125;
/// From here on erf rounds to 1.
const ERF_END: f32 = 3.93;

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

/// c₀ + c₁x + c₂x² + …, by Horner's rule.
#[inline(always)]
fn poly<const N: usize>(x: F32s, k: &[f32; N]) -> F32s {
    let mut s = c(k[N - 1]);
    for i in (0..N - 1).rev() {
        s = s * x + c(k[i]);
    }
    s
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

/// e^x. Largest error: 1.01 ulp.
#[inline(always)]
pub(crate) fn exp(x: F32s) -> F32s {
    exp_within(x.max(c(-104.0)).min(c(89.0)))
}

/// e^x − 1, accurate near 0, where the sign of 0 stays. Largest error: 1.01 ulp.
#[inline(always)]
pub(crate) fn exp_m1(x: F32s) -> F32s {
    // With s = 2^(n−1): ½(2^n e^r − 1) = s (e^r − 1) + (s − ½), so that n = 128 does not overflow early.
    let (b, p) = reduce(x.max(c(-18.0)).min(c(89.0)), 126.0);
    let s = F32s::from_bits(b << 23u32);
    let half = p * s + (s - c(0.5));
    F32s::select(x.abs().lt(c(TINY)), x, half + half)
}

/// 1/(1 + e^−x): subnormal, not 0, on the far left. Largest error: 1.01 ulp.
#[inline(always)]
pub(crate) fn sigmoid(x: F32s) -> F32s {
    let e = exp_within((-x.abs()).max(c(-104.0)));
    F32s::select(x.lt(c(0.0)), e, c(1.0)) / (c(1.0) + e)
}

/// Hyperbolic tangent. Largest error: 1.01 ulp.
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

/// Error function. Largest error: 1.01 ulp.
#[inline(always)]
pub(crate) fn erf(x: F32s) -> F32s {
    let a = x.abs();
    let near = x + x * poly(x * x, &ERF);
    let far = c(1.0) - poly(a.min(c(ERF_END)) - c(ERFC_MID), &ERFC);
    F32s::select(a.lt(c(ERF_SPLIT)), near, with_sign(far, x))
}

/// Of x = 2^k m with m within [√½, √2): the bits of m, and k as an integer. For x normal.
#[inline(always)]
fn split(x: F32s) -> (F32s, i32x4) {
    let b = x.bits() - i32x4::splat(SQRT_HALF);
    let m = (b & i32x4::splat(0x007f_ffff)) + i32x4::splat(SQRT_HALF);
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
    let low = k * c(LN_2_LO) + (f * q * poly(f, &LN) - c(0.5) * q);
    let y = k * c(LN_2_HI) + (f + low);
    let y = F32s::select(x.lt(c(f32::INFINITY)), y, x);
    let edge = F32s::select(x.lt(c(0.0)), c(f32::NAN), c(f32::NEG_INFINITY));
    F32s::select(x.le(c(0.0)), edge, y)
}

/// Natural logarithm; −∞ at ±0, NaN below. Largest error: 1.01 ulp.
#[inline(always)]
pub(crate) fn ln(x: F32s) -> F32s {
    // Subnormal numbers are made normal first.
    let sub = x.lt(c(f32::MIN_POSITIVE));
    let (m, k) = split(F32s::select(sub, x * c(8_388_608.0), x));
    ln_of(x, float(k) - F32s::select(sub, c(23.0), c(0.0)), m - c(1.0))
}

/// ln(1 + x), accurate near 0, where the sign of 0 stays. Largest error: 1.01 ulp.
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
mod tests {
    use super::*;

    /// Error of `got` in units in the last place of `want`; an overflow counts as 2¹²⁸.
    fn ulps(got: f32, want: f64) -> f64 {
        if want.is_nan() || got.is_nan() {
            return if want.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
        }
        let top = 2f64.powi(128);
        let (g, w) = ((got as f64).clamp(-top, top), want.clamp(-top, top));
        let exponent = ((w.abs().to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
        (g - w).abs() / 2f64.powi(exponent - 23)
    }

    type Case = (&'static str, fn(F32s) -> F32s, fn(f64) -> f64, f64);

    fn sigmoid64(x: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-x))
    }

    const CASES: [Case; 7] = [
        ("exp", exp, libm::exp, 1.5),
        ("exp_m1", exp_m1, libm::expm1, 3.0),
        ("ln", ln, libm::log, 1.5),
        ("ln_1p", ln_1p, libm::log1p, 3.0),
        ("tanh", tanh, libm::tanh, 2.0),
        ("erf", erf, libm::erf, 2.0),
        ("sigmoid", sigmoid, sigmoid64, 3.0),
    ];

    /// Largest error over these bit patterns and where it is.
    fn worst(case: &Case, patterns: impl Iterator<Item = u32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        let mut patterns = patterns;
        loop {
            let mut a = [0.0; 4];
            let mut n = 0;
            while n < 4 {
                let Some(b) = patterns.next() else { break };
                a[n] = f32::from_bits(b);
                n += 1;
            }
            let y = case.1(F32s::load(&a)).to_array();
            for i in 0..n {
                let e = ulps(y[i], case.2(a[i] as f64));
                if e > worst.0 {
                    worst = (e, a[i]);
                }
            }
            if n < 4 {
                return worst;
            }
        }
    }

    #[test]
    #[ignore]
    fn all() {
        for case in &CASES {
            let halves: Vec<_> = std::thread::scope(|s| {
                let h: Vec<_> =
                    (0..2u32).map(|t| s.spawn(move || worst(case, (t << 31)..=((t << 31) | 0x7fff_ffff)))).collect();
                h.into_iter().map(|h| h.join().unwrap()).collect()
            });
            println!("{} {:?}", case.0, halves);
        }
    }
    #[test]
    fn quick() {
        for case in &CASES {
            println!("{} {:?}", case.0, worst(case, (0..=u32::MAX).step_by(997)));
        }
    }
}
