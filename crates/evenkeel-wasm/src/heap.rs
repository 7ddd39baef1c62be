//! The allocator: the standard one, called and not inlined. There are more than a thousand places that free something, and
//! the optimiser would put the allocator's front half into each.
#![allow(unsafe_code, reason = "the trait is unsafe; every call is handed on as it came")]

use std::alloc::{GlobalAlloc, Layout, System};

struct Heap;

// SAFETY: `System` keeps the contract of the trait, and gets the arguments of the caller, who keeps it too.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }
    #[inline(never)]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    #[inline(never)]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;
