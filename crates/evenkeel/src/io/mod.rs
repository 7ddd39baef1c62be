//! Files. A model is one safetensors file: values by PyTorch's names, the architecture in the metadata.
//!
//! A file is a JSON header and the values' bytes. Everything here works on these two parts, the header as a
//! [`Value`](crate::value::Value), for hosts that read and write JSON themselves; whole files need the feature `json`.

#[cfg(feature = "json")]
mod file;
mod model;
mod safetensors;

#[cfg(feature = "json")]
pub use self::file::{load_model, read_state, save_model, unpack, write_state};
pub(crate) use self::model::{check_format, entries_of_state, metadata, state_of_entries};
pub use self::model::{model_from_parts, model_to_parts, state_from_parts, state_to_parts};
pub use self::safetensors::{Entry, Parts, Values, read, write};
