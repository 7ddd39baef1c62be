//! Handles on modules.

use crate::convert::{Js, js, pack, parse};
use crate::random;
use crate::state::CoreState;
use crate::tensor::CoreTensor;
use evenkeel::error::{Code, Error};
use evenkeel::io;
use evenkeel::nn::{self, Hold, Join, Module, Pool, Recalibrate, Recalibration, Role};
use evenkeel::value::{Map, Value};
use wasm_bindgen::prelude::*;

/// A module.
#[wasm_bindgen]
pub struct CoreLayer(pub(crate) Module);

/// The number a role has in TypeScript.
pub(crate) fn role_number(role: Role) -> u8 {
    match role {
        Role::Weight => 0,
        Role::Bias => 1,
        Role::Norm => 2,
    }
}

#[wasm_bindgen]
impl CoreLayer {
    /// From a spec; initial values from this seed, or the module-wide generator if it is NaN.
    #[wasm_bindgen(js_name = fromSpec)]
    pub fn from_spec(spec: &[u8], seed: f64) -> Js<CoreLayer> {
        let spec = parse(spec)?;
        random::with(seed, |r| Module::from_spec(&spec, r)).map(CoreLayer).map_err(js)
    }
    /// A layer made of layers: 0 sequential, 1 residual, 2 parallel with concat, 3 parallel with sum.
    pub fn container(kind: u32, children: Vec<CoreLayer>) -> Js<CoreLayer> {
        let mut children: Vec<Module> = children.into_iter().map(|c| c.0).collect();
        let module = match kind {
            0 => nn::Sequential::new(children).into(),
            1 => match (children.pop(), children.is_empty()) {
                (Some(body), true) => nn::Residual::new(body).into(),
                _ => return Err(js(Error::argument("children", "one body", children.len()))),
            },
            _ => {
                let join = if kind == 2 { Join::Concat } else { Join::Sum };
                nn::Parallel::new(children, join).map_err(js)?.into()
            }
        };
        Ok(CoreLayer(module))
    }
    pub fn load(header: &[u8], data: &[u8]) -> Js<CoreLayer> {
        io::model_from_parts(&parse(header)?, data).map(CoreLayer).map_err(js)
    }
    pub fn save(&self) -> Js<Vec<u8>> {
        pack(io::model_to_parts(&self.0))
    }
    pub fn share(&self) -> CoreLayer {
        CoreLayer(self.0.clone())
    }
    pub fn spec(&self) -> Vec<u8> {
        self.0.spec().to_wire()
    }
    pub fn forward(&self, x: &CoreTensor) -> Js<CoreTensor> {
        self.0.forward(&x.0).map(CoreTensor).map_err(js)
    }
    pub fn predict(&self, x: &CoreTensor) -> Js<CoreTensor> {
        self.0.predict(&x.0).map(CoreTensor).map_err(js)
    }
    pub fn train(&self) {
        self.0.train();
    }
    pub fn eval(&self) {
        self.0.eval();
    }
    pub fn training(&self) -> bool {
        self.0.training()
    }
    /// Training modes of the whole tree, parents first.
    pub fn modes(&self) -> Vec<u8> {
        self.0.modes().into_iter().map(u8::from).collect()
    }
    #[wasm_bindgen(js_name = setModes)]
    pub fn set_modes(&self, modes: &[u8]) {
        self.0.set_modes(&modes.iter().map(|&m| m != 0).collect::<Vec<_>>());
    }
    pub fn freeze(&self, frozen: bool) {
        self.0.freeze(frozen);
    }
    pub fn frozen(&self) -> bool {
        self.0.frozen()
    }
    pub fn seed(&self, seed: f64) {
        self.0.seed(seed as u64);
    }
    pub fn duplicate(&self) -> Js<CoreLayer> {
        self.0.duplicate().map(CoreLayer).map_err(js)
    }
    #[wasm_bindgen(js_name = foldBatchNorm)]
    pub fn fold_batch_norm(&self) -> Js<CoreLayer> {
        self.0.fold_batch_norm().map(CoreLayer).map_err(js)
    }
    #[wasm_bindgen(js_name = parameterNames)]
    pub fn parameter_names(&self) -> Vec<String> {
        self.0.parameters().into_iter().map(|p| p.0).collect()
    }
    #[wasm_bindgen(js_name = parameterRoles)]
    pub fn parameter_roles(&self) -> Vec<u8> {
        self.0.parameters().into_iter().map(|p| role_number(p.2)).collect()
    }
    pub fn parameters(&self) -> Vec<CoreTensor> {
        self.0.parameters().into_iter().map(|p| CoreTensor(p.1)).collect()
    }
    pub fn state(&self) -> CoreState {
        CoreState(self.0.state())
    }
    /// Loads a state and reports.
    #[wasm_bindgen(js_name = loadState)]
    pub fn load_state(&self, state: &CoreState, strict: bool) -> Js<Vec<u8>> {
        let r = self.0.load_state(&state.0, strict).map_err(js)?;
        let mut report = Map::default();
        report.insert("misshapen", r.misshapen);
        report.insert("missing", r.missing);
        report.insert("unexpected", r.unexpected);
        Ok(Value::from(report).to_wire())
    }
    /// Rows of the summary; `input` is empty where the input's shape is unknown.
    pub fn summary(&self, input: &[usize]) -> Vec<u8> {
        let rows = self.0.summary((!input.is_empty()).then_some(input));
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|r| {
                let mut row = Map::default();
                row.insert("path", r.path);
                row.insert("kind", r.kind);
                row.insert("output", r.output);
                row.insert("parameters", r.parameters);
                row.insert("buffers", r.buffers);
                row.insert("frozen", r.frozen);
                row.insert("container", r.container);
                row.into()
            })
            .collect();
        Value::from(rows).to_wire()
    }
    /// Takes the statistics of a feature norm.
    pub fn adapt(&self, x: &CoreTensor, shared: bool) -> Js<()> {
        match self.0.layer().as_feature_norm() {
            Some(f) if shared => f.adapt_shared(&x.0).map_err(js),
            Some(f) => f.adapt(&x.0).map_err(js),
            None => Err(js(Error::new(Code::WrongMode).with("reason", "not a feature norm"))),
        }
    }
    #[wasm_bindgen(js_name = firstNotFinite)]
    pub fn first_not_finite(&self, x: &CoreTensor) -> Option<Vec<String>> {
        self.0.first_not_finite(&x.0).map(|(path, kind)| vec![path, kind.to_owned()])
    }
}

/// Changes of running statistics held back, until it is freed (which forgets them) or committed.
#[wasm_bindgen]
pub struct CoreHold(Hold);

#[wasm_bindgen]
impl CoreHold {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "it starts something")]
    pub fn new() -> CoreHold {
        CoreHold(Hold::start())
    }
    pub fn commit(self) {
        self.0.commit();
    }
}

/// A recalibration under way, until it is freed.
#[wasm_bindgen]
pub struct CoreRecalibration(Recalibration);

#[wasm_bindgen]
impl CoreRecalibration {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "it starts something")]
    pub fn new() -> CoreRecalibration {
        CoreRecalibration(Recalibration::start())
    }
    pub fn apply(&self, layer: &CoreLayer, average: bool) -> Js<()> {
        let how = if average { Recalibrate::Average } else { Recalibrate::Pooled };
        self.0.apply(&layer.0, how).map_err(js)
    }
}

/// Merges statistics: `[{"count":..,"mean":[..],"var":[..]}, ..]` to one such object.
#[wasm_bindgen(js_name = mergeStatistics)]
pub fn merge_statistics(parts: &[u8]) -> Js<Vec<u8>> {
    let pool = |p: &Value| Pool {
        count: p["count"].as_f64().unwrap_or(f64::NAN),
        mean: p["mean"].numbers(),
        var: p["var"].numbers(),
    };
    let parts: Vec<Pool> = parse(parts)?.items().iter().map(pool).collect();
    let all = nn::merge_statistics(&parts).map_err(js)?;
    let mut merged = Map::default();
    merged.insert("count", all.count);
    merged.insert("mean", all.mean);
    merged.insert("var", all.var);
    Ok(Value::from(merged).to_wire())
}
