//! Layers made of layers: one after the other, around, side by side.

use super::module::{Context, Layer, Module, decimal};
use super::spec::choice;
use crate::autograd::{Tensor, concat};
use crate::error::{Code, Error, Result};
use crate::tensor::Float;
use crate::value::{Map, Value};

fn numbered<T: Float>(layers: Vec<Module<T>>) -> Vec<(String, Module<T>)> {
    layers.into_iter().enumerate().map(|(i, m)| (decimal(i), m)).collect()
}

/// Runs its layers one after the other. An activation is taken into the node of the layer before it where possible.
pub struct Sequential<T: Float = f32> {
    layers: Vec<(String, Module<T>)>,
}

impl<T: Float> Sequential<T> {
    /// Layers named by their index.
    pub fn new(layers: Vec<Module<T>>) -> Self {
        Sequential { layers: numbered(layers) }
    }
}

impl<T: Float> Layer<T> for Sequential<T> {
    fn kind(&self) -> &'static str {
        "sequential"
    }
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        let mut x = x.clone();
        let mut i = 0;
        while let Some((name, layer)) = self.layers.get(i) {
            // A probe wants to see every layer by itself.
            if ctx.probe.is_none()
                && let Some((_, next)) = self.layers.get(i + 1)
                && let Some(act) = next.layer().fusable()
                && let Some(y) = layer.run_fused(&x, act, ctx)
            {
                x = y.map_err(|e| e.inside(name))?;
                i += 2;
                continue;
            }
            x = Module::run_child(name, layer, &x, ctx)?;
            i += 1;
        }
        Ok(x)
    }
    fn children(&self) -> &[(String, Module<T>)] {
        &self.layers
    }
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        self.layers.iter().fold(input.to_vec(), |s, (_, m)| m.layer().output_shape(&s))
    }
}

/// y = x + body(x) (He et al., arXiv:1512.03385).
pub struct Residual<T: Float = f32> {
    body: [(String, Module<T>); 1],
}

impl<T: Float> Residual<T> {
    /// Around this body, whose output has the shape of its input.
    pub fn new(body: Module<T>) -> Self {
        Residual { body: [("body".to_owned(), body)] }
    }
}

impl<T: Float> Layer<T> for Residual<T> {
    fn kind(&self) -> &'static str {
        "residual"
    }
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        let (name, body) = &self.body[0];
        let y = Module::run_child(name, body, x, ctx)?;
        if y.shape() != x.shape() {
            return Err(Error::shapes("residual", x.shape(), y.shape()));
        }
        x.add(&y)
    }
    fn children(&self) -> &[(String, Module<T>)] {
        &self.body
    }
}

/// How the outputs of parallel branches become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Side by side along axis 1 (features or channels).
    Concat,
    /// Added.
    Sum,
}

/// Runs all branches on the same input and joins what they give.
pub struct Parallel<T: Float = f32> {
    branches: Vec<(String, Module<T>)>,
    join: Join,
}

impl<T: Float> Parallel<T> {
    /// Branches named by their index.
    pub fn new(branches: Vec<Module<T>>, join: Join) -> Result<Self> {
        if branches.is_empty() {
            return Err(Error::new(Code::Empty).with("argument", "branches"));
        }
        Ok(Parallel { branches: numbered(branches), join })
    }
    pub(super) fn join_of(spec: &Value) -> Result<Join> {
        let join = choice(spec, "join", &["concat", "sum"], "concat or sum")?;
        Ok(if join == Some(1) { Join::Sum } else { Join::Concat })
    }
}

impl<T: Float> Layer<T> for Parallel<T> {
    fn kind(&self) -> &'static str {
        "parallel"
    }
    fn forward(&self, x: &Tensor<T>, ctx: Context<'_>) -> Result<Tensor<T>> {
        let outs: Vec<Tensor<T>> =
            self.branches.iter().map(|(name, b)| Module::run_child(name, b, x, ctx)).collect::<Result<_>>()?;
        match self.join {
            Join::Concat => concat(&outs.iter().collect::<Vec<_>>(), 1),
            Join::Sum => {
                let mut sum = outs[0].clone();
                for o in &outs[1..] {
                    if o.shape() != sum.shape() {
                        return Err(Error::shapes("parallel", sum.shape(), o.shape()));
                    }
                    sum = sum.add(o)?;
                }
                Ok(sum)
            }
        }
    }
    fn children(&self) -> &[(String, Module<T>)] {
        &self.branches
    }
    fn describe(&self, spec: &mut Map) {
        spec.insert("join", if self.join == Join::Concat { "concat" } else { "sum" });
    }
    fn output_shape(&self, input: &[usize]) -> Vec<usize> {
        let mut shapes = self.branches.iter().map(|(_, b)| b.layer().output_shape(input));
        let mut first = shapes.next().unwrap_or_default();
        if self.join == Join::Concat && first.len() > 1 {
            first[1] += shapes.map(|s| s.get(1).copied().unwrap_or(0)).sum::<usize>();
        }
        first
    }
}
