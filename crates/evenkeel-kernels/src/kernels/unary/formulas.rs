//! The formulas of the element-wise functions and of their derivatives, over whole vectors.

use super::Unary;
use crate::simd::{LANES, Lanes, Real};
use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

// PyTorch's constants of selu.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
// √(2/π), the inner scale of the tanh GELU.
const GELU_BETA: f64 = SQRT_2 * FRAC_2_SQRT_PI * 0.5;
const GELU_KAPPA: f64 = 0.044715;

/// The one loop of the forward pass.
#[inline(always)]
fn map<T: Real>(xy: &mut [[T; LANES]], f: impl Fn(T::V) -> T::V) {
    for v in xy {
        f(T::V::load(v)).store(v);
    }
}

/// The one loop of the backward pass: f takes x or y, and the gradient that arrives.
#[inline(always)]
fn map_grad<T: Real>(s: &[[T; LANES]], g: &mut [[T; LANES]], f: impl Fn(T::V, T::V) -> T::V) {
    for (s, g) in s.iter().zip(g) {
        f(T::V::load(s), T::V::load(g)).store(g);
    }
}

#[inline(always)]
fn k<T: Real>(x: f64) -> T::V {
    T::V::splat(T::of(x))
}

/// One number at a time, for the functions that have no vector form.
#[inline(always)]
fn each<T: Real>(v: T::V, f: impl Fn(T) -> T) -> T::V {
    T::V::load(&v.to_array().map(f))
}

#[inline(always)]
fn clamp<T: Real>(v: T::V, min: T::V, max: T::V) -> T::V {
    v.max(min).min(max)
}

#[inline(always)]
fn sign<T: Real>(v: T::V) -> T::V {
    let zero = T::V::zero();
    let below = T::V::select(v.lt(zero), k::<T>(-1.0), zero);
    T::V::select(zero.lt(v), k::<T>(1.0), below)
}

/// Lower and upper bound of the clamping functions.
fn bounds<T: Real>(op: Unary<T>) -> (T::V, T::V) {
    let (min, max) = match op {
        Unary::Hardtanh { min, max } | Unary::Clip { min, max } => (min, max),
        _ => (T::ZERO, T::of(6.0)),
    };
    (T::V::splat(min), T::V::splat(max))
}

/// Factors of elu and selu above and below 0.
fn elu_factors<T: Real>(op: Unary<T>) -> (T::V, T::V) {
    let (above, below) = match op {
        Unary::Elu(alpha) => (T::ONE, alpha),
        _ => (T::of(SELU_SCALE), T::of(SELU_ALPHA) * T::of(SELU_SCALE)),
    };
    (T::V::splat(above), T::V::splat(below))
}

/// tanh(ln(1 + eˣ)) and sigmoid(x), from one exponential e: the first is e(e + 2)/(e(e + 2) + 2). From x = 20 on both
/// are taken at 20: the first is exactly 1 there, and the second is only ever multiplied by 1 − 1².
#[inline(always)]
fn mish_parts<T: Real>(v: T::V) -> (T::V, T::V) {
    let e = v.min(k::<T>(20.0)).exp();
    let n = e * (e + k::<T>(2.0));
    (n / (n + k::<T>(2.0)), e / (e + k::<T>(1.0)))
}

/// How xᵉ is computed. Small powers are exact products and roots, as in PyTorch; only the rest pays for a logarithm.
#[derive(Clone, Copy)]
enum Power<T> {
    Product(u32),
    Quotient(u32),
    Root,
    InverseRoot,
    General(T),
}

impl<T: Real> Power<T> {
    fn new(e: T) -> Self {
        let n = e.abs().f64();
        match e {
            _ if n <= 4.0 && n == f64::from(n as u32) => {
                if e < T::ZERO {
                    Self::Quotient(n as u32)
                } else {
                    Self::Product(n as u32)
                }
            }
            _ if e == T::of(0.5) => Self::Root,
            _ if e == T::of(-0.5) => Self::InverseRoot,
            _ => Self::General(e),
        }
    }
    #[inline(always)]
    fn of(self, v: T::V) -> T::V {
        let one = k::<T>(1.0);
        let product = |n: u32| (0..n).fold(one, |p, _| p * v);
        match self {
            Self::Product(n) => product(n),
            Self::Quotient(n) => one / product(n),
            Self::Root => v.sqrt(),
            Self::InverseRoot => one / v.sqrt(),
            Self::General(e) => each(v, |x: T| x.powf(e)),
        }
    }
}

/// x ← f(x). Not inlined: whole slices and their ends share this code.
#[inline(never)]
pub(super) fn forward_chunks<T: Real>(op: Unary<T>, xy: &mut [[T; LANES]]) {
    use Unary::*;
    let (zero, one) = (T::V::zero(), k::<T>(1.0));
    let (half, three, six) = (k::<T>(0.5), k::<T>(3.0), k::<T>(6.0));
    match op {
        Neg => map(xy, |v| -v),
        Abs => map(xy, |v| v.abs()),
        Exp => map(xy, |v| v.exp()),
        Ln => map(xy, |v| v.ln()),
        Log1p => map(xy, |v| v.ln_1p()),
        Expm1 => map(xy, |v| v.exp_m1()),
        Sqrt => map(xy, |v| v.sqrt()),
        Rsqrt => map(xy, |v| one / v.sqrt()),
        Square => map(xy, |v| v * v),
        Reciprocal => map(xy, |v| one / v),
        Sin => map(xy, |v| each(v, T::sin)),
        Cos => map(xy, |v| each(v, T::cos)),
        Tanh => map(xy, |v| v.tanh()),
        Sigmoid => map(xy, |v| v.sigmoid()),
        Erf => map(xy, |v| v.erf()),
        Sign => map(xy, |v| sign::<T>(v)),
        Relu => map(xy, |v| v.max(zero)),
        Relu6 | Hardtanh { .. } | Clip { .. } => {
            let (min, max) = bounds(op);
            map(xy, |v| clamp::<T>(v, min, max))
        }
        LeakyRelu(slope) => {
            let slope = T::V::splat(slope);
            map(xy, |v| T::V::select(zero.lt(v), v, v * slope))
        }
        Elu(_) | Selu => {
            let (above, below) = elu_factors(op);
            map(xy, |v| T::V::select(v.le(zero), v.exp_m1() * below, v * above))
        }
        Gelu => {
            let root = k::<T>(FRAC_1_SQRT_2);
            map(xy, |v| v * half * (one + (v * root).erf()))
        }
        GeluTanh => {
            let (beta, kappa) = (k::<T>(GELU_BETA), k::<T>(GELU_KAPPA));
            map(xy, |v| half * v * (one + (beta * (v + kappa * (v * v * v))).tanh()))
        }
        Silu => map(xy, |v| v * v.sigmoid()),
        Mish => map(xy, |v| v * mish_parts::<T>(v).0),
        Softplus { beta, threshold } => {
            let (beta, threshold) = (T::V::splat(beta), T::V::splat(threshold));
            map(xy, |v| {
                let b = v * beta;
                // ln(1 + eᵇ) without overflow.
                let soft = b.max(zero) + (-b.abs()).exp().ln_1p();
                T::V::select(threshold.lt(b), v, soft / beta)
            })
        }
        Softsign => map(xy, |v| v / (one + v.abs())),
        Hardswish => map(xy, |v| v * clamp::<T>(v + three, zero, six) / six),
        Hardsigmoid => map(xy, |v| clamp::<T>(v + three, zero, six) / six),
        LogSigmoid => map(xy, |v| v.min(zero) - (-v.abs()).exp().ln_1p()),
        Powf(e) => {
            let power = Power::new(e);
            map(xy, |v| power.of(v))
        }
        AddScalar(a) => {
            let a = T::V::splat(a);
            map(xy, |v| v + a)
        }
        MulScalar(a) => {
            let a = T::V::splat(a);
            map(xy, |v| v * a)
        }
    }
}

/// g ← g·f′; `s` is the output where [`from_output`](super::from_output) says so, else the input.
#[inline(never)]
pub(super) fn backward_chunks<T: Real>(op: Unary<T>, s: &[[T; LANES]], g: &mut [[T; LANES]]) {
    use Unary::*;
    let (zero, one, two) = (T::V::zero(), k::<T>(1.0), k::<T>(2.0));
    let (half, three) = (k::<T>(0.5), k::<T>(3.0));
    match op {
        // x⁰ is a constant, also where 0·x⁻¹ is not 0.
        Powf(e) if e == T::ZERO => map_grad(s, g, |_, _| zero),
        Neg => map_grad(s, g, |_, g| -g),
        Abs => map_grad(s, g, |x, g| g * sign::<T>(x)),
        Exp => map_grad(s, g, |y, g| g * y),
        Ln => map_grad(s, g, |x, g| g / x),
        Log1p => map_grad(s, g, |x, g| g / (x + one)),
        Expm1 => map_grad(s, g, |y, g| g * (y + one)),
        Sqrt => map_grad(s, g, |y, g| g / (two * y)),
        Rsqrt => map_grad(s, g, |y, g| -half * g * (y * y * y)),
        Square => map_grad(s, g, |x, g| g * (two * x)),
        Reciprocal => map_grad(s, g, |y, g| -g * (y * y)),
        Sin => map_grad(s, g, |x, g| g * each(x, T::cos)),
        Cos => map_grad(s, g, |x, g| g * -each(x, T::sin)),
        Tanh => map_grad(s, g, |y, g| g * (one - y * y)),
        Sigmoid => map_grad(s, g, |y, g| g * ((one - y) * y)),
        Erf => {
            let scale = k::<T>(FRAC_2_SQRT_PI);
            map_grad(s, g, |x, g| scale * (-(x * x)).exp() * g)
        }
        Sign => map_grad(s, g, |_, _| zero),
        Relu => map_grad(s, g, |y, g| T::V::select(y.le(zero), zero, g)),
        Relu6 | Hardtanh { .. } => {
            let (min, max) = bounds(op);
            map_grad(s, g, |y, g| {
                let g = T::V::select(min.lt(y), g, zero);
                T::V::select(y.lt(max), g, zero)
            })
        }
        Clip { .. } => {
            let (min, max) = bounds(op);
            map_grad(s, g, |x, g| {
                let g = T::V::select(min.le(x), g, zero);
                T::V::select(x.le(max), g, zero)
            })
        }
        LeakyRelu(slope) => {
            let slope = T::V::splat(slope);
            map_grad(s, g, |v, g| T::V::select(zero.lt(v), g, g * slope))
        }
        Elu(_) | Selu => {
            let (above, below) = elu_factors(op);
            map_grad(s, g, |x, g| g * T::V::select(x.le(zero), x.exp() * below, above))
        }
        Gelu => {
            let (root, density) = (k::<T>(FRAC_1_SQRT_2), k::<T>(FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5));
            map_grad(s, g, |x, g| {
                let cdf = half * (one + (x * root).erf());
                let pdf = density * (-half * (x * x)).exp();
                g * (cdf + x * pdf)
            })
        }
        GeluTanh => {
            let (beta, kappa) = (k::<T>(GELU_BETA), k::<T>(GELU_KAPPA));
            map_grad(s, g, |x, g| {
                let t = (beta * (x + kappa * (x * x * x))).tanh();
                let inner = beta * (one + three * kappa * (x * x));
                g * (half * (one + t) + half * x * (one - t * t) * inner)
            })
        }
        Silu => map_grad(s, g, |x, g| {
            let sig = x.sigmoid();
            g * (sig * (one + x * (one - sig)))
        }),
        Mish => map_grad(s, g, |x, g| {
            let (t, sig) = mish_parts::<T>(x);
            g * (t + x * sig * (one - t * t))
        }),
        Softplus { beta, threshold } => {
            let (beta, threshold) = (T::V::splat(beta), T::V::splat(threshold));
            map_grad(s, g, |x, g| {
                let b = x * beta;
                T::V::select(threshold.lt(b), g, g * b.sigmoid())
            })
        }
        Softsign => map_grad(s, g, |x, g| {
            let r = one / (one + x.abs());
            // The last term is 0, and NaN at ±∞, where the value is NaN too.
            g * (r * r) + zero * x
        }),
        Hardswish => map_grad(s, g, |x, g| {
            let d = T::V::select(three.le(x), g, g * (x / three + half));
            T::V::select(x.le(-three), zero, d)
        }),
        Hardsigmoid => {
            // PyTorch's constant, an f32 also among f64.
            let sixth = k::<T>(f64::from(1.0f32 / 6.0));
            map_grad(s, g, |x, g| T::V::select(x.abs().lt(three), g * sixth, zero))
        }
        LogSigmoid => map_grad(s, g, |x, g| g * (-x).sigmoid()),
        Powf(e) => {
            let (power, e) = (Power::new(e - T::ONE), T::V::splat(e));
            map_grad(s, g, |x, g| g * (e * power.of(x)))
        }
        AddScalar(_) => map_grad(s, g, |_, g| g),
        MulScalar(a) => {
            let a = T::V::splat(a);
            map_grad(s, g, |_, g| g * a)
        }
    }
}
