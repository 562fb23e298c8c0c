//! The port for tokio: the module goes by tokio's clock.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::time::{Instant, Sleep, sleep_until};

use super::shared::Look;
use super::{Control, Port};

/// A [`Port`] for tokio: `AsyncRead` and `AsyncWrite`, to be split with `tokio::io::split`.
///
/// The module's clock is tokio's. In a test with a paused clock (`#[tokio::test(start_paused = true)]`) everything takes no time, and still happens
/// in the order of its times, the driver's own timeouts included: such a test is deterministic.
pub struct TokioPort {
    port: Port,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TokioPort {
    pub(super) fn new(port: Port) -> Self {
        port.shared.lock().watch.follow_tokio();
        Self { port, sleep: None }
    }

    /// The test's end: any number of them, on any thread.
    pub fn control(&self) -> Control {
        self.port.control()
    }
}

impl std::fmt::Debug for TokioPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokioPort").finish_non_exhaustive()
    }
}

impl AsyncRead for TokioPort {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.port.shared.look(context.waker(), buf.initialize_unfilled()) {
                Look::Done(Ok(len)) => {
                    buf.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Look::Done(Err(error)) => return Poll::Ready(Err(error)),
                Look::Wait(None) => return Poll::Pending,
                Look::Wait(Some(time)) => {
                    // A year is as good as for ever, and no clock overflows.
                    let until = Instant::now() + time.min(std::time::Duration::from_secs(31_536_000));
                    let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
                    sleep.as_mut().reset(until);
                    if sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for TokioPort {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.port.shared.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
