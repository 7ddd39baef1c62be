//! Files: what is written comes back, and what is damaged is refused without a panic or a large allocation.

use super::build;
use super::checkpoint::{Setup, setup};
use evenkeel::io::{load_model, read_state, save_model};
use evenkeel::nn::{FeatureNorm, Module, StateValue};
use evenkeel::tensor::{memory, trim};
use evenkeel::{Code, Error, Rng, Tensor};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

/// A model with every kind of value in its file.
fn model(seed: u64) -> Module {
    let m = build(
        r#"{"type":"sequential","children":[{"type":"linear","in_features":3,"out_features":5,"bias":false},
            {"type":"batch_norm","features":5,"momentum":null,"variance":"biased"},{"type":"leaky_relu"},
            {"type":"dropout","p":0.3},
            {"type":"residual","children":[{"type":"linear","in_features":5,"out_features":5}]},
            {"type":"parallel","children":[{"type":"linear","in_features":5,"out_features":2},{"type":"flatten"}]},
            {"type":"softmax","dim":-1}]}"#,
        seed,
    );
    m.forward(&Tensor::randn(&[7, 3], &mut Rng::new(seed)).unwrap()).unwrap();
    m
}

/// The error of a damaged file, or none: it may have been damaged in a value.
#[track_caller]
fn refused(e: Option<Error>) {
    if let Some(e) = e {
        let fair = [Code::BadFile, Code::StateMismatch, Code::BadArgument, Code::UnknownLayer, Code::Empty];
        assert!(fair.contains(&e.code()), "{e}");
    }
}

/// Reads a damaged model in all ways.
fn read_all(bytes: &[u8]) {
    trim();
    let loaded = load_model::<f32>(bytes);
    if let Ok(m) = &loaded {
        let _ = m.predict(&Tensor::ones(&[2, 3]).unwrap());
    }
    refused(loaded.err());
    refused(read_state::<f32>(bytes).err());
    let m = memory();
    assert!(m.live + m.pooled < 40 << 20, "{m:?}");
}

proptest! {
    #[test]
    fn a_model_comes_back_bit_for_bit(seed: u64, nan: bool) {
        let m = model(seed);
        if nan {
            // Bits that == would not see: NaN and −0.
            m.parameters()[0].1.with_data_mut(|d| (d[0], d[1]) = (f32::NAN, -0.0));
        }
        let file = save_model(&m).unwrap();
        let back: Module = load_model(&file).unwrap();
        prop_assert!(!back.training());
        prop_assert_eq!(&save_model(&back).unwrap(), &file);
        prop_assert_eq!(back.spec(), m.spec());
        let x = Tensor::randn(&[4, 3], &mut Rng::new(1)).unwrap();
        let bits = |m: &Module| m.predict(&x).unwrap().to_vec().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&m));
    }

    #[test]
    fn the_reference_reads_our_files_and_we_read_its(seed: u64, values in prop::collection::vec(any::<f64>(), 1..20)) {
        let m = model(seed);
        let file = save_model(&m).unwrap();
        let theirs = SafeTensors::deserialize(&file).unwrap();
        prop_assert_eq!(theirs.len(), m.state().len());
        for (name, value) in m.state() {
            let t = theirs.tensor(&name).unwrap();
            match value {
                StateValue::Tensor(data, shape) => {
                    prop_assert_eq!((t.dtype(), t.shape()), (Dtype::F32, &shape[..]));
                    prop_assert_eq!(t.data(), data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
                }
                StateValue::Integer(n) => {
                    prop_assert_eq!((t.dtype(), t.shape(), t.data()), (Dtype::I64, &[][..], &n.to_le_bytes()[..]));
                }
            }
        }
        // Every type of number that is read, in one file.
        let bytes = |f: &dyn Fn(f64) -> Vec<u8>| values.iter().flat_map(|&x| f(x)).collect::<Vec<u8>>();
        let kinds = [
            (Dtype::F64, bytes(&|x| x.to_le_bytes().into())),
            (Dtype::F32, bytes(&|x| (x as f32).to_le_bytes().into())),
            (Dtype::BF16, bytes(&|x| (x as f32).to_le_bytes()[2..].into())),
            (Dtype::I64, bytes(&|x| (x as i32 as i64).to_le_bytes().into())),
            (Dtype::I32, bytes(&|x| (x as i32).to_le_bytes().into())),
        ];
        let views = kinds.iter().map(|(d, b)| (format!("{d:?}"), TensorView::new(*d, vec![values.len()], b).unwrap()));
        let state = read_state::<f64>(&serialize(views, None).unwrap()).unwrap();
        prop_assert_eq!(state.len(), kinds.len());
        for (name, value) in state {
            let StateValue::Tensor(data, shape) = value else {
                prop_assert_eq!(values.len(), 1);
                continue;
            };
            prop_assert_eq!(shape, vec![values.len()]);
            let want: Vec<u64> = values.iter().map(|&x| match &*name {
                "F64" => x.to_bits(),
                "F32" => (x as f32 as f64).to_bits(),
                "BF16" => (f32::from_bits((x as f32).to_bits() & 0xffff_0000) as f64).to_bits(),
                _ => (x as i32 as f64).to_bits(),
            }).collect();
            prop_assert_eq!(data.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn random_bytes_are_no_model(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn several_damaged_bytes(
        seed in 0..4_u64, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = save_model(&model(seed)).unwrap();
        for (at, byte) in edits {
            let i = at.index(file.len());
            file[i] = byte;
        }
        read_all(&file);
    }
}

#[test]
fn feature_norm_comes_back() {
    let layer = FeatureNorm::new(2).unwrap();
    layer.adapt(&Tensor::randn(&[9, 2], &mut Rng::new(3)).unwrap()).unwrap();
    let m = Module::from(layer);
    let back: Module = load_model(&save_model(&m).unwrap()).unwrap();
    assert_eq!(back.state(), m.state());
}

#[test]
fn every_prefix_and_every_flipped_bit_of_a_model() {
    let file = save_model(&model(1)).unwrap();
    for n in 0..file.len() {
        assert!(load_model::<f32>(&file[..n]).is_err());
        read_all(&file[..n]);
    }
    let mut damaged = file.clone();
    for i in 0..file.len() {
        for bit in 0..8 {
            damaged[i] = file[i] ^ 1 << bit;
            read_all(&damaged);
        }
        damaged[i] = file[i];
    }
}

/// The same for a checkpoint; what is refused must leave the training as it was, what is not must be able to go on.
#[test]
fn every_prefix_and_every_flipped_bit_of_a_checkpoint() {
    let mut setup: Setup = setup();
    setup.algorithm = "nadam";
    let (_, mut first) = setup.build(1);
    setup.steps(&mut first, 4);
    let file = first.save().unwrap();
    let attempt = |bytes: &[u8]| {
        trim();
        let (_, mut t) = setup.build(2);
        let before = t.save().unwrap();
        match t.load(bytes) {
            Ok(()) => {
                setup.set_data(&mut t);
                let _ = t.next_step().and_then(|_| t.end_epoch(Some(1.0)));
                let _ = t.next_step();
            }
            Err(e) => {
                assert_eq!(t.save().unwrap(), before, "{e}");
                refused(Some(e));
            }
        }
        let m = memory();
        assert!(m.live + m.pooled < 40 << 20, "{m:?}");
    };
    (0..file.len()).for_each(|n| attempt(&file[..n]));
    let mut damaged = file.clone();
    for i in 0..file.len() {
        for bit in 0..8 {
            damaged[i] = file[i] ^ 1 << bit;
            attempt(&damaged);
        }
        damaged[i] = file[i];
    }
}

/// Headers that promise more than the file holds.
#[test]
fn hostile_headers() {
    let with_header = |header: &str| {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file
    };
    let linear = |inputs: u64| {
        let spec = format!(
            r#"{{\"architecture\":{{\"type\":\"linear\",\"in_features\":{inputs},\"out_features\":{inputs}}}}}"#
        );
        with_header(&format!(r#"{{"__metadata__":{{"evenkeel":"{spec}"}}}}"#))
    };
    for n in [1, 1 << 20, 1 << 28, 1 << 60] {
        read_all(&linear(n));
    }
    let deep = "{\\\"type\\\":\\\"residual\\\",\\\"children\\\":[".repeat(100);
    let close = "]}".repeat(100);
    let spec = format!(r#"{{\"architecture\":{deep}{{\"type\":\"relu\"}}{close}}}"#);
    read_all(&with_header(&format!(r#"{{"__metadata__":{{"evenkeel":"{spec}"}}}}"#)));
    for header in [
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0,18446744073709551615,2],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
    ] {
        read_all(&with_header(header));
    }
    read_all(&u64::MAX.to_le_bytes());
    read_all(&with_header(&"[".repeat(100_000)));
}
