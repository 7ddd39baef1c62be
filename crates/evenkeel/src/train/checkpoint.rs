//! A whole training as one safetensors file, and going on from it with equal bits: weights, buffers, moments, averages,
//! schedule, counters, random states, the order of the rows and the place in it.

use super::trainer::{Sums, Trainer};
use super::{Batches, LastBatch};
use crate::error::{Error, Result};
use crate::io::{Entry, Parts, Values, check_format, entries_of_state, metadata, read, state_of_entries, write};
use crate::nn::{Module, StateValue};
use crate::optim::{bits, find, from_bits, is_count};
use crate::rng::Rng;
use crate::value::Value;

impl Trainer<f32> {
    /// The checkpoint as a file.
    #[cfg(feature = "json")]
    pub fn save(&self) -> Result<Vec<u8>> {
        Ok(self.to_parts()?.pack())
    }
    /// The checkpoint.
    pub fn to_parts(&self) -> Result<Parts> {
        match &self.model {
            Some(m) => self.parts_with(m.state(), m.spec(), core::slice::from_ref(m)),
            None => self.to_parts_outside(Vec::new(), &[]),
        }
    }
    /// The checkpoint of a training whose model lives outside: with this state of it, and the random states of these
    /// layers.
    pub fn to_parts_outside(&self, state: Vec<(String, StateValue<f32>)>, layers: &[Module<f32>]) -> Result<Parts> {
        self.parts_with(state, Value::Null, layers)
    }
    fn parts_with(
        &self,
        state: Vec<(String, StateValue<f32>)>,
        architecture: Value,
        layers: &[Module<f32>],
    ) -> Result<Parts> {
        let mut entries = entries_of_state("model.", state);
        entries.push(bits("layers.rng".into(), &layer_states(layers)));
        entries.extend(self.optimizer.checkpoint());
        if let Some((s, _)) = &self.schedule {
            entries.push(bits("schedule".into(), &s.state()));
        }
        if let Some(b) = &self.batches {
            let order = b.order.iter().map(|&i| i as i64).collect::<Vec<_>>();
            entries.push(Entry { name: "order".into(), shape: vec![order.len()], values: Values::Integer(order) });
            entries.push(bits("shuffle.rng".into(), &b.rng.state().map(f64::from)));
            entries.push(bits("position".into(), &[b.position as f64]));
        }
        let s = &self.sums;
        entries.push(bits(
            "counters".into(),
            &[
                self.seed as f64,
                self.updates as f64,
                self.epoch as f64,
                self.pending as f64,
                self.pending_weight,
                s.loss,
                s.weight,
                s.rows,
                s.hits,
                s.judged,
                f64::from(u8::from(self.under_way)),
            ],
        ));
        let mut metadata = metadata();
        metadata.insert("kind", "checkpoint");
        metadata.insert("architecture", architecture);
        metadata.insert("optimizer", self.optimizer.names());
        metadata.insert("slots", self.optimizer.slot_names());
        write(entries, metadata)
    }

    /// Goes on from a checkpoint of the same build of model, optimizer and schedule. Nothing changes if it does not fit.
    #[cfg(feature = "json")]
    pub fn load(&mut self, bytes: &[u8]) -> Result<()> {
        let (header, data) = crate::io::unpack(bytes)?;
        self.load_parts(&header, data)
    }
    /// The same from the parts of a file.
    pub fn load_parts(&mut self, header: &Value, data: &[u8]) -> Result<()> {
        let layers: Vec<Module<f32>> = self.model.iter().cloned().collect();
        self.load_parts_outside(header, data, &layers)
    }
    /// The same where the model lives outside; its state is [`model_state`]'s to give.
    pub fn load_parts_outside(&mut self, header: &Value, data: &[u8], layers: &[Module<f32>]) -> Result<()> {
        let entries = read_checkpoint(header, data)?;
        let metadata = &header["metadata"];
        if metadata["optimizer"] != Value::from(self.optimizer.names())
            || metadata["slots"] != Value::from(self.optimizer.slot_names())
        {
            return Err(Error::file("the checkpoint is of another optimizer"));
        }
        let counters = from_bits(&entries, "counters")?;
        let &[seed, updates, epoch, pending, pending_weight, loss, weight, rows, hits, judged, under_way] =
            &counters[..]
        else {
            return Err(Error::file("the checkpoint's counters are incomplete"));
        };
        if ![seed, updates, epoch, pending, rows].into_iter().all(is_count) {
            return Err(Error::file("the checkpoint's counters are damaged"));
        }
        if self.schedule.is_none() && entries.iter().any(|e| e.name == "schedule") {
            return Err(Error::file("the checkpoint is of a training with a schedule"));
        }
        self.optimizer.check(&entries)?;
        let schedule = match &self.schedule {
            Some((s, every)) => {
                let mut s = s.clone();
                s.load_state(&from_bits(&entries, "schedule")?)
                    .map_err(|(name, value)| Error::file("the checkpoint's schedule is another").with(name, value))?;
                Some((s, *every))
            }
            None => None,
        };
        let batches = read_batches(&entries)?;
        let states = from_bits(&entries, "layers.rng")?;
        if states.len() != layer_states(layers).len() || states.chunks(4).any(|s| random(s).is_none()) {
            return Err(Error::file("the checkpoint's layers are others"));
        }
        if let Some(m) = &self.model {
            m.load_state(&state_of_entries("model.", &entries), true)?;
        }
        let mut states = states.chunks(4).filter_map(random);
        for m in layers {
            m.visit(&mut |_, m| {
                if let (Some(rng), Some(state)) = (m.layer().rng(), m.layer().rng().and_then(|_| states.next())) {
                    *rng.borrow_mut() = state;
                }
            });
        }
        self.optimizer.restore(&entries)?;
        self.schedule = schedule;
        self.batches = batches;
        self.release_data();
        self.updates = updates as u64;
        self.epoch = epoch as u64;
        self.under_way = under_way == 1.0;
        self.seed = seed as u64;
        self.pending = pending as usize;
        self.pending_weight = pending_weight;
        self.sums = Sums { loss, weight, rows, hits, judged };
        Ok(())
    }
}

/// The state of the model in a checkpoint.
pub fn model_state(header: &Value, data: &[u8]) -> Result<Vec<(String, StateValue<f32>)>> {
    Ok(state_of_entries("model.", &read_checkpoint(header, data)?))
}

fn read_checkpoint(header: &Value, data: &[u8]) -> Result<Vec<Entry<f32>>> {
    let entries = read(header, data)?;
    check_format(&header["metadata"])?;
    if header["metadata"]["kind"].as_str() != Some("checkpoint") {
        return Err(Error::file("not a checkpoint of a training"));
    }
    Ok(entries)
}

/// The random states of all layers that have one, in order.
fn layer_states(layers: &[Module<f32>]) -> Vec<f64> {
    let mut all = Vec::new();
    for m in layers {
        m.visit(&mut |_, m| {
            if let Some(r) = m.layer().rng() {
                all.extend(r.borrow().state().map(f64::from));
            }
        });
    }
    all
}

fn random(state: &[f64]) -> Option<Rng> {
    let s: [f64; 4] = state.try_into().ok()?;
    Rng::from_state(s.map(|x| x as u32))
}

fn read_batches(entries: &[Entry<f32>]) -> Result<Option<Batches>> {
    if !entries.iter().any(|e| e.name == "order") {
        return Ok(None);
    }
    let bad = || Error::file("the checkpoint's order of rows is damaged");
    let Values::Integer(order) = find(entries, "order")? else { return Err(bad()) };
    let rows = order.len();
    let mut seen = vec![false; rows];
    for &i in order {
        match seen.get_mut(usize::try_from(i).map_err(|_| bad())?) {
            Some(s) if !*s => *s = true,
            _ => return Err(bad()),
        }
    }
    let rng = random(&from_bits(entries, "shuffle.rng")?).ok_or_else(bad)?;
    let position = match from_bits(entries, "position")?[..] {
        [p] if p >= 0.0 && p <= rows as f64 => p as usize,
        _ => return Err(bad()),
    };
    let mut b = Batches::new(rows, 1, true, LastBatch::Keep, rng)?;
    b.order = order.iter().map(|&i| i as i32).collect();
    b.position = position;
    Ok(Some(b))
}
