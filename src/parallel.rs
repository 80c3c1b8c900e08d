//! Independent tasks on several cores. Knows nothing of what they do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Starting a thread takes as long as looking at so many directives.
const WORTH_A_THREAD: usize = 4_000;

/// More threads than this wait for memory, not for a core.
const MAX_THREADS: usize = 8;

/// Bytes of stack, as much as the first thread has.
const STACK: usize = 8 << 20;

/// How many threads pay for work on so many directives, at most one a core.
pub fn threads(directives: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let worth = directives / WORTH_A_THREAD;
    if worth < 2 { 1 } else { worth.min(cores()).min(MAX_THREADS) }
}

/// Runs tasks `0..count` and returns their results in that order. Each thread makes a state of its own, which the tasks
/// that it takes share.
///
/// # Panics
/// Where a task does.
pub fn run<S, T: Send>(
    threads: usize,
    count: usize,
    state: impl Fn() -> S + Sync,
    task: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = state();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, task(&mut state, index)));
        }
    };
    let mut done = thread::scope(|scope| {
        // Without another thread this one does it all.
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..threads.min(count)).filter_map(start).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_however_many_threads_work() {
        for threads in [1, 2, 7] {
            let squares = run(
                threads,
                1000,
                || 0_usize,
                |seen, index| {
                    *seen += 1;
                    (index * index, *seen)
                },
            );
            assert!(squares.iter().enumerate().all(|(index, (square, _))| *square == index * index));
            // Each thread counts its own tasks from one.
            assert!(squares.iter().filter(|(_, seen)| *seen == 1).count() <= threads);
        }
        assert!(run(4, 0, || (), |(), index| index).is_empty());
    }

    #[test]
    fn little_work_is_done_on_one_thread() {
        assert_eq!([threads(0), threads(7_999)], [1, 1]);
        assert!(threads(1 << 20) <= MAX_THREADS);
    }
}
