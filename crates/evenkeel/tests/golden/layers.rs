//! Activations, the linear layer, matrix products.

use super::Run;
use evenkeel::Rng;
use evenkeel::nn::{Linear, Module};
use evenkeel::tensor::Float;
use serde_json::Value;

/// The layer as a file would describe it: the kind's name and PyTorch's settings.
pub fn activation<T: Float>(run: &mut Run<'_>) {
    let mut spec = run.case.config.clone();
    let kind = run.case.op.strip_prefix("activation_").expect("checked by the caller");
    spec.as_object_mut().expect("a config").insert("type".to_owned(), Value::from(kind));
    let layer: Module<T> = Module::from_spec(&spec.clone().into(), &mut Rng::new(0)).unwrap();
    let x = run.tracked::<T>("x");
    let y = layer.forward(&x).unwrap();
    y.backward_with(&run.input("gy")).unwrap();
    run.output("y", &y);
    run.grad("x", &x);
    let rebuilt: Module<T> = Module::from_spec(&layer.spec(), &mut Rng::new(0)).unwrap();
    run.output("y", &rebuilt.predict(&x).unwrap());
}

pub fn linear<T: Float>(run: &mut Run<'_>) {
    let bias = run.case.inputs.contains_key("b").then(|| run.input::<T>("b"));
    let layer = Linear::from_values(run.input("w"), bias).unwrap();
    let (w, b) = (layer.weight().clone(), layer.bias().cloned());
    let x = run.tracked::<T>("x");
    let y = Module::from(layer).forward(&x).unwrap();
    y.backward_with(&run.input("gy")).unwrap();
    run.output("y", &y);
    run.grad("x", &x);
    run.grad("w", &w);
    if let Some(b) = b {
        run.grad("b", &b);
    }
}

pub fn matmul<T: Float>(run: &mut Run<'_>) {
    let (a, b) = (run.tracked::<T>("a"), run.tracked::<T>("b"));
    let y = a.matmul(&b).unwrap();
    y.backward_with(&run.input("gy")).unwrap();
    run.output("y", &y);
    run.grad("a", &a);
    run.grad("b", &b);
}
