//! Learning-rate schedules.

use super::Run;
use super::common::Case;
use evenkeel::schedule::{Anneal, Goal, OneCycle, Plateau, Schedule, Scheduler, Threshold};
use serde_json::Value;

fn whole(case: &Case, name: &str) -> u64 {
    case.number(name) as u64
}

fn milestones(case: &Case) -> Vec<u64> {
    case.config["milestones"].as_array().unwrap().iter().map(|m| m.as_u64().unwrap()).collect()
}

/// One of the text forms inside a golden sequence: "linear(start .1, total 5)", "cosine(T_max 25)".
fn described(text: &str) -> Schedule {
    let (kind, arguments) = text.trim_end_matches(')').split_once('(').unwrap();
    let number = |name: &str| -> f64 {
        let argument = arguments.split(", ").find_map(|a| a.strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        argument.trim().parse().unwrap()
    };
    match kind {
        "linear" => {
            Schedule::Linear { start_factor: number("start"), end_factor: 1.0, total_iters: number("total") as u64 }
        }
        "constant" => Schedule::ConstantFactor { factor: number("factor"), total_iters: number("total") as u64 },
        "cosine" => Schedule::Cosine { t_max: number("T_max") as u64, eta_min: 0.0 },
        "exponential" => Schedule::Exponential { gamma: number("gamma") },
        _ => panic!("unknown schedule {text}"),
    }
}

fn described_by(case: &Case) -> Schedule {
    let n = |name: &str| case.number(name);
    let text = |name: &str| case.config[name].as_str().unwrap();
    let on = |name: &str| case.config[name] == Value::Bool(true);
    match text("kind") {
        "step" => Schedule::Step { step_size: whole(case, "step_size"), gamma: n("gamma") },
        "multistep" => Schedule::MultiStep { milestones: milestones(case), gamma: n("gamma") },
        "exponential" => Schedule::Exponential { gamma: n("gamma") },
        "cosine" => Schedule::Cosine { t_max: whole(case, "T_max"), eta_min: n("eta_min") },
        "cosine_restarts" => {
            Schedule::CosineRestarts { t_0: whole(case, "T_0"), t_mult: whole(case, "T_mult"), eta_min: n("eta_min") }
        }
        "linear" => Schedule::Linear {
            start_factor: n("start_factor"),
            end_factor: n("end_factor"),
            total_iters: whole(case, "total_iters"),
        },
        "constant" => Schedule::ConstantFactor { factor: n("factor"), total_iters: whole(case, "total_iters") },
        "polynomial" => Schedule::Polynomial { total_iters: whole(case, "total_iters"), power: n("power") },
        "onecycle" => Schedule::OneCycle(OneCycle {
            max_lr: n("max_lr"),
            total_steps: whole(case, "total_steps"),
            pct_start: n("pct_start"),
            anneal: if text("anneal_strategy") == "cos" { Anneal::Cos } else { Anneal::Linear },
            div_factor: n("div_factor"),
            final_div_factor: n("final_div_factor"),
            three_phase: on("three_phase"),
            cycle_momentum: on("cycle_momentum"),
            base_momentum: n("base_momentum"),
            max_momentum: n("max_momentum"),
        }),
        "sequential" => {
            let of = case.config["of"].as_array().unwrap().iter().map(|s| described(s.as_str().unwrap())).collect();
            Schedule::Sequential { of, milestones: milestones(case) }
        }
        "plateau" => Schedule::Plateau(Plateau {
            mode: if text("mode") == "min" { Goal::Min } else { Goal::Max },
            factor: n("factor"),
            patience: whole(case, "patience"),
            threshold: n("threshold"),
            threshold_mode: if text("threshold_mode") == "rel" { Threshold::Relative } else { Threshold::Absolute },
            cooldown: whole(case, "cooldown"),
            min_lr: n("min_lr"),
            eps: n("eps"),
        }),
        kind => panic!("{}: unknown schedule {kind}", case.name),
    }
}

/// Number by number, within 10⁻¹² of itself; what PyTorch's recursion leaves of 0 may be 0.
fn same(run: &mut Run<'_>, what: &str, got: &[f64]) {
    let Some(want) = run.case.computed.outputs.get(what) else {
        return run.must(got.is_empty(), "a momentum where there should be none");
    };
    let far = |(g, w): (&f64, &f64)| (g - w).abs() > 1e-12 * w.abs().max(1e-5);
    let bad = got.iter().zip(&want.data).position(far);
    run.must(bad.is_none(), &format!("{what} at {bad:?}"));
    run.compare_within("outputs", what, &[got.len()], got, |_| 1e-12);
}

pub fn schedule(run: &mut Run<'_>) {
    let case = run.case;
    let n = case.computed.outputs["lr"].data.len();
    let metric = case.inputs.get("metric").map(|m| &m.data);
    let base = case.number("base_lr");
    // Two groups, to see that they do not mix; a cycle's rate is the same for all.
    let mut scheduler = Scheduler::new(described_by(case), vec![base, 0.0]).unwrap();
    let (mut lr, mut momentum) = (Vec::new(), Vec::new());
    for t in 0..n {
        lr.push(scheduler.lr()[0]);
        momentum.extend(scheduler.momentum());
        if let Some(&metric) = metric.and_then(|m| m.get(t)) {
            scheduler.observe(metric);
        }
        scheduler.step();
    }
    same(run, "lr", &lr);
    same(run, "momentum", &momentum);
    if metric.is_none() {
        let closed: Vec<f64> = (0..n as u64).map(|t| scheduler.schedule().lr_at(t, base)).collect();
        run.must(closed == lr, "the closed form differs from the steps");
    }
}
