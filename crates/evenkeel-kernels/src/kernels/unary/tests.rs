//! The kernels against scalar formulas, finite differences and PyTorch's values at the kinks.

use super::*;

const INF: f64 = f64::INFINITY;

fn all<T: Real>() -> Vec<Unary<T>> {
    use Unary::*;
    let t = T::of;
    let mut ops = vec![Neg, Abs, Exp, Ln, Log1p, Expm1, Sqrt, Rsqrt, Square, Reciprocal, Sin, Cos, Tanh, Sigmoid, Erf];
    ops.extend([
        Sign,
        Relu,
        Relu6,
        LeakyRelu(t(0.2)),
        LeakyRelu(t(-0.5)),
        Elu(t(0.5)),
        Selu,
        Gelu,
        GeluTanh,
        Silu,
        Mish,
    ]);
    ops.extend([
        Softplus { beta: t(2.0), threshold: t(5.0) },
        Softplus { beta: t(1.0), threshold: t(200.0) },
        Softsign,
    ]);
    ops.extend([Hardswish, Hardsigmoid, Hardtanh { min: t(-1.0), max: t(0.75) }, Clip { min: t(-INF), max: t(0.75) }]);
    ops.extend([LogSigmoid, AddScalar(t(1.5)), MulScalar(t(-2.5))]);
    ops.extend([-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0].map(|e| Powf(t(e))));
    ops
}

/// The scalar oracle, each function written as its definition.
fn reference(op: Unary<f64>, x: f64) -> f64 {
    use Unary::*;
    let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    match op {
        Neg => -x,
        Abs => x.abs(),
        Exp => libm::exp(x),
        Ln => libm::log(x),
        Log1p => libm::log1p(x),
        Expm1 => libm::expm1(x),
        Sqrt => x.sqrt(),
        Rsqrt => 1.0 / x.sqrt(),
        Square => x * x,
        Reciprocal => 1.0 / x,
        Sin => libm::sin(x),
        Cos => libm::cos(x),
        Tanh => libm::tanh(x),
        Sigmoid => sigmoid(x),
        Erf => libm::erf(x),
        Sign => f64::from(x > 0.0) - f64::from(x < 0.0),
        Relu => x.max(0.0),
        Relu6 => x.clamp(0.0, 6.0),
        LeakyRelu(a) => x * if x > 0.0 { 1.0 } else { a },
        Elu(a) => x.max(0.0) + a * libm::expm1(x.min(0.0)),
        Selu => 1.0507009873554805 * (x.max(0.0) + 1.6732632423543772 * libm::expm1(x.min(0.0))),
        Gelu => x * 0.5 * libm::erfc(-x / 2f64.sqrt()),
        GeluTanh => 0.5 * x * (1.0 + libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))),
        Silu => x * sigmoid(x),
        Mish => x * libm::tanh(softplus(x)),
        Softplus { beta, threshold } => {
            if x * beta > threshold {
                x
            } else {
                softplus(x * beta) / beta
            }
        }
        Softsign => x / (1.0 + x.abs()),
        Hardswish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Hardsigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Hardtanh { min, max } | Clip { min, max } => x.max(min).min(max),
        LogSigmoid => -softplus(-x),
        Powf(e) => libm::pow(x, e),
        AddScalar(a) => x + a,
        MulScalar(a) => x * a,
    }
}

/// Thirteen points off the kinks; positive ones where the function needs that.
fn points(op: Unary<f64>) -> Vec<f64> {
    use Unary::*;
    let positive = matches!(op, Ln | Log1p | Sqrt | Rsqrt) || matches!(op, Powf(e) if e.fract() != 0.0);
    let x = [-0.3, 2.1, -5.5, 6.5, 0.01, -2.9, 0.7, 3.3, -0.02, -12.0, 1.2, 20.5, -1.4];
    x.map(|v: f64| if positive { v.abs() } else { v }).to_vec()
}

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} is not {b}");
}

/// Runs both passes as the engine does: only what `from_output` asks for is given to the backward.
fn run<T: Real>(op: Unary<T>, x: &[T]) -> (Vec<T>, Vec<T>) {
    let (mut y, mut gx) = (vec![T::ZERO; x.len()], vec![T::ZERO; x.len()]);
    forward(op, x, &mut y);
    let gy = vec![T::ONE; x.len()];
    let kept = if from_output(op) { (&[][..], &y[..]) } else { (x, &[][..]) };
    backward(op, kept.0, kept.1, &gy, &mut gx, false);
    (y, gx)
}

fn check_against_reference<T: Real>(tolerance: f64) {
    for (op, op64) in all::<T>().into_iter().zip(all::<f64>()) {
        let x: Vec<T> = points(op64).into_iter().map(T::of).collect();
        let (y, gx) = run(op, &x);
        for i in 0..x.len() {
            let (x, h) = (x[i].f64(), 1e-6 * (1.0 + x[i].f64().abs()));
            close(y[i].f64(), reference(op64, x), tolerance, &format!("{op64:?}({x})"));
            let slope = (reference(op64, x + h) - reference(op64, x - h)) / (2.0 * h);
            close(gx[i].f64(), slope, tolerance.max(1e-7), &format!("{op64:?}'({x})"));
        }
    }
}

#[test]
fn values_and_gradients_match_the_scalar_formulas() {
    check_against_reference::<f64>(1e-13);
    check_against_reference::<f32>(2e-6);
}

#[test]
fn bits_depend_neither_on_position_nor_on_being_in_place() {
    for op in all::<f32>() {
        let points: Vec<f32> = points(Unary::Ln).into_iter().map(|v| v as f32).collect();
        let (ones, ones_gx): (Vec<_>, Vec<_>) = points.iter().map(|&v| run(op, &[v])).unzip();
        for n in 0..=points.len() {
            let (y, gx) = run(op, &points[..n]);
            let mut in_place = points[..n].to_vec();
            forward_in_place(op, &mut in_place);
            for i in 0..n {
                assert_eq!(y[i].to_bits(), ones[i][0].to_bits(), "{op:?} {i} of {n}");
                assert_eq!(y[i].to_bits(), in_place[i].to_bits(), "{op:?} {i} of {n}, in place");
                assert_eq!(gx[i].to_bits(), ones_gx[i][0].to_bits(), "{op:?}' {i} of {n}");
            }
        }
    }
}

#[test]
fn a_gradient_is_scaled_and_added() {
    for op in all::<f64>() {
        let x = points(op);
        let (y, d) = run(op, &x);
        let gy: Vec<f64> = (0..x.len()).map(|i| i as f64 - 3.5).collect();
        let mut gx = vec![10.0; x.len()];
        backward(op, &x, &y, &gy, &mut gx, true);
        for i in 0..x.len() {
            close(gx[i], 10.0 + gy[i] * d[i], 1e-14, &format!("{op:?}'"));
        }
    }
}

/// (function, x, value, derivative) of PyTorch 2 on a CPU.
#[test]
fn kinks_and_special_numbers_are_pytorchs() {
    use Unary::*;
    let nan = f64::NAN;
    let unit = Hardtanh { min: -1.0, max: 1.0 };
    let clip = Clip { min: -1.0, max: 1.0 };
    let table = [
        (Abs, 0.0, 0.0, 0.0),
        (Sign, nan, 0.0, 0.0),
        (Sqrt, 0.0, 0.0, INF),
        (Rsqrt, 0.0, INF, -INF),
        (Reciprocal, -0.0, -INF, -INF),
        (Ln, 0.0, -INF, INF),
        (Ln, -1.0, nan, -1.0),
        (Exp, -INF, 0.0, 0.0),
        (Exp, INF, INF, INF),
        (Tanh, -INF, -1.0, 0.0),
        (Sigmoid, INF, 1.0, 0.0),
        (Relu, 0.0, 0.0, 0.0),
        (Relu, nan, nan, 1.0),
        (Relu6, 0.0, 0.0, 0.0),
        (Relu6, 6.0, 6.0, 0.0),
        (Relu6, nan, nan, 0.0),
        (LeakyRelu(0.2), 0.0, 0.0, 0.2),
        (LeakyRelu(0.2), nan, nan, 0.2),
        (Elu(0.5), 0.0, 0.0, 0.5),
        (Elu(0.5), -INF, -0.5, 0.0),
        (Elu(0.5), nan, nan, 1.0),
        (Selu, 0.0, 0.0, 1.7580993408473766),
        (Gelu, 0.0, 0.0, 0.5),
        (Gelu, -INF, nan, nan),
        (Silu, -INF, nan, nan),
        (Mish, 0.0, 0.0, 0.6),
        (Mish, 40.0, 40.0, 1.0),
        (Mish, INF, INF, nan),
        (Softplus { beta: 1.0, threshold: 20.0 }, INF, INF, 1.0),
        (Softplus { beta: 1.0, threshold: 20.0 }, -INF, 0.0, 0.0),
        (Softsign, 0.0, 0.0, 1.0),
        (Softsign, INF, nan, nan),
        (Hardswish, -3.0, 0.0, 0.0),
        (Hardswish, 3.0, 3.0, 1.0),
        (Hardswish, nan, nan, nan),
        (Hardsigmoid, -3.0, 0.0, 0.0),
        (Hardsigmoid, 3.0, 1.0, 0.0),
        (Hardsigmoid, nan, nan, 0.0),
        (unit, -1.0, -1.0, 0.0),
        (unit, 1.0, 1.0, 0.0),
        (unit, nan, nan, 0.0),
        (clip, -1.0, -1.0, 1.0),
        (clip, 1.0, 1.0, 1.0),
        (clip, nan, nan, 0.0),
        (Clip { min: 2.0, max: 1.0 }, 0.0, 1.0, 0.0),
        (LogSigmoid, -INF, -INF, 1.0),
        (LogSigmoid, 1e4, 0.0, 0.0),
        (Powf(0.0), nan, 1.0, 0.0),
        (Powf(0.0), 0.0, 1.0, 0.0),
        (Powf(1.0), 0.0, 0.0, 1.0),
        (Powf(2.0), 0.0, 0.0, 0.0),
        (Powf(0.5), 0.0, 0.0, INF),
        (Powf(3.0), -2.0, -8.0, 12.0),
        (Powf(2.5), -2.0, nan, nan),
    ];
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-15;
    for (op, x, y, d) in table {
        let (got_y, got_d) = run(op, &[x]);
        assert!(same(got_y[0], y) && same(got_d[0], d), "{op:?} at {x}: {got_y:?}, {got_d:?}; not {y}, {d}");
    }
}

#[test]
fn nan_passes_through() {
    for op in all::<f32>().into_iter().filter(|&op| op != Unary::Sign && op != Unary::Powf(0.0)) {
        assert!(run(op, &[f32::NAN]).0[0].is_nan(), "{op:?}");
    }
}
