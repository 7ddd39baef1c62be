//! Between the core's types and JavaScript's: errors, shapes, element-wise functions by number.

use evenkeel::error::{Datum, Error};
use evenkeel::io::Parts;
use evenkeel::kernels::binary::Binary;
use evenkeel::kernels::unary::Unary;
use evenkeel::value::{Map, Value};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// What every fallible function here returns.
pub type Js<R> = Result<R, JsValue>;

thread_local! {
    static LAST_ERROR: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps an error for [`take_error`]; what is thrown is null.
pub fn js(e: Error) -> JsValue {
    let mut data = Map::default();
    for (key, value) in e.data() {
        match value {
            Datum::Number(x) => data.insert(key, *x),
            Datum::Text(x) => data.insert(key, x.as_str()),
            Datum::Shape(x) => data.insert(key, x.clone()),
            Datum::List(x) => data.insert(key, x.clone()),
        }
    }
    let all = Value::from(vec![Value::from(e.code().as_str()), e.layer().into(), Value::from(data)]);
    LAST_ERROR.set(all.to_wire());
    JsValue::NULL
}

/// What was thrown last: code, layer, data.
#[wasm_bindgen(js_name = takeError)]
pub fn take_error() -> Vec<u8> {
    LAST_ERROR.take()
}

/// The function with this number and these settings; the table is `ts/tensor/functions.ts`.
pub fn unary(number: u32, a: f32, b: f32) -> Js<Unary<f32>> {
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
        _ => return Err(js(Error::argument("function", "a number of the table", number as usize))),
    })
}

/// The operation with this number.
pub fn binary(number: u32) -> Js<Binary> {
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
        .ok_or_else(|| js(Error::argument("operation", "a number of the table", number as usize)))
}

/// Settings that TypeScript made.
pub fn parse(wire: &[u8]) -> Js<Value> {
    Value::from_wire(wire)
        .ok_or_else(|| js(Error::argument("settings", "plain data, not nested too deeply", wire.len())))
}

/// The parts of a file as one array: the header's length (u32), the header, the data.
pub fn pack(parts: evenkeel::Result<Parts>) -> Js<Vec<u8>> {
    let parts = parts.map_err(js)?;
    let header = parts.header.to_wire();
    Ok([&(header.len() as u32).to_le_bytes()[..], &header, &parts.data].concat())
}
