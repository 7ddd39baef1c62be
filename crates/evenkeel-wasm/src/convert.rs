//! Between the core's types and JavaScript's: errors, shapes, element-wise functions by number.

use evenkeel::error::{Datum, Error};
use evenkeel::kernels::binary::Binary;
use evenkeel::kernels::unary::Unary;
use serde_json::{Map, Value};
use wasm_bindgen::JsValue;

/// What every fallible function here returns.
pub type Js<R> = Result<R, JsValue>;

/// An error as the text that TypeScript turns into an `EvenkeelError`.
pub fn js(e: Error) -> JsValue {
    let mut data = Map::new();
    for (key, value) in e.data() {
        let value = match value {
            // JSON has no NaN or infinity.
            Datum::Number(x) if !x.is_finite() => Value::from(x.to_string()),
            Datum::Number(x) => Value::from(*x),
            Datum::Text(x) => Value::from(x.as_str()),
            Datum::Shape(x) => Value::from(x.clone()),
            Datum::List(x) => Value::from(x.clone()),
        };
        data.insert((*key).into(), value);
    }
    let mut all = Map::new();
    all.insert("code".into(), e.code().as_str().into());
    all.insert("layer".into(), e.layer().into());
    all.insert("data".into(), Value::Object(data));
    JsValue::from_str(&Value::Object(all).to_string())
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

/// Parses JSON that TypeScript made.
pub fn parse(json: &str) -> Js<Value> {
    serde_json::from_str(json).map_err(|_| js(Error::argument("settings", "JSON", json)))
}
