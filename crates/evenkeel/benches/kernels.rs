//! Kernels on the machine itself: `npm run bench:native`. For comparing two states of a kernel; what ships is the wasm,
//! which `npm run bench:limits` measures.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use evenkeel::Rng;
use evenkeel::kernels::Kernels;
use evenkeel::kernels::gemm::{Matrix, Start, scratch};
use evenkeel::kernels::norm::Layout;
use evenkeel::kernels::optim::{Adam, Algorithm, Sgd, Step};
use evenkeel::kernels::unary::Unary;
use std::hint::black_box;

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; count];
    Rng::new(seed).fill_normal(&mut x, 0.0, 0.5);
    x
}

fn gemm(c: &mut Criterion) {
    let mut group = c.benchmark_group("gemm");
    for (m, n, k) in [(1, 256, 784), (7, 9, 13), (64, 64, 64), (128, 256, 784), (512, 512, 512)] {
        let (a, b, mut out) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        let mut pack = numbers(scratch(m, n, k), 4);
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        for layout in ["NN", "NT", "TN"] {
            group.bench_function(BenchmarkId::new(layout, format!("{m}x{n}x{k}")), |bench| {
                bench.iter(|| {
                    let a = if layout == "TN" { Matrix::transposed(&a, m) } else { Matrix::rows(&a, k) };
                    let b = if layout == "NT" { Matrix::transposed(&b, k) } else { Matrix::rows(&b, n) };
                    f32::gemm(m, n, k, a, b, black_box(&mut out), Start::Zero, &mut pack);
                });
            });
        }
    }
}

fn norm(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch norm");
    for d in [
        Layout { n: 128, channels: 256, length: 1 },
        Layout { n: 1024, channels: 512, length: 1 },
        Layout { n: 64, channels: 32, length: 784 },
    ] {
        let count = d.count() * d.channels;
        let [x, dy, y, mut out] = [1, 2, 3, 4].map(|seed| numbers(count, seed));
        let [mut a, mut b, mut e, scale] = [5, 6, 7, 8].map(|seed| numbers(d.channels, seed));
        let name = format!("{}x{}x{}", d.n, d.channels, d.length);
        group.throughput(Throughput::Bytes(4 * count as u64));
        group.bench_function(BenchmarkId::new("statistics", &name), |bench| {
            bench.iter(|| f32::statistics(black_box(&x), d, &mut a, &mut b, &mut e));
        });
        group.bench_function(BenchmarkId::new("normalize", &name), |bench| {
            bench.iter(|| f32::normalize(&x, d, &a, &scale, &b, true, black_box(&mut out)));
        });
        group.bench_function(BenchmarkId::new("backward sums", &name), |bench| {
            bench.iter(|| f32::norm_sums(black_box(&x), &dy, Some(&y), d, &scale, &mut a, &mut b));
        });
        group.bench_function(BenchmarkId::new("backward input", &name), |bench| {
            bench.iter(|| f32::norm_input(&x, &dy, Some(&y), d, &scale, [&a, &b, &e], black_box(&mut out)));
        });
    }
}

fn optim(c: &mut Criterion) {
    let mut group = c.benchmark_group("optim");
    let count = 235_904;
    group.throughput(Throughput::Elements(count as u64));
    for algorithm in [
        Algorithm::Sgd(Sgd::default()),
        Algorithm::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }),
        Algorithm::Adam(Adam::default()),
        Algorithm::Adam(Adam::decoupled()),
    ] {
        let (mut p, g) = (numbers(count, 1), numbers(count, 2));
        let mut slots = vec![vec![0.01; count]; algorithm.slots()];
        let step = Step { t: 10, weight_decay: algorithm.weight_decay(), grad_scale: 1.0 };
        group.bench_function(BenchmarkId::new(algorithm.name(), algorithm.slots()), |bench| {
            bench.iter(|| {
                let mut slots: Vec<&mut [f32]> = slots.iter_mut().map(|s| &mut s[..]).collect();
                f32::optimize(&algorithm, step, black_box(&mut p), &g, &mut slots);
            });
        });
    }
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("softmax");
    for (rows, n) in [(128, 10), (128, 1000)] {
        let (x, mut y) = (numbers(rows * n, 1), numbers(rows * n, 2));
        group.throughput(Throughput::Elements((rows * n) as u64));
        for log in [false, true] {
            group.bench_function(BenchmarkId::new(if log { "log" } else { "plain" }, format!("{rows}x{n}")), |bench| {
                bench.iter(|| f32::softmax(&x, n, log, black_box(&mut y)));
            });
        }
    }
}

fn unary(c: &mut Criterion) {
    let mut group = c.benchmark_group("unary");
    let (x, mut y) = (numbers(32768, 1), numbers(32768, 2));
    group.throughput(Throughput::Elements(x.len() as u64));
    for op in [Unary::Relu, Unary::Exp, Unary::Tanh, Unary::Sigmoid, Unary::Gelu] {
        group.bench_function(format!("{op:?}"), |bench| bench.iter(|| f32::unary(op, &x, black_box(&mut y))));
    }
}

criterion_group!(kernels, gemm, norm, optim, rows, unary);
criterion_main!(kernels);
