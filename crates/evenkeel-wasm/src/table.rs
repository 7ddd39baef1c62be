//! What JavaScript holds: objects in a table, known by their numbers. Numbers start at 1 and are used again once an object
//! is released; 0 is none.
//!
//! JavaScript gives a number only while it holds it (`ts/handle.ts`), so one that names nothing, or an object of another
//! kind, is a bug: it traps. Objects are shared, so one that is released in the middle of a call lives to its end.

use crate::convert::fail;
use core::cell::RefCell;
use evenkeel::Result;
use evenkeel::loss::{Loss, Target};
use evenkeel::nn::{Hold, Module, Recalibration, StateValue};
use evenkeel::optim::Optimizer;
use evenkeel::schedule::Scheduler;
use evenkeel::train::{Batch, Dataset, Evaluator, Trainer};
use evenkeel::{Indices, Tensor};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A model's values by name.
pub type State = Vec<(String, StateValue<f32>)>;
type Shared<T> = Rc<RefCell<T>>;

/// Objects, and the places that are free.
struct Table<T> {
    slots: Vec<Slot<T>>,
    /// The number of the first free place, 0 if there is none.
    free: u32,
    live: u32,
}

enum Slot<T> {
    Full(T),
    /// The next free place.
    Free(u32),
}

impl<T> Table<T> {
    const fn new() -> Self {
        Table { slots: Vec::new(), free: 0, live: 0 }
    }
    fn put(&mut self, object: T) -> u32 {
        self.live += 1;
        let full = Slot::Full(object);
        match self.slots.get_mut((self.free as usize).wrapping_sub(1)) {
            Some(slot) => {
                let number = self.free;
                if let Slot::Free(next) = core::mem::replace(slot, full) {
                    self.free = next;
                }
                number
            }
            None => {
                self.slots.push(full);
                self.slots.len() as u32
            }
        }
    }
    fn get(&self, number: u32) -> Option<&T> {
        match self.slots.get((number as usize).wrapping_sub(1)) {
            Some(Slot::Full(object)) => Some(object),
            _ => None,
        }
    }
    fn take(&mut self, number: u32) -> Option<T> {
        let slot = self.slots.get_mut((number as usize).wrapping_sub(1))?;
        if let Slot::Free(_) = slot {
            return None;
        }
        let Slot::Full(object) = core::mem::replace(slot, Slot::Free(self.free)) else { return None };
        self.free = number;
        self.live -= 1;
        Some(object)
    }
}

macro_rules! objects {
    ($($(#[$doc:meta])* $kind:ident($inner:ty) as $get:ident),* $(,)?) => {
        /// Anything that JavaScript holds.
        #[derive(Clone)]
        pub enum Object {
            $($(#[$doc])* $kind($inner),)*
            /// Changes of running statistics that are held back.
            Hold(Rc<Hold>),
        }
        impl From<Rc<Hold>> for Object {
            fn from(inner: Rc<Hold>) -> Object {
                Object::Hold(inner)
            }
        }
        $(
            impl From<$inner> for Object {
                fn from(inner: $inner) -> Object {
                    Object::$kind(inner)
                }
            }
            $(#[$doc])*
            pub fn $get(number: u32) -> $inner {
                match get(number) {
                    Object::$kind(inner) => inner,
                    _ => unreachable!(),
                }
            }
        )*
    };
}

objects! {
    /// A floating-point tensor.
    Tensor(Tensor) as tensor,
    /// An integer tensor.
    Indices(Rc<Indices>) as indices,
    /// A module.
    Layer(Module) as layer,
    /// Named values.
    State(Shared<State>) as state,
    /// A loss with its settings.
    Loss(Rc<Loss>) as loss,
    /// An optimizer.
    Optimizer(Shared<Optimizer>) as optimizer,
    /// A schedule with its counter.
    Scheduler(Shared<Scheduler>) as scheduler,
    /// A data set.
    Dataset(Rc<Dataset>) as dataset,
    /// Some rows of one.
    Batch(Rc<Batch>) as batch,
    /// A training.
    Trainer(Shared<Trainer>) as trainer,
    /// An evaluation under way.
    Evaluator(Shared<Evaluator>) as evaluator,
    /// A recalibration under way.
    Recalibration(Rc<Recalibration>) as recalibration,
}

thread_local! {
    static TABLE: RefCell<Table<Object>> = const { RefCell::new(Table::new()) };
}

#[inline(never)]
fn get(number: u32) -> Object {
    TABLE.with_borrow(|t| t.get(number).cloned()).unwrap_or_else(|| unreachable!())
}

/// Takes an object out of the table.
#[inline(never)]
fn take(number: u32) -> Object {
    TABLE.with_borrow_mut(|t| t.take(number)).unwrap_or_else(|| unreachable!())
}

/// The hold of this number, which is then no longer in the table.
pub fn take_hold(number: u32) -> Hold {
    match take(number) {
        Object::Hold(hold) => Rc::into_inner(hold).unwrap_or_else(|| unreachable!()),
        _ => unreachable!(),
    }
}

/// The same for an optimizer.
pub fn take_optimizer(number: u32) -> Optimizer {
    match take(number) {
        Object::Optimizer(optimizer) => Rc::into_inner(optimizer).unwrap_or_else(|| unreachable!()).into_inner(),
        _ => unreachable!(),
    }
}

/// The same for a data set.
pub fn take_dataset(number: u32) -> Dataset {
    match take(number) {
        Object::Dataset(data) => Rc::into_inner(data).unwrap_or_else(|| unreachable!()),
        _ => unreachable!(),
    }
}

#[inline(never)]
fn put(object: Object) -> u32 {
    TABLE.with_borrow_mut(|t| t.put(object))
}

/// The number of a new object.
pub fn give(object: impl Into<Object>) -> u32 {
    put(object.into())
}

/// The number of a new object, 0 if there is none.
pub fn give_some(object: Option<impl Into<Object>>) -> u32 {
    object.map_or(0, give)
}

/// The number of a new object; 0 if it could not be made, and why waits.
pub fn made(object: Result<impl Into<Object>>) -> u32 {
    match object {
        Ok(object) => give(object),
        Err(e) => fail(&e),
    }
}

/// [`made`] for a tensor, which most are.
#[inline(never)]
pub fn made_tensor(t: Result<Tensor>) -> u32 {
    made(t)
}

/// Something that changes.
pub fn shared<T>(inner: T) -> Shared<T> {
    Rc::new(RefCell::new(inner))
}

/// A tensor, none if the number is 0.
pub fn some_tensor(number: u32) -> Option<Tensor> {
    (number != 0).then(|| tensor(number))
}

/// Tensors by their numbers.
pub fn tensors(numbers: &[u32]) -> Vec<Tensor> {
    numbers.iter().map(|&n| tensor(n)).collect()
}

/// Modules by their numbers.
pub fn layers(numbers: &[u32]) -> Vec<Module> {
    numbers.iter().map(|&n| layer(n)).collect()
}

/// What a loss is taken against: labels or values, as the object is.
pub fn target(number: u32) -> Target {
    match get(number) {
        Object::Indices(labels) => Target::Classes((*labels).clone()),
        Object::Tensor(values) => Target::Values(values),
        _ => unreachable!(),
    }
}

/// Shape, size and address of a tensor of either kind.
pub fn extent(number: u32) -> (evenkeel::tensor::Shape, *const u8) {
    match get(number) {
        Object::Indices(i) => (i.shape(), i.read().as_ptr().cast()),
        Object::Tensor(t) => (t.shape(), t.with_data(<[f32]>::as_ptr).cast()),
        _ => unreachable!(),
    }
}

/// Releases an object: its number may be given to another one.
#[wasm_bindgen]
pub fn release(number: u32) {
    // What it was goes when the table is no longer borrowed.
    drop(take(number));
}

/// Another number for the same object.
#[wasm_bindgen]
pub fn share(number: u32) -> u32 {
    put(get(number))
}

/// How many objects there are.
#[wasm_bindgen]
pub fn objects() -> u32 {
    TABLE.with_borrow(|t| t.live)
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn numbers_start_at_one_and_are_used_again() {
        let mut table = Table::new();
        assert_eq!([table.put("a"), table.put("b"), table.put("c")], [1, 2, 3]);
        assert_eq!((table.take(2), table.take(1)), (Some("b"), Some("a")));
        assert_eq!(table.live, 1);
        assert_eq!([table.put("d"), table.put("e"), table.put("f")], [1, 2, 4]);
        assert_eq!([1, 2, 3, 4].map(|n| table.get(n).copied()), [Some("d"), Some("e"), Some("c"), Some("f")]);
    }

    #[test]
    fn what_is_not_there_is_none() {
        let mut table = Table::new();
        assert_eq!(
            (table.get(0).is_none(), table.get(1).is_none(), table.take(0), table.take(1)),
            (true, true, None, None)
        );
        let number = table.put(7);
        assert_eq!((table.take(number), table.take(number), table.get(number).is_none()), (Some(7), None, true));
        assert_eq!((table.live, table.put(8), table.put(9)), (0, 1, 2));
    }
}
