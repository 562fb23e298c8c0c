//! `atscope simulate`: a virtual module on a pseudo-terminal, on TCP, or on standard input and output.
//!
//! One thread runs a module ([`session`]); others wait for its line and for its host ([`mail`]).

mod args;
pub(super) mod mail;
mod monitor;
#[cfg(unix)]
pub(super) mod pty;
mod record;
mod session;
mod setup;
mod tcp;
mod wire;

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use args::Simulate;

use mail::{Incoming, Mailbox, Outbox};
use session::{Clock, Level, Manners, Tell};
use setup::Plan;

use super::FINE;
use super::config::Config;
use super::failure::Failure;
use super::interrupt::{self, INTERRUPTED};
use super::out::{Out, Voice, harmless};
use crate::Time;

/// Bytes that are read at once.
const PIECE: usize = 4096;

/// Runs a module until its host, or the user, has had enough.
pub(super) fn simulate(args: &Simulate, config: &Config, out: &mut Out) -> Result<u8, Failure> {
    let plan = Plan::new(args, config, out)?;
    let stopper = Arc::new(Stopper::default());
    let own = Arc::clone(&stopper);
    interrupt::watch_then(move || own.stop(i32::from(INTERRUPTED)));
    watch_termination(&stopper);
    if let Some(address) = args.line.listen {
        return tcp::serve(address, Arc::new(plan), &stopper, out);
    }
    if args.line.stdio {
        return stdio(&plan, args.line.virtual_clock, &stopper);
    }
    terminal(args, &plan, &stopper, out)
}

/// `kill` ends it as Ctrl-C does: with the recording complete and the link gone. Its status is 143, as shells have it.
fn watch_termination(stopper: &Arc<Stopper>) {
    #[cfg(unix)]
    {
        const TERMINATED: i32 = 128 + signal_hook::consts::SIGTERM;
        // Where it cannot be watched, it ends the program as it always did.
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]) {
            let own = Arc::clone(stopper);
            std::thread::spawn(move || {
                for _ in signals.forever() {
                    own.stop(TERMINATED);
                }
            });
        }
    }
    #[cfg(not(unix))]
    let _ = stopper;
}

/// Ends all sessions when the user wants it.
#[derive(Default)]
struct Stopper {
    /// The exit status that it means; 0: not asked for.
    status: AtomicI32,
    mailboxes: Mutex<Vec<Arc<Mailbox>>>,
}

impl Stopper {
    fn stop(&self, status: i32) {
        let _ = self.status.compare_exchange(0, status, Ordering::SeqCst, Ordering::SeqCst);
        for mailbox in self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            mailbox.stop();
        }
    }

    fn is_asked(&self) -> bool {
        self.status.load(Ordering::SeqCst) != 0
    }

    /// The exit status: that of the signal, or that all is well.
    fn status(&self) -> u8 {
        u8::try_from(self.status.load(Ordering::SeqCst)).unwrap_or(FINE)
    }

    /// A mailbox that is stopped with the others.
    fn mailbox(&self) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&mailbox));
        // Asked for in between.
        if self.is_asked() {
            mailbox.stop();
        }
        mailbox
    }

    fn forget(&self, mailbox: &Arc<Mailbox>) {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| !Arc::ptr_eq(own, mailbox));
    }
}

fn stdio(plan: &Plan, virtual_clock: bool, stopper: &Arc<Stopper>) -> Result<u8, Failure> {
    let (mailbox, outbox) = (stopper.mailbox(), Arc::new(Outbox::default()));
    let mut session = plan.session(0, "stdio", &mailbox, &outbox, Manners { holds: true, patient: true })?;
    if virtual_clock {
        session.clock = Clock::Virtual(Time::ZERO);
    }
    let own = Arc::clone(&mailbox);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut piece = vec![0; PIECE];
        loop {
            let come = match stdin.read(&mut piece) {
                Ok(0) => Incoming::End,
                Ok(count) => Incoming::Bytes(piece.get(..count).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Incoming::End,
            };
            let last = come == Incoming::End;
            if !own.push(come) || last {
                return;
            }
        }
    });
    let (own, gone) = (Arc::clone(&outbox), Arc::clone(&mailbox));
    let failed: Arc<Mutex<Option<io::Error>>> = Arc::default();
    let failure = Arc::clone(&failed);
    let mut stdout = bare_stdout().map_err(|error| Failure::writing(&error))?;
    std::thread::spawn(move || {
        if let Err(error) = own.write_to(&mut stdout, |_| false) {
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            gone.push(Incoming::Gone);
        }
    });
    session.run();
    plan.finish()?;
    match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(Failure::writing(&error)),
        None => Ok(stopper.status()),
    }
}

#[cfg(unix)]
fn terminal(args: &Simulate, plan: &Plan, stopper: &Arc<Stopper>, out: &mut Out) -> Result<u8, Failure> {
    let pty = pty::Pty::open()?;
    let link = args.line.link.as_deref().map(|path| pty::Link::new(path, pty.path())).transpose()?;
    announce(&pty.path().display().to_string(), out)?;
    let shown = args.line.link.as_deref().unwrap_or(pty.path()).display().to_string();
    out.note(&format!("{} on {shown}; Ctrl-C ends it", plan.title()));
    let (mailbox, outbox) = (stopper.mailbox(), Arc::new(Outbox::default()));
    pty.serve(&mailbox, &outbox);
    // The module is powered when somebody opens the line.
    let opened = loop {
        match mailbox.take(None, true) {
            mail::Taken::Incoming(Incoming::Opened) => break true,
            mail::Taken::Stop => break false,
            _ => {}
        }
    };
    if opened {
        let mut session = plan.session(0, &shown, &mailbox, &outbox, Manners { holds: false, patient: false })?;
        session.run();
    }
    drop(link);
    plan.finish()?;
    Ok(stopper.status())
}

#[cfg(not(unix))]
fn terminal(_: &Simulate, _: &Plan, _: &Arc<Stopper>, _: &mut Out) -> Result<u8, Failure> {
    Err(Failure::said("there are no pseudo-terminals here; say --listen ADDR:PORT or --stdio"))
}

/// The first line on standard output: where the module is.
fn announce(place: &str, out: &mut Out) -> Result<(), Failure> {
    out.buffer.extend_from_slice(place.as_bytes());
    out.buffer.push(b'\n');
    out.flush()
}

/// Tells the user, from any thread.
fn teller(voice: Voice) -> Tell {
    Arc::new(move |level, message| match level {
        Level::Error => voice.error(message),
        Level::Warning => voice.warning(message),
        Level::Note => voice.note(message),
        Level::Plain => voice.write(format!("{}\n", harmless(message)).as_bytes()),
    })
}

/// Standard output as a file of its own: nothing is held back, and no lock is needed that somebody else has.
fn bare_stdout() -> io::Result<File> {
    #[cfg(unix)]
    let own = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
    #[cfg(windows)]
    let own = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned();
    own.map(File::from)
}
