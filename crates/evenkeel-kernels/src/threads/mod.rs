//! A fixed pool of threads that work on one job at a time, and the caller with them.
//!
//! A job is a number of tasks and a function of the task's number; whoever is free takes the next one. Which thread
//! computes a task must not matter for its result, so the same job gives the same bits with any number of threads:
//! with none at all the caller does every task itself.
//!
//! The caller never blocks, since the thread of a web page must not (`memory.atomic.wait` traps there): it publishes the
//! job, wakes the workers, takes tasks like they do, and spins for those that others have not yet finished. Workers
//! spin for a moment, so that the next kernel of a training step finds them awake, and then sleep.
//!
//! Natively [`start`] makes the workers. In wasm JavaScript starts them, each an instance on the same memory that calls
//! [`serve`].
#![allow(unsafe_code, reason = "a job's closure lives on its caller's stack; see the comments marked SAFETY")]

mod parts;

pub use parts::{Rows, each_part};

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};
use std::thread::Thread;

/// Most tasks of a job.
pub const MAX_TASKS: usize = 0xffff;

/// Looks for work before a worker sleeps: some hundred microseconds, longer than a training step's pauses and than it
/// takes to wake. With less, a worker that woke too late for one short job would sleep before the next one comes.
/// (A processor's pause, which wasm has not, makes a look longer.)
const SPINS: usize = if cfg!(target_arch = "wasm32") { 200_000 } else { 10_000 };

/// The job: its number, and its tasks that nobody has taken yet, from .. to (32, 16 and 16 bits). In one word, so that a
/// task can only be taken of the job that was looked at. The caller takes from the front and workers from the back: so
/// with two threads each finds in its cache what it wrote when it had the same rows before.
static STATE: Line<AtomicU64> = Line(AtomicU64::new(0));
/// The job's closure, valid while tasks of `STATE`'s job are not done.
static JOB: AtomicPtr<Job<'static>> = AtomicPtr::new(core::ptr::null_mut());
/// Tasks of the job that are done.
static DONE: Line<AtomicU32> = Line(AtomicU32::new(0));
/// Whether some thread's job runs. Another thread that comes meanwhile works alone.
static BUSY: AtomicBool = AtomicBool::new(false);
/// Whether a worker has failed.
static FAILED: AtomicBool = AtomicBool::new(false);
/// Whether workers shall end.
static STOP: AtomicBool = AtomicBool::new(false);
/// Workers that serve.
static SERVING: AtomicU32 = AtomicU32::new(0);
/// Whom to wake.
static WORKERS: Mutex<Vec<Thread>> = Mutex::new(Vec::new());

/// A cache line to itself: who takes tasks does not disturb who waits for the end.
#[repr(align(64))]
struct Line<T>(T);

struct Job<'a> {
    call: &'a (dyn Fn(usize) + Sync),
}

/// The tasks that are left.
fn left(state: u64) -> core::ops::Range<u64> {
    (state & 0xffff)..(state >> 16 & 0xffff)
}

/// Where a thread takes tasks.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

/// How many threads work: those that serve, and the caller.
pub fn count() -> usize {
    SERVING.load(Ordering::Relaxed) as usize + 1
}

/// Calls `f` with each of `0..tasks`, on whichever threads are free, and returns when all are done.
///
/// # Panics
/// If `f` has, or if there are more than [`MAX_TASKS`].
pub fn run(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    assert!(tasks <= MAX_TASKS, "a job of {tasks} tasks");
    if tasks < 2 || count() == 1 || BUSY.swap(true, Ordering::Acquire) {
        (0..tasks).for_each(f);
        return;
    }
    let job = Job { call: f };
    JOB.store((&raw const job).cast_mut().cast(), Ordering::Relaxed);
    DONE.0.store(0, Ordering::Relaxed);
    let number = (STATE.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
    STATE.0.store(number << 32 | (tasks as u64) << 16, Ordering::Release);
    // Should `f` panic here, the others are still waited for: what it borrows must outlive them.
    let finish = Finish { tasks: tasks as u64 };
    wake(tasks - 1);
    while let Some((_, i)) = take(End::Front, Ordering::Relaxed) {
        let finished = TaskDone;
        f(i);
        drop(finished);
    }
    drop(finish);
}

/// Counts a task as done, also when it panics.
struct TaskDone;

impl Drop for TaskDone {
    fn drop(&mut self) {
        DONE.0.fetch_add(1, Ordering::Release);
    }
}

/// Waits for the job's end.
struct Finish {
    tasks: u64,
}

impl Drop for Finish {
    fn drop(&mut self) {
        // What is not yet taken (after a panic) nobody shall take.
        let untaken = left(STATE.0.fetch_and(!0xffff_ffff, Ordering::Relaxed));
        let taken = self.tasks - untaken.count() as u64;
        while u64::from(DONE.0.load(Ordering::Acquire)) < taken {
            // A worker that has trapped will never be done. Here that traps too, and the whole instance is given up.
            assert!(!(cfg!(target_arch = "wasm32") && FAILED.load(Ordering::Relaxed)), "a worker has trapped");
            core::hint::spin_loop();
        }
        BUSY.store(false, Ordering::Release);
        if FAILED.swap(false, Ordering::Relaxed) && !std::thread::panicking() {
            panic!("a task has panicked in another thread");
        }
    }
}

/// Takes a task of the job, if one is left.
fn take(end: End, success: Ordering) -> Option<(*const Job<'static>, usize)> {
    loop {
        let state = STATE.0.load(Ordering::Acquire);
        let tasks = left(state);
        if tasks.is_empty() {
            return None;
        }
        // Of `state`'s job or, if that has ended since, of a later one; but then the exchange fails.
        let job = JOB.load(Ordering::Relaxed);
        let (i, next) = match end {
            End::Front => (tasks.start, state + 1),
            End::Back => (tasks.end - 1, state - (1 << 16)),
        };
        if STATE.0.compare_exchange(state, next, success, Ordering::Relaxed).is_ok() {
            return Some((job, i as usize));
        }
    }
}

fn workers() -> MutexGuard<'static, Vec<Thread>> {
    WORKERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn wake(most: usize) {
    // Held only by workers that come or go, which look for work themselves: no reason to wait.
    if let Ok(workers) = WORKERS.try_lock() {
        workers.iter().take(most).for_each(Thread::unpark);
    }
}

/// Works for whoever has a job, until the pool is stopped (in wasm: until the worker is ended).
pub fn serve() {
    workers().push(std::thread::current());
    SERVING.fetch_add(1, Ordering::Relaxed);
    while !STOP.load(Ordering::Relaxed) {
        while let Some((job, i)) = take(End::Back, Ordering::Acquire) {
            // SAFETY: task `i` of this job was taken and is not done, so `run` has not returned and its closure lives;
            // that `job` is this job's is what the exchange in `take` has made sure of.
            let call = unsafe { (*job).call };
            let finished = TaskDone;
            if catch_unwind(AssertUnwindSafe(|| call(i))).is_err() {
                FAILED.store(true, Ordering::Relaxed);
            }
            drop(finished);
        }
        let work = |_| {
            core::hint::spin_loop();
            !left(STATE.0.load(Ordering::Relaxed)).is_empty()
        };
        // A job that is published from here on wakes who sleeps; a wake-up that comes first is kept.
        if !(0..SPINS).any(work) {
            std::thread::park();
        }
    }
    SERVING.fetch_sub(1, Ordering::Relaxed);
}

/// Says that a worker has died with a task in hand: whoever waits for it gives up.
pub fn worker_failed() {
    FAILED.store(true, Ordering::Relaxed);
}

/// The workers that [`start`] has made; they end with it.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub struct Pool(Vec<std::thread::JoinHandle<()>>);

/// Starts a pool of `n` threads, the caller's among them.
///
/// # Panics
/// If there is one already.
#[cfg(not(target_arch = "wasm32"))]
pub fn start(n: usize) -> Pool {
    assert!(count() == 1, "one pool at a time");
    let pool = Pool((1..n).map(|_| std::thread::spawn(serve)).collect());
    while count() < n {
        std::thread::yield_now();
    }
    pool
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Pool {
    fn drop(&mut self) {
        STOP.store(true, Ordering::Relaxed);
        workers().drain(..).for_each(|worker| worker.unpark());
        for worker in self.0.drain(..) {
            let _ = worker.join();
        }
        STOP.store(false, Ordering::Relaxed);
    }
}
