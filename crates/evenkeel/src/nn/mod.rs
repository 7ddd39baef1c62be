//! Layers and the modules that hold them.
//!
//! A [`Module`] is a shared handle on a layer with its mode; cloning it shares the layer. Layers that contain others
//! ([`Sequential`], [`Residual`], [`Parallel`]) hold modules. [`Module::from_spec`] builds any layer from its
//! description, which is what files carry.
//!
//! ```
//! use evenkeel::{Rng, Tensor, nn::{Activation, BatchNorm, Linear, Module, Sequential}};
//! # fn main() -> evenkeel::Result<()> {
//! let mut rng = Rng::new(1);
//! let model: Module = Sequential::new(vec![
//!     Linear::new(4, 8, true, &mut rng)?.into(),
//!     BatchNorm::new(8)?.into(),
//!     Activation::relu().into(),
//!     Linear::new(8, 3, true, &mut rng)?.into(),
//! ]).into();
//! let y = model.forward(&Tensor::rand(&[16, 4], &mut rng)?)?;
//! assert_eq!(y.dims(), [16, 3]);
//! # Ok(())
//! # }
//! ```

mod activation;
mod batch_norm;
mod batch_stats;
mod containers;
mod dropout;
mod feature_norm;
mod flatten;
mod fold;
mod linear;
mod module;
mod spec;
mod state;
mod summary;

pub use activation::Activation;
pub use batch_norm::{Averaged, BatchNorm, BatchNormOptions, Statistics, Variance};
pub use batch_stats::{Pool, Recalibrate, Recalibration, merge_statistics};
pub use containers::{Join, Parallel, Residual, Sequential};
pub use dropout::Dropout;
pub use feature_norm::FeatureNorm;
pub use flatten::Flatten;
pub use linear::Linear;
pub(crate) use module::decimal;
pub use module::{Context, Hold, Item, Layer, Module, Probe, Role, Updates, Warning, take_warnings};
pub use state::{StateReport, StateValue};
pub use summary::SummaryRow;

use crate::tensor::Float;

macro_rules! modules {
    ($($layer:ty),*) => {$(
        impl<T: Float> From<$layer> for Module<T> {
            fn from(layer: $layer) -> Self {
                Module::new(layer)
            }
        }
    )*};
}
modules!(
    Activation<T>,
    BatchNorm<T>,
    Dropout,
    FeatureNorm<T>,
    Flatten,
    Linear<T>,
    Parallel<T>,
    Residual<T>,
    Sequential<T>
);
