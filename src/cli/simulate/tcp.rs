//! The module as a TCP server: each connection has a module of its own, powered when it connects and gone when it ends.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::mail::{Incoming, Mailbox, Outbox, Taken};
use super::session::{Ended, Level, Manners};
use super::setup::Plan;
use super::{PIECE, Stopper, announce};
use crate::cli::failure::Failure;
use crate::cli::out::Out;

/// Connections at a time; what comes beyond is turned away.
const CONNECTIONS: usize = 64;

/// How long ending sessions are waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Serves until the user wants the end.
pub(super) fn serve(
    address: SocketAddr,
    plan: Arc<Plan>,
    stopper: &Arc<Stopper>,
    out: &mut Out,
) -> Result<u8, Failure> {
    let said = |error: io::Error| Failure::Said(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(said)?;
    let bound = listener.local_addr().map_err(said)?;
    announce(&bound.to_string(), out)?;
    out.note(&format!("{} on {bound}; Ctrl-C ends it", plan.title()));
    let open = Arc::new(AtomicUsize::new(0));
    // The end is asked for by way of a mailbox, like that of any session.
    let end = stopper.mailbox();
    let (own_plan, own_stopper, own_open) = (Arc::clone(&plan), Arc::clone(stopper), Arc::clone(&open));
    std::thread::spawn(move || accept(&listener, &own_plan, &own_stopper, &own_open));
    while end.take(None, false) != Taken::Stop {}
    let until = std::time::Instant::now() + PATIENCE;
    while open.load(Ordering::SeqCst) > 0 && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    plan.finish()?;
    Ok(stopper.status())
}

fn accept(listener: &TcpListener, plan: &Arc<Plan>, stopper: &Arc<Stopper>, open: &Arc<AtomicUsize>) {
    let mut number: u32 = 0;
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // One who went away again, or no room for another one: neither is for good.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            (plan.tell)(Level::Warning, &format!("a connection is turned away: {CONNECTIONS} are open"));
            continue;
        }
        let (plan, stopper, open) = (Arc::clone(plan), Arc::clone(stopper), Arc::clone(open));
        let own = number;
        std::thread::spawn(move || {
            if let Err(Failure::Said(message)) = connection(own, &stream, &plan, &stopper) {
                (plan.tell)(Level::Error, &message);
            }
            let _ = stream.shutdown(Shutdown::Both);
            open.fetch_sub(1, Ordering::SeqCst);
        });
        number = number.wrapping_add(1);
    }
}

fn connection(number: u32, stream: &TcpStream, plan: &Plan, stopper: &Stopper) -> Result<(), Failure> {
    let said = |error: io::Error| Failure::Said(format!("connection {number}: {error}"));
    // Serial lines do not wait for more to come.
    stream.set_nodelay(true).map_err(said)?;
    let who = stream.peer_addr().map_or_else(|_| "connection".to_owned(), |peer| peer.to_string());
    let (mailbox, outbox) = (stopper.mailbox(), Arc::new(Outbox::default()));
    let result = (|| {
        let manners = Manners { holds: false, patient: false };
        let mut session = plan.session(number, &who, &mailbox, &outbox, manners)?;
        let (reader, mut writer) = (stream.try_clone().map_err(said)?, stream.try_clone().map_err(said)?);
        let own = Arc::clone(&mailbox);
        std::thread::spawn(move || read(reader, &own));
        let (own, gone) = (Arc::clone(&outbox), Arc::clone(&mailbox));
        std::thread::spawn(move || {
            if own.write_to(&mut writer, |_| false).is_err() {
                gone.push(Incoming::Gone);
            }
        });
        Ok(session.run())
    })();
    stopper.forget(&mailbox);
    // Threads that still wait for room, or for somebody who reads, end now.
    mailbox.stop();
    outbox.close(Some(Duration::ZERO), || true);
    if result.as_ref().is_ok_and(|ended| *ended != Ended::Stopped) {
        // What was written is on its way; the other end sees the end behind it.
        let _ = stream.shutdown(Shutdown::Write);
    }
    result.map(drop)
}

fn read(mut stream: TcpStream, mailbox: &Mailbox) {
    let mut piece = vec![0; PIECE];
    loop {
        let come = match stream.read(&mut piece) {
            Ok(0) => Incoming::End,
            Ok(count) => Incoming::Bytes(piece.get(..count).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => Incoming::Gone,
        };
        let last = !matches!(come, Incoming::Bytes(_));
        if !mailbox.push(come) || last {
            return;
        }
    }
}
