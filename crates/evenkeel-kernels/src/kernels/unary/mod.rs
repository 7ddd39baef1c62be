//! Element-wise functions of one argument and their derivatives: the activations and the plain mathematics.
//!
//! Values and gradients are PyTorch's, also at the kinks (relu'(0) = 0, hardtanh' is 0 at both bounds, clamp' is 1
//! there) and at ±∞. NaN passes through, but for sign (0) and x⁰ (1); where PyTorch's vector and scalar code disagree
//! on a gradient at NaN, the vector code is followed. Formulas: the functions' pages in PyTorch's documentation; GELU
//! is arXiv:1606.08415, SELU 1706.02515, mish 1908.08681, hard swish 1905.02244.
//!
//! A slice is walked four numbers at a time; the rest of it goes through the same vector code in a padded buffer, so
//! an element's bits depend on its value alone. The formulas are in `formulas`, each once, in a `match` outside the loop.

mod formulas;
#[cfg(test)]
mod tests;

use super::binary::add_assign;
use crate::simd::{LANES, Lanes, Real};
use formulas::{backward_chunks, forward_chunks};

/// Vectors that are copied and then worked on in place, while they lie in the first cache: so there is one loop a formula,
/// and not one for each way in which input and output may lie.
const BLOCK: usize = 128;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary<T> {
    /// −x.
    Neg,
    /// |x|; the derivative at 0 is 0.
    Abs,
    /// eˣ.
    Exp,
    /// Natural logarithm.
    Ln,
    /// ln(1 + x).
    Log1p,
    /// eˣ − 1.
    Expm1,
    /// √x.
    Sqrt,
    /// 1/√x.
    Rsqrt,
    /// x².
    Square,
    /// 1/x.
    Reciprocal,
    /// Sine of radians.
    Sin,
    /// Cosine of radians.
    Cos,
    /// Hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// 2/√π ∫₀ˣ e^(−t²) dt.
    Erf,
    /// −1, 0 or 1; 0 for NaN. The derivative is 0.
    Sign,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x above 0, else slope·x.
    LeakyRelu(T),
    /// x above 0, else α(eˣ − 1).
    Elu(T),
    /// λ·elu(x) with the α and λ that keep mean 0 and variance 1.
    Selu,
    /// x·Φ(x), by the error function.
    Gelu,
    /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
    GeluTanh,
    /// x·sigmoid(x).
    Silu,
    /// x·tanh(ln(1 + eˣ)).
    Mish,
    /// ln(1 + e^βx)/β, and x itself where βx exceeds the threshold.
    Softplus {
        /// Sharpness β.
        beta: T,
        /// Where βx is above this, the function is the identity.
        threshold: T,
    },
    /// x/(1 + |x|).
    Softsign,
    /// x·min(max(x + 3, 0), 6)/6.
    Hardswish,
    /// min(max(x + 3, 0), 6)/6.
    Hardsigmoid,
    /// min(max(x, min), max) with derivative 0 at the bounds.
    Hardtanh {
        /// Lower bound.
        min: T,
        /// Upper bound.
        max: T,
    },
    /// ln(sigmoid(x)).
    LogSigmoid,
    /// min(max(x, min), max) with derivative 1 at the bounds (`torch.clamp`).
    Clip {
        /// Lower bound, may be −∞.
        min: T,
        /// Upper bound, may be ∞; wins when below `min`.
        max: T,
    },
    /// xᵉ.
    Powf(T),
    /// x + a.
    AddScalar(T),
    /// a·x.
    MulScalar(T),
}

/// y = f(x), element by element.
///
/// # Panics
/// If the lengths differ.
pub fn forward<T: Real>(op: Unary<T>, x: &[T], y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "unary: lengths differ");
    for (x, y) in x.chunks(BLOCK * LANES).zip(y.chunks_mut(BLOCK * LANES)) {
        y.copy_from_slice(x);
        forward_in_place(op, y);
    }
}

/// xy = f(xy): the same bits as [`forward`].
pub fn forward_in_place<T: Real>(op: Unary<T>, xy: &mut [T]) {
    let (xy, tail) = xy.as_chunks_mut::<LANES>();
    forward_chunks(op, xy);
    forward_tail(op, tail);
}

/// gx = gy·f′(x), or gx += gy·f′(x) when `add`. Only `y` = f(x) is read if [`from_output`], else only `x`; the one not
/// read may be empty.
///
/// # Panics
/// If the lengths differ.
pub fn backward<T: Real>(op: Unary<T>, x: &[T], y: &[T], gy: &[T], gx: &mut [T], add: bool) {
    let s = if from_output(op) { y } else { x };
    assert!(s.len() == gx.len() && gy.len() == gx.len(), "unary gradient: lengths differ");
    let mut product = if add { Some([T::ZERO; BLOCK * LANES]) } else { None };
    let blocks = s.chunks(BLOCK * LANES).zip(gy.chunks(BLOCK * LANES));
    for ((s, gy), gx) in blocks.zip(gx.chunks_mut(BLOCK * LANES)) {
        let to = product.as_mut().map_or(&mut *gx, |product| &mut product[..s.len()]);
        to.copy_from_slice(gy);
        backward_in_place(op, s, to);
        if let Some(product) = &product {
            add_assign(gx, &product[..s.len()]);
        }
    }
}

fn backward_in_place<T: Real>(op: Unary<T>, s: &[T], g: &mut [T]) {
    let (s, s_tail) = s.as_chunks::<LANES>();
    let (g, g_tail) = g.as_chunks_mut::<LANES>();
    backward_chunks(op, s, g);
    if !g_tail.is_empty() {
        let mut out = [padded(g_tail)];
        backward_chunks(op, &[padded(s_tail)], &mut out);
        g_tail.copy_from_slice(&out[0][..g_tail.len()]);
    }
}

/// Whether the derivative is computed from the output alone, so that the input need not be kept (and may have been
/// overwritten by [`forward_in_place`]). Only where PyTorch does so or nothing is lost: elu, for one, would lose digits.
pub fn from_output<T: Real>(op: Unary<T>) -> bool {
    use Unary::*;
    match op {
        Neg | Exp | Expm1 | Sqrt | Rsqrt | Reciprocal | Tanh | Sigmoid | Sign | Relu | Relu6 => true,
        Hardtanh { .. } | AddScalar(_) | MulScalar(_) => true,
        LeakyRelu(slope) => T::ZERO <= slope,
        _ => false,
    }
}

/// At most four numbers, filled up with ones, where every function is defined.
fn padded<T: Real>(tail: &[T]) -> [T; LANES] {
    T::V::load_part(tail, T::ONE).to_array()
}

fn forward_tail<T: Real>(op: Unary<T>, tail: &mut [T]) {
    if !tail.is_empty() {
        let mut xy = [padded(tail)];
        forward_chunks(op, &mut xy);
        tail.copy_from_slice(&xy[0][..tail.len()]);
    }
}
