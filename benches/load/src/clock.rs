//! One clock for all processes of a run, and waits finer than the runtime's.
//!
//! CLOCK_MONOTONIC is the same in every process of a machine. So a mark the provider writes into a chunk can
//! be read by the load generator: the difference is the chunk's true way through the gateway.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// Nanoseconds of CLOCK_MONOTONIC.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Seconds as nanoseconds.
pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Waits until `at`, to the runtime's millisecond.
pub(crate) async fn sleep_until(at: u64) {
    let left = at.saturating_sub(now());
    if left > 0 {
        tokio::time::sleep(Duration::from_nanos(left)).await;
    }
}

/// Waits to the microsecond: a timetable of thousands of requests a second needs it.
pub(crate) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "`register` wants unsafe code for descriptors that might be closed under it; an owned one cannot be"
        )]
        let registered = AsyncFd::new(fd)?;
        Ok(Self(registered))
    }

    pub(crate) async fn until(&self, at: u64) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: (at / 1_000_000_000) as _,
                tv_nsec: (at % 1_000_000_000) as _,
            },
        };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            if rustix::io::read(self.0.get_ref(), &mut [0; 8]) == Ok(8) {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}
