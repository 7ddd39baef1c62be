//! Errors in units in the last place over the whole range, special values, and the bits themselves.

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
    special: &[(0.0, 1.0), (-0.0, 1.0), (LEAST, 1.0), (89.0, INF), (INF, INF), (-104.0, 0.0), (-INF, 0.0), (NAN, NAN)],
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
    special: &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-LEAST, NAN), (-1.0, NAN), (-INF, NAN), (INF, INF), (NAN, NAN)],
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
