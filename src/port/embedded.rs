//! The traits of `embedded_io`, and of `embedded_io_async` behind its feature.

use std::io;

use super::{Port, Reader, Writer};

macro_rules! read {
    ($($end:ident)+) => { $(
        impl embedded_io::Read for $end {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.shared.read(buf)
            }
        }

        impl embedded_io::ReadReady for $end {
            /// A look that finds nothing lets a millisecond of virtual time pass, so that a driver that looks again and again gets there.
            fn read_ready(&mut self) -> io::Result<bool> {
                self.shared.ready()
            }
        }

        #[cfg(feature = "embedded-io-async")]
        impl embedded_io_async::Read for $end {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                std::future::poll_fn(|context| match self.shared.look(context.waker(), buf) {
                    super::shared::Look::Done(result) => std::task::Poll::Ready(result),
                    super::shared::Look::Wait(time) => {
                        if let Some(time) = time {
                            self.shared.alarm(time);
                        }
                        std::task::Poll::Pending
                    }
                })
                .await
            }
        }
    )+ };
}

macro_rules! write {
    ($($end:ident)+) => { $(
        impl embedded_io::Write for $end {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.shared.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl embedded_io::WriteReady for $end {
            fn write_ready(&mut self) -> io::Result<bool> {
                Ok(true)
            }
        }

        #[cfg(feature = "embedded-io-async")]
        impl embedded_io_async::Write for $end {
            async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.shared.write(bytes)
            }

            async fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )+ };
}

macro_rules! error {
    ($($end:ident)+) => { $(
        impl embedded_io::ErrorType for $end {
            type Error = io::Error;
        }
    )+ };
}

error!(Port Reader Writer);
read!(Port Reader);
write!(Port Writer);
