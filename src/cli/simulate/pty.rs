//! The module on a pseudo-terminal: a path that programs open like that of a serial port.
//!
//! Raw from the start, so that a `cat` sees what is said and nothing is echoed. Programs may open and close it as often as they like:
//! on Linux that is noticed, the module is powered when it is opened first, and what is said while nobody has it open is lost, as with a serial
//! port. Elsewhere we keep it open ourselves, since a terminal there forgets its settings when the last one closes it: the module is powered at once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use super::mail::{Incoming, Mailbox, Outbox};
use crate::cli::failure::Failure;

/// Whether we notice that nobody has it open any more.
const NOTICES: bool = cfg!(target_os = "linux");

/// How often we look whether somebody opened it.
const LOOK: Duration = Duration::from_millis(20);

/// Bytes that are read at once.
const PIECE: usize = 4096;

/// A pseudo-terminal; see the module's head.
pub(in crate::cli) struct Pty {
    master: Arc<File>,
    path: PathBuf,
    /// Where we keep it open ourselves.
    _kept: Option<File>,
}

impl Pty {
    /// Opens one.
    pub(in crate::cli) fn open() -> Result<Self, Failure> {
        let said =
            |what: &str, error: &dyn std::fmt::Display| Failure::Said(format!("no pseudo-terminal: {what}: {error}"));
        let system = |what: &'static str| move |error: Errno| said(what, &io::Error::from(error));
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(system("cannot open one"))?;
        grantpt(&master).map_err(system("it is not granted"))?;
        unlockpt(&master).map_err(system("it stays locked"))?;
        let name = ptsname(&master, Vec::new()).map_err(system("it has no name"))?;
        let path = PathBuf::from(name.to_string_lossy().into_owned());
        let slave = open_slave(&path).map_err(|error| said("cannot open its end", &error))?;
        let mut settings = tcgetattr(&slave).map_err(system("its settings cannot be read"))?;
        settings.make_raw();
        // What a serial port would say of itself; it changes nothing here.
        let _ = settings.set_speed(115_200);
        tcsetattr(&slave, OptionalActions::Now, &settings).map_err(system("it cannot be set raw"))?;
        // Opened and closed once, it says from then on when nobody has it open.
        let kept = (!NOTICES).then_some(slave);
        Ok(Self { master: Arc::new(File::from(master)), path, _kept: kept })
    }

    /// The path that programs open.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts the threads that read and write it.
    pub(in crate::cli) fn serve(&self, mailbox: &Arc<Mailbox>, outbox: &Arc<Outbox>) {
        let (master, own) = (Arc::clone(&self.master), Arc::clone(mailbox));
        let path = self.path.clone();
        std::thread::spawn(move || read(&master, &path, &own));
        let (master, own) = (Arc::clone(&self.master), Arc::clone(outbox));
        std::thread::spawn(move || {
            // Nobody has it open: what is said is lost.
            let _ = own.write_to(&mut &*master, |_| true);
        });
    }
}

fn open_slave(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOCTTY.bits().cast_signed());
    options.open(path)
}

/// Reads what the host writes, and tells when the line is opened and closed.
fn read(master: &File, path: &Path, mailbox: &Mailbox) {
    let mut piece = vec![0; PIECE];
    let mut open = false;
    loop {
        let (readable, hung_up) = look(master, open);
        if readable || !hung_up {
            if !open {
                open = true;
                if !mailbox.push(Incoming::Opened) {
                    return;
                }
            }
        } else if open {
            open = false;
            // What was not read is not for whoever opens it next. The terminal gives it up on that end alone.
            if let Ok(slave) = open_slave(path) {
                let _ = tcflush(&slave, QueueSelector::IFlush);
            }
            if !mailbox.push(Incoming::Closed) {
                return;
            }
        }
        if !readable {
            if !open {
                if mailbox.is_stopped() {
                    return;
                }
                std::thread::sleep(LOOK);
            }
            continue;
        }
        match (&mut &*master).read(&mut piece) {
            Ok(count) if count > 0 => {
                if !mailbox.push(Incoming::Bytes(piece.get(..count).unwrap_or_default().to_vec())) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It is closed: the next look says so, too.
            _ if !mailbox.is_stopped() => std::thread::sleep(LOOK),
            _ => return,
        }
    }
}

/// Whether there is something to read, and whether nobody has it open; waits where somebody has.
fn look(master: &File, open: bool) -> (bool, bool) {
    let mut fds = [PollFd::new(master, PollFlags::IN)];
    let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    // Somebody has it open: until something comes. Otherwise the answer comes at once.
    let found = poll(&mut fds, if open { None } else { Some(&wait) });
    let [fd] = &fds;
    let events = fd.revents();
    match found {
        Ok(0) => (false, false),
        Ok(_) => (events.contains(PollFlags::IN), events.contains(PollFlags::HUP)),
        Err(_) => (false, !open),
    }
}

/// A symbolic link to the pseudo-terminal; gone at the end, if it is still ours.
pub(in crate::cli) struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Link {
    /// Makes it. A link that points to no file or to another terminal is replaced: a run that was killed left it behind.
    pub(in crate::cli) fn new(path: &Path, target: &Path) -> Result<Self, Failure> {
        let said = |message: String| Failure::Said(format!("{}: {message}", path.display()));
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_symlink() => {
                return Err(said("is there already, and is no symbolic link; it is left alone".to_owned()));
            }
            Ok(_) => {
                let points = fs::read_link(path).unwrap_or_default();
                let is_terminal =
                    ["/dev/pts/", "/dev/tty"].iter().any(|start| points.to_string_lossy().starts_with(start));
                if !is_terminal && path.exists() {
                    let points = points.display();
                    return Err(said(format!(
                        "is a symbolic link to {points}, and not to a terminal; it is left alone"
                    )));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(said(error.to_string())),
        }
        // Made aside and moved into place: whoever opens the path finds the old link or the new one.
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}", std::process::id()));
        let aside = PathBuf::from(aside);
        let _ = fs::remove_file(&aside);
        std::os::unix::fs::symlink(target, &aside).map_err(|error| said(format!("cannot be made: {error}")))?;
        if let Err(error) = fs::rename(&aside, path) {
            let _ = fs::remove_file(&aside);
            return Err(said(format!("cannot be made: {error}")));
        }
        Ok(Self { path: path.to_owned(), target: target.to_owned() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Another run may have taken it over.
        if fs::read_link(&self.path).is_ok_and(|target| target == self.target) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
