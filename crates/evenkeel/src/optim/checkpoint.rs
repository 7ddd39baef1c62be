//! The optimizer's part of a checkpoint: moments, averages and pending gradients as tensors, counters as numbers.

use super::Optimizer;
use crate::error::{Error, Result};
use crate::io::{Entry, Values};
use crate::nn::decimal;
use crate::tensor::View;

/// f64 values as their bits: a checkpoint loses none.
pub(crate) fn bits(name: String, values: &[f64]) -> Entry<f32> {
    let v: Vec<i64> = values.iter().map(|x| x.to_bits() as i64).collect();
    Entry { name, shape: vec![v.len()], values: Values::Integer(v) }
}

/// The values of an entry made by [`bits`].
pub(crate) fn from_bits<T>(entries: &[Entry<T>], name: &str) -> Result<Vec<f64>> {
    match find(entries, name)? {
        Values::Integer(v) => Ok(v.iter().map(|&x| f64::from_bits(x as u64)).collect()),
        Values::Float(_) => Err(Error::file("a checkpoint entry has the wrong type").with("name", name)),
    }
}

/// Whether this can be a number of steps or rows (up to 2⁵³): a damaged one must not overflow when it goes on counting.
pub(crate) fn is_count(x: f64) -> bool {
    (0.0..=9_007_199_254_740_992.0).contains(&x)
}

/// An entry by name.
pub(crate) fn find<'a, T>(entries: &'a [Entry<T>], name: &str) -> Result<&'a Values<T>> {
    match entries.iter().find(|e| e.name == name) {
        Some(e) => Ok(&e.values),
        None => Err(Error::file("a checkpoint entry is missing").with("name", name)),
    }
}

fn key(group: usize, what: &str) -> String {
    let mut s = String::from("optimizer.");
    s.push_str(&decimal(group));
    s.push('.');
    s.push_str(what);
    s
}

impl Optimizer<f32> {
    /// Everything that a resumed training needs, as entries of a file.
    pub(crate) fn checkpoint(&self) -> Vec<Entry<f32>> {
        let mut all = Vec::new();
        for (i, g) in self.groups.iter().enumerate() {
            let float = |what: &str, v: &View<f32>| Entry {
                name: key(i, what),
                shape: vec![v.len()],
                values: Values::Float(v.read().to_vec()),
            };
            for (name, slot) in &g.slots {
                all.push(float(name, slot));
            }
            if let Some(a) = &g.average {
                all.push(float("average", a));
            }
            let filled: Vec<f64> = g.members.iter().map(|m| m.tensor.has_grad() as u8 as f64).collect();
            if filled.contains(&1.0) {
                all.push(float("grad", &g.grad));
            }
            all.push(bits(key(i, "filled"), &filled));
            all.push(bits(key(i, "steps"), &g.members.iter().map(|m| m.t as f64).collect::<Vec<_>>()));
            all.push(bits(key(i, "scalars"), &g.members.iter().map(|m| m.scalar).collect::<Vec<_>>()));
            all.push(bits(key(i, "settings"), &g.algorithm.settings().iter().map(|s| s.1).collect::<Vec<_>>()));
        }
        all
    }

    /// Whether [`restore`](Self::restore) would succeed; nothing changes.
    pub(crate) fn check(&self, entries: &[Entry<f32>]) -> Result<()> {
        for (i, g) in self.groups.iter().enumerate() {
            let total = g.data.len();
            let mut floats: Vec<&str> = g.slots.iter().map(|s| s.0).collect();
            if g.average.is_some() {
                floats.push("average");
            }
            let filled = from_bits(entries, &key(i, "filled"))?;
            if filled.contains(&1.0) {
                floats.push("grad");
            }
            for what in floats {
                let name = key(i, what);
                match find(entries, &name)? {
                    Values::Float(v) if v.len() == total => {}
                    _ => return Err(Error::file("the checkpoint is of another model or optimizer").with("name", name)),
                }
            }
            let (members, settings) = (g.members.len(), g.algorithm.settings().len());
            for (what, n) in [("filled", members), ("steps", members), ("scalars", members), ("settings", settings)] {
                let name = key(i, what);
                let values = from_bits(entries, &name)?;
                if values.len() != n || what == "steps" && !values.iter().all(|&t| is_count(t)) {
                    return Err(Error::file("the checkpoint is of another model or optimizer").with("name", name));
                }
            }
            let mut algorithm = g.algorithm;
            for ((name, _), value) in g.algorithm.settings().iter().zip(from_bits(entries, &key(i, "settings"))?) {
                algorithm.set(name, value);
            }
            if let Err((name, value)) = algorithm.validate() {
                return Err(Error::file("the checkpoint's optimizer has an impossible setting").with(name, value));
            }
        }
        Ok(())
    }

    /// Puts a checkpoint in place; [`check`](Self::check) has been called.
    pub(crate) fn restore(&mut self, entries: &[Entry<f32>]) -> Result<()> {
        for (i, g) in self.groups.iter_mut().enumerate() {
            let load = |what: &str, v: &View<f32>| -> Result<()> {
                if let Values::Float(from) = find(entries, &key(i, what))? {
                    v.write().copy_from_slice(from);
                }
                Ok(())
            };
            for (name, slot) in &g.slots {
                load(name, slot)?;
            }
            if let Some(a) = &g.average {
                load("average", a)?;
            }
            let filled = from_bits(entries, &key(i, "filled"))?;
            let (steps, scalars) = (from_bits(entries, &key(i, "steps"))?, from_bits(entries, &key(i, "scalars"))?);
            if filled.contains(&1.0) {
                load("grad", &g.grad)?;
            }
            for (j, m) in g.members.iter_mut().enumerate() {
                m.t = steps[j] as u64;
                m.scalar = scalars[j];
                m.tensor.zero_grad();
                if filled[j] == 1.0 {
                    let grad = g.grad.part(m.offset, m.tensor.len()).read().to_vec();
                    m.tensor.set_grad(&grad)?;
                }
            }
            let names: Vec<&'static str> = g.algorithm.settings().iter().map(|s| s.0).collect();
            for (name, value) in names.into_iter().zip(from_bits(entries, &key(i, "settings"))?) {
                g.algorithm.set(name, value);
            }
        }
        Ok(())
    }
}
