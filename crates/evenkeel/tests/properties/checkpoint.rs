//! k steps, saved, loaded into another training and k more steps are 2k steps, bit for bit.

use super::build;
use evenkeel::loss::{Loss, Target};
use evenkeel::nn::Module;
use evenkeel::optim::{Algorithm, Clip, Optimizer};
use evenkeel::schedule::{OneCycle, Plateau, Schedule, Scheduler};
use evenkeel::train::{Dataset, Every, LastBatch, Trainer, TrainerOptions};
use evenkeel::{Indices, Rng, Tensor};
use proptest::prelude::*;

/// All algorithms; a name may say more than the algorithm's own.
const ALGORITHMS: [&str; 12] = [
    "sgd",
    "sgd momentum",
    "adam",
    "adam amsgrad",
    "adamw",
    "rmsprop",
    "rmsprop centered momentum",
    "adagrad",
    "adadelta",
    "adamax",
    "nadam",
    "radam",
];

/// What a training is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub algorithm: &'static str,
    accumulate: usize,
    schedule: usize,
    average: bool,
    clip: usize,
    rows: usize,
    batch: usize,
    shuffle: bool,
    last: LastBatch,
}

/// A plain one.
pub fn setup() -> Setup {
    Setup {
        algorithm: "adam",
        accumulate: 3,
        schedule: 2,
        average: true,
        clip: 1,
        rows: 11,
        batch: 3,
        shuffle: true,
        last: LastBatch::Auto,
    }
}

impl Setup {
    fn algorithm(&self) -> Algorithm {
        let mut words = self.algorithm.split(' ');
        let mut a = Algorithm::from_name(words.next().unwrap()).unwrap();
        for word in words {
            assert!(a.set(word, if word == "momentum" { 0.9 } else { 1.0 }));
        }
        a.set("weight_decay", 0.01);
        a.set_lr(0.05);
        a
    }
    fn schedule(&self, lr: f64) -> Option<(Scheduler, Every)> {
        let (schedule, every) = match self.schedule {
            0 => return None,
            1 => (Schedule::Cosine { t_max: 20, eta_min: 0.001 }, Every::Step),
            2 => (Schedule::OneCycle(OneCycle::new(0.1, 30)), Every::Step),
            3 => (Schedule::Plateau(Plateau { patience: 0, ..Plateau::default() }), Every::Epoch),
            _ => (Schedule::Exponential { gamma: 0.7 }, Every::Epoch),
        };
        Some((Scheduler::new(schedule, vec![lr]).unwrap(), every))
    }
    /// A model with initial values of this seed, and its training before the first step.
    pub fn build(&self, seed: u64) -> (Module, Trainer) {
        let m = build(
            r#"{"type":"sequential","children":[{"type":"linear","in_features":3,"out_features":4},
                {"type":"batch_norm","features":4},{"type":"relu"},{"type":"dropout","p":0.2},
                {"type":"linear","in_features":4,"out_features":2}]}"#,
            seed,
        );
        let algorithm = self.algorithm();
        let params = m.parameters().into_iter().map(|(_, t, r)| (t, r)).collect();
        let options = TrainerOptions {
            seed,
            clip: [None, Some(Clip::Norm { max: 0.5, p: 2.0 }), Some(Clip::Value(0.1))][self.clip],
            accumulate: self.accumulate,
            schedule: self.schedule(algorithm.lr()),
            average: self.average.then_some(0.9),
        };
        let optimizer = Optimizer::single(params, algorithm).unwrap();
        let mut t = Trainer::new(Some(m.clone()), Loss::cross_entropy(), optimizer, options).unwrap();
        self.set_data(&mut t);
        t.start_epoch();
        (m, t)
    }
    /// The same data each time.
    pub fn set_data(&self, t: &mut Trainer) {
        let mut rng = Rng::new(3);
        let x = Tensor::randn(&[self.rows, 3], &mut rng).unwrap();
        let labels: Vec<i32> = (0..self.rows).map(|_| rng.below(2) as i32).collect();
        let y = Target::Classes(Indices::new(&labels, &[self.rows]).unwrap());
        t.set_data(Dataset::new(x, y, None).unwrap(), self.batch, self.shuffle, self.last).unwrap();
    }
    /// Steps through as many epochs as it takes.
    pub fn steps(&self, t: &mut Trainer, n: usize) {
        let mut done = 0;
        while done < n {
            if t.next_step().unwrap().is_some() {
                done += 1;
            } else {
                let loss = t.epoch_report().loss;
                t.end_epoch(Some(loss)).unwrap();
                t.start_epoch();
            }
        }
    }
}

fn any_setup() -> impl Strategy<Value = Setup> {
    let last = prop::sample::select(vec![LastBatch::Auto, LastBatch::Drop, LastBatch::Auto]);
    (prop::sample::select(&ALGORITHMS[..]), 1..4_usize, 0..5_usize, any::<bool>(), 0..3_usize, 6..20_usize)
        .prop_flat_map(move |(algorithm, accumulate, schedule, average, clip, rows)| {
            (2..=5_usize, any::<bool>(), last.clone()).prop_map(move |(batch, shuffle, last)| Setup {
                algorithm,
                accumulate,
                schedule,
                average,
                clip,
                rows,
                batch,
                shuffle,
                last,
            })
        })
}

fn resumes(setup: &Setup, k: usize) {
    let (whole, mut t) = setup.build(1);
    setup.steps(&mut t, 2 * k);
    let (_, mut first) = setup.build(1);
    setup.steps(&mut first, k);
    let saved = first.save().unwrap();
    // Another seed: whatever is not in the file shows.
    let (resumed, mut second) = setup.build(2);
    second.load(&saved).unwrap();
    setup.set_data(&mut second);
    assert_eq!(second.save().unwrap().len(), saved.len());
    setup.steps(&mut second, k);
    assert_eq!(whole.state(), resumed.state(), "{setup:?}, {k}");
    assert_eq!((t.lr(), t.updates(), t.epoch()), (second.lr(), second.updates(), second.epoch()));
    // A checkpoint carries the seed it was built with; everything else is equal.
    assert_eq!(t.epoch_report().loss.to_bits(), second.epoch_report().loss.to_bits());
    setup.steps(&mut t, 3);
    setup.steps(&mut second, 3);
    t.optimizer().swap_average().ok();
    second.optimizer().swap_average().ok();
    assert_eq!(whole.state(), resumed.state(), "{setup:?}, {k}, averages");
}

#[test]
fn every_algorithm_resumes() {
    for algorithm in ALGORITHMS {
        for accumulate in [1, 3] {
            // 1..=9 steps: within an epoch, at its end, and within an accumulation.
            (1..=9).for_each(|k| resumes(&Setup { algorithm, accumulate, ..setup() }, k));
        }
    }
}

proptest! {
    #[test]
    fn every_training_resumes(setup in any_setup(), k in 1..14_usize) {
        // Batch norm cannot train on a last batch of one row, nor can anything be dropped from less than a batch.
        prop_assume!(setup.rows >= setup.batch);
        resumes(&setup, k);
    }
}
