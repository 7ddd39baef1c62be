//! The state of a model by PyTorch's names, and loading one with a report of what did not fit.

use super::module::{Item, Module};
use crate::error::{Code, Error, Result};
use crate::tensor::Float;

/// One entry of a state.
#[derive(Clone, Debug, PartialEq)]
pub enum StateValue<T> {
    /// Floating-point values and their shape.
    Tensor(Vec<T>, Vec<usize>),
    /// An integer scalar (`num_batches_tracked`).
    Integer(i64),
}

/// What did not fit when a state was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateReport {
    /// Names of the model that the state lacks.
    pub missing: Vec<String>,
    /// Names of the state that the model lacks.
    pub unexpected: Vec<String>,
    /// Names whose shapes differ.
    pub misshapen: Vec<String>,
}

impl StateReport {
    /// Everything fitted.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl<T: Float> Module<T> {
    /// All parameters, buffers and counters by name.
    pub fn state(&self) -> Vec<(String, StateValue<T>)> {
        let mut all: Vec<(String, StateValue<T>)> = Vec::new();
        self.items(&mut |name, item| {
            let value = match item {
                Item::Param(t, _) | Item::Buffer(t) => StateValue::Tensor(t.to_vec(), t.dims().to_vec()),
                Item::Counter(c) => StateValue::Integer(c.get() as i64),
            };
            all.push((name.to_owned(), value));
        });
        all
    }

    /// Loads a state. In strict mode anything that does not fit is an error and nothing changes; otherwise what fits
    /// is taken and the rest reported. A missing `num_batches_tracked` fits always (files of old PyTorch lack it): the
    /// counter keeps its value, with a warning where the cumulative average depends on it.
    pub fn load_state(&self, state: &[(String, StateValue<T>)], strict: bool) -> Result<StateReport> {
        let mut report = StateReport::default();
        let find = |name: &str| state.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let mut known: Vec<String> = Vec::new();
        let mut cumulative = false;
        self.visit(&mut |path, m| {
            let is_cumulative = m.layer().as_batch_norm().is_some_and(|b| b.options().momentum.is_none());
            m.layer().items(&mut |own, item| {
                let name = super::module::join(path, own);
                match (item, find(&name)) {
                    (Item::Counter(_), None) if own == "num_batches_tracked" => cumulative |= is_cumulative,
                    (_, None) => report.missing.push(name.clone()),
                    (Item::Param(t, _) | Item::Buffer(t), Some(StateValue::Tensor(data, shape))) => {
                        if t.dims() != &shape[..] || data.len() != t.len() {
                            report.misshapen.push(name.clone());
                        }
                    }
                    (Item::Counter(_), Some(StateValue::Integer(n))) if *n >= 0 => {}
                    _ => report.misshapen.push(name.clone()),
                }
                known.push(name);
            });
        });
        report.unexpected = state.iter().filter(|(n, _)| !known.contains(n)).map(|(n, _)| n.clone()).collect();
        if strict && !report.is_clean() {
            return Err(Error::new(Code::StateMismatch)
                .with("missing", report.missing)
                .with("unexpected", report.unexpected)
                .with("misshapen", report.misshapen));
        }
        if cumulative {
            super::module::warn("NO_BATCH_COUNT", 0.0);
        }
        self.items(&mut |name, item| match (item, find(name)) {
            (Item::Param(t, _) | Item::Buffer(t), Some(StateValue::Tensor(data, shape)))
                if t.dims() == &shape[..] && data.len() == t.len() =>
            {
                t.with_data_mut(|to| to.copy_from_slice(data));
            }
            (Item::Counter(c), Some(StateValue::Integer(n))) if *n >= 0 => c.set(*n as u64),
            _ => {}
        });
        Ok(report)
    }
}
