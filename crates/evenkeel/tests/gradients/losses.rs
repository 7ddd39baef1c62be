//! Losses with all their options, reductions and sample weights.

use super::{T64, check, check1, normal, uniform};
use evenkeel::Indices;
use evenkeel::kernels::loss::Pointwise;
use evenkeel::loss::{Loss, Reduction, Target};

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::None];

/// Checks the gradient with respect to the input under each reduction, with and without sample weights.
fn check_loss(what: &str, loss: &Loss<f64>, x: &T64, target: &Target<f64>) {
    let sample = uniform(&[x.dims()[0]], 0.0, 2.0, 31).detach();
    for reduction in REDUCTIONS {
        for sample in [None, Some(&sample)] {
            let name = format!("{what}, {reduction:?}, sample weights {}", sample.is_some());
            check1(&name, x.clone(), |x| Ok(loss.compute(x, target, sample, reduction)?.loss));
        }
    }
}

fn labels(data: &[i32], shape: &[usize]) -> Target<f64> {
    Target::Classes(Indices::new(data, shape).unwrap())
}

/// Rows that sum to 1.
fn probabilities(shape: &[usize]) -> Target<f64> {
    Target::Values(normal(shape, 41).softmax(1).unwrap().detach())
}

#[test]
fn cross_entropy() {
    for weight in [None, Some(vec![0.5, 2.0, 1.3, 0.1])] {
        for label_smoothing in [0.0, 0.1, 1.0] {
            let loss = Loss::CrossEntropy { weight: weight.clone(), ignore_index: 2, label_smoothing };
            let name = format!("cross entropy, weights {}, smoothing {label_smoothing}", weight.is_some());
            check_loss(&name, &loss, &normal(&[5, 4], 1), &labels(&[0, 3, 2, 1, 3], &[5]));
            check_loss(&name, &loss, &normal(&[2, 4, 3], 1), &labels(&[0, 3, 2, 1, 3, 3], &[2, 3]));
            let images = labels(&[0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 3, 2], &[3, 2, 2]);
            check_loss(&name, &loss, &normal(&[3, 4, 2, 2], 1), &images);
            let soft = format!("{name}, soft labels");
            check_loss(&soft, &loss, &normal(&[5, 4], 1), &probabilities(&[5, 4]));
            check_loss(&soft, &loss, &normal(&[2, 4, 3], 1), &probabilities(&[2, 4, 3]));
        }
    }
    check_loss("the default", &Loss::cross_entropy(), &normal(&[3, 11], 2), &labels(&[10, 0, 5], &[3]));
}

#[test]
fn nll() {
    for weight in [None, Some(vec![0.5, 2.0, 1.3])] {
        let loss = Loss::Nll { weight, ignore_index: 1 };
        check_loss("nll", &loss, &normal(&[4, 3], 1), &labels(&[0, 2, 1, 2], &[4]));
        check_loss("nll", &loss, &normal(&[2, 3, 2], 1), &labels(&[0, 2, 1, 2], &[2, 2]));
    }
}

#[test]
fn rows_that_are_all_ignored_have_no_gradient() {
    let x = normal(&[2, 3], 1);
    let y = labels(&[-100, -100], &[2]);
    let loss = Loss::cross_entropy().compute(&x, &y, None, Reduction::Mean).unwrap();
    assert!(loss.loss.item().unwrap().is_nan() && loss.weight == 0.0);
    loss.loss.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec(), [0.0; 6]);
}

#[test]
fn bce_with_logits() {
    let target = Target::Values(uniform(&[4, 3], 0.0, 1.0, 5).detach());
    for pos_weight in [None, Some(vec![0.5, 2.0, 1.3])] {
        let weights = [None, Some(&[4, 3][..]), Some(&[3]), Some(&[4, 1]), Some(&[])];
        for weight in weights {
            let name = format!("bce, pos_weight {}, weight {weight:?}", pos_weight.is_some());
            let weight = weight.map(|shape| uniform(shape, 0.2, 2.0, 6).detach());
            let loss = Loss::BceWithLogits { pos_weight: pos_weight.clone(), weight };
            check_loss(&name, &loss, &normal(&[4, 3], 1), &target);
        }
    }
    let column = Target::Values(T64::new(&[0.0, 1.0, 1.0], &[3]).unwrap());
    check_loss("bce of a vector", &Loss::BceWithLogits { pos_weight: None, weight: None }, &normal(&[3], 1), &column);
}

#[test]
fn element_wise() {
    for op in [
        Pointwise::Mse,
        Pointwise::L1,
        Pointwise::Huber { delta: 1.0 },
        Pointwise::Huber { delta: 0.3 },
        Pointwise::SmoothL1 { beta: 1.0 },
        Pointwise::SmoothL1 { beta: 0.5 },
        Pointwise::SmoothL1 { beta: 0.0 },
    ] {
        for shape in [&[5][..], &[4, 3], &[2, 3, 2]] {
            let loss = Loss::Elementwise(op);
            let target = normal(shape, 9);
            check_loss(&format!("{op:?}"), &loss, &normal(shape, 1), &Target::Values(target.detach()));
            // These are symmetric: a target that tracks gets its gradient too.
            for reduction in REDUCTIONS {
                check(&format!("{op:?} of both"), &[normal(shape, 1), target.clone()], |x| {
                    Ok(loss.compute(&x[0], &Target::Values(x[1].clone()), None, reduction)?.loss)
                });
            }
        }
    }
}
