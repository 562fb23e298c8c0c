//! A world whose sockets really go out: connections, datagrams, names, pings and HTTP are this machine's. All else is scripted.
//!
//! To this machine alone (127.0.0.0/8, ::1, `localhost`), unless [`Allowed`] says more; a name that is not allowed is not even looked up. What a
//! scenario's `hosts` says of a name counts, so that a name of the real world can lead to a test server here. TLS is not spoken: it fails as TLS does.
//!
//! Every connection has threads of its own, which wait when the module does not take what they bring. Bounded in connections, requests and
//! bytes. Ends with the world: dropping it closes everything.

mod http;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::scenario::Scenario;
use super::scripted::Scripted;
use super::world::{Endpoint, Event, Failure, HttpRequest, Id, Transport, World};
use crate::Time;

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// Requests (names, pings, pages, connections that are being made) at a time.
const REQUESTS: usize = 32;

/// Things that wait for the module to take them; their threads wait beyond.
const WAITING: usize = 256;

/// Pieces that wait to be sent on a connection.
const TO_SEND: usize = 64;

/// Bytes that are read at once, as an Ethernet frame carries them.
const PIECE: usize = 1460;

/// Longest datagram.
const DATAGRAM: usize = 65_535;

/// Until an attempt is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often threads that wait look whether they are still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// A place beyond this machine that a module may go to: `HOST:PORT`, or `HOST:*` for any port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    host: String,
    port: Option<u16>,
}

/// A text that is no [`Allowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT, such as api.example.com:443, or HOST:* for any port")]
pub struct NotAllowed;

impl FromStr for Allowed {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAllowed)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = match port {
            "*" => None,
            port => Some(port.parse().map_err(|_| NotAllowed)?),
        };
        if host.is_empty() || host.contains(['/', '*', ' ']) {
            return Err(NotAllowed);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Who may be reached, and under which address. Shared with the threads.
#[derive(Clone, Debug, Default)]
struct Reach {
    allowed: Vec<Allowed>,
    /// Names of the scenario, in small letters.
    hosts: HashMap<String, String>,
}

impl Reach {
    /// What the scenario makes of a name.
    fn target<'a>(&'a self, host: &'a str) -> &'a str {
        self.hosts.get(&host.to_ascii_lowercase()).map_or(host, String::as_str)
    }

    /// Whether the user named this place; `port` 0: some port of it.
    fn is_allowed(&self, host: &str, port: u16) -> bool {
        let target = self.target(host);
        self.allowed.iter().any(|own| {
            (own.host.eq_ignore_ascii_case(host) || own.host.eq_ignore_ascii_case(target))
                && own.port.is_none_or(|own| port == 0 || own == port)
        })
    }

    /// Whether the module may go there, decided without looking anything up.
    fn may(&self, host: &str, port: u16) -> bool {
        let target = self.target(host);
        let local =
            target.eq_ignore_ascii_case("localhost") || target.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        // A name that the scenario does not know fails later, as such.
        local || target.is_empty() || self.is_allowed(host, port)
    }

    /// Where a name leads, if the module may go there; `port` 0: to some port of it.
    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        if !self.may(host, port) {
            return Err(Failure::Refused);
        }
        let target = self.target(host);
        if target.is_empty() {
            return Err(Failure::Dns);
        }
        let mut found: Vec<SocketAddr> = (target, port).to_socket_addrs().map_err(|_| Failure::Dns)?.collect();
        if !self.is_allowed(host, port) {
            found.retain(|address| address.ip().is_loopback());
        }
        // What AT modules speak comes first.
        found.sort_by_key(SocketAddr::is_ipv6);
        if found.is_empty() { Err(Failure::Dns) } else { Ok(found) }
    }

    /// Opens a connection.
    fn dial(&self, host: &str, port: u16, patience: Duration) -> Result<TcpStream, Failure> {
        let mut last = Failure::Refused;
        for address in self.addresses(host, port)? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = of(&error),
            }
        }
        Err(last)
    }
}

/// What an error of a socket means for the module.
fn of(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::Timeout,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
            Failure::NoNetwork
        }
        _ => Failure::Broken,
    }
}

/// What threads bring.
enum Brought {
    Event(Event),
    Opened(Id, TcpStream),
    Accepted(u16, TcpStream, SocketAddr),
}

/// One connection.
enum Link {
    /// It is being made.
    Making,
    Tcp {
        stream: TcpStream,
        to_send: SyncSender<Vec<u8>>,
    },
    Udp {
        socket: Arc<UdpSocket>,
        to: SocketAddr,
        over: Arc<AtomicBool>,
    },
}

type OnEvent = Arc<dyn Fn() + Send + Sync>;
type OnNote = Arc<dyn Fn(&str) + Send + Sync>;

/// See the module's head.
pub struct Net {
    scripted: Scripted,
    reach: Reach,
    network: bool,
    links: HashMap<Id, Link>,
    /// By port: the next id, and the accepting thread's end.
    servers: HashMap<u16, (Id, Arc<AtomicBool>)>,
    under_way: Arc<AtomicUsize>,
    sender: Bringer,
    /// Only the module's thread takes from it.
    brought: Mutex<Receiver<Brought>>,
    on_note: OnNote,
    noted: Vec<String>,
}

/// Brings things to the module's thread.
#[derive(Clone)]
struct Bringer {
    sender: SyncSender<Brought>,
    on_event: OnEvent,
}

impl Bringer {
    /// `false`: the world is gone.
    fn bring(&self, brought: Brought) -> bool {
        let mut brought = brought;
        loop {
            match self.sender.try_send(brought) {
                Ok(()) => {
                    (self.on_event)();
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => {
                    brought = back;
                    (self.on_event)();
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").field("reach", &self.reach).field("links", &self.links.len()).finish_non_exhaustive()
    }
}

impl Net {
    /// A world whose scripted part is this scenario, and which may go to these places beside this machine.
    pub fn new(scenario: Scenario, seed: u64, allowed: Vec<Allowed>) -> Self {
        let (sender, brought) = sync_channel(WAITING);
        let hosts = scenario.hosts.iter().map(|(name, address)| (name.to_ascii_lowercase(), address.clone())).collect();
        // Its clients are real ones here.
        let scenario = Scenario { clients: Vec::new(), ..scenario };
        Self {
            reach: Reach { allowed, hosts },
            scripted: Scripted::seeded(scenario, seed),
            network: true,
            links: HashMap::new(),
            servers: HashMap::new(),
            under_way: Arc::default(),
            sender: Bringer { sender, on_event: Arc::new(|| {}) },
            brought: Mutex::new(brought),
            on_note: Arc::new(|_| {}),
            noted: Vec::new(),
        }
    }

    /// This is done, on any thread, when something happened that the module should [`poll`](World::poll) for. Without, poll from time to time.
    #[must_use]
    pub fn on_event(mut self, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.sender.on_event = Arc::new(act);
        self
    }

    /// This takes what a user should know: where the module wanted to go, and may not. Each thing is told once.
    #[must_use]
    pub fn on_note(mut self, act: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_note = Arc::new(act);
        self
    }

    fn note(&mut self, text: String) {
        const MOST: usize = 64;
        if self.noted.len() < MOST && !self.noted.contains(&text) {
            (self.on_note)(&text);
            self.noted.push(text);
        }
    }

    fn fails(&mut self, id: Id, failure: Failure) {
        // On a thread of its own the queue may be waited for.
        let sender = self.sender.clone();
        if let Err(TrySendError::Full(back)) = sender.sender.try_send(Brought::Event(Event::Failed(id, failure))) {
            std::thread::spawn(move || sender.bring(back));
        } else {
            (sender.on_event)();
        }
    }

    /// Whether the module may go there; tells the user where not.
    fn may(&mut self, id: Id, host: &str, port: u16) -> bool {
        if !self.network {
            self.fails(id, Failure::NoNetwork);
            return false;
        }
        let refused = !self.reach.may(host, port);
        if refused {
            let place = if port == 0 { format!("{host}:*") } else { format!("{host}:{port}") };
            self.note(format!("the module wants to go to {place}; --allow {place} lets it"));
            self.fails(id, Failure::Refused);
        }
        !refused
    }

    /// Does something that takes its time, on a thread; gives what came of it.
    fn under_way(&mut self, id: Id, act: impl FnOnce(&Reach) -> Result<Brought, Failure> + Send + 'static) {
        if self.under_way.fetch_add(1, Ordering::SeqCst) >= REQUESTS {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            return self.fails(id, Failure::Refused);
        }
        let (reach, sender, count) = (self.reach.clone(), self.sender.clone(), Arc::clone(&self.under_way));
        std::thread::spawn(move || {
            let brought = act(&reach).unwrap_or_else(|failure| Brought::Event(Event::Failed(id, failure)));
            count.fetch_sub(1, Ordering::SeqCst);
            sender.bring(brought);
        });
    }

    /// The threads of a connection that stands.
    fn attach(&mut self, id: Id, stream: TcpStream) -> io::Result<()> {
        let (mut reading, mut writing) = (stream.try_clone()?, stream.try_clone()?);
        let peer = stream.peer_addr()?;
        let (to_send, pieces) = sync_channel::<Vec<u8>>(TO_SEND);
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for piece in pieces {
                let event = match writing.write_all(&piece) {
                    Ok(()) => Event::Sent(id),
                    Err(_) => Event::Failed(id, Failure::Broken),
                };
                if !sender.bring(Brought::Event(event)) {
                    return;
                }
            }
        });
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            let mut piece = [0; PIECE];
            loop {
                let event = match reading.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Ok(0) | Err(_) => Event::Closed(id),
                    Ok(count) => {
                        let bytes = piece.get(..count).unwrap_or_default().to_vec();
                        Event::Received(id, bytes, peer.ip().to_string(), peer.port())
                    }
                };
                let last = matches!(event, Event::Closed(_));
                if !sender.bring(Brought::Event(event)) || last {
                    return;
                }
            }
        });
        self.links.insert(id, Link::Tcp { stream, to_send });
        Ok(())
    }

    fn open_udp(&mut self, id: Id, to: &Endpoint) -> Result<(), Failure> {
        let addresses = self.reach.addresses(&to.host, to.port)?;
        let target = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied();
        let target = target.ok_or(Failure::Dns)?;
        let own = match (target.ip().is_loopback(), target.is_ipv4()) {
            (true, true) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            (false, true) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (_, false) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((own, to.local_port.unwrap_or(0))).map_err(|error| of(&error))?;
        socket.set_read_timeout(Some(LOOK)).map_err(|error| of(&error))?;
        let (socket, over) = (Arc::new(socket), Arc::new(AtomicBool::new(false)));
        let (reading, ended, sender) = (Arc::clone(&socket), Arc::clone(&over), self.sender.clone());
        std::thread::spawn(move || {
            let mut datagram = vec![0; DATAGRAM];
            while !ended.load(Ordering::SeqCst) {
                // An error here is the answer to an earlier datagram: nobody was there.
                let Ok((count, from)) = reading.recv_from(&mut datagram) else { continue };
                let bytes = datagram.get(..count).unwrap_or_default().to_vec();
                let event = Event::Received(id, bytes, from.ip().to_string(), from.port());
                if !sender.bring(Brought::Event(event)) {
                    return;
                }
            }
        });
        self.links.insert(id, Link::Udp { socket, to: target, over });
        Ok(())
    }

    fn close_link(link: &Link) {
        match link {
            Link::Making => {}
            Link::Tcp { stream, .. } => drop(stream.shutdown(Shutdown::Both)),
            Link::Udp { over, .. } => over.store(true, Ordering::SeqCst),
        }
    }

    /// What a thread brought, as the module sees it; `None`: it does not concern it any more.
    fn event(&mut self, brought: Brought) -> Option<Event> {
        match brought {
            Brought::Opened(id, stream) => {
                self.links.get(&id)?;
                match self.attach(id, stream) {
                    Ok(()) => Some(Event::Opened(id)),
                    Err(error) => {
                        self.links.remove(&id);
                        Some(Event::Failed(id, of(&error)))
                    }
                }
            }
            Brought::Accepted(port, stream, peer) => {
                let (next, _) = self.servers.get_mut(&port)?;
                let id = *next;
                *next += 1;
                if self.links.len() >= CONNECTIONS {
                    return None;
                }
                self.attach(id, stream).ok()?;
                Some(Event::Accepted(id, peer.ip().to_string(), peer.port()))
            }
            Brought::Event(Event::Received(id, ..) | Event::Sent(id)) if !self.links.contains_key(&id) => None,
            Brought::Event(event) => {
                if let Event::Closed(id) = event {
                    self.links.remove(&id)?;
                }
                if let Event::Failed(id, _) = event
                    && let Some(link) = self.links.remove(&id)
                {
                    Self::close_link(&link);
                }
                Some(event)
            }
        }
    }

    fn lose_network(&mut self) {
        self.network = false;
        for (_, link) in self.links.drain() {
            Self::close_link(&link);
        }
    }
}

impl World for Net {
    fn open(&mut self, _: Time, id: Id, to: &Endpoint) {
        if !self.may(id, &to.host, to.port) {
            return;
        }
        if self.links.len() >= CONNECTIONS {
            return self.fails(id, Failure::Refused);
        }
        match to.transport {
            Transport::Tls => {
                self.note("TLS is not spoken by --net: connections over it fail".to_owned());
                self.fails(id, Failure::Tls);
            }
            Transport::Udp => match self.open_udp(id, to) {
                Ok(()) => {
                    let sender = self.sender.clone();
                    std::thread::spawn(move || sender.bring(Brought::Event(Event::Opened(id))));
                }
                Err(failure) => self.fails(id, failure),
            },
            Transport::Tcp => {
                self.links.insert(id, Link::Making);
                let (host, port) = (to.host.clone(), to.port);
                self.under_way(id, move |reach| {
                    reach.dial(&host, port, PATIENCE).map(|stream| Brought::Opened(id, stream))
                });
            }
        }
    }

    fn send(&mut self, _: Time, id: Id, bytes: &[u8], to: Option<(&str, u16)>) {
        if let Some((host, port)) = to
            && !self.may(id, host, port)
        {
            return;
        }
        let failed = match self.links.get(&id) {
            Some(Link::Tcp { to_send, .. }) => match to_send.try_send(bytes.to_vec()) {
                Ok(()) => return,
                // The other side does not read.
                Err(TrySendError::Full(_)) => Failure::Timeout,
                Err(TrySendError::Disconnected(_)) => Failure::Broken,
            },
            Some(Link::Udp { socket, to: usual, .. }) => {
                let target = match to {
                    Some((host, port)) => self.reach.addresses(host, port).map(|found| found.first().copied()),
                    None => Ok(Some(*usual)),
                };
                match target {
                    Ok(Some(target)) => match socket.send_to(bytes, target) {
                        Ok(_) => {
                            let sender = self.sender.clone();
                            std::thread::spawn(move || sender.bring(Brought::Event(Event::Sent(id))));
                            return;
                        }
                        Err(error) => of(&error),
                    },
                    Ok(None) => Failure::Dns,
                    Err(failure) => failure,
                }
            }
            Some(Link::Making) | None => Failure::Broken,
        };
        self.fails(id, failed);
    }

    fn close(&mut self, _: Time, id: Id) {
        if let Some(link) = self.links.remove(&id) {
            Self::close_link(&link);
        }
    }

    fn listen(&mut self, _: Time, port: u16, first: Id) -> bool {
        if !self.network || self.servers.contains_key(&port) {
            return false;
        }
        // Beyond this machine only where the user said so.
        let any = self.reach.allowed.iter().any(|own| own.host == "0.0.0.0" && own.port.is_none_or(|own| own == port));
        let own = if any { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let listener = TcpListener::bind((own, port)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                self.note(format!("the module's server cannot have port {port}: {error}"));
                return false;
            }
        };
        let over = Arc::new(AtomicBool::new(false));
        let (ended, sender) = (Arc::clone(&over), self.sender.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, peer)) => {
                        let usable = stream.set_nonblocking(false).is_ok();
                        if usable && !sender.bring(Brought::Accepted(port, stream, peer)) {
                            return;
                        }
                    }
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        self.servers.insert(port, (first, over));
        true
    }

    fn unlisten(&mut self, _: Time, port: u16) {
        if let Some((_, over)) = self.servers.remove(&port) {
            over.store(true, Ordering::SeqCst);
        }
    }

    fn resolve(&mut self, _: Time, id: Id, name: &str) {
        if !self.may(id, name, 0) {
            return;
        }
        let name = name.to_owned();
        self.under_way(id, move |reach| {
            let found = reach.addresses(&name, 0)?;
            let first = found.first().ok_or(Failure::Dns)?;
            Ok(Brought::Event(Event::Resolved(id, first.ip().to_string())))
        });
    }

    /// A connection to the port of the echo service: who refuses it is there, too. Real pings are for the superuser alone.
    fn ping(&mut self, _: Time, id: Id, host: &str) {
        const ECHO: u16 = 7;
        const PATIENCE: Duration = Duration::from_secs(4);
        if !self.may(id, host, 0) {
            return;
        }
        let host = host.to_owned();
        self.under_way(id, move |reach| {
            let mut address = *reach.addresses(&host, 0)?.first().ok_or(Failure::Dns)?;
            address.set_port(ECHO);
            let since = Instant::now();
            match TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| of(&error)) {
                Ok(_) | Err(Failure::Refused) => {
                    let millis = u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX);
                    Ok(Brought::Event(Event::Pong(id, millis)))
                }
                Err(failure) => Err(failure),
            }
        });
    }

    fn http(&mut self, _: Time, id: Id, request: &HttpRequest) {
        let Some(target) = http::Target::of(&request.url) else { return self.fails(id, Failure::Dns) };
        if target.tls {
            self.note("TLS is not spoken by --net: https:// fails".to_owned());
            return self.fails(id, Failure::Tls);
        }
        if !self.may(id, &target.host, target.port) {
            return;
        }
        let request = request.clone();
        self.under_way(id, move |reach| {
            let stream = reach.dial(&target.host, target.port, PATIENCE)?;
            http::ask(stream, &target, &request).map(|reply| Brought::Event(Event::Reply(id, reply)))
        });
    }

    fn poll(&mut self, now: Time) -> Option<(Time, Event)> {
        if let Some((time, event)) = self.scripted.poll(now) {
            match &event {
                Event::Happens(what) if what.trim() == "network lost" => self.lose_network(),
                Event::Happens(what) if what.trim() == "network back" => self.network = true,
                _ => {}
            }
            return Some((time, event));
        }
        loop {
            let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()?;
            if let Some(event) = self.event(brought) {
                return Some((now, event));
            }
        }
    }

    fn wake(&self) -> Option<Time> {
        self.scripted.wake()
    }

    fn is_live(&self) -> bool {
        true
    }

    fn scenario(&self) -> &Scenario {
        self.scripted.scenario()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.lose_network();
        for (_, over) in self.servers.values() {
            over.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    /// The next thing that happens.
    fn next(net: &mut Net) -> Event {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Some((_, event)) = net.poll(Time::ZERO) {
                return event;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing happens");
    }

    fn net(hosts: &str, allowed: &[&str]) -> Net {
        let scenario = Scenario::from_toml("test.toml", hosts).unwrap();
        Net::new(scenario, 0, allowed.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn to(transport: Transport, host: &str, port: u16) -> Endpoint {
        Endpoint { transport, host: host.to_owned(), port, local_port: None }
    }

    #[test]
    fn places_are_read() {
        let of = |text: &str| text.parse::<Allowed>().map(|allowed| (allowed.host, allowed.port));
        assert_eq!(of("a.example:80"), Ok(("a.example".to_owned(), Some(80))));
        assert_eq!(of("[::2]:*"), Ok(("::2".to_owned(), None)));
        for bad in ["a.example", "a.example:x", ":80", "*:80", "http://a:80", "a:70000"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_connection_goes_to_this_machine_and_back() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let mut net = net("[hosts]\n\"api.example\" = \"127.0.0.1\"\n", &[]);
        net.open(Time::ZERO, 5, &to(Transport::Tcp, "API.example", port));
        assert_eq!(next(&mut net), Event::Opened(5));
        let (mut peer, _) = server.accept().unwrap();
        net.send(Time::ZERO, 5, b"ping", None);
        assert_eq!(next(&mut net), Event::Sent(5));
        let mut got = [0; 4];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"ping");
        peer.write_all(b"pong").unwrap();
        assert_eq!(next(&mut net), Event::Received(5, b"pong".to_vec(), "127.0.0.1".to_owned(), port));
        drop(peer);
        assert_eq!(next(&mut net), Event::Closed(5));
        net.send(Time::ZERO, 5, b"more", None);
        assert_eq!(next(&mut net), Event::Failed(5, Failure::Broken));
    }

    #[test]
    fn nothing_goes_elsewhere_unless_it_may() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let own = Arc::clone(&told);
        let mut net = net("", &["10.9.9.9:81"]).on_note(move |note| own.lock().unwrap().push(note.to_owned()));
        net.open(Time::ZERO, 1, &to(Transport::Tcp, "192.0.2.1", 80));
        assert_eq!(next(&mut net), Event::Failed(1, Failure::Refused));
        net.open(Time::ZERO, 2, &to(Transport::Tcp, "10.9.9.9", 80));
        assert_eq!(next(&mut net), Event::Failed(2, Failure::Refused));
        net.resolve(Time::ZERO, 3, "www.example.com");
        assert_eq!(next(&mut net), Event::Failed(3, Failure::Refused));
        net.open(Time::ZERO, 4, &to(Transport::Tls, "localhost", 443));
        assert_eq!(next(&mut net), Event::Failed(4, Failure::Tls));
        assert!(
            net.reach.may("10.9.9.9", 81) && net.reach.may("127.3.2.1", 1) && !net.reach.may("localhost.example", 1)
        );
        let told = told.lock().unwrap();
        assert_eq!(told[0], "the module wants to go to 192.0.2.1:80; --allow 192.0.2.1:80 lets it");
        assert_eq!(told.len(), 4);
    }

    #[test]
    fn datagrams_servers_names_and_pings_work() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        let mut net = net("", &[]);
        net.open(Time::ZERO, 1, &to(Transport::Udp, "127.0.0.1", port));
        assert_eq!(next(&mut net), Event::Opened(1));
        net.send(Time::ZERO, 1, b"hi", None);
        assert_eq!(next(&mut net), Event::Sent(1));
        let mut got = [0; 9];
        let (_, from) = peer.recv_from(&mut got).unwrap();
        peer.send_to(b"ho", from).unwrap();
        assert_eq!(next(&mut net), Event::Received(1, b"ho".to_vec(), "127.0.0.1".to_owned(), port));
        net.resolve(Time::ZERO, 2, "localhost");
        assert!(matches!(next(&mut net), Event::Resolved(2, _)));
        net.ping(Time::ZERO, 3, "127.0.0.1");
        assert!(matches!(next(&mut net), Event::Pong(3, _)));
        // A port that is free now is most likely free in a moment, too.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(net.listen(Time::ZERO, free, 70));
        let mut client = TcpStream::connect(("127.0.0.1", free)).unwrap();
        assert!(matches!(next(&mut net), Event::Accepted(70, _, _)));
        client.write_all(b"x").unwrap();
        assert!(matches!(next(&mut net), Event::Received(70, bytes, ..) if bytes == b"x"));
        net.close(Time::ZERO, 70);
        assert_eq!(client.read(&mut got).unwrap_or(0), 0);
    }

    #[test]
    fn pages_are_fetched() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let serving = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in [
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
                "HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
                "no answer at all",
            ] {
                let (mut peer, _) = server.accept().unwrap();
                let mut request = vec![0; 4096];
                let count = peer.read(&mut request).unwrap();
                asked.push(String::from_utf8_lossy(&request[..count]).into_owned());
                peer.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        let mut net = net("", &[]);
        let mut fetch = |method: &str| {
            let url = format!("http://127.0.0.1:{port}/a?b");
            let headers = vec![("X-Own".to_owned(), "1".to_owned())];
            net.http(Time::ZERO, 1, &HttpRequest { method: method.to_owned(), url, headers, body: b"in".to_vec() });
            next(&mut net)
        };
        let Event::Reply(1, reply) = fetch("POST") else { panic!("no reply") };
        assert_eq!((reply.status, &*reply.body), (200, &b"hello!"[..]));
        assert!(reply.headers.contains(&("X-A".to_owned(), "b".to_owned())));
        let Event::Reply(1, reply) = fetch("GET") else { panic!("no reply") };
        assert_eq!((reply.status, &*reply.body), (404, &b"until the end"[..]));
        assert_eq!(fetch("GET"), Event::Failed(1, Failure::Broken));
        let asked = serving.join().unwrap();
        assert!(asked[0].starts_with("POST /a?b HTTP/1.1\r\n") && asked[0].ends_with("\r\n\r\nin"), "{asked:?}");
        assert!(asked[0].contains("\r\nX-Own: 1\r\n") && asked[0].contains("\r\nContent-Length: 2\r\n"));
    }
}
