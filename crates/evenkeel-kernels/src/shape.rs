//! Shapes: up to six dimensions, held in place (no allocation), always row-major and contiguous.
//!
//! Strides live inside the kernels that profit from them (broadcasting, matmul's packing, permute); a tensor that
//! leaves a kernel is contiguous, so every other kernel is one straight loop.

use crate::error::{Error, Result};
use core::fmt;

/// Most dimensions a tensor can have.
pub const MAX_RANK: usize = 6;

/// The extent of a tensor along each axis; rank 0 is a single number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// From extents; an error above [`MAX_RANK`] or when the number of elements overflows.
    pub fn new(dims: &[usize]) -> Result<Self> {
        if dims.len() > MAX_RANK {
            return Err(Error::shape("shape", "at most 6 dimensions", dims));
        }
        let mut total = 1usize;
        for &d in dims {
            total = total
                .checked_mul(d)
                .filter(|&t| t <= isize::MAX as usize / 8)
                .ok_or_else(|| Error::shape("shape", "a number of elements that can be addressed", dims))?;
        }
        let mut s = Shape { dims: [0; MAX_RANK], rank: dims.len() };
        s.dims[..dims.len()].copy_from_slice(dims);
        Ok(s)
    }
    /// A single number.
    pub const fn scalar() -> Self {
        Shape { dims: [0; MAX_RANK], rank: 0 }
    }
    /// One dimension.
    pub const fn vector(n: usize) -> Self {
        Shape { dims: [n, 0, 0, 0, 0, 0], rank: 1 }
    }
    /// Two dimensions.
    pub const fn matrix(rows: usize, columns: usize) -> Self {
        Shape { dims: [rows, columns, 0, 0, 0, 0], rank: 2 }
    }
    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }
    /// No elements at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Extent of the last axis (1 for a scalar).
    pub fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }
    /// Number of rows when all axes but the last are taken together.
    pub fn rows(&self) -> usize {
        self.dims()[..self.rank.saturating_sub(1)].iter().product()
    }
    /// The same with the last axis replaced.
    pub fn with_last(mut self, n: usize) -> Self {
        self.dims[self.rank - 1] = n;
        self
    }
    /// The same with one axis replaced.
    pub fn with_axis(mut self, axis: usize, n: usize) -> Self {
        self.dims[axis] = n;
        self
    }
    /// The same with one more axis at the end; an error as from [`new`](Self::new).
    pub fn with(&self, n: usize) -> Result<Self> {
        let mut dims = [0; MAX_RANK + 1];
        dims[..self.rank].copy_from_slice(self.dims());
        dims[self.rank] = n;
        Self::new(&dims[..=self.rank])
    }
    /// Removes one axis.
    pub fn without(self, axis: usize) -> Self {
        let mut s = Shape { dims: [0; MAX_RANK], rank: self.rank - 1 };
        let mut j = 0;
        for (i, &d) in self.dims().iter().enumerate() {
            if i != axis {
                s.dims[j] = d;
                j += 1;
            }
        }
        s
    }
    /// (product before, extent, product after) around one axis.
    pub fn around(&self, axis: usize) -> (usize, usize, usize) {
        let d = self.dims();
        (d[..axis].iter().product(), d[axis], d[axis + 1..].iter().product())
    }
    /// Row-major strides.
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut s = [0; MAX_RANK];
        let mut step = 1;
        for i in (0..self.rank).rev() {
            s[i] = step;
            step *= self.dims[i];
        }
        s
    }
    /// An axis counted from the front, or from the back when negative.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let r = self.rank as isize;
        let a = if axis < 0 { axis + r } else { axis };
        if a < 0 || a >= r {
            return Err(Error::new(crate::error::Code::OutOfRange)
                .with("argument", "axis")
                .with("given", axis as f64)
                .with("shape", *self));
        }
        Ok(a as usize)
    }
    /// The shape both broadcast to by NumPy's rule, if there is one.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank.max(other.rank);
        let mut out = Shape { dims: [0; MAX_RANK], rank };
        for i in 0..rank {
            let a = if i + self.rank >= rank { self.dims[i + self.rank - rank] } else { 1 };
            let b = if i + other.rank >= rank { other.dims[i + other.rank - rank] } else { 1 };
            out.dims[i] = match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(out)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}
