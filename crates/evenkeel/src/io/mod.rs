//! Files. A model is one safetensors file: values by PyTorch's names, the architecture in the metadata.

mod safetensors;

pub use self::safetensors::{Entry, Values, load_model, read, read_state, save_model, write, write_state};
pub(crate) use self::safetensors::{check_format, entries_of_state, state_of_entries};
