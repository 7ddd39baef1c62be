//! The core of evenkeel: tensors, autograd, layers, losses, optimizers and training, with the same bits on every host.
//!
//! The rooms, each of which uses only those before it: [`error`], [`shape`], [`simd`], [`rng`], [`init`],
//! [`schedule`], [`value`], `threads`; [`kernels`] (slices in, slices out); [`tensor`] (pooled data); [`autograd`] (gradients);
//! [`nn`],
//! [`loss`]; [`io`], [`optim`], [`train`].
#![deny(missing_docs)]

pub mod autograd;
pub mod init;
pub mod io;
pub mod loss;
pub mod nn;
pub mod optim;
pub mod schedule;
pub mod tensor;
pub mod train;
pub mod value;

pub use autograd::{Tensor, no_grad};
#[cfg(feature = "threads")]
pub use evenkeel_kernels::threads;
pub use evenkeel_kernels::{Code, Error, Result, Rng};
pub use evenkeel_kernels::{error, kernels, rng, shape, simd};
pub use tensor::Indices;

/// Whether the arithmetic of this host gives the bits it should: a product of matrices, exponentials and logarithms
/// against constants. Hosts with broken vector instructions have been seen; better to stop than to train on them.
pub fn self_test() -> bool {
    use kernels::gemm::{Matrix, Start, gemm, scratch};
    use simd::{Lanes, Real};
    let (m, n, k) = (5, 9, 7);
    let a: [f32; 35] = core::array::from_fn(|i| (i % 11) as f32 - 5.0);
    let b: [f32; 63] = core::array::from_fn(|i| (i % 13) as f32 - 6.0);
    let (mut c, mut pack) = ([f32::NAN; 45], [0.0; 256]);
    if pack.len() < scratch(m, n, k) {
        return false;
    }
    gemm(m, n, k, Matrix::rows(&a, k), Matrix::rows(&b, n), &mut c, Start::Zero, &mut pack);
    // Small whole numbers: every order of the sums gives the same.
    let product = (0..m * n).all(|i| {
        let sum: f32 = (0..k).map(|p| a[i / n * k + p] * b[p * n + i % n]).sum();
        c[i] == sum
    });
    let bits = |x: f32, f: fn(simd::F32s) -> simd::F32s| x.lane(f).to_bits();
    product
        && bits(1.0, Lanes::exp) == 0x402d_f854
        && bits(-10.0, Lanes::exp) == 0x383e_6bce
        && bits(10.0, Lanes::ln) == 0x4013_5d8e
        && bits(0.5, Lanes::tanh) == 0x3eec_9a9f
        && 2f32.sqrt().to_bits() == 0x3fb5_04f3
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_self_test_passes_here() {
        assert!(super::self_test());
    }
}
