//! What crosses beside numbers. Rows of arguments lie one after the other in a stage, each from a multiple of eight bytes
//! on, where JavaScript put them before the call; results lie in two places that it reads after the call, eight numbers
//! and a row of bytes.

use crate::convert::fail;
use bytemuck::AnyBitPattern;
use core::cell::{Cell, RefCell};
use evenkeel::value::Value;
use wasm_bindgen::prelude::*;

/// Bytes of the stage that is always there; larger ones are made for a single call.
const SMALL: usize = 16384;

thread_local! {
    static STAGE: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static LARGE: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
    static NUMBERS: [Cell<f64>; 8] = const { [const { Cell::new(f64::NAN) }; 8] };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where the rows of the next call go, so many bytes; 0 if there is no room. A stage of up to [`SMALL`] bytes stays where
/// it is.
#[wasm_bindgen]
pub fn stage(bytes: usize) -> *const u64 {
    LARGE.take();
    let stage = if bytes <= SMALL { &STAGE } else { &LARGE };
    let mut words = stage.take();
    let wanted = bytes.max(SMALL).div_ceil(8);
    if words.is_empty() {
        if words.try_reserve_exact(wanted).is_err() {
            fail(&evenkeel::tensor::memory().exceeded(bytes));
            return core::ptr::null();
        }
        words.resize(wanted, 0);
    }
    let at = words.as_ptr();
    stage.set(words);
    at
}

/// The most bytes that need no stage of their own.
#[wasm_bindgen(js_name = stageSize)]
pub fn stage_size() -> usize {
    SMALL
}

/// The rows of a call, taken off the stage in their order.
pub struct Rows {
    words: Vec<u64>,
    at: Cell<usize>,
}

/// The rows of this call.
#[inline(never)]
pub fn rows() -> Rows {
    let large = LARGE.take();
    Rows { words: if large.is_empty() { STAGE.take() } else { large }, at: Cell::new(0) }
}

impl Rows {
    #[inline(never)]
    fn words(&self, bytes: usize) -> &[u64] {
        let from = self.at.get();
        let to = from + bytes.div_ceil(8);
        self.at.set(to);
        &self.words[from..to]
    }
    /// The next one.
    pub fn next<T: AnyBitPattern>(&self, len: usize) -> &[T] {
        &bytemuck::cast_slice(self.words(len * size_of::<T>()))[..len]
    }
    /// The next one, none if its length is negative.
    pub fn next_if<T: AnyBitPattern>(&self, len: i32) -> Option<&[T]> {
        (len >= 0).then(|| self.next(len as usize))
    }
    /// The next one as text, which JavaScript has made of one of its own.
    pub fn text(&self, len: usize) -> String {
        String::from_utf8_lossy(self.next(len)).into_owned()
    }
}

impl Drop for Rows {
    #[inline(never)]
    fn drop(&mut self) {
        let words = core::mem::take(&mut self.words);
        if words.len() == SMALL / 8 {
            STAGE.set(words);
        }
    }
}

/// Where [`note`] writes: eight numbers.
#[wasm_bindgen]
pub fn numbers() -> *const f64 {
    NUMBERS.with(|n| n.as_ptr().cast())
}

/// Leaves numbers for JavaScript, from place `from` on.
#[inline(never)]
pub fn note(from: usize, values: &[f64]) {
    NUMBERS.with(|n| n[from..].iter().zip(values).for_each(|(cell, &x)| cell.set(x)));
}

/// Leaves bytes for JavaScript.
#[inline(never)]
pub fn answer(bytes: Vec<u8>) -> bool {
    ANSWER.set(bytes);
    true
}

/// Leaves data for JavaScript.
#[inline(never)]
pub fn answer_value(value: Value) -> bool {
    answer(value.to_wire())
}

/// Where the bytes are that [`answer`] left.
#[wasm_bindgen(js_name = answerAddress)]
pub fn answer_address() -> *const u8 {
    ANSWER.with_borrow(Vec::as_ptr)
}

/// How many they are.
#[wasm_bindgen(js_name = answerLength)]
pub fn answer_length() -> usize {
    ANSWER.with_borrow(Vec::len)
}

/// Frees them.
#[wasm_bindgen(js_name = dropAnswer)]
pub fn drop_answer() {
    ANSWER.take();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_one_after_the_other() {
        let small = stage(1);
        let taken = rows();
        assert_eq!(taken.next::<u8>(3), [0; 3]);
        assert_eq!(taken.at.get(), 1);
        assert_eq!(taken.next::<f32>(3), [0.0; 3]);
        assert_eq!((taken.at.get(), taken.next_if::<u8>(-1), taken.at.get()), (3, None, 3));
        drop(taken);
        assert_eq!(stage(SMALL), small);
    }

    #[test]
    fn a_large_stage_is_for_one_call() {
        let small = stage(8);
        assert_ne!(stage(SMALL + 1), small);
        assert_eq!(rows().words.len(), SMALL / 8 + 1);
        assert_eq!(rows().words.len(), SMALL / 8);
        // One that no call has taken does not reach the next.
        stage(SMALL + 1);
        assert_eq!(stage(8), small);
        assert_eq!(rows().words.len(), SMALL / 8);
    }
}
