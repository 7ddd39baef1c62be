//! Orthonormal rows or columns: `torch.nn.init.orthogonal_` (Saxe et al. 2013).
//!
//! PyTorch takes Q of a QR factorisation of a normal matrix and multiplies its columns by the signs of R's diagonal,
//! which makes Q uniform over orthogonal matrices. Gram-Schmidt has a positive diagonal already; done twice it is
//! orthogonal to working precision ("twice is enough", Giraud et al. 2005), and in f64 that is far below f32's.

use crate::rng::Rng;
use crate::simd::Real;

/// Four partial sums: fast, and always the same order.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    for (x, y) in x.chunks(4).zip(y.chunks(4)) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// Fills a `rows`×(len/rows) matrix: `gain` times orthonormal rows, or columns if those are fewer.
pub(super) fn fill<T: Real>(data: &mut [T], rows: usize, gain: f64, rng: &mut Rng) {
    if data.is_empty() {
        return;
    }
    let columns = data.len() / rows;
    let (short, long) = (rows.min(columns), rows.max(columns));
    // `short` vectors of `long` numbers, made orthonormal one after the other.
    let mut q: Vec<f64> = Vec::with_capacity(short * long);
    let mut draw = vec![T::ZERO; long];
    while q.len() < short * long {
        rng.fill_normal(&mut draw, 0.0, 1.0);
        let mut v: Vec<f64> = draw.iter().map(|x| x.f64()).collect();
        let before = dot(&v, &v);
        for _twice in 0..2 {
            for u in q.chunks(long) {
                let along = dot(u, &v);
                v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
            }
        }
        let after = dot(&v, &v);
        // Nearly in the span of the others (one chance in billions): draw another.
        if after > 1e-20 * before {
            let scale = 1.0 / after.sqrt();
            q.extend(v.iter().map(|x| x * scale));
        }
    }
    for (i, x) in data.iter_mut().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let at = if rows <= columns { row * long + column } else { column * long + row };
        *x = T::of(gain * q[at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for (rows, columns) in [(1, 1), (1, 7), (5, 5), (3, 8), (8, 3), (33, 20), (20, 64)] {
            let mut q = vec![0.0_f64; rows * columns];
            fill(&mut q, rows, 2.0, &mut Rng::new(8));
            let vector = |k: usize| -> Vec<f64> {
                if rows <= columns {
                    q[k * columns..][..columns].to_vec()
                } else {
                    q[k..].iter().step_by(columns).copied().collect()
                }
            };
            for i in 0..rows.min(columns) {
                for j in 0..=i {
                    let want = if i == j { 4.0 } else { 0.0 };
                    assert!((dot(&vector(i), &vector(j)) - want).abs() < 1e-13, "{rows}×{columns} at {i}, {j}");
                }
            }
        }
    }

    /// Uniform over orthogonal matrices: determinant ±1 and each sign of the first entry half of the time.
    #[test]
    fn both_orientations_occur() {
        let mut rng = Rng::new(9);
        let (mut positive, mut rotations) = (0, 0);
        for _ in 0..1000 {
            let mut q = [0.0_f32; 4];
            fill(&mut q, 2, 1.0, &mut rng);
            positive += (q[0] > 0.0) as i32;
            rotations += (q[0] * q[3] - q[1] * q[2] > 0.0) as i32;
        }
        assert!((positive - 500).abs() < 70 && (rotations - 500).abs() < 70, "{positive} {rotations}");
    }
}
