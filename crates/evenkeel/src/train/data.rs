//! Data sets and the order in which their rows are seen.

use crate::autograd::Tensor;
use crate::error::{Code, Error, Result};
use crate::kernels::layout;
use crate::kernels::optim::max_abs;
use crate::loss::Target;
use crate::rng::Rng;
use crate::tensor::{Float, Indices, Shape, View};

/// Inputs, targets and perhaps a weight for each row, copied in once.
pub struct Dataset<T: Float = f32> {
    x: Tensor<T>,
    y: Target<T>,
    weights: Option<Tensor<T>>,
}

/// Some rows of a data set.
#[derive(Clone)]
pub struct Batch<T: Float = f32> {
    /// Inputs.
    pub x: Tensor<T>,
    /// Targets.
    pub y: Target<T>,
    /// Sample weights.
    pub weights: Option<Tensor<T>>,
}

impl<T: Float> Dataset<T> {
    /// Rows of `x` go with rows of `y` (and of `weights`). Values must be finite.
    pub fn new(x: Tensor<T>, y: Target<T>, weights: Option<Tensor<T>>) -> Result<Self> {
        let rows = x.dims().first().copied().unwrap_or(0);
        if rows == 0 {
            return Err(Error::new(Code::Empty).with("argument", "x"));
        }
        let y_shape = match &y {
            Target::Classes(i) => i.shape(),
            Target::Values(t) => t.shape(),
        };
        if y_shape.dims().first() != Some(&rows) {
            return Err(Error::shapes("data set", x.shape(), y_shape));
        }
        check_finite("x", &x)?;
        if let Target::Values(t) = &y {
            check_finite("y", t)?;
        }
        if let Some(w) = &weights {
            if w.dims() != [rows] {
                return Err(Error::shapes("sample weights", x.shape(), w.shape()));
            }
            check_finite("sampleWeight", w)?;
            if let Some(row) = w.with_data(|d| d.iter().position(|&v| v < T::ZERO)) {
                return Err(
                    Error::argument("sampleWeight", "no negative weight", w.to_vec()[row].f64()).with("row", row)
                );
            }
        }
        Ok(Dataset { x, y, weights })
    }
    /// All rows as one batch.
    pub fn into_batch(self) -> Batch<T> {
        Batch { x: self.x, y: self.y, weights: self.weights }
    }
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.x.dims()[0]
    }
    /// The inputs.
    pub fn x(&self) -> &Tensor<T> {
        &self.x
    }
    /// The targets.
    pub fn y(&self) -> &Target<T> {
        &self.y
    }
    /// These rows, copied.
    pub fn batch(&self, rows: &[i32]) -> Result<Batch<T>> {
        let weights = match &self.weights {
            Some(w) => Some(gather(w, rows)?),
            None => None,
        };
        let y = match &self.y {
            Target::Values(t) => Target::Values(gather(t, rows)?),
            Target::Classes(i) => {
                let width = i.shape().len() / self.rows();
                let data = i.read();
                let view = View::build(rows.len() * width, |to| layout::gather(&data, width, rows, to))?;
                Target::Classes(Indices::from_view(view, i.shape().with_axis(0, rows.len())))
            }
        };
        Ok(Batch { x: gather(&self.x, rows)?, y, weights })
    }
    /// Rows `from..to`, copied.
    pub fn rows_between(&self, from: usize, to: usize) -> Result<Batch<T>> {
        if from > to || to > self.rows() {
            return Err(Error::new(Code::OutOfRange).with("argument", "rows").with("start", from).with("end", to));
        }
        self.batch(&(from as i32..to as i32).collect::<Vec<_>>())
    }
    /// A data set of these rows.
    pub fn subset(&self, rows: &[i32]) -> Result<Self> {
        let b = self.batch(rows)?;
        Ok(Dataset { x: b.x, y: b.y, weights: b.weights })
    }
}

fn gather<T: Float>(t: &Tensor<T>, rows: &[i32]) -> Result<Tensor<T>> {
    let shape: Shape = t.shape().with_axis(0, rows.len());
    let width = t.len() / t.dims()[0];
    Tensor::build(shape, |to| layout::gather(&t.view().read(), width, rows, to))
}

/// NaN or infinity is an error that names the row and the place in it.
pub fn check_finite<T: Float>(name: &'static str, t: &Tensor<T>) -> Result<()> {
    let width = (t.len() / t.dims().first().copied().unwrap_or(1).max(1)).max(1);
    // The largest tells of any; only where something is wrong is it looked for one by one.
    if t.with_data(max_abs).is_finite() {
        return Ok(());
    }
    match t.with_data(|d| d.iter().position(|v| !v.is_finite())) {
        Some(i) => Err(Error::new(Code::NotFinite)
            .with("argument", name)
            .with("row", i / width)
            .with("column", i % width)
            .with("given", t.with_data(|d| d[i].f64()))),
        None => Ok(()),
    }
}

/// The parts a data set is split into before training: (training rows, validation rows), both in ascending order of a
/// seeded shuffle. With `labels` each class is split in the same proportion.
pub fn split(rows: usize, validation: f64, labels: Option<&[i32]>, rng: &mut Rng) -> Result<(Vec<i32>, Vec<i32>)> {
    if !(0.0..1.0).contains(&validation) {
        return Err(Error::argument("validation", "a share of at least 0 and below 1", validation));
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    rng.shuffle(&mut order);
    let share = |n: usize| libm::round(n as f64 * validation) as usize;
    let mut held: Vec<bool> = vec![false; rows];
    match labels {
        None => order[..share(rows)].iter().for_each(|&i| held[i as usize] = true),
        Some(labels) => {
            let mut classes: Vec<i32> = labels.to_vec();
            classes.sort_unstable();
            classes.dedup();
            for c in classes {
                let of_class: Vec<u32> = order.iter().copied().filter(|&i| labels[i as usize] == c).collect();
                of_class[..share(of_class.len())].iter().for_each(|&i| held[i as usize] = true);
            }
        }
    }
    let side = |h: bool| order.iter().filter(|&&i| held[i as usize] == h).map(|&i| i as i32).collect::<Vec<_>>();
    let (train, valid) = (side(false), side(true));
    if train.is_empty() || (validation > 0.0 && valid.is_empty()) {
        return Err(
            Error::argument("validation", "a share that leaves rows on both sides", validation).with("rows", rows)
        );
    }
    Ok((train, valid))
}

/// What happens to the rows that do not fill the last batch of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastBatch {
    /// They are a batch of their own, unless it would be a single row: that row joins the batch before it, because
    /// batch norm cannot train on one.
    Auto,
    /// They are left out of this epoch.
    Drop,
    /// They are a batch of their own, even a single row.
    Keep,
}

/// The order of rows in an epoch, batch by batch.
#[derive(Clone)]
pub struct Batches {
    rows: usize,
    size: usize,
    shuffle: bool,
    last: LastBatch,
    pub(crate) order: Vec<i32>,
    pub(crate) position: usize,
    pub(crate) rng: Rng,
}

impl Batches {
    /// Over `rows` rows in batches of `size`.
    pub fn new(rows: usize, size: usize, shuffle: bool, last: LastBatch, rng: Rng) -> Result<Self> {
        if size == 0 {
            return Err(Error::argument("batchSize", "at least 1", size));
        }
        if rows == 0 || (last == LastBatch::Drop && rows < size) {
            return Err(Error::new(Code::Empty).with("argument", "x").with("rows", rows).with("batchSize", size));
        }
        let order = (0..rows as i32).collect();
        Ok(Batches { rows, size, shuffle, last, order, position: rows, rng })
    }
    /// Begins an epoch, with a new order if shuffling.
    pub fn start(&mut self) {
        self.position = 0;
        if self.shuffle {
            // From the plain order each time: an epoch's order depends on the generator alone.
            for (i, r) in self.order.iter_mut().enumerate() {
                *r = i as i32;
            }
            self.rng.shuffle(&mut self.order);
        }
    }
    fn end_of_batch(&self) -> usize {
        let end = self.position.saturating_add(self.size);
        let left = self.rows.saturating_sub(end);
        match self.last {
            // The one row left over joins this batch.
            LastBatch::Auto if left == 1 && self.size > 1 => self.rows,
            _ => end.min(self.rows),
        }
    }
    /// The rows of the next batch; `None` at the end of the epoch.
    pub fn next_rows(&mut self) -> Option<&[i32]> {
        let (from, to) = (self.position, self.end_of_batch());
        let short = to - from.min(to) < self.size;
        if from >= self.rows || (short && self.last == LastBatch::Drop) {
            self.position = self.rows;
            return None;
        }
        self.position = to;
        Some(&self.order[from..to])
    }
    /// Number of batches in an epoch.
    pub fn per_epoch(&self) -> usize {
        let (full, rest) = (self.rows / self.size, self.rows % self.size);
        let own = match (rest, self.last) {
            (0, _) | (_, LastBatch::Drop) => 0,
            (1, LastBatch::Auto) if full > 0 && self.size > 1 => 0,
            _ => 1,
        };
        full + own
    }
    /// Rows seen so far in this epoch.
    pub fn position(&self) -> usize {
        self.position
    }
    /// All rows of this epoch have been seen.
    pub fn finished(&self) -> bool {
        self.position >= self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_of_one_row_and_every_row_once() {
        for rows in 1..40 {
            for size in 1..12 {
                for last in [LastBatch::Auto, LastBatch::Drop, LastBatch::Keep] {
                    let Ok(mut b) = Batches::new(rows, size, true, last, Rng::new(3)) else {
                        assert!(last == LastBatch::Drop && rows < size);
                        continue;
                    };
                    assert!(b.finished());
                    for _ in 0..2 {
                        b.start();
                        let mut seen = Vec::new();
                        let mut count = 0;
                        while let Some(r) = b.next_rows() {
                            assert!(last != LastBatch::Auto || r.len() > 1 || rows == 1 || size == 1);
                            seen.extend_from_slice(r);
                            count += 1;
                        }
                        assert_eq!(count, b.per_epoch(), "{rows} {size} {last:?}");
                        seen.sort_unstable();
                        let all: Vec<i32> = (0..rows as i32).collect();
                        if last == LastBatch::Drop {
                            assert_eq!(seen.len(), rows / size * size);
                        } else {
                            assert_eq!(seen, all);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_stratified_split_keeps_the_proportions() {
        let labels: Vec<i32> = (0..100).map(|i| (i >= 80) as i32).collect();
        let (train, valid) = split(100, 0.2, Some(&labels), &mut Rng::new(1)).unwrap();
        let ones = |v: &[i32]| v.iter().filter(|&&i| labels[i as usize] == 1).count();
        assert_eq!((train.len(), valid.len(), ones(&train), ones(&valid)), (80, 20, 16, 4));
    }
}
