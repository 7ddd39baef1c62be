//! Optimizers and schedules from their settings.

use crate::convert::{Js, js, parse};
use crate::tensor::CoreTensor;
use evenkeel::Tensor;
use evenkeel::error::Error;
use evenkeel::nn::Role;
use evenkeel::optim::{self, Algorithm, Clip, GroupOptions, Optimizer};
use evenkeel::schedule::{Anneal, Goal, OneCycle, Plateau, Schedule, Scheduler, Threshold};
use evenkeel::value::Value;
use wasm_bindgen::prelude::*;

/// Parameter groups on their way into an optimizer.
#[wasm_bindgen]
pub struct CoreGroups(Vec<GroupOptions>);

#[wasm_bindgen]
impl CoreGroups {
    #[wasm_bindgen(constructor)]
    pub fn new() -> CoreGroups {
        CoreGroups(Vec::new())
    }
    /// Adds a group: `{"type":"adam","lr":..,"decayAll":..}` with settings in snake case, its parameters and roles.
    pub fn add(&mut self, settings: &[u8], params: Vec<CoreTensor>, roles: &[u8]) -> Js<()> {
        let s = parse(settings)?;
        let name = s["type"].as_str().unwrap_or("");
        let mut algorithm = Algorithm::from_name(name)
            .ok_or_else(|| js(Error::argument("optimizer", "the name of an optimizer", name)))?;
        for (key, value) in s.entries() {
            let number = match value {
                Value::Bool(b) => *b as u8 as f64,
                v => v.as_f64().unwrap_or(f64::NAN),
            };
            if key != "type" && key != "decay_all" && !algorithm.set(key, number) {
                return Err(js(Error::argument("optimizer", "settings that this optimizer has", key.as_str())));
            }
        }
        let params = params
            .into_iter()
            .zip(roles)
            .map(|(p, r)| (p.0, [Role::Weight, Role::Bias, Role::Norm][usize::from(*r).min(2)]))
            .collect();
        self.0.push(GroupOptions { params, algorithm, decay_all: s["decay_all"].as_bool().unwrap_or(false) });
        Ok(())
    }
    pub fn build(self) -> Js<CoreOptimizer> {
        Optimizer::new(self.0).map(CoreOptimizer).map_err(js)
    }
}

/// An optimizer.
#[wasm_bindgen]
pub struct CoreOptimizer(pub(crate) Optimizer);

#[wasm_bindgen]
impl CoreOptimizer {
    /// Updates. Clipping by norm if `p` is given, by value if only `max` is; returns the norm, or NaN.
    pub fn step(&mut self, max: Option<f64>, p: Option<f64>) -> Js<f64> {
        Ok(self.0.step(1.0, clip(max, p)).map_err(js)?.unwrap_or(f64::NAN))
    }
    #[wasm_bindgen(js_name = zeroGrad)]
    pub fn zero_grad(&self) {
        self.0.zero_grad();
    }
    pub fn rates(&self) -> Vec<f64> {
        self.0.rates()
    }
    #[wasm_bindgen(js_name = setRates)]
    pub fn set_rates(&mut self, rates: &[f64], momentum: Option<f64>) -> Js<()> {
        self.0.set_rates(rates, momentum).map_err(js)
    }
}

pub(crate) fn clip(max: Option<f64>, p: Option<f64>) -> Option<Clip> {
    match (max, p) {
        (Some(max), Some(p)) => Some(Clip::Norm { max, p }),
        (Some(c), None) => Some(Clip::Value(c)),
        _ => None,
    }
}

/// Scales gradients to a common norm of at most `max`; returns the norm before.
#[wasm_bindgen(js_name = clipGradNorm)]
pub fn clip_grad_norm(params: Vec<CoreTensor>, max: f64, p: f64) -> Js<f64> {
    let params: Vec<Tensor> = params.into_iter().map(|t| t.0).collect();
    optim::clip_grad_norm(&params, max, p).map_err(js)
}

/// Limits gradients to ±`c`.
#[wasm_bindgen(js_name = clipGradValue)]
pub fn clip_grad_value(params: Vec<CoreTensor>, c: f64) -> Js<()> {
    let params: Vec<Tensor> = params.into_iter().map(|t| t.0).collect();
    optim::clip_grad_value(&params, c).map_err(js)
}

/// A schedule with its counter.
#[wasm_bindgen]
pub struct CoreScheduler(pub(crate) Scheduler);

#[wasm_bindgen]
impl CoreScheduler {
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &[u8], rates: Vec<f64>) -> Js<CoreScheduler> {
        let schedule = schedule(&parse(settings)?)?;
        Scheduler::new(schedule, rates).map(CoreScheduler).map_err(invalid)
    }
    pub fn share(&self) -> CoreScheduler {
        CoreScheduler(self.0.clone())
    }
    pub fn step(&mut self) {
        self.0.step();
    }
    pub fn observe(&mut self, metric: f64) {
        self.0.observe(metric);
    }
    pub fn rates(&self) -> Vec<f64> {
        self.0.lr().to_vec()
    }
    pub fn momentum(&self) -> Option<f64> {
        self.0.momentum()
    }
}

fn invalid((name, value): (&'static str, f64)) -> JsValue {
    js(Error::argument(name, "a value this schedule can use", value))
}

fn schedule(s: &Value) -> Js<Schedule> {
    let number = |key: &str, default: f64| s[key].as_f64().unwrap_or(default);
    let count = |key: &str, default: f64| number(key, default).max(0.0) as u64;
    let milestones = || s["milestones"].numbers().iter().map(|&m| m.max(0.0) as u64).collect();
    let flag = |key: &str, default: bool| s[key].as_bool().unwrap_or(default);
    let text = |key: &str| s[key].as_str().unwrap_or("");
    Ok(match text("type") {
        "constant" => {
            Schedule::ConstantFactor { factor: number("factor", 1.0 / 3.0), total_iters: count("totalIters", 5.0) }
        }
        "step" => Schedule::Step { step_size: count("stepSize", 0.0), gamma: number("gamma", 0.1) },
        "multiStep" => Schedule::MultiStep { milestones: milestones(), gamma: number("gamma", 0.1) },
        "exponential" => Schedule::Exponential { gamma: number("gamma", f64::NAN) },
        "cosine" => Schedule::Cosine { t_max: count("tMax", 0.0), eta_min: number("etaMin", 0.0) },
        "cosineRestarts" => Schedule::CosineRestarts {
            t_0: count("t0", 0.0),
            t_mult: count("tMult", 1.0),
            eta_min: number("etaMin", 0.0),
        },
        "linear" => Schedule::Linear {
            start_factor: number("startFactor", 1.0 / 3.0),
            end_factor: number("endFactor", 1.0),
            total_iters: count("totalIters", 5.0),
        },
        "polynomial" => Schedule::Polynomial { total_iters: count("totalIters", 5.0), power: number("power", 1.0) },
        "sequential" => {
            let of = s["of"].items().iter().map(schedule).collect::<Js<_>>()?;
            Schedule::Sequential { of, milestones: milestones() }
        }
        "oneCycle" => {
            let mut c = OneCycle::new(number("maxLr", f64::NAN), count("totalSteps", 0.0));
            c.pct_start = number("pctStart", c.pct_start);
            c.div_factor = number("divFactor", c.div_factor);
            c.final_div_factor = number("finalDivFactor", c.final_div_factor);
            c.base_momentum = number("baseMomentum", c.base_momentum);
            c.max_momentum = number("maxMomentum", c.max_momentum);
            c.three_phase = flag("threePhase", c.three_phase);
            c.cycle_momentum = flag("cycleMomentum", c.cycle_momentum);
            if text("annealStrategy") == "linear" {
                c.anneal = Anneal::Linear;
            }
            Schedule::OneCycle(c)
        }
        "plateau" => {
            let d = Plateau::default();
            Schedule::Plateau(Plateau {
                mode: if text("mode") == "max" { Goal::Max } else { Goal::Min },
                factor: number("factor", d.factor),
                patience: count("patience", d.patience as f64),
                threshold: number("threshold", d.threshold),
                threshold_mode: if text("thresholdMode") == "abs" { Threshold::Absolute } else { Threshold::Relative },
                cooldown: count("cooldown", d.cooldown as f64),
                min_lr: number("minLr", d.min_lr),
                eps: number("eps", d.eps),
            })
        }
        other => return Err(js(Error::argument("schedule", "the name of a schedule", other))),
    })
}
