//! Weight initialisation by PyTorch's names and numbers (`torch.nn.init`), on slices.
//!
//! Shapes are PyTorch's: `[out, in]` for a linear layer, `[out, in, k…]` for a convolution. [`fan`] counts what goes
//! into and out of one unit; from it each scheme gets a bound (uniform) or a standard deviation (normal):
//!
//! | scheme | bound | std |
//! |---|---|---|
//! | Xavier (Glorot and Bengio 2010) | g·√(6/(fan_in + fan_out)) | g·√(2/(fan_in + fan_out)) |
//! | Kaiming (He et al. 2015), fan of the mode | g·√(3/fan) | g/√fan |
//! | LeCun (1998) | √(3/fan_in) | 1/√fan_in |
//! | PyTorch's linear and convolution layers | 1/√fan_in, weight and bias | |
//!
//! ```
//! use evenkeel::{init::{self, Init}, rng::Rng};
//! let mut weight = [0.0_f32; 6];
//! init::fill(Init::TorchLinear, &mut weight, &[3, 2], &mut Rng::new(1));
//! assert!(weight.iter().all(|w| w.abs() <= 0.70710677));
//! ```

use crate::rng::Rng;
use crate::simd::Real;

mod orthogonal;

/// Which fan Kaiming's schemes keep the variance over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Inputs of a unit: the forward pass keeps its scale.
    FanIn,
    /// Outputs of a unit: the gradients keep theirs.
    FanOut,
}

/// The activation that follows, for its gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonlinearity {
    /// None: gain 1.
    Linear,
    /// Logistic: gain 1 (as PyTorch has it).
    Sigmoid,
    /// Hyperbolic tangent: gain 5/3.
    Tanh,
    /// Rectifier: gain √2.
    Relu,
    /// Leaky rectifier of slope a: gain √(2/(1 + a²)).
    LeakyRelu,
    /// Scaled exponential linear unit: gain 3/4.
    Selu,
}

/// How to fill a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in ±gain(nonlinearity, a)·√(3/fan).
    KaimingUniform {
        /// Negative slope, for a leaky rectifier.
        a: f64,
        /// The fan.
        mode: Mode,
        /// What follows.
        nonlinearity: Nonlinearity,
    },
    /// Normal of std gain(nonlinearity, a)/√fan.
    KaimingNormal {
        /// Negative slope, for a leaky rectifier.
        a: f64,
        /// The fan.
        mode: Mode,
        /// What follows.
        nonlinearity: Nonlinearity,
    },
    /// Uniform in ±gain·√(6/(fan_in + fan_out)).
    XavierUniform {
        /// Factor.
        gain: f64,
    },
    /// Normal of std gain·√(2/(fan_in + fan_out)).
    XavierNormal {
        /// Factor.
        gain: f64,
    },
    /// Uniform in ±√(3/fan_in).
    LecunUniform,
    /// Normal of std 1/√fan_in (not truncated).
    LecunNormal,
    /// `gain` times a matrix of orthonormal rows or columns, whichever are fewer; `[out, in·k…]` for a convolution.
    Orthogonal {
        /// Factor.
        gain: f64,
    },
    /// Normal, given that it falls in [a, b].
    TruncNormal {
        /// Mean before truncation.
        mean: f64,
        /// Standard deviation before truncation.
        std: f64,
        /// Least value.
        a: f64,
        /// Greatest value.
        b: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform in [a, b).
    Uniform {
        /// Least value.
        a: f64,
        /// Bound above.
        b: f64,
    },
    /// The same value everywhere.
    Constant(f64),
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// What `torch.nn.Linear` and `torch.nn.Conv2d` start with: uniform in ±1/√fan_in, that is Kaiming's with a = √5.
    /// Their biases have the same bound, by the *weight's* fan: `Uniform { a: -bound, b: bound }` of [`bias_bound`].
    TorchLinear,
}

/// (fan_in, fan_out) of a weight: `[out, in, k…]` has in·Πk and out·Πk. One dimension n counts as (n, n), none as (1, 1).
pub fn fan(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [] => (1, 1),
        [n] => (n, n),
        [out, input, ref kernel @ ..] => {
            let field: usize = kernel.iter().product();
            (input * field, out * field)
        }
    }
}

/// `torch.nn.init.calculate_gain`; `a` is the slope of a leaky rectifier, else unused.
pub fn gain(nonlinearity: Nonlinearity, a: f64) -> f64 {
    match nonlinearity {
        Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => 2.0_f64.sqrt(),
        Nonlinearity::LeakyRelu => (2.0 / (1.0 + a * a)).sqrt(),
        Nonlinearity::Selu => 0.75,
    }
}

/// Bound of a bias beside a weight of this shape, in PyTorch's layers: 1/√fan_in (0 without inputs).
pub fn bias_bound(weight: &[usize]) -> f64 {
    match fan(weight).0 {
        0 => 0.0,
        n => 1.0 / (n as f64).sqrt(),
    }
}

/// A scheme once the shape is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// Uniform in ±bound around a centre.
    Uniform {
        /// Middle of the interval.
        centre: f64,
        /// Half its width.
        bound: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Normal, given that it falls in [a, b].
    TruncNormal {
        /// Mean before truncation.
        mean: f64,
        /// Standard deviation before truncation.
        std: f64,
        /// Least value.
        a: f64,
        /// Greatest value.
        b: f64,
    },
    /// The same value everywhere.
    Constant(f64),
    /// Scaled orthonormal rows or columns.
    Orthogonal(f64),
}

impl Init {
    /// The law for a shape.
    pub fn law(self, shape: &[usize]) -> Law {
        let (fan_in, fan_out) = fan(shape);
        let of_mode = |mode| if mode == Mode::FanIn { fan_in } else { fan_out };
        let normal = |std| Law::Normal { mean: 0.0, std };
        // PyTorch computes √3·std too, so the bounds agree to the last bit or so.
        let uniform = |std| Law::Uniform { centre: 0.0, bound: 3.0_f64.sqrt() * std };
        let over = |gain: f64, fan: usize| gain / (fan.max(1) as f64).sqrt();
        let xavier = |gain: f64| gain * (2.0 / (fan_in + fan_out).max(1) as f64).sqrt();
        match self {
            Self::KaimingUniform { a, mode, nonlinearity } => uniform(over(gain(nonlinearity, a), of_mode(mode))),
            Self::KaimingNormal { a, mode, nonlinearity } => normal(over(gain(nonlinearity, a), of_mode(mode))),
            Self::XavierUniform { gain } => uniform(xavier(gain)),
            Self::XavierNormal { gain } => normal(xavier(gain)),
            Self::LecunUniform => uniform(over(1.0, fan_in)),
            Self::LecunNormal => normal(over(1.0, fan_in)),
            Self::Orthogonal { gain } => Law::Orthogonal(gain),
            Self::TruncNormal { mean, std, a, b } => Law::TruncNormal { mean, std, a, b },
            Self::Normal { mean, std } => Law::Normal { mean, std },
            Self::Uniform { a, b } => Law::Uniform { centre: 0.5 * (a + b), bound: 0.5 * (b - a) },
            Self::Constant(value) => Law::Constant(value),
            Self::Zeros => Law::Constant(0.0),
            Self::Ones => Law::Constant(1.0),
            Self::TorchLinear => Law::Uniform { centre: 0.0, bound: bias_bound(shape) },
        }
    }

    /// The bound of a uniform scheme or the standard deviation of a normal one, for a shape; else 0.
    pub fn std_or_bound(self, shape: &[usize]) -> f64 {
        match self.law(shape) {
            Law::Uniform { bound, .. } => bound,
            Law::Normal { std, .. } | Law::TruncNormal { std, .. } => std,
            Law::Constant(_) | Law::Orthogonal(_) => 0.0,
        }
    }

    /// The scheme's name, as [`Init::from_name`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KaimingUniform { .. } => "kaiming_uniform",
            Self::KaimingNormal { .. } => "kaiming_normal",
            Self::XavierUniform { .. } => "xavier_uniform",
            Self::XavierNormal { .. } => "xavier_normal",
            Self::LecunUniform => "lecun_uniform",
            Self::LecunNormal => "lecun_normal",
            Self::Orthogonal { .. } => "orthogonal",
            Self::TruncNormal { .. } => "trunc_normal",
            Self::Normal { .. } => "normal",
            Self::Uniform { .. } => "uniform",
            Self::Constant(_) => "constant",
            Self::Zeros => "zeros",
            Self::Ones => "ones",
            Self::TorchLinear => "torch_linear",
        }
    }

    /// A scheme by name. `values` are its numbers in the order of its fields, as many as are given, then PyTorch's
    /// defaults; `mode` and `nonlinearity` matter to Kaiming's only.
    pub fn from_name(name: &str, values: &[f64], mode: Mode, nonlinearity: Nonlinearity) -> Option<Self> {
        let value = |i: usize, default: f64| values.get(i).copied().unwrap_or(default);
        Some(match name {
            "kaiming_uniform" => Self::KaimingUniform { a: value(0, 0.0), mode, nonlinearity },
            "kaiming_normal" => Self::KaimingNormal { a: value(0, 0.0), mode, nonlinearity },
            "xavier_uniform" => Self::XavierUniform { gain: value(0, 1.0) },
            "xavier_normal" => Self::XavierNormal { gain: value(0, 1.0) },
            "lecun_uniform" => Self::LecunUniform,
            "lecun_normal" => Self::LecunNormal,
            "orthogonal" => Self::Orthogonal { gain: value(0, 1.0) },
            "trunc_normal" => {
                Self::TruncNormal { mean: value(0, 0.0), std: value(1, 1.0), a: value(2, -2.0), b: value(3, 2.0) }
            }
            "normal" => Self::Normal { mean: value(0, 0.0), std: value(1, 1.0) },
            "uniform" => Self::Uniform { a: value(0, 0.0), b: value(1, 1.0) },
            "constant" => Self::Constant(value(0, 0.0)),
            "zeros" => Self::Zeros,
            "ones" => Self::Ones,
            "torch_linear" => Self::TorchLinear,
            _ => return None,
        })
    }
}

impl Mode {
    /// By PyTorch's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "fan_in" => Self::FanIn,
            "fan_out" => Self::FanOut,
            _ => return None,
        })
    }
}

impl Nonlinearity {
    /// By PyTorch's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" => Self::Linear,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "leaky_relu" => Self::LeakyRelu,
            "selu" => Self::Selu,
            _ => return None,
        })
    }
}

/// Fills a parameter of this shape. Draws nothing from `rng` for constants.
pub fn fill<T: Real>(init: Init, data: &mut [T], shape: &[usize], rng: &mut Rng) {
    match init.law(shape) {
        Law::Uniform { centre, bound } => rng.fill_uniform(data, centre - bound, centre + bound),
        Law::Normal { mean, std } => rng.fill_normal(data, mean, std),
        Law::TruncNormal { mean, std, a, b } => rng.fill_trunc_normal(data, mean, std, a, b),
        Law::Constant(value) => data.fill(T::of(value)),
        Law::Orthogonal(gain) => orthogonal::fill(data, shape.first().copied().unwrap_or(1), gain, rng),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 14] = [
        "kaiming_uniform",
        "kaiming_normal",
        "xavier_uniform",
        "xavier_normal",
        "lecun_uniform",
        "lecun_normal",
        "orthogonal",
        "trunc_normal",
        "normal",
        "uniform",
        "constant",
        "zeros",
        "ones",
        "torch_linear",
    ];

    #[test]
    fn names_come_back() {
        for name in NAMES {
            let init = Init::from_name(name, &[0.5, 0.25], Mode::FanOut, Nonlinearity::Tanh).unwrap();
            assert_eq!(init.name(), name);
        }
        assert_eq!(Init::from_name("he", &[], Mode::FanIn, Nonlinearity::Relu), None);
        assert_eq!(Mode::from_name("fan_avg"), None);
        assert_eq!(Nonlinearity::from_name("conv2d"), Some(Nonlinearity::Linear));
        assert_eq!(gain(Nonlinearity::from_name("selu").unwrap(), 0.0), 0.75);
    }

    #[test]
    fn fans() {
        assert_eq!(fan(&[10, 784]), (784, 10));
        assert_eq!(fan(&[16, 3, 3, 3]), (27, 144));
        assert_eq!(fan(&[7]), (7, 7));
        assert_eq!(fan(&[]), (1, 1));
    }

    #[test]
    fn each_scheme_has_its_spread() {
        let shape = [200, 300];
        let mut x = vec![0.0_f32; 60_000];
        for name in NAMES {
            let init = Init::from_name(name, &[], Mode::FanIn, Nonlinearity::Relu).unwrap();
            fill(init, &mut x, &shape, &mut Rng::new(5));
            let mean = x.iter().map(|&v| v as f64).sum::<f64>() / x.len() as f64;
            let std = (x.iter().map(|&v| (v as f64 - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
            let (middle, want) = match init.law(&shape) {
                Law::Uniform { centre, bound } => (centre, bound / 3.0_f64.sqrt()),
                Law::Normal { mean, std } => (mean, std),
                Law::TruncNormal { mean, std, .. } => (mean, 0.8796 * std),
                Law::Constant(value) => (value, 0.0),
                Law::Orthogonal(gain) => (0.0, gain / 300.0_f64.sqrt()),
            };
            assert!((mean - middle).abs() <= 0.02 * want + 1e-7 && (std - want).abs() <= 0.01 * want + 1e-7, "{name}");
        }
    }

    #[test]
    fn without_inputs_nothing_is_infinite() {
        for name in NAMES {
            let init = Init::from_name(name, &[], Mode::FanIn, Nonlinearity::Relu).unwrap();
            assert!(init.std_or_bound(&[3, 0]).is_finite());
            fill::<f32>(init, &mut [], &[3, 0], &mut Rng::new(0));
        }
    }
}
