//! The same bits with any number of threads: every kernel that is split, on shapes that leave ragged parts, and a whole
//! training; and a pool that survives many small jobs, callers side by side and a task that panics.

use evenkeel::Rng;
use evenkeel::kernels::gemm::{Matrix, Start};
use evenkeel::kernels::loss::{CrossEntropy, Pointwise};
use evenkeel::kernels::norm::Layout;
use evenkeel::kernels::optim::{Algorithm, Step};
use evenkeel::kernels::unary::Unary;
use evenkeel::kernels::{Kernels, gemm_scratch};
use evenkeel::threads::{self, Rows, each_part};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

/// There is one pool: tests of this file take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn normal(n: usize, seed: u64) -> Vec<f32> {
    let mut x = vec![0.0; n];
    Rng::new(seed).fill_normal(&mut x, 0.1, 1.0);
    x
}

/// Runs `f` without a pool and with several, and compares what it gives, bit for bit.
fn same_bits(what: &str, f: impl Fn() -> Vec<Vec<f32>>) {
    let bits = |x: Vec<Vec<f32>>| x.into_iter().map(|x| x.into_iter().map(f32::to_bits).collect()).collect();
    let want: Vec<Vec<u32>> = bits(f());
    for n in [2, 3, 5] {
        let _pool = threads::start(n);
        for _ in 0..3 {
            let got: Vec<Vec<u32>> = bits(f());
            assert!(got == want, "{what} with {n} threads");
        }
    }
}

#[test]
fn products() {
    let _turn = turn();
    for (m, n, k) in [
        (128, 256, 784),
        (129, 67, 257),
        (131, 1030, 64),
        (515, 33, 129),
        (784, 256, 128),
        (1025, 40, 40),
        (32, 261, 300),
        (67, 1024, 64),
        (5000, 1, 200),
    ] {
        let (a, b, bias, c) = (normal(m * k, 1), normal(k * n, 2), normal(n, 3), normal(m * n, 4));
        let orders = |t: bool, x: &'static [f32], rows: usize, columns: usize| {
            if t { Matrix::transposed(x, rows) } else { Matrix::rows(x, columns) }
        };
        let (a, b): (&'static [f32], &'static [f32]) = (a.leak(), b.leak());
        for (ta, tb) in [(false, false), (false, true), (true, false)] {
            for start in [Start::Zero, Start::Add, Start::Bias(&bias)] {
                same_bits(&format!("{m}×{n}×{k} {ta} {tb}"), || {
                    let (mut c, mut pack) = (c.clone(), vec![f32::NAN; gemm_scratch(m, n, k)]);
                    f32::gemm(m, n, k, orders(ta, a, m, k), orders(tb, b, k, n), &mut c, start, &mut pack);
                    vec![c]
                });
            }
        }
    }
}

#[test]
fn numbers_one_by_one() {
    let _turn = turn();
    for n in [3, 16_383, 32_769, 100_003] {
        let (x, y, g, old) = (normal(n, 1), normal(n, 2), normal(n, 3), normal(n, 4));
        for op in [Unary::Relu, Unary::Gelu, Unary::Powf(1.5)] {
            same_bits(&format!("{op:?} of {n}"), || {
                let (mut a, mut b, mut c) = (old.clone(), x.clone(), old.clone());
                f32::unary(op, &x, &mut a);
                f32::unary_in_place(op, &mut b);
                f32::unary_backward(op, &x, &y, &g, &mut c, true);
                vec![a, b, c]
            });
        }
        same_bits(&format!("losses of {n}"), || {
            let (mut losses, mut dx, mut alone) = (old.clone(), old.clone(), old.clone());
            f32::pointwise(Pointwise::Bce, &x, &y, &mut losses, Some(&mut dx));
            f32::pointwise(Pointwise::Mse, &x, &y, &mut alone, None);
            vec![losses, dx, alone]
        });
        for name in ["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam"] {
            let mut algorithm = Algorithm::from_name(name).unwrap();
            for setting in ["amsgrad", "centered"] {
                algorithm.set(setting, 1.0);
            }
            if name == "rmsprop" {
                algorithm.set("momentum", 0.5);
            }
            algorithm.begin(7);
            let step = Step { t: 7, weight_decay: 0.01, grad_scale: 0.5 };
            same_bits(&format!("{name} of {n}"), || {
                let mut p = x.clone();
                let mut slots: Vec<Vec<f32>> = (0..algorithm.slots()).map(|k| vec![k as f32 + 0.5; n]).collect();
                let mut slices: Vec<&mut [f32]> = slots.iter_mut().map(|s| &mut s[..]).collect();
                f32::optimize(&algorithm, step, &mut p, &g, &mut slices);
                let mut average = old.clone();
                f32::ema(&mut average, &p, 0.9);
                slots.extend([p, average]);
                slots
            });
        }
    }
}

#[test]
fn rows_one_by_one() {
    let _turn = turn();
    for (rows, n) in [(1, 70_001), (130, 257), (5_001, 10), (40_003, 3)] {
        let (x, g, old) = (normal(rows * n, 1), normal(rows * n, 2), normal(rows * n, 3));
        let (classes, mut rng) = (normal(n, 4), Rng::new(5));
        let labels: Vec<i32> = (0..rows).map(|_| rng.below(n as u32) as i32).collect();
        same_bits(&format!("softmax of {rows}×{n}"), || {
            let (mut y, mut dx, mut losses, mut grad) = (old.clone(), old.clone(), vec![0.0; rows], old.clone());
            f32::softmax(&x, n, rows % 2 == 0, &mut y);
            f32::softmax_backward(&y, &g, n, rows % 2 == 0, &mut dx);
            let options = CrossEntropy { weight: Some(&classes), ignore_index: 1, label_smoothing: 0.1 };
            let total = f32::cross_entropy(&x, n, &labels, &options, &mut losses, Some(&mut grad));
            let (mut soft, mut alone) = (old.clone(), vec![0.0; rows]);
            let all = f32::cross_entropy_soft(&x, n, &g, &options, &mut alone, Some(&mut soft));
            let mut without = vec![0.0; rows];
            f32::cross_entropy(&x, n, &labels, &CrossEntropy::default(), &mut without, None);
            vec![y, dx, losses, grad, vec![total, all], soft, alone, without]
        });
    }
}

#[test]
fn normalisation_and_sums() {
    let _turn = turn();
    for (n, channels, length) in [(128, 256, 1), (1_031, 67, 1), (33, 1_027, 1), (3, 5, 4_001), (17, 33, 49)] {
        let d = Layout { n, channels, length };
        let len = n * channels * length;
        let (x, dy, y) = (normal(len, 1), normal(len, 2), normal(len, 3));
        let c: Vec<Vec<f32>> = (0..4).map(|i| normal(channels, 10 + i)).collect();
        same_bits(&format!("{d:?}"), || {
            let mut s = vec![vec![0.0; channels]; 7];
            let [shift, delta, var, sum, product, total, more] = &mut s[..] else { unreachable!() };
            f32::statistics(&x, d, shift, delta, var);
            f32::norm_sums(&x, &dy, Some(&y), d, &c[0], sum, product);
            f32::sum(&x, n, channels * length, 1, &mut vec![0.0; n], false);
            if length == 1 {
                f32::sum(&x, 1, n, channels, total, false);
                f32::sum(&dy, 1, n, channels, more, true);
            }
            let (mut out, mut dx) = (y.clone(), y.clone());
            f32::normalize(&x, d, &c[0], &c[1], &c[2], true, &mut out);
            f32::norm_input(&x, &dy, Some(&y), d, &c[0], [&c[1], &c[2], &c[3]], &mut dx);
            s.extend([out, dx]);
            s
        });
    }
}

#[test]
fn parts_cover_all_rows_once() {
    let _turn = turn();
    let _pool = threads::start(3);
    for rows in [0, 1, 5, 63, 64, 1_000] {
        for (unit, parts) in [(1, 1), (4, 2), (16, 3), (7, 32)] {
            let (mut a, mut b) = (vec![0u32; rows], vec![0u32; rows * 3]);
            let mut scratch = vec![0u32; parts * 5];
            each_part(rows, unit, parts, [Rows(&mut a, 1), Rows(&mut b, 3)], &mut scratch, |at, [a, b], scratch| {
                assert_eq!((a.len(), b.len(), scratch.len()), (at.len(), at.len() * 3, 5));
                assert!(at.start % unit == 0 && (at.end % unit == 0 || at.end == rows));
                a.iter_mut().chain(b).chain(scratch).for_each(|x| *x += 1);
            });
            assert!(a.iter().chain(&b).chain(&scratch).all(|&x| x == 1), "{rows} rows in {parts}");
        }
    }
}

#[test]
fn many_jobs_and_callers_side_by_side() {
    let _turn = turn();
    let _pool = threads::start(4);
    std::thread::scope(|scope| {
        for caller in 0..3 {
            scope.spawn(move || {
                for job in 0..20_000 {
                    let tasks = (job * 7 + caller) % 11;
                    let sum = AtomicUsize::new(0);
                    threads::run(tasks, &|i| {
                        sum.fetch_add(i + 1, Ordering::Relaxed);
                    });
                    assert_eq!(sum.into_inner(), tasks * (tasks + 1) / 2);
                }
            });
        }
    });
}

#[test]
fn every_thread_takes_part_and_a_pool_can_be_started_again() {
    let _turn = turn();
    for n in [2, 4] {
        let _pool = threads::start(n);
        assert_eq!(threads::count(), n);
        let seen = Mutex::new(HashSet::new());
        // As many tasks as threads, none of which ends before all have begun.
        threads::run(n, &|_| {
            seen.lock().unwrap().insert(std::thread::current().id());
            while seen.lock().unwrap().len() < n {
                std::thread::yield_now();
            }
        });
    }
    assert_eq!(threads::count(), 1);
}

#[test]
fn a_task_that_panics_ends_the_job_and_not_the_pool() {
    let _turn = turn();
    let _pool = threads::start(3);
    for bad in 0..20 {
        let caught = std::panic::catch_unwind(|| {
            threads::run(20, &|i| {
                assert!(i != bad, "on purpose");
                std::thread::sleep(std::time::Duration::from_micros(50));
            });
        });
        assert!(caught.is_err());
        let sum = AtomicUsize::new(0);
        threads::run(20, &|i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 190);
    }
}
