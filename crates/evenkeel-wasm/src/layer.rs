//! Modules.

use crate::convert::{answered, done, pack, parse};
use crate::random;
use crate::rows::{answer, answer_value, rows};
use crate::table::{give, layer, layers, made, made_tensor, recalibration, shared, state, take_hold, tensor};
use evenkeel::error::{Code, Error};
use evenkeel::nn::{self, Hold, Join, Module, Pool, Recalibrate, Recalibration, Role};
use evenkeel::value::{Map, Value};
use evenkeel::{Result, Tensor, io};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// From a spec, with initial values from the module-wide generator. Rows: spec.
#[wasm_bindgen(js_name = makeLayer)]
pub fn make_layer(spec: usize) -> u32 {
    let spec = parse(rows().next(spec));
    made(spec.and_then(|s| random::with(f64::NAN, |r| Module::from_spec(&s, r))))
}
/// A layer made of layers: 0 sequential, 1 residual, 2 parallel with concat, 3 parallel with sum. Rows: layers.
#[wasm_bindgen(js_name = makeContainer)]
pub fn make_container(kind: u32, children: usize) -> u32 {
    made(container(kind, layers(rows().next(children))))
}
fn container(kind: u32, mut children: Vec<Module>) -> Result<Module> {
    Ok(match kind {
        0 => nn::Sequential::new(children).into(),
        1 => match (children.pop(), children.is_empty()) {
            (Some(body), true) => nn::Residual::new(body).into(),
            _ => return Err(Error::argument("children", "one body", children.len())),
        },
        _ => nn::Parallel::new(children, if kind == 2 { Join::Concat } else { Join::Sum })?.into(),
    })
}
/// From a file. Rows: header, data.
#[wasm_bindgen(js_name = loadModel)]
pub fn load_model(header: usize, data: usize) -> u32 {
    let rows = rows();
    made(parse(rows.next(header)).and_then(|h| io::model_from_parts(&h, rows.next(data))))
}
#[wasm_bindgen(js_name = saveModel)]
pub fn save_model(m: u32) -> bool {
    answered(pack(io::model_to_parts(&layer(m))))
}
#[wasm_bindgen]
pub fn spec(m: u32) -> bool {
    answer_value(layer(m).spec())
}
#[wasm_bindgen]
pub fn forward(m: u32, x: u32) -> u32 {
    made_tensor(layer(m).forward(&tensor(x)))
}
#[wasm_bindgen]
pub fn predict(m: u32, x: u32) -> u32 {
    made_tensor(layer(m).predict(&tensor(x)))
}
#[wasm_bindgen(js_name = setTraining)]
pub fn set_training(m: u32, on: bool) {
    let m = layer(m);
    if on { m.train() } else { m.eval() }
}
#[wasm_bindgen]
pub fn training(m: u32) -> bool {
    layer(m).training()
}
/// Leaves the training modes of the whole tree, parents first, a byte each.
#[wasm_bindgen]
pub fn modes(m: u32) -> bool {
    answer(layer(m).modes().into_iter().map(u8::from).collect())
}
/// Rows: what [`modes`] left.
#[wasm_bindgen(js_name = setModes)]
pub fn set_modes(m: u32, len: usize) {
    layer(m).set_modes(&rows().next::<u8>(len).iter().map(|&m| m != 0).collect::<Vec<_>>());
}
#[wasm_bindgen]
pub fn freeze(m: u32, frozen: bool) {
    layer(m).freeze(frozen);
}
#[wasm_bindgen]
pub fn frozen(m: u32) -> bool {
    layer(m).frozen()
}
#[wasm_bindgen(js_name = seedLayers)]
pub fn seed_layers(m: u32, seed: f64) {
    layer(m).seed(seed as u64);
}
#[wasm_bindgen]
pub fn duplicate(m: u32) -> u32 {
    made(layer(m).duplicate())
}
#[wasm_bindgen(js_name = foldBatchNorm)]
pub fn fold_batch_norm(m: u32) -> u32 {
    made(layer(m).fold_batch_norm())
}
/// Leaves each parameter's name, the number of its tensor, and its role: 0 weight, 1 bias, 2 norm.
#[wasm_bindgen]
pub fn parameters(m: u32) -> bool {
    let entry = |(name, t, role): (String, Tensor, Role)| {
        let role = match role {
            Role::Weight => 0_usize,
            Role::Bias => 1,
            Role::Norm => 2,
        };
        Value::from(vec![Value::from(name), (give(t) as usize).into(), role.into()])
    };
    answer_value(layer(m).parameters().into_iter().map(entry).collect::<Vec<_>>().into())
}
#[wasm_bindgen(js_name = stateOf)]
pub fn state_of(m: u32) -> u32 {
    give(shared(layer(m).state()))
}
/// Loads a state and leaves a report.
#[wasm_bindgen(js_name = loadState)]
pub fn load_state(m: u32, s: u32, strict: bool) -> bool {
    done(layer(m).load_state(&state(s).borrow(), strict).map(|r| {
        let mut report = Map::default();
        report.insert("misshapen", r.misshapen);
        report.insert("missing", r.missing);
        report.insert("unexpected", r.unexpected);
        answer_value(report.into());
    }))
}
/// Leaves the lines of the summary. Rows: the input's shape, empty where it is unknown.
#[wasm_bindgen]
pub fn summary(m: u32, rank: usize) -> bool {
    let rows = rows();
    let line = |r: nn::SummaryRow| {
        let mut row = Map::default();
        row.insert("path", r.path);
        row.insert("kind", r.kind);
        row.insert("output", r.output);
        row.insert("parameters", r.parameters);
        row.insert("buffers", r.buffers);
        row.insert("frozen", r.frozen);
        row.insert("container", r.container);
        Value::from(row)
    };
    let all = layer(m).summary((rank > 0).then(|| rows.next(rank)));
    answer_value(all.into_iter().map(line).collect::<Vec<_>>().into())
}
/// Takes the statistics of a feature norm.
#[wasm_bindgen]
pub fn adapt(m: u32, x: u32, shared: bool) -> bool {
    let x = tensor(x);
    done(match layer(m).layer().as_feature_norm() {
        Some(f) if shared => f.adapt_shared(&x),
        Some(f) => f.adapt(&x),
        None => Err(Error::new(Code::WrongMode).with("reason", "not a feature norm")),
    })
}
/// Whether a layer gives something that is not finite; leaves its path and kind.
#[wasm_bindgen(js_name = firstNotFinite)]
pub fn first_not_finite(m: u32, x: u32) -> bool {
    let found = layer(m).first_not_finite(&tensor(x));
    found.is_some_and(|(path, kind)| answer_value(vec![path, kind.to_owned()].into()))
}

/// Changes of running statistics are held back until it is released, which forgets them, or committed.
#[wasm_bindgen(js_name = startHold)]
pub fn start_hold() -> u32 {
    give(Rc::new(Hold::start()))
}
/// Makes the changes, and releases.
#[wasm_bindgen(js_name = commitHold)]
pub fn commit_hold(h: u32) {
    take_hold(h).commit();
}

/// A recalibration is under way until it is released.
#[wasm_bindgen(js_name = startRecalibration)]
pub fn start_recalibration() -> u32 {
    give(Rc::new(Recalibration::start()))
}
#[wasm_bindgen]
pub fn recalibrate(r: u32, m: u32, average: bool) -> bool {
    let how = if average { Recalibrate::Average } else { Recalibrate::Pooled };
    done(recalibration(r).apply(&layer(m), how))
}

/// Merges statistics, and leaves one. Rows: `[{"count":..,"mean":[..],"var":[..]}, ..]`.
#[wasm_bindgen(js_name = mergeStatistics)]
pub fn merge_statistics(parts: usize) -> bool {
    let pool = |p: &Value| Pool {
        count: p["count"].as_f64().unwrap_or(f64::NAN),
        mean: p["mean"].numbers(),
        var: p["var"].numbers(),
    };
    let parts = parse(rows().next(parts)).map(|all| all.items().iter().map(pool).collect::<Vec<_>>());
    done(parts.and_then(|parts| nn::merge_statistics(&parts)).map(|all| {
        let mut merged = Map::default();
        merged.insert("count", all.count);
        merged.insert("mean", all.mean);
        merged.insert("var", all.var);
        answer_value(merged.into());
    }))
}
