//! The line to a driver: its standard input and output, a pseudo-terminal or TCP; and the process at its other end.
//!
//! Whatever happens, no process is left behind: a driver is the head of a process group of its own, which is killed as a whole.

use std::ffi::OsString;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::args::Wire;
use crate::cli::failure::Failure;
use crate::cli::simulate::mail::{Incoming, Mailbox, Outbox};

/// Bytes that are read at once.
const PIECE: usize = 4096;

/// Bytes of a driver's log that are kept: the first and the last so many.
const HEAD: usize = 64 * 1024;
const TAIL: usize = 192 * 1024;

/// How long a driver may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// What a driver prints beside the line, shortened in the middle.
#[derive(Debug, Default)]
pub(super) struct Log {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Log {
    fn push(&mut self, bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    pub(super) fn text(&self) -> String {
        let tail = self.tail.get(self.tail.len().saturating_sub(TAIL)..).unwrap_or_default();
        String::from_utf8_lossy(&[&self.head, tail].concat()).into_owned()
    }
}

/// A driver that runs, and the line to it.
pub(super) struct Driver {
    child: Child,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) outbox: Arc<Outbox>,
    log: Arc<Mutex<Log>>,
    readers: Vec<std::thread::JoinHandle<()>>,
    #[cfg(unix)]
    _pty: Option<crate::cli::simulate::pty::Pty>,
}

impl Driver {
    /// Starts a driver, with the line where it wants it.
    pub(super) fn start(command: &[OsString], wire: Wire) -> Result<Self, Failure> {
        let (mailbox, outbox) = (Arc::new(Mailbox::default()), Arc::new(Outbox::default()));
        match wire {
            Wire::Stdio => {
                let mut child = spawn(command, None, true)?;
                let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
                let mut driver = Self::new(child, mailbox, outbox);
                if let Some(stdout) = stdout {
                    let own = Arc::clone(&driver.mailbox);
                    std::thread::spawn(move || read(stdout, &own));
                }
                if let Some(mut stdin) = stdin {
                    let own = Arc::clone(&driver.outbox);
                    // A driver that does not read any more says so by its end.
                    std::thread::spawn(move || drop(own.write_to(&mut stdin, |_| false)));
                }
                driver.keep_log();
                Ok(driver)
            }
            Wire::Tcp => {
                let said = |error: io::Error| Failure::Said(format!("cannot listen on 127.0.0.1: {error}"));
                let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(said)?;
                let address = listener.local_addr().map_err(said)?.to_string();
                let child = spawn(command, Some(&address), false)?;
                let mut driver = Self::new(child, mailbox, outbox);
                driver.keep_log();
                if let Some(stream) = driver.accept(&listener).map_err(said)? {
                    let (reader, mut writer) = (stream.try_clone().map_err(said)?, stream);
                    let own = Arc::clone(&driver.mailbox);
                    std::thread::spawn(move || read(reader, &own));
                    let own = Arc::clone(&driver.outbox);
                    std::thread::spawn(move || drop(own.write_to(&mut writer, |_| false)));
                }
                Ok(driver)
            }
            #[cfg(unix)]
            Wire::Pty => {
                let pty = crate::cli::simulate::pty::Pty::open()?;
                let path = pty.path().display().to_string();
                pty.serve(&mailbox, &outbox);
                let child = spawn(command, Some(&path), false)?;
                let mut driver = Self::new(child, mailbox, outbox);
                driver._pty = Some(pty);
                driver.keep_log();
                Ok(driver)
            }
            #[cfg(not(unix))]
            Wire::Pty => Err(Failure::said("there are no pseudo-terminals here; say --tcp, or leave --pty out")),
        }
    }

    fn new(child: Child, mailbox: Arc<Mailbox>, outbox: Arc<Outbox>) -> Self {
        Self {
            child,
            mailbox,
            outbox,
            log: Arc::default(),
            readers: Vec::new(),
            #[cfg(unix)]
            _pty: None,
        }
    }

    /// Waits for the driver's connection; `None`: it ended without one, or took too long.
    fn accept(&mut self, listener: &TcpListener) -> io::Result<Option<TcpStream>> {
        listener.set_nonblocking(true)?;
        let until = Instant::now() + CONNECT;
        while Instant::now() < until && self.child.try_wait()?.is_none() {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What it prints beside the line is kept.
    fn keep_log(&mut self) {
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let log = &self.log;
        let mut keep = |pipe: Box<dyn Read + Send>| {
            let log = Arc::clone(log);
            self.readers.push(std::thread::spawn(move || drain(pipe, &log)));
        };
        if let Some(out) = out {
            keep(Box::new(out));
        }
        if let Some(err) = err {
            keep(Box::new(err));
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What it printed; waits a moment for what is on its way.
    pub(super) fn said(&mut self) -> String {
        let until = Instant::now() + Duration::from_millis(500);
        while self.readers.iter().any(|reader| !reader.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.log.lock().unwrap_or_else(PoisonError::into_inner).text()
    }

    /// Ends it with all that it has started.
    pub(super) fn kill(&mut self) {
        self.mailbox.stop();
        self.outbox.close(Some(Duration::ZERO), || true);
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // There may be nothing left of it.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts the process; `place`: where its line is, for `@@` and `ATSCOPE_PORT`.
fn spawn(command: &[OsString], place: Option<&str>, stdio: bool) -> Result<Child, Failure> {
    let mut words = command.iter();
    let program = words.next().cloned().unwrap_or_default();
    let mut call = Command::new(&program);
    for word in words {
        match (place, word.to_str()) {
            (Some(place), Some(text)) if text.contains("@@") => call.arg(text.replace("@@", place)),
            _ => call.arg(word),
        };
    }
    if let Some(place) = place {
        call.env("ATSCOPE_PORT", place);
    }
    call.stdin(if stdio { Stdio::piped() } else { Stdio::null() });
    call.stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut call, 0);
    call.spawn().map_err(|error| Failure::Said(format!("{}: {error}", program.to_string_lossy())))
}

fn read(mut pipe: impl Read, mailbox: &Mailbox) {
    let mut piece = vec![0; PIECE];
    loop {
        let come = match pipe.read(&mut piece) {
            Ok(count) if count > 0 => Incoming::Bytes(piece.get(..count).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            _ => Incoming::End,
        };
        let last = come == Incoming::End;
        if !mailbox.push(come) || last {
            return;
        }
    }
}

fn drain(mut pipe: impl Read, log: &Mutex<Log>) {
    let mut piece = vec![0; PIECE];
    loop {
        match pipe.read(&mut piece) {
            Ok(count) if count > 0 => {
                let bytes = piece.get(..count).unwrap_or_default();
                log.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_its_beginning_and_its_end() {
        let mut log = Log::default();
        log.push(b"first");
        for _ in 0..1000 {
            log.push(&[b'x'; 1000]);
        }
        log.push(b"last");
        let text = log.text();
        assert!(text.starts_with("first") && text.ends_with("last"));
        assert_eq!(text.len(), HEAD + TAIL);
    }
}
