//! Operations on tensors.

use super::{T64, check, check1, normal, uniform};
use evenkeel::autograd::{concat, linear, stack, where_};
use evenkeel::kernels::binary::Binary;
use evenkeel::kernels::unary::{Unary, from_output};
use evenkeel::{Indices, Tensor};

#[test]
fn unary() {
    use Unary::*;
    // Between −5 and 5, no value at a kink.
    let anywhere = || T64::linspace(-5.0, 5.2, 23).unwrap().tracked();
    for op in [
        Neg,
        Abs,
        Exp,
        Expm1,
        Square,
        Reciprocal,
        Sin,
        Cos,
        Tanh,
        Sigmoid,
        Erf,
        Sign,
        Relu,
        Relu6,
        LeakyRelu(0.01),
        LeakyRelu(-0.5),
        Elu(1.0),
        Elu(0.7),
        Selu,
        Gelu,
        GeluTanh,
        Silu,
        Mish,
        Softplus { beta: 1.0, threshold: 20.0 },
        Softplus { beta: 2.5, threshold: 6.0 },
        Softsign,
        Hardswish,
        Hardsigmoid,
        Hardtanh { min: -1.0, max: 2.0 },
        LogSigmoid,
        Clip { min: -0.5, max: 1.5 },
        Clip { min: f64::NEG_INFINITY, max: 1.5 },
        Powf(2.0),
        Powf(3.0),
        AddScalar(0.3),
        MulScalar(-1.7),
    ] {
        check1(&format!("{op:?}"), anywhere(), |x| x.unary(op));
    }
    for op in [Ln, Log1p, Sqrt, Rsqrt, Powf(2.5), Powf(-1.3), Powf(0.5)] {
        check1(&format!("{op:?}"), uniform(&[3, 7], 0.2, 5.0, 1), |x| x.unary(op));
    }
    check1("log1p below 0", uniform(&[9], -0.9, 0.0, 1), |x| x.unary(Log1p));
}

const PAIRS: [(&[usize], &[usize]); 9] = [
    (&[3, 4], &[3, 4]),
    (&[3, 4], &[4]),
    (&[4], &[3, 4]),
    (&[3, 1], &[1, 5]),
    (&[2, 3, 4], &[3, 1]),
    (&[], &[2, 3]),
    (&[1], &[7]),
    (&[2, 1, 3, 1], &[4, 1, 5]),
    (&[2, 1, 1, 2, 1, 3], &[1, 2, 2, 1, 2, 1]),
];

#[test]
fn binary_with_broadcasting() {
    for (a, b) in PAIRS {
        for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Min, Binary::Max] {
            check(&format!("{op:?} {a:?} {b:?}"), &[normal(a, 1), normal(b, 2)], |x| x[0].binary(op, &x[1]));
        }
        let positive = |s: &[usize], seed: u64| uniform(s, 0.5, 2.0, seed);
        check(&format!("div {a:?} {b:?}"), &[normal(a, 1), positive(b, 2)], |x| x[0].div(&x[1]));
        check(&format!("pow {a:?} {b:?}"), &[positive(a, 1), normal(b, 2)], |x| x[0].binary(Binary::Pow, &x[1]));
    }
    check1("x·x", normal(&[5], 3), |x| x.mul(x));
    check1("x − x", normal(&[5], 3), |x| x.sub(x));
    check1("x/x + x", normal(&[2, 3], 3), |x| x.div(x)?.add(x));
}

/// At ties and at 0 there is no derivative to difference: what PyTorch gives.
#[test]
fn ties_and_zeros() {
    let grads = |op: Binary, a: &[f64], b: &[f64]| {
        let (a, b) = (T64::new(a, &[a.len()]).unwrap().tracked(), T64::new(b, &[b.len()]).unwrap().tracked());
        a.binary(op, &b).unwrap().sum_all().unwrap().backward().unwrap();
        (a.grad().unwrap().to_vec(), b.grad().unwrap().to_vec())
    };
    assert_eq!(grads(Binary::Max, &[1.0, 2.0], &[1.0, 1.0]), (vec![0.5, 1.0], vec![0.5, 0.0]));
    assert_eq!(grads(Binary::Min, &[1.0, 2.0], &[1.0, 1.0]), (vec![0.5, 0.0], vec![0.5, 1.0]));
    assert_eq!(grads(Binary::Pow, &[0.0, 0.0], &[0.0, 2.0]), (vec![0.0, 0.0], vec![0.0, 0.0]));
    let x = T64::new(&[2.0, 7.0, 7.0, 1.0], &[4]).unwrap().tracked();
    x.max(0, false).unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0, 1.0, 0.0, 0.0], "the first of equals");
}

#[test]
fn comparisons_and_detached_tensors_have_none() {
    let (a, b) = (normal(&[4], 1), normal(&[4], 2));
    for op in [Binary::Eq, Binary::Ne, Binary::Lt, Binary::Le, Binary::Gt, Binary::Ge] {
        assert!(!a.binary(op, &b).unwrap().tracks());
    }
    a.mul(&a.detach()).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(a.grad().unwrap().to_vec(), a.to_vec());
    assert!(!evenkeel::no_grad(|| a.mul(&b)).unwrap().tracks());
}

#[test]
fn matmul() {
    let pairs: [(&[usize], &[usize]); 11] = [
        (&[3, 4], &[4, 5]),
        (&[1, 1], &[1, 1]),
        (&[5, 9], &[9, 6]),
        (&[2, 3, 4], &[2, 4, 5]),
        (&[2, 3, 4], &[4, 5]),
        (&[3, 4], &[2, 4, 5]),
        (&[3, 1, 2, 4], &[2, 4, 3]),
        (&[4], &[4]),
        (&[4], &[4, 5]),
        (&[2, 3, 4], &[4]),
        (&[4], &[2, 4, 3]),
    ];
    for (a, b) in pairs {
        check(&format!("matmul {a:?} {b:?}"), &[normal(a, 1), normal(b, 2)], |x| x[0].matmul(&x[1]));
    }
    check1("x·xᵀ", normal(&[3, 4], 5), |x| x.matmul(&x.transpose(0, 1)?));
}

#[test]
fn reductions() {
    let sets: [&[isize]; 9] = [&[], &[0], &[1], &[2], &[-1], &[0, 2], &[0, 1], &[1, 2], &[0, 1, 2]];
    for axes in sets {
        for keep in [false, true] {
            let x = || normal(&[2, 3, 4], 1);
            let name = |what: &str| format!("{what} {axes:?} {keep}");
            check1(&name("sum"), x(), |x| x.sum(axes, keep));
            check1(&name("mean"), x(), |x| x.mean(axes, keep));
            check1(&name("var 0"), x(), |x| x.var(axes, 0, keep));
            check1(&name("var 1"), x(), |x| x.var(axes, 1, keep));
            check1(&name("std"), x(), |x| x.std(axes, 1, keep));
        }
    }
    check1("sum of everything", normal(&[3, 5], 2), Tensor::sum_all);
    for axis in [0, 1, 2, -1] {
        for keep in [false, true] {
            check1(&format!("max {axis}"), normal(&[3, 4, 5], 3), |x| x.max(axis, keep));
            check1(&format!("min {axis}"), normal(&[3, 4, 5], 3), |x| x.min(axis, keep));
            check1(&format!("log_sum_exp {axis}"), normal(&[3, 4, 5], 4), |x| x.log_sum_exp(axis, keep));
        }
        check1(&format!("softmax {axis}"), normal(&[3, 4, 5], 4), |x| x.softmax(axis));
        check1(&format!("log_softmax {axis}"), normal(&[3, 4, 5], 4), |x| x.log_softmax(axis));
    }
    check1("softmax of a vector", normal(&[7], 5), |x| x.softmax(0));
    check1("log_softmax of a vector", normal(&[7], 5), |x| x.log_softmax(-1));
}

#[test]
fn shaping() {
    let x = || normal(&[2, 3, 4], 1);
    check1("reshape", x(), |x| x.reshape(&[4, 6]));
    check1("flatten", x(), |x| x.flatten(1));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        check1(&format!("permute {order:?}"), x(), |x| x.permute(&order));
    }
    check1("transpose", x(), |x| x.transpose(0, -1));
    for (axis, start, end) in [(0, 0, 1), (0, 1, 2), (1, 0, 2), (1, 1, 3), (2, 1, 3), (-1, 0, 4), (1, 1, 2)] {
        check1(&format!("slice {axis} {start}..{end}"), x(), |x| x.slice(axis, start, end));
    }
    let rows = Indices::new(&[2, 0, 2, 1, 2], &[5]).unwrap();
    for shape in [&[3][..], &[3, 4], &[3, 2, 3]] {
        check1(&format!("gather {shape:?}"), normal(shape, 2), |x| x.gather(&rows));
    }
    for axis in [0, 1, 2, -1] {
        let other = [2, 3, 4].map(|d| d + 1);
        let mut shape = [2, 3, 4];
        let at = if axis < 0 { 2 } else { axis as usize };
        shape[at] = other[at];
        check(&format!("concat {axis}"), &[x(), normal(&shape, 3)], |x| concat(&[&x[0], &x[1], &x[0]], axis));
    }
    for axis in 0..=3 {
        check(&format!("stack {axis}"), &[x(), normal(&[2, 3, 4], 3)], |x| stack(&[&x[0], &x[1], &x[0]], axis));
    }
    for to in [&[2, 3, 4][..], &[5, 2, 3, 4], &[1, 1, 2, 3, 4]] {
        check1(&format!("expand to {to:?}"), x(), |x| x.expand(to));
    }
    check1("expand a column", normal(&[3, 1], 2), |x| x.expand(&[2, 3, 4]));
    check1("expand a scalar", normal(&[], 2), |x| x.expand(&[2, 2]));
}

#[test]
fn where_chooses() {
    let condition = T64::new(&[1.0, 0.0, 0.0, -2.0, 1.0, 0.0], &[2, 3]).unwrap();
    let shapes: [(&[usize], &[usize]); 4] = [(&[2, 3], &[2, 3]), (&[3], &[2, 1]), (&[], &[4, 2, 3]), (&[2, 3], &[])];
    for (a, b) in shapes {
        check(&format!("where {a:?} {b:?}"), &[normal(a, 1), normal(b, 2)], |x| where_(&condition, &x[0], &x[1]));
    }
    check1("where on one side", normal(&[2, 3], 1), |x| where_(&condition, x, &condition));
    check1("the same on both", normal(&[3], 1), |x| where_(&condition, x, x));
}

#[test]
fn linear_with_bias_and_activation() {
    use Unary::*;
    let (w, b) = (|| normal(&[5, 3], 2), || normal(&[5], 3));
    for shape in [&[3][..], &[1, 3], &[4, 3], &[2, 3, 3]] {
        check(&format!("linear {shape:?}"), &[normal(shape, 1), w(), b()], |x| linear(&x[0], &x[1], Some(&x[2]), None));
        check(&format!("linear, no bias {shape:?}"), &[normal(shape, 1), w()], |x| linear(&x[0], &x[1], None, None));
    }
    for act in [Relu, Relu6, LeakyRelu(0.1), Tanh, Sigmoid, Hardtanh { min: -1.0, max: 1.0 }, Exp, Neg] {
        assert!(from_output(act));
        let (x, name) = (|| normal(&[4, 3], 1), format!("linear and {act:?}"));
        check(&name, &[x(), w(), b()], |x| linear(&x[0], &x[1], Some(&x[2]), Some(act)));
        check(&name, &[x(), w()], |x| linear(&x[0], &x[1], None, Some(act)));
    }
    // Only some of the inputs want a gradient.
    let data = normal(&[4, 3], 1).detach();
    check("of weight and bias alone", &[w(), b()], |p| linear(&data, &p[0], Some(&p[1]), Some(Tanh)));
    let fixed = w().detach();
    check1("of the input alone", normal(&[4, 3], 1), |x| linear(x, &fixed, None, Some(Tanh)));
}
