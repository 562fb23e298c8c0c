//! Ctrl-C: the first one ends the reading, so that what was decoded so far and its summary are printed; a second one
//! ends the program at once.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Exit status of a run that was interrupted: 128 and the number of SIGINT, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// The exit status of the end that was asked for; 0: none was.
static ASKED: AtomicU8 = AtomicU8::new(0);

/// From here on Ctrl-C asks for the end; see [`asked`].
pub(super) fn watch() {
    watch_then(|| {});
}

/// As [`watch`]; and the first Ctrl-C does this, for whoever does not look all the time.
pub(super) fn watch_then(then: impl Fn() + Send + 'static) {
    let handler = move || {
        if ASKED.swap(INTERRUPTED, Ordering::Relaxed) != 0 {
            std::process::exit(i32::from(INTERRUPTED));
        }
        then();
    };
    // Where no handler can be set, Ctrl-C ends the program as it always did.
    let _ = ctrlc::set_handler(handler);
}

/// As [`watch`], for whoever has processes of others to end: SIGTERM and SIGHUP, of `timeout` and a terminal that is closed, ask for the end as well.
#[cfg(feature = "simulate")]
pub(super) fn watch_all() {
    watch();
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGTERM};
        // Where they cannot be watched, they end the program as they always did.
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGTERM]) {
            std::thread::spawn(move || {
                for signal in signals.forever() {
                    // As shells have it.
                    ASKED.store(128 + u8::try_from(signal).unwrap_or_default(), Ordering::Relaxed);
                }
            });
        }
    }
}

/// Whether the user asked for the end.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed) != 0
}

/// The exit status of the end that was asked for: 128 and the number of the signal.
#[cfg(feature = "simulate")]
pub(super) fn status() -> u8 {
    ASKED.load(Ordering::Relaxed)
}

/// How often a reader that waits for input looks whether the end was asked for.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Standard input, which ends when the user asks for the end.
///
/// A read that waits for a pipe or terminal does not come back for a signal: so it waits on a thread of its own.
pub(super) struct Stdin {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// What was handed out of the piece.
    used: usize,
}

impl Stdin {
    pub(super) fn new() -> Self {
        let (sender, pieces) = sync_channel(2);
        std::thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut piece = vec![0; PIECE];
                let read = match stdin.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map(|len| {
                        piece.truncate(len);
                        piece
                    }),
                };
                let last = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Self { pieces, piece: Vec::new(), used: 0 }
    }
}

impl Read for Stdin {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.used >= self.piece.len() {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => (self.piece, self.used) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) if !asked() => continue,
                Err(_) => return Ok(0),
            }
            if self.piece.is_empty() {
                return Ok(0);
            }
        }
        let mut rest = self.piece.get(self.used..).unwrap_or_default();
        let len = rest.read(out)?;
        self.used += len;
        Ok(len)
    }
}
