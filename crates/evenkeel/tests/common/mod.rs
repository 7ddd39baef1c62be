//! Reads golden vectors: JSON files of inputs, settings and PyTorch's results (`test/golden/README.md` has the schema).
//!
//! The folder is `$EVENKEEL_GOLDEN`, else the repository's `test/golden`; so other vectors of the schema can be run.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A golden tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
    /// Whether it holds integers.
    pub integer: bool,
}

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// What an operation must give.
#[derive(Clone, Debug)]
pub struct Results {
    pub outputs: Tensors,
    pub grads: Tensors,
}

impl Results {
    /// "outputs" or "grads".
    pub fn part(&self, name: &str) -> &Tensors {
        if name == "grads" { &self.grads } else { &self.outputs }
    }
}

/// A golden file.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// The kind.
    pub op: String,
    pub dtype: String,
    pub config: Value,
    pub inputs: Tensors,
    /// As the file's own type computed them.
    pub computed: Results,
    /// In double precision from the same inputs (single precision files only).
    pub ref64: Option<Results>,
    /// By "outputs" or "grads", then name: how far PyTorch's own single precision is from the reference.
    pub f32_err: BTreeMap<String, BTreeMap<String, f64>>,
    /// The whole file, for what only some kinds have.
    pub raw: Value,
}

/// The folder of the golden vectors.
pub fn folder() -> PathBuf {
    // Relative to the repository, where commands are given, not to the crate, where cargo runs its tests.
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    root.join(std::env::var_os("EVENKEEL_GOLDEN").unwrap_or_else(|| "test/golden".into()))
}

/// A number, where JSON has no word for it as text.
pub fn number(x: &Value) -> f64 {
    match x {
        Value::String(s) if s == "NaN" => f64::NAN,
        Value::String(s) if s == "Infinity" || s == "inf" => f64::INFINITY,
        Value::String(s) if s == "-Infinity" || s == "-inf" => f64::NEG_INFINITY,
        Value::Bool(b) => f64::from(u8::from(*b)),
        x => x.as_f64().unwrap_or_else(|| panic!("not a number: {x}")),
    }
}

/// The tensors of an object; what is no tensor is left out.
fn tensors(object: &Value) -> Tensors {
    let entries = object.as_object().into_iter().flatten();
    entries
        .filter_map(|(name, x)| {
            let shape = x.get("shape")?.as_array()?.iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let data = x.get("data")?.as_array()?.iter().map(number).collect();
            Some((name.clone(), Tensor { shape, data, integer: x.get("dtype").is_some_and(|d| d == "int64") }))
        })
        .collect()
}

fn results(object: &Value) -> Results {
    Results { outputs: tensors(&object["outputs"]), grads: tensors(&object["grads"]) }
}

/// One golden file, by its name without ".json".
pub fn load(name: &str) -> Case {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let raw: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let errors = |of: &Value| of.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), number(v))).collect();
    let f32_err = raw["f32_err"].as_object().into_iter().flatten().map(|(part, of)| (part.clone(), errors(of)));
    Case {
        name: name.to_string(),
        op: raw["op"].as_str().unwrap_or_default().to_string(),
        dtype: raw["dtype"].as_str().unwrap_or_default().to_string(),
        config: raw["config"].clone(),
        inputs: tensors(&raw["inputs"]),
        computed: results(&raw),
        ref64: raw.get("ref64").map(results),
        f32_err: f32_err.collect(),
        raw,
    }
}

/// All golden files, by name.
pub fn all() -> Vec<Case> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = files.filter_map(|f| f.strip_suffix(".json").map(str::to_string)).collect();
    names.sort();
    names.iter().map(|name| load(name)).collect()
}

/// How far apart the numbers are at most, and where: 0 between equal infinities or two NaN, NaN between NaN and a
/// number.
pub fn worst(got: &[f64], want: &[f64]) -> (f64, usize) {
    let off = |g: f64, w: f64| if g == w || g.is_nan() && w.is_nan() { 0.0 } else { (g - w).abs() };
    let mut worst = (0.0, 0);
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let off = off(g, w);
        if off.is_nan() {
            return (off, i);
        }
        if off > worst.0 {
            worst = (off, i);
        }
    }
    worst
}

/// The largest size of a finite number.
pub fn largest(x: &[f64]) -> f64 {
    x.iter().filter(|v| v.is_finite()).fold(0.0, |a, v| a.max(v.abs()))
}

impl Case {
    pub fn is_f32(&self) -> bool {
        self.dtype == "float32"
    }

    /// An input; panics if there is none of the name.
    #[track_caller]
    pub fn input(&self, name: &str) -> &Tensor {
        self.inputs.get(name).unwrap_or_else(|| panic!("{}: no input {name}", self.name))
    }

    /// A setting as a number (a switch is 0 or 1); panics if there is none.
    #[track_caller]
    pub fn number(&self, name: &str) -> f64 {
        number(self.config.get(name).unwrap_or_else(|| panic!("{}: no setting {name}", self.name)))
    }

    /// What a result is to be compared with: the double precision reference where there is one (whole numbers have
    /// none).
    pub fn wanted(&self, part: &str, name: &str) -> Option<&Tensor> {
        let of = self.ref64.as_ref().and_then(|r| r.part(part).get(name));
        of.or_else(|| self.computed.part(part).get(name))
    }

    /// How far a result may be from the wanted one. In single precision the README's bound, the larger of 2·f32_err and
    /// 10⁻⁵·max|v| plus 10⁻⁶, of which batches of a large mean get only the second; in double precision 10⁻¹¹ of
    /// max(1, max|v|), or 10⁻⁹ for a large mean, which PyTorch rounds before it subtracts it.
    pub fn bound(&self, part: &str, name: &str, want: &[f64]) -> f64 {
        let (size, large_mean) = (largest(want), self.name.contains("mean1e"));
        if !self.is_f32() {
            return if large_mean { 1e-9 } else { 1e-10 } * size.max(1.0);
        }
        let own = 1e-5 * size + 1e-6;
        let theirs = self.f32_err.get(part).and_then(|e| e.get(name)).copied().unwrap_or(0.0);
        if large_mean { own } else { own.max(2.0 * theirs) }
    }
}
