//! Losses on tensors: one node each, gradient computed in the same pass as the value.
//!
//! Class losses take logits (or log-probabilities) `[N, C]` or `[N, C, ...]` and labels `[N]` or `[N, ...]`, or
//! probabilities of the logits' shape. The others compare element by element.
//!
//! Mean is Σ sᵢ·wᵢ·lᵢ / Σ sᵢ·wᵢ over rows, where w are class weights (as in PyTorch) and s sample weights; ignored rows
//! count in neither sum. For element-wise losses it is Σ sᵢ·lᵢⱼ / (Σ sᵢ · elements per row).

use crate::autograd::{Tensor, record};
use crate::error::{Error, Result};
use crate::kernels::loss as kernel;
use crate::kernels::loss::{CrossEntropy, Pointwise};
use crate::tensor::{Float, Indices, Shape, View};

/// A loss function with its settings.
#[derive(Clone, Debug)]
pub enum Loss<T: Float = f32> {
    /// Softmax and cross entropy in one, from logits.
    CrossEntropy {
        /// Weight of each class.
        weight: Option<Vec<T>>,
        /// Rows with this label do not count.
        ignore_index: i32,
        /// Share of the target spread evenly over all classes.
        label_smoothing: T,
    },
    /// Negative log likelihood, from log-probabilities.
    Nll {
        /// Weight of each class.
        weight: Option<Vec<T>>,
        /// Rows with this label do not count.
        ignore_index: i32,
    },
    /// Sigmoid and binary cross entropy in one, from logits.
    BceWithLogits {
        /// Weight of the positive class in each column.
        pos_weight: Option<Vec<T>>,
        /// Factor of each element, broadcast to the input; the mean still divides by the number of elements.
        weight: Option<Tensor<T>>,
    },
    /// Squared, absolute, Huber or smooth L1 error.
    Elementwise(Pointwise<T>),
}

impl<T: Float> Loss<T> {
    /// Cross entropy with PyTorch's defaults.
    pub fn cross_entropy() -> Self {
        Loss::CrossEntropy { weight: None, ignore_index: -100, label_smoothing: T::ZERO }
    }
    /// Mean squared error.
    pub fn mse() -> Self {
        Loss::Elementwise(Pointwise::Mse)
    }
}

/// What a prediction is compared with.
#[derive(Clone)]
pub enum Target<T: Float = f32> {
    /// Class labels.
    Classes(Indices),
    /// Values, or probabilities of classes.
    Values(Tensor<T>),
}

/// How the losses of rows or elements become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The weighted mean.
    Mean,
    /// The weighted sum.
    Sum,
    /// All of them.
    None,
}

/// A computed loss.
pub struct LossValue<T: Float = f32> {
    /// The loss: a scalar, or one value a row or element.
    pub loss: Tensor<T>,
    /// What a mean divides by.
    pub weight: T,
}

/// Losses of single rows or elements before they are reduced.
struct Parts<T: Float> {
    losses: View<T>,
    /// ∂lossᵢ/∂x, when somebody wants it.
    dx: Option<View<T>>,
    /// Factor of each loss in the weighted sum, beside what is in it already.
    factors: Option<View<T>>,
    /// What a mean divides by.
    weight: T,
    /// Elements of x that belong to one loss.
    width: usize,
    shape: Shape,
}

impl<T: Float> Loss<T> {
    /// Compares `input` with `target`; `sample_weight` has one factor a row.
    pub fn compute(
        &self,
        input: &Tensor<T>,
        target: &Target<T>,
        sample_weight: Option<&Tensor<T>>,
        reduction: Reduction,
    ) -> Result<LossValue<T>> {
        if let Some(s) = sample_weight
            && s.len() != input.dims().first().copied().unwrap_or(1)
        {
            return Err(Error::shape("loss", "one sample weight a row", s.shape()).with("input", input.shape()));
        }
        let target_tracks = matches!(target, Target::Values(t) if t.tracks());
        match (self, target) {
            (Loss::CrossEntropy { .. } | Loss::Nll { .. }, _) => {
                if target_tracks {
                    return Err(Error::argument("target", "no gradient: call detach() first", "a tracked tensor"));
                }
                let input = classes_last(input)?;
                let parts = self.class_losses(&input, target, sample_weight)?;
                finish(&input, None, parts, reduction)
            }
            (_, Target::Classes(_)) => Err(Error::argument("target", "values of the input's shape", "class labels")),
            (_, Target::Values(t)) => {
                if matches!(self, Loss::BceWithLogits { .. }) && target_tracks {
                    return Err(Error::argument("target", "no gradient: call detach() first", "a tracked tensor"));
                }
                if t.shape() != input.shape() {
                    return Err(Error::shapes("loss", input.shape(), t.shape()));
                }
                let parts = self.element_losses(input, t, sample_weight)?;
                finish(input, target_tracks.then_some(t), parts, reduction)
            }
        }
    }

    fn class_losses(&self, x: &Tensor<T>, target: &Target<T>, sample: Option<&Tensor<T>>) -> Result<Parts<T>> {
        let (weight, ignore_index, label_smoothing) = match self {
            Loss::CrossEntropy { weight, ignore_index, label_smoothing } => (weight, *ignore_index, *label_smoothing),
            Loss::Nll { weight, ignore_index } => (weight, *ignore_index, T::ZERO),
            _ => unreachable!("called for class losses only"),
        };
        let (rows, classes) = (x.shape().rows(), x.shape().last());
        if let Some(w) = weight
            && w.len() != classes
        {
            return Err(Error::shape("loss", "one weight a class", w.len()).with("classes", classes));
        }
        let options = CrossEntropy { weight: weight.as_deref(), ignore_index, label_smoothing };
        let dx = if crate::autograd::recording(&[x]) { Some(View::take(x.len())?) } else { None };
        let xv = x.view();
        let losses = View::take(rows)?;
        let mut total;
        {
            let mut dx = dx.as_ref().map(View::write);
            let (dx, mut losses) = (dx.as_deref_mut(), losses.write());
            match target {
                Target::Classes(labels) => {
                    if labels.shape().len() != rows {
                        return Err(Error::shapes("loss", x.shape(), labels.shape()));
                    }
                    let labels = labels.read();
                    if let Err((row, label)) = kernel::check_labels(&labels, classes, ignore_index) {
                        return Err(crate::autograd::label_error(row, label, classes));
                    }
                    let f = if matches!(self, Loss::Nll { .. }) { kernel::nll_index } else { T::cross_entropy };
                    total = f(&xv.read(), classes, &labels, &options, &mut losses, dx);
                }
                Target::Values(p) => {
                    if matches!(self, Loss::Nll { .. }) {
                        return Err(Error::argument("target", "class labels", "values"));
                    }
                    let p = classes_last(p)?;
                    if p.shape() != x.shape() {
                        return Err(Error::shapes("loss", x.shape(), p.shape()));
                    }
                    total = T::cross_entropy_soft(&xv.read(), classes, &p.view().read(), &options, &mut losses, dx);
                }
            }
        }
        let factors = match sample {
            None => None,
            Some(s) => {
                // With [N, C, ...] each row of the batch has several losses.
                let each = rows / s.len().max(1);
                let s = s.view();
                let s = s.read();
                let labels = match target {
                    Target::Classes(labels) => Some(labels.read()),
                    Target::Values(_) => None,
                };
                let row_weight = |r: usize| match &labels {
                    Some(l) if l[r] == ignore_index => T::ZERO,
                    Some(l) => options.weight.map_or(T::ONE, |w| w[l[r] as usize]),
                    None => T::ONE,
                };
                total = (0..rows).fold(T::ZERO, |t, r| t + s[r / each] * row_weight(r));
                Some(View::build(rows, |to| to.iter_mut().enumerate().for_each(|(r, f)| *f = s[r / each]))?)
            }
        };
        let mut shape = Shape::new(&x.dims()[..x.shape().rank() - 1])?;
        if let Target::Classes(labels) = target {
            shape = labels.shape();
        }
        Ok(Parts { losses, dx, factors, weight: total, width: classes, shape })
    }

    fn element_losses(&self, x: &Tensor<T>, t: &Tensor<T>, sample: Option<&Tensor<T>>) -> Result<Parts<T>> {
        let (xv, tv, x_dims) = (x.view(), t.view(), x.dims());
        let dx = if crate::autograd::recording(&[x, t]) { Some(View::take(x.len())?) } else { None };
        let losses = View::take(x.len())?;
        {
            let mut dx = dx.as_ref().map(View::write);
            let (dx, mut losses) = (dx.as_deref_mut(), losses.write());
            let (x, t) = (xv.read(), tv.read());
            match self {
                Loss::Elementwise(op) => T::pointwise(*op, &x, &t, &mut losses, dx),
                Loss::BceWithLogits { pos_weight: Some(w), .. } => {
                    // One for all, or as many as the last axis (or last axes) of the input have values.
                    let fits = |from: usize| x_dims[from..].iter().product::<usize>() == w.len();
                    if w.len() != 1 && !(0..x_dims.len()).any(fits) {
                        return Err(Error::shape("loss", "one positive weight a column", w.len()));
                    }
                    kernel::bce_pos_weight(&x, &t, w, &mut losses, dx);
                }
                _ => T::pointwise(Pointwise::Bce, &x, &t, &mut losses, dx),
            }
        }
        let mut weight = T::of(x.len() as f64);
        let mut factors = match self {
            Loss::BceWithLogits { weight: Some(w), .. } => Some(w.expand(x.dims())?.view()),
            _ => None,
        };
        if let Some(s) = sample {
            let each = x.len() / s.len().max(1);
            let s = s.to_vec();
            weight = s.iter().fold(T::ZERO, |a, &b| a + b) * T::of(each as f64);
            let rows = View::build(x.len(), |to| {
                let own = factors.as_ref().map(View::read);
                for (i, f) in to.iter_mut().enumerate() {
                    *f = s[i / each] * own.as_ref().map_or(T::ONE, |o| o[i]);
                }
            })?;
            factors = Some(rows);
        }
        Ok(Parts { losses, dx, factors, weight, width: 1, shape: x.shape() })
    }
}

/// `[N, C, ...]` as `[N, ..., C]`.
fn classes_last<T: Float>(x: &Tensor<T>) -> Result<Tensor<T>> {
    let rank = x.shape().rank();
    match rank {
        0 | 1 => Err(Error::shape("loss", "[N, C]", x.shape())),
        2 => Ok(x.clone()),
        _ => {
            let mut order: Vec<usize> = (0..rank).filter(|&i| i != 1).collect();
            order.push(1);
            x.permute(&order)
        }
    }
}

fn finish<T: Float>(
    x: &Tensor<T>,
    symmetric_target: Option<&Tensor<T>>,
    parts: Parts<T>,
    reduction: Reduction,
) -> Result<LossValue<T>> {
    let Parts { losses, dx, factors, weight, width, shape } = parts;
    let value = match reduction {
        Reduction::None => Tensor::build(shape, |to| {
            to.copy_from_slice(&losses.read());
            if let Some(f) = &factors {
                crate::kernels::binary::zip_assign(to, &f.read(), |a, f| a * f);
            }
        })?,
        Reduction::Sum | Reduction::Mean => {
            let f = factors.as_ref().map(View::read);
            let (sum, _) = kernel::weighted_sum(&losses.read(), f.as_deref());
            Tensor::scalar(if reduction == Reduction::Mean { sum / weight } else { sum })?
        }
    };
    let inputs: &[&Tensor<T>] = match symmetric_target {
        Some(t) => &[x, t],
        None => &[x],
    };
    let has_target = symmetric_target.is_some();
    let loss = record(inputs, value, move |b| {
        let Some(dx) = dx else { return Ok(()) };
        let g = b.grad_view().clone();
        let scale = match reduction {
            Reduction::None => T::ONE,
            Reduction::Sum => g.read()[0],
            // Nothing counted: the mean is NaN, its gradient is none.
            Reduction::Mean if weight == T::ZERO => T::ZERO,
            Reduction::Mean => g.read()[0] / weight,
        };
        {
            let mut dx = dx.write();
            let f = factors.as_ref().map(View::read);
            kernel::scale_rows(&mut dx, width, f.as_deref(), scale);
            if reduction == Reduction::None {
                kernel::scale_rows(&mut dx, width, Some(&g.read()), T::ONE);
            }
        }
        if has_target && b.needs(1) {
            let minus = View::build(dx.len(), |to| {
                to.copy_from_slice(&dx.read());
                kernel::scale_rows(to, width, None, -T::ONE);
            })?;
            b.give(1, minus)?;
        }
        if b.needs(0) { b.give(0, dx) } else { Ok(()) }
    });
    Ok(LossValue { loss, weight })
}
