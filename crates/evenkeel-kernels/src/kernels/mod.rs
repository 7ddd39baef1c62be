//! Kernels: pure functions on slices. Slices in, slices out, no allocation, no knowledge of tensors or graphs.

pub mod binary;
pub mod columns;
pub mod gemm;
pub mod layout;
pub mod loss;
pub mod norm;
pub mod optim;
pub mod reduce;
pub mod softmax;
#[cfg(feature = "threads")]
mod split;
pub mod unary;

use crate::simd::Real;
use binary::Binary;
use gemm::{Matrix, Start};
use loss::{CrossEntropy, Pointwise};
use norm::Layout;
use optim::{Algorithm, Step};
use unary::Unary;

#[cfg(not(feature = "threads"))]
pub use gemm::scratch as gemm_scratch;
#[cfg(feature = "threads")]
use split as front;
#[cfg(feature = "threads")]
pub use split::gemm_scratch;

macro_rules! kernels {
    ($($(#[$doc:meta])* $module:ident :: $function:ident as $name:ident ($($arg:ident : $type:ty),*) $(-> $result:ty)?;)*) => {
        /// The kernels in which time is spent, as functions of the number type.
        ///
        /// Everything above is generic and is compiled where it is used, for size. These have bodies that are not, so
        /// they are compiled here, once for each type, for speed.
        pub trait Kernels: Real {
            $($(#[$doc])* #[allow(clippy::too_many_arguments, reason = "a kernel is a function on slices")]
            fn $name($($arg: $type),*) $(-> $result)?;)*
        }
        impl Kernels for f32 {
            $(fn $name($($arg: $type),*) $(-> $result)? { front::$name::<f32>($($arg),*) })*
        }
        impl Kernels for f64 {
            $(fn $name($($arg: $type),*) $(-> $result)? { front::$name::<f64>($($arg),*) })*
        }
        /// The kernels as they are; with threads `split` stands in front of them.
        #[cfg(not(feature = "threads"))]
        mod front {
            $(pub(super) use super::$module::$function as $name;)*
        }
    };
}

kernels! {
    /// [`gemm::gemm`]
    gemm::gemm as gemm(m: usize, n: usize, k: usize, a: Matrix<Self>, b: Matrix<Self>, c: &mut [Self], start: Start<Self>, pack: &mut [Self]);
    /// [`binary::line`]
    binary::line as binary_line(op: Binary, a: &[Self], step_a: usize, b: &[Self], step_b: usize, out: &mut [Self]);
    /// [`unary::forward`]
    unary::forward as unary(op: Unary<Self>, x: &[Self], y: &mut [Self]);
    /// [`unary::forward_in_place`]
    unary::forward_in_place as unary_in_place(op: Unary<Self>, xy: &mut [Self]);
    /// [`unary::backward`]
    unary::backward as unary_backward(op: Unary<Self>, x: &[Self], y: &[Self], gy: &[Self], gx: &mut [Self], add: bool);
    /// [`reduce::sum`]
    reduce::sum as sum(x: &[Self], outer: usize, n: usize, inner: usize, y: &mut [Self], add: bool);
    /// [`softmax::forward`]
    softmax::forward as softmax(x: &[Self], n: usize, log: bool, y: &mut [Self]);
    /// [`softmax::backward`]
    softmax::backward as softmax_backward(y: &[Self], g: &[Self], n: usize, log: bool, dx: &mut [Self]);
    /// [`norm::statistics`]
    norm::statistics as statistics(x: &[Self], d: Layout, shift: &mut [Self], delta: &mut [Self], var: &mut [Self]);
    /// [`norm::normalize`]
    norm::normalize as normalize(x: &[Self], d: Layout, shift: &[Self], scale: &[Self], offset: &[Self], relu: bool, y: &mut [Self]);
    /// [`norm::backward_sums`]
    norm::backward_sums as norm_sums(x: &[Self], dy: &[Self], y: Option<&[Self]>, d: Layout, shift: &[Self], sum: &mut [Self], product: &mut [Self]);
    /// [`norm::backward_input`]
    norm::backward_input as norm_input(x: &[Self], dy: &[Self], y: Option<&[Self]>, d: Layout, shift: &[Self], coefficients: [&[Self]; 3], dx: &mut [Self]);
    /// [`loss::cross_entropy_index`]
    loss::cross_entropy_index as cross_entropy(x: &[Self], classes: usize, target: &[i32], opts: &CrossEntropy<Self>, losses: &mut [Self], dx: Option<&mut [Self]>) -> Self;
    /// [`loss::cross_entropy_soft`]
    loss::cross_entropy_soft as cross_entropy_soft(x: &[Self], classes: usize, target: &[Self], opts: &CrossEntropy<Self>, losses: &mut [Self], dx: Option<&mut [Self]>) -> Self;
    /// [`loss::pointwise`]
    loss::pointwise as pointwise(op: Pointwise<Self>, x: &[Self], target: &[Self], losses: &mut [Self], dx: Option<&mut [Self]>);
    /// [`optim::update`]
    optim::update as optimize(algorithm: &Algorithm, step: Step, p: &mut [Self], g: &[Self], slots: &mut [&mut [Self]]);
    /// [`optim::ema`]
    optim::ema as ema(average: &mut [Self], p: &[Self], decay: f64);
}
