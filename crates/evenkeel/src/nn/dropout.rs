//! Dropout (Srivastava et al., JMLR 15, 2014), inverted: in training each value is 0 with probability p, else divided
//! by 1 − p; in eval the identity.

use super::module::{Context, Layer};
use super::spec::optional;
use crate::autograd::{Tensor, record};
use crate::error::{Error, Result};
use crate::kernels::binary;
use crate::rng::Rng;
use crate::tensor::{Float, View};
use crate::value::{Map, Value};
use core::cell::RefCell;

/// A dropout layer with a random stream of its own.
pub struct Dropout {
    p: f64,
    rng: RefCell<Rng>,
}

impl Dropout {
    /// Drops with probability `p` (PyTorch's default is 0.5).
    pub fn new(p: f64, rng: &mut Rng) -> Result<Self> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::argument("p", "between 0 and 1", p));
        }
        Ok(Dropout { p, rng: RefCell::new(rng.split()) })
    }
    pub(super) fn from_spec(spec: &Value, rng: &mut Rng) -> Result<Self> {
        Self::new(optional(spec, "p")?.unwrap_or(0.5), rng)
    }
}

impl<T: Float> Layer<T> for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        if !ctx.training || self.p == 0.0 {
            return Ok(x.clone());
        }
        let scale = if self.p < 1.0 { T::of(1.0 / (1.0 - self.p)) } else { T::ZERO };
        let before = self.rng.borrow().state();
        let mask = View::build(x.len(), |to| self.rng.borrow_mut().fill_mask(to, 1.0 - self.p, scale))?;
        if ctx.update.is_none() {
            *self.rng.borrow_mut() = Rng::from_state(before).expect("a state that was in use");
        }
        let xv = x.view();
        let y = Tensor::build(x.shape(), |to| {
            to.copy_from_slice(&xv.read());
            binary::zip_assign(to, &mask.read(), |a, m| a * m);
        })?;
        Ok(record(&[x], y, move |b| {
            b.build(0, |dx| {
                dx.copy_from_slice(&b.grad());
                binary::zip_assign(dx, &mask.read(), |g, m| g * m);
            })
        }))
    }
    fn describe(&self, spec: &mut Map) {
        spec.insert("p", self.p);
    }
    fn rng(&self) -> Option<&RefCell<Rng>> {
        Some(&self.rng)
    }
}
