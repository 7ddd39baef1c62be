//! Optimizers and schedules from their settings.

use crate::convert::{done, parse};
use crate::rows::{answer_value, note, rows};
use crate::table::{made, optimizer, scheduler, shared, tensor, tensors};
use evenkeel::Result;
use evenkeel::error::Error;
use evenkeel::nn::Role;
use evenkeel::optim::{self, Algorithm, Clip, GroupOptions, Optimizer};
use evenkeel::schedule::{Anneal, Goal, OneCycle, Plateau, Schedule, Scheduler, Threshold};
use evenkeel::value::Value;
use wasm_bindgen::prelude::*;

/// An optimizer. Rows: its groups, `[{"type":"adam","lr":..,"decay_all":..,"parameters":[[tensor, role], ..]}, ..]`.
#[wasm_bindgen(js_name = makeOptimizer)]
pub fn make_optimizer(groups: usize) -> u32 {
    let groups = parse(rows().next(groups)).and_then(|all| all.items().iter().map(group).collect());
    made(groups.and_then(Optimizer::new).map(shared))
}

fn group(s: &Value) -> Result<GroupOptions> {
    let name = s["type"].as_str().unwrap_or("");
    let mut algorithm =
        Algorithm::from_name(name).ok_or_else(|| Error::argument("optimizer", "the name of an optimizer", name))?;
    for (key, value) in s.entries() {
        let number = match value {
            Value::Bool(b) => *b as u8 as f64,
            v => v.as_f64().unwrap_or(f64::NAN),
        };
        if !matches!(key.as_str(), "type" | "decay_all" | "parameters") && !algorithm.set(key, number) {
            return Err(Error::argument("optimizer", "settings that this optimizer has", key.as_str()));
        }
    }
    let role = |n| [Role::Weight, Role::Bias, Role::Norm][(n as usize).min(2)];
    let number = |v: &Value| v.as_f64().unwrap_or(0.0);
    let params = s["parameters"].items().iter().map(|p| (tensor(number(&p[0]) as u32), role(number(&p[1])))).collect();
    Ok(GroupOptions { params, algorithm, decay_all: s["decay_all"].as_bool().unwrap_or(false) })
}

#[wasm_bindgen(js_name = updateParameters)]
pub fn update_parameters(o: u32) -> bool {
    done(optimizer(o).borrow_mut().step(1.0, None).map(|_| ()))
}
#[wasm_bindgen(js_name = zeroGrads)]
pub fn zero_grads(o: u32) {
    optimizer(o).borrow().zero_grad();
}
/// Leaves the learning rates.
#[wasm_bindgen]
pub fn rates(o: u32) -> bool {
    answer_value(optimizer(o).borrow().rates().into())
}
/// Rows: rates, as data.
#[wasm_bindgen(js_name = setRates)]
pub fn set_rates(o: u32, rates: usize) -> bool {
    let rates = parse(rows().next(rates));
    done(rates.and_then(|r| optimizer(o).borrow_mut().set_rates(&r.numbers(), None)))
}

pub(crate) fn clip(max: Option<f64>, p: Option<f64>) -> Option<Clip> {
    match (max, p) {
        (Some(max), Some(p)) => Some(Clip::Norm { max, p }),
        (Some(c), None) => Some(Clip::Value(c)),
        _ => None,
    }
}

/// Scales gradients to a common norm of at most `max`; the number is the norm before. Rows: tensors.
#[wasm_bindgen(js_name = clipGradNorm)]
pub fn clip_grad_norm(params: usize, max: f64, p: f64) -> bool {
    done(optim::clip_grad_norm(&tensors(rows().next(params)), max, p).map(|norm| note(0, &[norm])))
}

/// Limits gradients to ±`c`. Rows: tensors.
#[wasm_bindgen(js_name = clipGradValue)]
pub fn clip_grad_value(params: usize, c: f64) -> bool {
    done(optim::clip_grad_value(&tensors(rows().next(params)), c))
}

/// A schedule that starts from an optimizer's rates. Rows: settings.
#[wasm_bindgen(js_name = makeScheduler)]
pub fn make_scheduler(settings: usize, o: u32) -> u32 {
    let schedule = parse(rows().next(settings)).and_then(|s| schedule(&s));
    let invalid = |(name, value)| Error::argument(name, "a value this schedule can use", value);
    made(schedule.and_then(|s| Scheduler::new(s, optimizer(o).borrow().rates()).map_err(invalid)).map(shared))
}
#[wasm_bindgen(js_name = stepScheduler)]
pub fn step_scheduler(s: u32) {
    scheduler(s).borrow_mut().step();
}
#[wasm_bindgen]
pub fn observe(s: u32, metric: f64) {
    scheduler(s).borrow_mut().observe(metric);
}
/// Gives an optimizer the rates of now.
#[wasm_bindgen(js_name = applySchedule)]
pub fn apply_schedule(s: u32, o: u32) -> bool {
    let s = scheduler(s);
    let s = s.borrow();
    done(optimizer(o).borrow_mut().set_rates(s.lr(), s.momentum()))
}

fn schedule(s: &Value) -> Result<Schedule> {
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
            let of = s["of"].items().iter().map(schedule).collect::<Result<_>>()?;
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
        other => return Err(Error::argument("schedule", "the name of a schedule", other)),
    })
}
