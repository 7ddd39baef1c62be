//! Between the core's types and JavaScript's: errors, settings, files, element-wise functions by number.

use crate::rows::{answer, answer_value};
use evenkeel::Result;
use evenkeel::error::{Datum, Error};
use evenkeel::io::Parts;
use evenkeel::kernels::binary::Binary;
use evenkeel::kernels::unary::Unary;
use evenkeel::value::{Map, Value};

/// Leaves an error for JavaScript, code, layer and data; gives the 0 that says so.
#[inline(never)]
pub fn fail(e: &Error) -> u32 {
    let mut data = Map::default();
    for (key, value) in e.data() {
        match value {
            Datum::Number(x) => data.insert(key, *x),
            Datum::Text(x) => data.insert(key, x.as_str()),
            Datum::Shape(x) => data.insert(key, x.clone()),
            Datum::List(x) => data.insert(key, x.clone()),
        }
    }
    answer_value(vec![Value::from(e.code().as_str()), e.layer().into(), Value::from(data)].into());
    0
}

/// Whether it worked; if not, why waits.
#[inline(never)]
pub fn done(r: Result<()>) -> bool {
    r.map_err(|e| fail(&e)).is_ok()
}

/// The same for what leaves bytes.
#[inline(never)]
pub fn answered(bytes: Result<Vec<u8>>) -> bool {
    done(bytes.map(|b| {
        answer(b);
    }))
}

/// The function with this number and these settings; the table is `ts/tensor/functions.ts`.
pub fn unary(number: u32, a: f32, b: f32) -> Result<Unary<f32>> {
    Ok(match number {
        0 => Unary::Neg,
        1 => Unary::Abs,
        2 => Unary::Exp,
        3 => Unary::Ln,
        4 => Unary::Log1p,
        5 => Unary::Expm1,
        6 => Unary::Sqrt,
        7 => Unary::Rsqrt,
        8 => Unary::Square,
        9 => Unary::Reciprocal,
        10 => Unary::Sin,
        11 => Unary::Cos,
        12 => Unary::Tanh,
        13 => Unary::Sigmoid,
        14 => Unary::Erf,
        15 => Unary::Sign,
        16 => Unary::Relu,
        17 => Unary::Relu6,
        18 => Unary::LeakyRelu(a),
        19 => Unary::Elu(a),
        20 => Unary::Selu,
        21 => Unary::Gelu,
        22 => Unary::GeluTanh,
        23 => Unary::Silu,
        24 => Unary::Mish,
        25 => Unary::Softplus { beta: a, threshold: b },
        26 => Unary::Softsign,
        27 => Unary::Hardswish,
        28 => Unary::Hardsigmoid,
        29 => Unary::Hardtanh { min: a, max: b },
        30 => Unary::LogSigmoid,
        31 => Unary::Clip { min: a, max: b },
        32 => Unary::Powf(a),
        33 => Unary::AddScalar(a),
        34 => Unary::MulScalar(a),
        _ => return Err(Error::argument("function", "a number of the table", number as usize)),
    })
}

/// The operation with this number.
pub fn binary(number: u32) -> Result<Binary> {
    const ALL: [Binary; 13] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
        Binary::Min,
        Binary::Max,
        Binary::Eq,
        Binary::Ne,
        Binary::Lt,
        Binary::Le,
        Binary::Gt,
        Binary::Ge,
    ];
    ALL.get(number as usize)
        .copied()
        .ok_or_else(|| Error::argument("operation", "a number of the table", number as usize))
}

/// Settings that TypeScript made.
pub fn parse(wire: &[u8]) -> Result<Value> {
    Value::from_wire(wire).ok_or_else(|| Error::argument("settings", "plain data, not nested too deeply", wire.len()))
}

/// The parts of a file as one array: the header's length (u32), the header, the data.
pub fn pack(parts: Result<Parts>) -> Result<Vec<u8>> {
    let parts = parts?;
    let header = parts.header.to_wire();
    Ok([&(header.len() as u32).to_le_bytes()[..], &header, &parts.data].concat())
}
