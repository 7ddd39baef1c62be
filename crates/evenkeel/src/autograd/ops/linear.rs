//! The dense layer's arithmetic as one node: y = act(x·Wᵀ + b).

use super::matmul::{product, try_build};
use crate::autograd::{Tensor, record};
use crate::error::{Error, Result};
use crate::kernels::gemm::{Matrix, Start};
use crate::kernels::unary::Unary;
use crate::tensor::{Float, View};

/// y = act(x·Wᵀ + b): x `[.., in]`, W `[out, in]`, b `[out]`, y `[.., out]`.
///
/// `act` must be an activation whose gradient follows from its output ([`from_output`](crate::kernels::unary::from_output)); others are a node of
/// their own.
pub fn linear<T: Float>(
    x: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    act: Option<Unary<T>>,
) -> Result<Tensor<T>> {
    let (out, k) = (weight.dims()[0], weight.dims()[1]);
    if x.shape().rank() == 0 || x.shape().last() != k {
        return Err(Error::shape("linear", "[.., in_features]", x.shape()).with("features", k));
    }
    let rows = x.shape().rows();
    let (xv, wv) = (x.view(), weight.view());
    let shape = x.shape().with_last(out);
    let y = try_build(rows * out, |to| {
        let bias = bias.map(Tensor::view);
        let bias = bias.as_ref().map(View::read);
        let start = bias.as_ref().map_or(Start::Zero, |b| Start::Bias(b));
        product(rows, out, k, Matrix::rows(&xv.read(), k), Matrix::transposed(&wv.read(), k), to, start)?;
        if let Some(act) = act {
            T::unary_in_place(act, to);
        }
        Ok(())
    })?;
    let y = Tensor::from_view(y, shape);
    let saved_y = act.map(|_| y.view());
    let has_bias = bias.is_some();
    let inputs: &[&Tensor<T>] = match bias {
        Some(b) => &[x, weight, b],
        None => &[x, weight],
    };
    Ok(record(inputs, y, move |ctx| {
        let dz = match (act, &saved_y) {
            (Some(act), Some(y)) => {
                View::build(rows * out, |to| T::unary_backward(act, &[], &y.read(), &ctx.grad(), to, false))?
            }
            _ => ctx.grad_view().clone(),
        };
        let dz = dz.read();
        let (x, w) = (xv.read(), wv.read());
        let mut done = Ok(());
        ctx.accumulate(1, |dw, add| {
            let start = if add { Start::Add } else { Start::Zero };
            done = product(out, k, rows, Matrix::transposed(&dz, out), Matrix::rows(&x, k), dw, start);
        })?;
        done?;
        if has_bias {
            ctx.accumulate(2, |db, add| T::sum(&dz, 1, rows, out, db, add))?;
        }
        let mut done = Ok(());
        ctx.accumulate(0, |dx, add| {
            let start = if add { Start::Add } else { Start::Zero };
            done = product(rows, k, out, Matrix::rows(&dz, out), Matrix::rows(&w, k), dx, start);
        })?;
        done
    }))
}
