//! Tensors that remember where they came from, and the tape that turns this into gradients.
//!
//! ```
//! use evenkeel::Tensor;
//! # fn main() -> evenkeel::Result<()> {
//! let w = Tensor::<f32>::new(&[1.0, 2.0], &[2])?.tracked();
//! let loss = w.mul(&w)?.sum_all()?;
//! loss.backward()?;
//! assert_eq!(w.grad().unwrap().to_vec(), [2.0, 4.0]);
//! # Ok(())
//! # }
//! ```

mod ops;
mod tape;
mod tensor;

pub(crate) use ops::label_error;
pub use ops::{concat, linear, stack, where_};
pub(crate) use tape::recording;
pub use tape::{Backward, no_grad, record, set_recording};
pub use tensor::Tensor;
