//! The one error type. An error is data: a stable [`Code`], the path of the layer it happened in, and named values.
//!
//! Prose for people is made where it is shown (the TypeScript API has its own texts); [`Display`](core::fmt::Display)
//! here prints the code, the place and the values for Rust users.

use crate::shape::Shape;
use core::fmt;

/// Result of everything that can fail on user input.
pub type Result<R> = core::result::Result<R, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// What went wrong; the text is stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name),* }
        impl Code {
            /// The stable text, as `EvenkeelError.code` has it in TypeScript.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }
        }
    };
}

codes! {
    /// Two shapes do not fit together, or a shape is not what an operation or layer takes.
    ShapeMismatch = "SHAPE_MISMATCH",
    /// An axis, index or range outside the tensor.
    OutOfRange = "OUT_OF_RANGE",
    /// An argument has a value that makes no sense.
    BadArgument = "BAD_ARGUMENT",
    /// Batch norm in training mode was given one value a channel.
    BatchNormOneValue = "BATCH_NORM_ONE_VALUE",
    /// A class label outside 0..classes.
    LabelOutOfRange = "LABEL_OUT_OF_RANGE",
    /// NaN or infinity where data must be finite.
    NotFinite = "NOT_FINITE",
    /// The loss of a training step is NaN or infinite.
    LossNotFinite = "LOSS_NOT_FINITE",
    /// `backward()` on a tensor with more than one value and no gradient given.
    NotScalar = "NOT_SCALAR",
    /// `backward()` on a tensor that no operation recorded.
    NoGraph = "NO_GRAPH",
    /// `backward()` twice through the same graph.
    GraphFreed = "GRAPH_FREED",
    /// A parameter changed between forward and backward.
    GraphStale = "GRAPH_STALE",
    /// The call does not fit the mode or state of the object.
    WrongMode = "WRONG_MODE",
    /// A file or state that cannot be read.
    BadFile = "BAD_FILE",
    /// A layer kind this version does not know.
    UnknownLayer = "UNKNOWN_LAYER",
    /// Keys of a state do not match the model, in strict mode.
    StateMismatch = "STATE_MISMATCH",
    /// The data set or batch is empty.
    Empty = "EMPTY",
    /// A feature norm was used before `adapt`.
    NotAdapted = "NOT_ADAPTED",
    /// Memory could not be had.
    OutOfMemory = "OUT_OF_MEMORY",
}

/// A value that travels with an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A number.
    Number(f64),
    /// A short text.
    Text(String),
    /// A shape.
    Shape(Vec<usize>),
    /// Several texts.
    List(Vec<String>),
}

impl From<usize> for Datum {
    fn from(x: usize) -> Self {
        Datum::Number(x as f64)
    }
}
impl From<f64> for Datum {
    fn from(x: f64) -> Self {
        Datum::Number(x)
    }
}
impl From<&str> for Datum {
    fn from(x: &str) -> Self {
        Datum::Text(x.to_owned())
    }
}
impl From<String> for Datum {
    fn from(x: String) -> Self {
        Datum::Text(x)
    }
}
impl From<Shape> for Datum {
    fn from(x: Shape) -> Self {
        Datum::Shape(x.dims().to_vec())
    }
}
impl From<&[usize]> for Datum {
    fn from(x: &[usize]) -> Self {
        Datum::Shape(x.to_vec())
    }
}
impl From<Vec<String>> for Datum {
    fn from(x: Vec<String>) -> Self {
        Datum::List(x)
    }
}

struct Body {
    code: Code,
    layer: String,
    data: Vec<(&'static str, Datum)>,
}

/// An error: code, place, values. One pointer wide, so that results stay small.
pub struct Error(Box<Body>);

impl Error {
    /// An error of this code.
    #[cold]
    #[inline(never)]
    pub fn new(code: Code) -> Self {
        Error(Box::new(Body { code, layer: String::new(), data: Vec::new() }))
    }
    /// The same with one more value.
    #[must_use]
    pub fn with(self, key: &'static str, value: impl Into<Datum>) -> Self {
        self.with_datum(key, value.into())
    }
    #[cold]
    #[inline(never)]
    fn with_datum(mut self, key: &'static str, value: Datum) -> Self {
        self.0.data.push((key, value));
        self
    }
    /// Prefixes the place with the name of the child it came out of: `"2"` then `"body"` gives `body.2`.
    #[must_use]
    pub fn inside(mut self, name: &str) -> Self {
        if !self.0.layer.is_empty() {
            self.0.layer.insert(0, '.');
        }
        self.0.layer.insert_str(0, name);
        self
    }
    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }
    /// Path of the layer within the model (`"0"`, `"body.2"`), empty where no layer is involved.
    pub fn layer(&self) -> &str {
        &self.0.layer
    }
    /// The values.
    pub fn data(&self) -> &[(&'static str, Datum)] {
        &self.0.data
    }
    /// One value by its key.
    pub fn get(&self, key: &str) -> Option<&Datum> {
        self.0.data.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// An operation was given a shape it does not take.
    pub fn shape(op: &'static str, expected: &str, given: impl Into<Datum>) -> Self {
        Error::new(Code::ShapeMismatch).with("op", op).with("expected", expected).with("given", given)
    }
    /// Two shapes that an operation cannot combine.
    pub fn shapes(op: &'static str, a: Shape, b: Shape) -> Self {
        Error::new(Code::ShapeMismatch).with("op", op).with("given", a).with("other", b)
    }
    /// An argument with a senseless value.
    pub fn argument(name: &'static str, expected: &str, given: impl Into<Datum>) -> Self {
        Error::new(Code::BadArgument).with("argument", name).with("expected", expected).with("given", given)
    }
    /// A file that cannot be read, and why.
    #[cold]
    #[inline(never)]
    pub fn file(reason: &str) -> Self {
        Error::new(Code::BadFile).with("reason", reason)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().as_str())?;
        if !self.layer().is_empty() {
            write!(f, " in layer {}", self.layer())?;
        }
        for (k, v) in self.data() {
            write!(f, ", {k}: ")?;
            match v {
                Datum::Number(x) => write!(f, "{x}")?,
                Datum::Text(x) => f.write_str(x)?,
                Datum::Shape(x) => write!(f, "{x:?}")?,
                Datum::List(x) => write!(f, "{x:?}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {}
