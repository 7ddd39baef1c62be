//! A table of a model's layers: what `summary()` prints.

use super::module::{Item, Module, join};
use crate::tensor::Float;
use core::fmt;

/// One layer of a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// Its place in the model, empty for the model itself.
    pub path: String,
    /// Its kind.
    pub kind: &'static str,
    /// Shape of its output, where the input's is known.
    pub output: Option<Vec<usize>>,
    /// Trained values of its own (not of layers inside).
    pub parameters: usize,
    /// Values of its own that are in the state but not trained.
    pub buffers: usize,
    /// Whether it is held in eval behaviour.
    pub frozen: bool,
    /// Whether it holds other layers.
    pub container: bool,
}

impl<T: Float> Module<T> {
    /// One row a layer, parents first. `input` is the shape of the model's input, if known.
    pub fn summary(&self, input: Option<&[usize]>) -> Vec<SummaryRow> {
        let mut rows = Vec::new();
        self.summarize("", input.map(<[usize]>::to_vec), &mut rows);
        rows
    }

    fn summarize(&self, path: &str, input: Option<Vec<usize>>, rows: &mut Vec<SummaryRow>) {
        let layer = self.layer();
        let (mut parameters, mut buffers) = (0, 0);
        layer.items(&mut |_, item| match item {
            Item::Param(t, _) => parameters += t.len(),
            Item::Buffer(t) => buffers += t.len(),
            Item::Counter(_) => buffers += 1,
        });
        let kind = layer.kind();
        rows.push(SummaryRow {
            path: path.to_owned(),
            kind,
            output: input.as_ref().map(|s| layer.output_shape(s)),
            parameters,
            buffers,
            frozen: self.frozen(),
            container: !layer.children().is_empty(),
        });
        let mut at = input;
        for (name, child) in layer.children() {
            child.summarize(&join(path, name), at.clone(), rows);
            if kind == "sequential" {
                at = at.map(|s| child.layer().output_shape(&s));
            }
        }
    }
}

impl<T: Float> fmt::Display for Module<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.summary(None) {
            let depth = if row.path.is_empty() { 0 } else { row.path.matches('.').count() + 1 };
            let name = row.path.rsplit('.').next().unwrap_or("");
            writeln!(f, "{:indent$}{name} {}: {} parameters", "", row.kind, row.parameters, indent = 2 * depth)?;
        }
        write!(f, "{} parameters in all", self.parameter_count())
    }
}
