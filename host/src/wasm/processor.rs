//! The processor time of the thread that asks: what a guest is measured by. A guest can wait for nothing, so what
//! it uses is what it needs, also on a machine that has more threads than processors.

use std::time::Duration;

/// Time that this thread has spent on a processor since it began.
pub(super) fn time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is valid and as the call wants it. It only fails for clocks that do not exist, and
    // every Linux has this one; then the time would stay 0 and calls without an end.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    debug_assert_eq!(code, 0, "this system has no clock for the processor time of a thread");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_counts_and_waiting_does_not() {
        let before = time();
        std::thread::sleep(Duration::from_millis(50));
        let waited = time() - before;
        assert!(waited < Duration::from_millis(40), "{waited:?}");
        let until = Instant::now() + Duration::from_secs(60);
        while time() - before < Duration::from_millis(50) {
            assert!(Instant::now() < until, "a busy loop uses no time");
        }
    }
}
