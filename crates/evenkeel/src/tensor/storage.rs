//! Pooled storage. A buffer belongs to a size class and returns to its class's free list when the last view of it
//! goes, so that a training loop allocates nothing once it has seen its largest step.
//!
//! Size classes grow by a quarter of a power of two (at most 25 % is spare). Buffers from the pool hold stale numbers:
//! whoever takes one writes all of it before reading.

use crate::error::{Code, Error, Result};
use crate::kernels::Kernels;
use core::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

/// Free lists and counters of one element type.
pub struct Pool<E> {
    free: RefCell<Vec<Vec<Rc<Block<E>>>>>,
    live: Cell<usize>,
    pooled: Cell<usize>,
}

impl<E> Pool<E> {
    const fn new() -> Self {
        Pool { free: RefCell::new(Vec::new()), live: Cell::new(0), pooled: Cell::new(0) }
    }
    fn memory(&self) -> Memory {
        Memory { live: self.live.get(), pooled: self.pooled.get() }
    }
}

/// A type that tensors can hold.
pub trait Element: Copy + Default + PartialEq + 'static {
    /// Calls `f` with this type's pool.
    fn pool<R>(f: impl FnOnce(&Pool<Self>) -> R) -> R;
}

macro_rules! element {
    ($($t:ty)*) => {$(
        impl Element for $t {
            #[inline]
            fn pool<R>(f: impl FnOnce(&Pool<Self>) -> R) -> R {
                thread_local! { static POOL: Pool<$t> = const { Pool::new() }; }
                POOL.with(f)
            }
        }
    )*};
}
element!(f32 f64 i32);

/// A floating-point type that tensors can hold.
pub trait Float: Kernels + Element {}
impl<T: Kernels + Element> Float for T {}

/// Bytes held by tensors of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that tensors hold now.
    pub live: usize,
    /// Bytes kept for reuse.
    pub pooled: usize,
}

impl Memory {
    /// The error where so many bytes more could not be had.
    pub fn exceeded(self, wanted: usize) -> Error {
        Error::new(Code::OutOfMemory)
            .with("wanted", wanted)
            .with("limit", usize::MAX as f64 + 1.0)
            .with("live", self.live)
            .with("pooled", self.pooled)
    }
}

/// Memory of the shipped types (`f32` and `i32`) on this thread.
pub fn memory() -> Memory {
    fn of<E: Element>() -> Memory {
        E::pool(|p| p.memory())
    }
    let (a, b) = (of::<f32>(), of::<i32>());
    Memory { live: a.live + b.live, pooled: a.pooled + b.pooled }
}

/// Gives pooled buffers back to the allocator.
pub fn trim() {
    fn of<E: Element>() {
        E::pool(|p| {
            p.free.borrow_mut().clear();
            p.pooled.set(0);
        });
    }
    of::<f32>();
    of::<f64>();
    of::<i32>();
}

/// The class that holds `len` elements, and how many it holds: 16, 20, 24, 28, 32, 40, 48, ...
fn class_of(len: usize) -> (usize, usize) {
    if len <= 16 {
        return (0, 16);
    }
    let top = usize::BITS as usize - 1 - (len - 1).leading_zeros() as usize;
    let quarter = 1usize << (top - 2);
    let k = (len - (1 << top)).div_ceil(quarter);
    ((top - 4) * 4 + k, (1 << top) + k * quarter)
}

struct Block<E> {
    data: RefCell<Vec<E>>,
    /// Moves with each write after the first: backward checks that what it saved is still there.
    version: Cell<u32>,
}

/// A range of a pooled buffer, shared by whoever holds a view of it.
#[derive(Clone)]
pub struct View<E: Element> {
    block: Rc<Block<E>>,
    offset: usize,
    len: usize,
}

impl<E: Element> Drop for View<E> {
    /// The last view of a buffer gives it back, together with what counts its views: taking it again allocates nothing.
    fn drop(&mut self) {
        if !self.is_unique() {
            return;
        }
        let size = self.block.data.borrow().len();
        let bytes = size * size_of::<E>();
        let (class, _) = class_of(size);
        E::pool(|p| {
            p.live.set(p.live.get() - bytes);
            p.pooled.set(p.pooled.get() + bytes);
            let mut free = p.free.borrow_mut();
            if free.len() <= class {
                free.resize_with(class + 1, Vec::new);
            }
            free[class].push(self.block.clone());
        });
    }
}

impl<E: Element> View<E> {
    /// A buffer of `len` elements with arbitrary contents.
    pub fn take(len: usize) -> Result<Self> {
        let (class, size) = class_of(len);
        let bytes = size * size_of::<E>();
        let block = E::pool(|p| {
            let reused = p.free.borrow_mut().get_mut(class).and_then(Vec::pop);
            let block = match reused {
                Some(block) => {
                    p.pooled.set(p.pooled.get() - bytes);
                    block
                }
                None => {
                    let mut d = Vec::new();
                    if d.try_reserve_exact(size).is_err() {
                        return Err(p.memory().exceeded(bytes));
                    }
                    d.resize(size, E::default());
                    Rc::new(Block { data: RefCell::new(d), version: Cell::new(0) })
                }
            };
            p.live.set(p.live.get() + bytes);
            Ok(block)
        })?;
        Ok(View { block, offset: 0, len })
    }
    /// A buffer with these contents.
    pub fn from_slice(data: &[E]) -> Result<Self> {
        Self::build(data.len(), |to| to.copy_from_slice(data))
    }
    /// A buffer with the same value throughout.
    pub fn full(len: usize, value: E) -> Result<Self> {
        Self::build(len, |to| to.fill(value))
    }
    /// A buffer that `fill` writes completely.
    pub fn build(len: usize, fill: impl FnOnce(&mut [E])) -> Result<Self> {
        let v = Self::take(len)?;
        fill(&mut v.block.data.borrow_mut()[..len]);
        Ok(v)
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }
    /// No elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The elements, for reading.
    pub fn read(&self) -> Ref<'_, [E]> {
        Ref::map(self.block.data.borrow(), |d| &d[self.offset..self.offset + self.len])
    }
    /// The elements, for writing. Counts as a change: graphs that saved them become stale.
    pub fn write(&self) -> RefMut<'_, [E]> {
        self.block.version.set(self.block.version.get().wrapping_add(1));
        RefMut::map(self.block.data.borrow_mut(), |d| &mut d[self.offset..self.offset + self.len])
    }
    /// A part of this view.
    pub(crate) fn part(&self, offset: usize, len: usize) -> Self {
        debug_assert!(offset + len <= self.len);
        View { block: self.block.clone(), offset: self.offset + offset, len }
    }
    /// Nobody else holds the buffer.
    pub(crate) fn is_unique(&self) -> bool {
        Rc::strong_count(&self.block) == 1
    }
    /// Both look into the same buffer.
    pub(crate) fn same_block(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.block, &other.block)
    }
    /// Changes with every [`write`](Self::write).
    pub(crate) fn version(&self) -> u32 {
        self.block.version.get()
    }
    /// A copy in a buffer of its own.
    pub fn copy(&self) -> Result<Self> {
        Self::from_slice(&self.read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_say() {
        let mut last = 0;
        for len in 0..5000 {
            let (class, size) = class_of(len);
            assert!(size >= len && (len <= 16 || size * 4 <= len * 5 + 4), "{len} {size}");
            assert_eq!(class_of(size), (class, size));
            assert!(class >= last && class <= last + 1);
            last = class;
        }
    }

    #[test]
    fn buffers_return_to_the_pool() {
        trim();
        let before = memory();
        let v = View::full(1000, 1f32).unwrap();
        assert_eq!(memory().live, before.live + 4096);
        drop(v);
        assert_eq!(memory(), Memory { live: before.live, pooled: 4096 });
        let w = View::<f32>::take(1001).unwrap();
        assert_eq!(memory().pooled, 0);
        drop(w);
        trim();
        assert_eq!(memory(), before);
    }
}
