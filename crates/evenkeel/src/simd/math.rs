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
mod tests {
    use super::*;
    use crate::simd::{LANES, Real};

    struct Case {
        name: &'static str,
        f: fn(F32s) -> F32s,
        reference: fn(f64) -> f64,
        /// Largest error in ulps: what the function's doc says.
        bound: f64,
        /// Largest magnitude of a value.
        limit: f32,
        /// Around these (and their negatives) every number is tested.
        near: &'static [f32],
        /// Arguments and their exact values.
        special: &'static [(f32, f32)],
    }

    const INF: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    /// The least subnormal number.
    const LEAST: f32 = f32::from_bits(1);

    const EXP_CASE: Case = Case {
        name: "exp",
        f: exp,
        reference: libm::exp,
        bound: 0.99,
        limit: INF,
        near: &[0.0, 0.34657, 1.0, 87.33655, 88.72284, 89.0, 103.27893, 103.97208, 104.0],
        special: &[
            (0.0, 1.0),
            (-0.0, 1.0),
            (LEAST, 1.0),
            (89.0, INF),
            (INF, INF),
            (-104.0, 0.0),
            (-INF, 0.0),
            (NAN, NAN),
        ],
    };
    const EXP_M1_CASE: Case = Case {
        name: "exp_m1",
        f: exp_m1,
        reference: libm::expm1,
        bound: 1.59,
        limit: INF,
        near: &[0.0, TINY, 0.34657, 1.0, 17.32868, 18.0, 88.37627, 88.72284, 89.0],
        special: &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (LEAST, LEAST),
            (-LEAST, -LEAST),
            (1e-9, 1e-9),
            (-INF, -1.0),
            (INF, INF),
            (NAN, NAN),
        ],
    };
    const LN_CASE: Case = Case {
        name: "ln",
        f: ln,
        reference: libm::log,
        bound: 0.93,
        limit: INF,
        near: &[0.0, f32::MIN_POSITIVE, core::f32::consts::FRAC_1_SQRT_2, 1.0, core::f32::consts::SQRT_2, f32::MAX],
        special: &[
            (1.0, 0.0),
            (0.0, -INF),
            (-0.0, -INF),
            (-LEAST, NAN),
            (-1.0, NAN),
            (-INF, NAN),
            (INF, INF),
            (NAN, NAN),
        ],
    };
    const LN_1P_CASE: Case = Case {
        name: "ln_1p",
        f: ln_1p,
        reference: libm::log1p,
        bound: 1.46,
        limit: INF,
        near: &[0.0, TINY, 0.29289323, 0.41421357, 1.0, 16777216.0, f32::MAX],
        special: &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (LEAST, LEAST),
            (-LEAST, -LEAST),
            (1e-9, 1e-9),
            (-1.0, -INF),
            (-1.0000001, NAN),
            (-INF, NAN),
            (INF, INF),
            (NAN, NAN),
        ],
    };
    const TANH_CASE: Case = Case {
        name: "tanh",
        f: tanh,
        reference: libm::tanh,
        bound: 1.97,
        limit: 1.0,
        near: &[0.0, TINY, 0.17328, 0.51986, 9.010913, 9.125],
        special: &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (LEAST, LEAST),
            (-LEAST, -LEAST),
            (1e-9, 1e-9),
            (INF, 1.0),
            (-INF, -1.0),
            (NAN, NAN),
        ],
    };
    const ERF_CASE: Case = Case {
        name: "erf",
        f: erf,
        reference: libm::erf,
        bound: 1.56,
        limit: 1.0,
        near: &[0.0, TINY, 1.0, ERF_SPLIT, 3.8325067, ERF_END],
        special: &[(0.0, 0.0), (-0.0, -0.0), (LEAST, LEAST), (-LEAST, -LEAST), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    };
    const SIGMOID_CASE: Case = Case {
        name: "sigmoid",
        f: sigmoid,
        reference: |x| 1.0 / (1.0 + libm::exp(-x)),
        bound: 2.41,
        limit: 1.0,
        near: &[0.0, 0.34657, 1.0, 17.32868, 87.33655, 103.27893, 103.97208, 104.0],
        special: &[(0.0, 0.5), (-0.0, 0.5), (-100.0, 3.8e-44), (INF, 1.0), (-INF, 0.0), (NAN, NAN)],
    };
    const CASES: [&Case; 7] = [&EXP_CASE, &EXP_M1_CASE, &LN_CASE, &LN_1P_CASE, &TANH_CASE, &ERF_CASE, &SIGMOID_CASE];

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

    /// Largest error over these bit patterns and where it is.
    fn worst(case: &Case, mut patterns: impl Iterator<Item = u32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        while let Some(b) = patterns.next() {
            // A short last vector is filled up with its first number.
            let mut x = [f32::from_bits(b); LANES];
            x[1..].iter_mut().zip(&mut patterns).for_each(|(x, b)| *x = f32::from_bits(b));
            for (x, y) in x.into_iter().zip((case.f)(F32s::load(&x)).to_array()) {
                assert!(y.is_nan() || y.abs() <= case.limit, "{}({x:e}) = {y:e}", case.name);
                let e = ulps(y, (case.reference)(x as f64));
                if e > worst.0 {
                    worst = (e, x);
                }
            }
        }
        worst
    }

    fn check(case: &Case, patterns: impl Iterator<Item = u32>) {
        let (e, x) = worst(case, patterns);
        println!("{}: {e:.4} ulp at {x:e} ({:#010x})", case.name, x.to_bits());
        assert!(e <= case.bound, "{}({x:e}) is {e} ulp off, more than {}", case.name, case.bound);
    }

    /// Every 997th number, every number around the delicate ones, and the special values. With `EVENKEEL_ULP_STEP=1`
    /// every number there is (minutes, with `--release -- --nocapture`), from which the docs have their figures.
    fn check_case(case: &Case) {
        let step = std::env::var("EVENKEEL_ULP_STEP").map_or(997, |s| s.parse().expect("a whole number"));
        check(case, (0..=u32::MAX).step_by(step));
        for x in case.near {
            for b in [x.to_bits(), (-x).to_bits()] {
                check(case, (0..=4000).map(|i| b.wrapping_add(i).wrapping_sub(2000)));
            }
        }
        for &(x, y) in case.special {
            let got = x.lane(case.f);
            assert!(got.to_bits() == y.to_bits() || (got.is_nan() && y.is_nan()), "{}({x:e}) = {got:e}", case.name);
        }
    }

    #[test]
    fn exp_is_close() {
        check_case(&EXP_CASE);
    }
    #[test]
    fn exp_m1_is_close() {
        check_case(&EXP_M1_CASE);
    }
    #[test]
    fn ln_is_close() {
        check_case(&LN_CASE);
    }
    #[test]
    fn ln_1p_is_close() {
        check_case(&LN_1P_CASE);
    }
    #[test]
    fn tanh_is_close() {
        check_case(&TANH_CASE);
    }
    #[test]
    fn erf_is_close() {
        check_case(&ERF_CASE);
    }
    #[test]
    fn sigmoid_is_close() {
        check_case(&SIGMOID_CASE);
    }

    /// A number gives the same bits in each lane, whatever its neighbours, and alone.
    #[test]
    fn lanes_do_not_matter() {
        let xs: Vec<f32> = (0..=u32::MAX).step_by(1_000_003).map(f32::from_bits).collect();
        for case in CASES {
            let bits = |y: f32| if y.is_nan() { NAN.to_bits() } else { y.to_bits() };
            let alone: Vec<u32> = xs.iter().map(|x| bits(x.lane(case.f))).collect();
            for (i, w) in xs.windows(LANES).enumerate() {
                let y = (case.f)(F32s::load(w.try_into().unwrap())).to_array().map(bits);
                assert_eq!(y, alone[i..i + LANES], "{} of {w:?}", case.name);
            }
        }
    }

    /// The bits themselves, on every target: FNV-1a over a sweep, all NaN counted as one.
    #[test]
    fn bits_are_the_agreed_ones() {
        let hash = |case: &Case| {
            (0..=u32::MAX).step_by(65_521).fold(0xcbf29ce484222325u64, |h, b| {
                let y = f32::from_bits(b).lane(case.f);
                let y = if y.is_nan() { NAN.to_bits() } else { y.to_bits() };
                (h ^ y as u64).wrapping_mul(0x100000001b3)
            })
        };
        let got = CASES.map(|case| (case.name, hash(case)));
        let agreed = [
            ("exp", 0x8c99ed819e657cf5),
            ("exp_m1", 0x00a8da4f97ee720a),
            ("ln", 0x6d30d7387a453819),
            ("ln_1p", 0xd3fe08c8f8028ab0),
            ("tanh", 0x88c898d256dd0cea),
            ("erf", 0xb7f484d8d19630fb),
            ("sigmoid", 0xf0deb2301e55681e),
        ];
        assert_eq!(got, agreed, "{got:#x?}");
    }
}
