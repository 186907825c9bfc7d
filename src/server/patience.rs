//! A limit for the time that something takes.

use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Ends waits that take longer than a limit, one wait after the other.
///
/// The timer behind it is registered once and moved only when it fires. One for each wait would make the runtime wake
/// itself, which takes longer than to read what is waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    timer: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Patience {
    /// Waits for something; `None` if it takes longer than the limit, which is the same each time.
    pub(super) async fn wait<T>(
        &self,
        limit: Duration,
        something: impl Future<Output = T>,
    ) -> Option<T> {
        let end = Instant::now().checked_add(limit);
        let mut something = pin!(something);
        std::future::poll_fn(|cx| match (something.as_mut().poll(cx), end) {
            (Poll::Ready(done), _) => Poll::Ready(Some(done)),
            (Poll::Pending, Some(end)) => self.poll_until(end, cx).map(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        })
        .await
    }

    fn poll_until(&self, end: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            // It was set for an earlier wait.
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_has_the_whole_limit_and_what_is_in_time_is_given() {
        const LIMIT: Duration = Duration::from_millis(20);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        runtime.block_on(async {
            let patience = Patience::default();
            let soon = tokio::time::sleep(LIMIT / 2);
            assert_eq!(patience.wait(LIMIT, soon).await, Some(()));
            for _ in 0..2 {
                let began = Instant::now();
                assert_eq!(
                    patience.wait(LIMIT, std::future::pending::<()>()).await,
                    None
                );
                assert!(began.elapsed() >= LIMIT);
            }
            assert_eq!(patience.wait(Duration::MAX, async { 7 }).await, Some(7));
        });
    }
}
