//! Properties that hold for all inputs, on random ones: tensor algebra, layers, files and checkpoints.

#[path = "properties/checkpoint.rs"]
mod checkpoint;
#[path = "properties/files.rs"]
mod files;

use evenkeel::nn::{BatchNorm, Linear, Module, Sequential};
use evenkeel::train::split;
use evenkeel::{Rng, Tensor};
use proptest::prelude::*;

/// A model from its description.
pub fn build(json: &str, seed: u64) -> Module {
    Module::from_json(json, &mut Rng::new(seed)).unwrap()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

fn dims(max_rank: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..6_usize, 0..=max_rank)
}

/// Two shapes that broadcast with each other, of ranks up to 4.
fn broadcastable() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (dims(4), prop::collection::vec((any::<bool>(), any::<bool>()), 4), 0..4_usize, any::<bool>()).prop_map(
        |(full, ones, cut, which)| {
            let pick = |f: fn(&(bool, bool)) -> bool| -> Vec<usize> {
                full.iter().zip(&ones).map(|(&d, one)| if f(one) { 1 } else { d }).collect()
            };
            let (mut a, mut b) = (pick(|o| o.0 && !o.1), pick(|o| o.1 && !o.0));
            let cut = cut.min(full.len());
            if which {
                a.drain(..cut)
            } else {
                b.drain(..cut)
            };
            (a, b)
        },
    )
}

/// NumPy's rule, element by element.
fn naive_add(a: &[f32], sa: &[usize], b: &[f32], sb: &[usize]) -> (Vec<f32>, Vec<usize>) {
    let rank = sa.len().max(sb.len());
    let extent = |s: &[usize], i: usize| if i + s.len() < rank { 1 } else { s[i + s.len() - rank] };
    let shape: Vec<usize> = (0..rank).map(|i| extent(sa, i).max(extent(sb, i))).collect();
    let at = |s: &[usize], index: &[usize]| {
        (0..rank).fold(0, |at, i| at * extent(s, i) + if extent(s, i) == 1 { 0 } else { index[i] })
    };
    let mut out = Vec::new();
    for mut k in 0..shape.iter().product() {
        let mut index = vec![0; rank];
        for i in (0..rank).rev() {
            index[i] = k % shape[i];
            k /= shape[i];
        }
        out.push(a[at(sa, &index)] + b[at(sb, &index)]);
    }
    (out, shape)
}

proptest! {
    #[test]
    fn permute_and_back(d in dims(6), seed: u64) {
        let mut rng = Rng::new(seed);
        let x = Tensor::<f32>::randn(&d, &mut rng).unwrap();
        let mut order: Vec<usize> = (0..d.len()).collect();
        rng.shuffle(&mut order);
        let mut back = vec![0; d.len()];
        order.iter().enumerate().for_each(|(i, &a)| back[a] = i);
        let y = x.permute(&order).unwrap();
        let moved: Vec<usize> = order.iter().map(|&a| d[a]).collect();
        prop_assert_eq!(y.dims(), &moved[..]);
        prop_assert_eq!(y.permute(&back).unwrap().to_vec(), x.to_vec());
        // Reshaping moves nothing.
        let flat = x.reshape(&[x.len()]).unwrap();
        prop_assert_eq!(flat.to_vec(), x.to_vec());
        prop_assert_eq!(flat.reshape(&d).unwrap().to_vec(), x.to_vec());
    }

    #[test]
    fn broadcasting_is_the_naive_loop((sa, sb) in broadcastable(), seed: u64) {
        let mut rng = Rng::new(seed);
        let (a, b) = (Tensor::<f32>::randn(&sa, &mut rng).unwrap(), Tensor::<f32>::randn(&sb, &mut rng).unwrap());
        let (want, shape) = naive_add(&a.to_vec(), &sa, &b.to_vec(), &sb);
        let y = a.add(&b).unwrap();
        prop_assert_eq!(y.dims(), &shape[..]);
        prop_assert_eq!(y.to_vec(), want);
    }

    #[test]
    fn softmax_rows_sum_to_one(rows in 1..5_usize, n in 1..40_usize, scale in 0.0..2000.0_f32, seed: u64) {
        let x = Tensor::<f32>::randn(&[rows, n], &mut Rng::new(seed)).unwrap();
        x.with_data_mut(|d| d.iter_mut().for_each(|v| *v *= scale));
        let y = x.softmax(1).unwrap();
        prop_assert!(y.to_vec().iter().all(|v| (0.0..=1.0).contains(v)));
        for row in y.to_vec().chunks(n) {
            prop_assert!((row.iter().map(|&v| f64::from(v)).sum::<f64>() - 1.0).abs() < 1e-5);
        }
        let logs: f32 = x.log_softmax(1).unwrap().to_vec().iter().fold(f32::NEG_INFINITY, |a, &v| a.max(v));
        prop_assert!(logs <= 0.0 && logs.is_finite());
    }

    #[test]
    fn matmul_is_the_naive_loop(m in 0..40_usize, n in 0..70_usize, k in 0..90_usize, seed: u64) {
        let mut rng = Rng::new(seed);
        let a = Tensor::<f32>::randn(&[m, k], &mut rng).unwrap();
        let b = Tensor::<f32>::randn(&[k, n], &mut rng).unwrap();
        let (y, a, b) = (a.matmul(&b).unwrap().to_vec(), a.to_vec(), b.to_vec());
        prop_assert_eq!(y.len(), m * n);
        for (i, &got) in y.iter().enumerate() {
            let terms = (0..k).map(|p| f64::from(a[i / n * k + p]) * f64::from(b[p * n + i % n]));
            let (sum, size) = terms.fold((0.0, 0.0), |(s, z), t| (s + t, z + t.abs()));
            prop_assert!((f64::from(got) - sum).abs() <= 1e-6 * (1.0 + size), "{} {}", got, sum);
        }
    }

    #[test]
    fn batch_norm_gives_beta_and_gamma(
        n in 2..20_usize, c in 1..20_usize, l in 1..6_usize, mean in -1e4..1e4_f32, scale in 0.1..100.0_f32, seed: u64,
    ) {
        let mut rng = Rng::new(seed);
        let x = Tensor::<f32>::randn(&[n, c, l], &mut rng).unwrap();
        x.with_data_mut(|d| d.iter_mut().for_each(|v| *v = *v * scale + mean));
        let bn = BatchNorm::<f32>::new(c).unwrap();
        let mut values = || Tensor::<f32>::randn(&[c], &mut rng).unwrap().to_vec();
        let (gamma, beta) = (values(), values());
        bn.weight().unwrap().with_data_mut(|w| w.copy_from_slice(&gamma));
        bn.bias().unwrap().with_data_mut(|b| b.copy_from_slice(&beta));
        let y = Module::from(bn).forward(&x).unwrap().to_vec();
        let moments = |data: &[f32], j: usize| {
            let of = |f: &dyn Fn(f64) -> f64| {
                let all = (0..n * c * l).filter(|i| i / l % c == j).map(|i| f(f64::from(data[i])));
                all.sum::<f64>() / (n * l) as f64
            };
            let mean = of(&|v| v);
            (mean, of(&|v| (v - mean) * (v - mean)))
        };
        for j in 0..c {
            let ((_, v), (mean, var)) = (moments(&x.to_vec(), j), moments(&y, j));
            let (b, g) = (f64::from(beta[j]), f64::from(gamma[j]));
            let want = g * g * v / (v + 1e-5);
            prop_assert!((mean - b).abs() < 1e-5 * (1.0 + b.abs() + g.abs()), "mean {} for {}", mean, b);
            prop_assert!((var - want).abs() < 1e-5 * (1.0 + want), "variance {} for {}", var, want);
        }
    }

    /// An activation in the same node as the layer before it: the same bits, forward and backward.
    #[test]
    fn fused_and_separate_relu(n in 2..9_usize, i in 1..9_usize, o in 1..9_usize, norm: bool, eval: bool, seed: u64) {
        let mut rng = Rng::new(seed);
        let layer: Module = if norm {
            BatchNorm::new(i).unwrap().into()
        } else {
            Linear::new(i, o, true, &mut rng).unwrap().into()
        };
        let relu = build(r#"{"type":"relu"}"#, 0);
        if eval {
            layer.eval();
        }
        let x = Tensor::<f32>::randn(&[n, i], &mut rng).unwrap().tracked();
        let both: Module = Sequential::new(vec![layer.clone(), relu.clone()]).into();
        let fused = both.forward(&x).unwrap();
        let seed = Tensor::<f32>::randn(fused.dims(), &mut rng).unwrap();
        let grads = || -> Vec<Vec<u32>> {
            let all = layer.parameters().into_iter().map(|(_, p, _)| p).chain([x.clone()]);
            all.map(|p| {
                let g = p.grad().unwrap().to_vec();
                p.zero_grad();
                bits(&g.iter().map(|v| v + 0.0).collect::<Vec<_>>()) // −0 is 0
            })
            .collect()
        };
        fused.backward_with(&seed).unwrap();
        let first = grads();
        let apart = relu.forward(&layer.forward(&x).unwrap()).unwrap();
        apart.backward_with(&seed).unwrap();
        prop_assert_eq!(bits(&fused.to_vec()), bits(&apart.to_vec()));
        prop_assert_eq!(first, grads());
    }

    #[test]
    fn a_split_is_a_partition(
        rows in 2..200_usize, share in 0.0..0.9_f64, classes in 1..4_i32, stratify: bool, seed: u64,
    ) {
        let labels: Vec<i32> = (0..rows as i32).map(|i| i * i % classes).collect();
        let labels = stratify.then_some(&labels[..]);
        if let Ok((train, valid)) = split(rows, share, labels, &mut Rng::new(seed)) {
            let mut all = [train.clone(), valid.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows as i32).collect::<Vec<_>>());
            let off = (valid.len() as f64 - share * rows as f64).abs();
            let rounding = if stratify { 0.5 * f64::from(classes) } else { 0.5 };
            prop_assert!(off <= rounding + 1e-9);
            prop_assert!(!train.is_empty() && (share == 0.0 || !valid.is_empty()));
            prop_assert_eq!(split(rows, share, labels, &mut Rng::new(seed)).unwrap(), (train, valid));
        }
    }
}
