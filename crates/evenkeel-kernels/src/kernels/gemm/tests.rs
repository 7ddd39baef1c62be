//! Products of ragged sizes against three plain loops.

use super::*;

/// The oracle: three plain loops.
fn plain(m: usize, n: usize, k: usize, a: Matrix<f64>, b: Matrix<f64>, c: &mut [f64]) {
    for i in 0..m {
        for j in 0..n {
            for p in 0..k {
                c[i * n + j] += a.data[i * a.row + p * a.column] * b.data[p * b.row + j * b.column];
            }
        }
    }
}

fn check(m: usize, n: usize, k: usize) {
    let a: Vec<f64> = (0..m * k).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect();
    let b: Vec<f64> = (0..k * n).map(|i| ((i * 5 + 1) % 13) as f64 - 6.0).collect();
    let bias: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let a32: Vec<f32> = a.iter().map(|&x| x as f32).collect();
    let b32: Vec<f32> = b.iter().map(|&x| x as f32).collect();
    let bias32: Vec<f32> = bias.iter().map(|&x| x as f32).collect();
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        fn view<T>(d: &[T], t: bool, rows: usize, columns: usize) -> Matrix<'_, T> {
            if t { Matrix::transposed(d, rows) } else { Matrix::rows(d, columns) }
        }
        for start in 0..3 {
            let mut want: Vec<f64> = match start {
                0 => vec![0.0; m * n],
                1 => vec![2.0; m * n],
                _ => (0..m * n).map(|i| bias[i % n]).collect(),
            };
            plain(m, n, k, view(&a, ta, m, k), view(&b, tb, k, n), &mut want);
            // Small integers: every sum is exact, so the order cannot matter and equality is the test.
            let mut c = vec![if start == 1 { 2.0f32 } else { f32::NAN }; m * n];
            let mut pack = vec![f32::NAN; scratch(m, n, k)];
            let start = [Start::Zero, Start::Add, Start::Bias(&bias32)][start];
            gemm(m, n, k, view(&a32, ta, m, k), view(&b32, tb, k, n), &mut c, start, &mut pack);
            for (x, y) in c.iter().zip(&want) {
                assert_eq!(*x as f64, *y, "{m} {n} {k} {ta} {tb}");
            }
        }
    }
}

#[test]
fn ragged_sizes_match_three_plain_loops() {
    for m in [0, 1, 2, 3, 4, 5, 7, 8, 9, 12] {
        for n in [0, 1, 2, 3, 5, 7, 8, 9, 11, 12, 16, 17] {
            for k in [0, 1, 2, 3, 4, 5, 8, 13] {
                check(m, n, k);
            }
        }
    }
}

#[test]
fn block_edges_match_three_plain_loops() {
    for (m, n, k) in [
        (31, 33, 255),
        (127, 9, 256),
        (129, 17, 257),
        (5, 1023, 7),
        (4, 1031, 300),
        (64, 64, 513),
        (1, 11, 1037),
        (11, 1, 1037),
        (40, 12, 300),
    ] {
        check(m, n, k);
    }
}
