//! Moving data without arithmetic: permute, slice, concat, gather and scatter of rows, one-hot.

use crate::shape::{MAX_RANK, Shape};

/// `y = x` with its axes in another order: axis `i` of `y` is axis `order[i]` of `x`.
pub fn permute<E: Copy>(x: &[E], shape: &Shape, order: &[usize], y: &mut [E]) {
    let rank = order.len();
    let strides = shape.strides();
    let extent: [usize; MAX_RANK] = core::array::from_fn(|i| if i < rank { shape.dims()[order[i]] } else { 1 });
    let step: [usize; MAX_RANK] = core::array::from_fn(|i| if i < rank { strides[order[i]] } else { 0 });
    if y.is_empty() {
        return;
    }
    if rank == 0 {
        y[0] = x[0];
        return;
    }
    let inner = rank - 1;
    let mut at = [0; MAX_RANK];
    let mut from = 0;
    for row in y.chunks_exact_mut(extent[inner]) {
        if step[inner] == 1 {
            row.copy_from_slice(&x[from..from + extent[inner]]);
        } else {
            for (j, to) in row.iter_mut().enumerate() {
                *to = x[from + j * step[inner]];
            }
        }
        for i in (0..inner).rev() {
            at[i] += 1;
            from += step[i];
            if at[i] < extent[i] {
                break;
            }
            from -= step[i] * extent[i];
            at[i] = 0;
        }
    }
}

/// Copies blocks of `width` elements: `count` of them, from `x[from + i * step_x]` to `y[to + i * step_y]`.
#[derive(Clone, Copy)]
pub struct Blocks {
    /// Number of blocks.
    pub count: usize,
    /// Elements in a block.
    pub width: usize,
    /// Start of the first block in the source and the distance between blocks there.
    pub from: (usize, usize),
    /// The same in the target.
    pub to: (usize, usize),
}

impl Blocks {
    /// Copies.
    pub fn copy<E: Copy>(&self, x: &[E], y: &mut [E]) {
        for i in 0..self.count {
            let (a, b) = (self.from.0 + i * self.from.1, self.to.0 + i * self.to.1);
            y[b..b + self.width].copy_from_slice(&x[a..a + self.width]);
        }
    }
}

/// Row `i` of `y` is row `rows[i]` of `x`. The caller has checked the indices.
pub fn gather<E: Copy>(x: &[E], width: usize, rows: &[i32], y: &mut [E]) {
    for (to, &r) in y.chunks_exact_mut(width.max(1)).zip(rows) {
        to.copy_from_slice(&x[r as usize * width..(r as usize + 1) * width]);
    }
}

/// Adds row `i` of `g` to row `rows[i]` of `y`.
pub fn scatter_add<T: crate::simd::Real>(g: &[T], width: usize, rows: &[i32], y: &mut [T]) {
    for (from, &r) in g.chunks_exact(width.max(1)).zip(rows) {
        super::binary::add_assign(&mut y[r as usize * width..(r as usize + 1) * width], from);
    }
}

/// 1 at each row's label, 0 elsewhere. The caller has checked the labels.
pub fn one_hot<T: crate::simd::Real>(labels: &[i32], classes: usize, y: &mut [T]) {
    y.fill(T::ZERO);
    for (row, &l) in y.chunks_exact_mut(classes.max(1)).zip(labels) {
        row[l as usize] = T::ONE;
    }
}
