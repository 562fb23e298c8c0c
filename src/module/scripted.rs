//! The world that a scenario scripts: everything answers in the time that the scenario says, by the module's own clock.
//!
//! Deterministic by its seed, which varies every delay a little, as networks do. Bounded: a module that opens connections without end, or a
//! peer that says more than is taken, loses the oldest connection and the newest data. What each peer says arrives in the order in which
//! it was said, in pieces as a network would cut it. A network that is lost (`network lost`) takes all connections along, without a word.

mod web;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use fastrand::Rng;

use super::scenario::{Fact, Peer, Scenario, bytes_of};
use super::world::{Endpoint, Event, Failure, HttpRequest, Id, Transport, World};
use crate::Time;

/// Most connections at a time; the oldest goes when another one comes.
const CONNECTIONS: usize = 256;

/// Most bytes that are on their way to the module.
const ON_THE_WAY: usize = 8 << 20;

/// Most things that are about to happen.
const AGENDA: usize = 1 << 16;

/// Bytes of a stream that arrive together, as an Ethernet frame carries them.
const SEGMENT: usize = 1460;

/// Between two segments, in microseconds.
const SEGMENT_TIME: u64 = 250;

/// Until an attempt is given up, where a scenario does not say when, in milliseconds.
const PATIENCE: u64 = 20_000;

/// See the module's head.
#[derive(Debug)]
pub struct Scripted {
    scenario: Scenario,
    peers: Vec<Arc<Peer>>,
    /// Behind any address, where the scenario names none.
    anybody: Arc<Peer>,
    rng: Rng,
    agenda: BTreeMap<(Time, u64), Event>,
    entries: u64,
    /// Bytes on the agenda.
    on_the_way: usize,
    connections: BTreeMap<Id, Connection>,
    listeners: HashMap<u16, Id>,
    network: bool,
}

#[derive(Debug)]
struct Connection {
    peer: Arc<Peer>,
    to: Endpoint,
    /// The peer's address, as the module sees it.
    address: String,
    messages: u32,
    /// When the newest of its answers arrives: the next one comes behind it.
    answered: Time,
    /// An HTTP request that is not complete yet.
    request: Vec<u8>,
    /// The port of the module's own server that it came in by.
    server: Option<u16>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self::new(Scenario::default())
    }
}

impl Scripted {
    /// A world after a scenario.
    pub fn new(scenario: Scenario) -> Self {
        Self::seeded(scenario, 0)
    }

    /// A world after a scenario, whose delays vary by this seed.
    pub fn seeded(scenario: Scenario, seed: u64) -> Self {
        let mut world = Self {
            peers: scenario.peers.iter().cloned().map(Arc::new).collect(),
            anybody: Arc::new(Peer { http: true, ..Peer::default() }),
            rng: Rng::with_seed(seed),
            agenda: BTreeMap::new(),
            entries: 0,
            on_the_way: 0,
            connections: BTreeMap::new(),
            listeners: HashMap::new(),
            network: true,
            scenario,
        };
        for happening in world.scenario.events.clone() {
            world.enter(Time::from_millis(happening.at), Event::Happens(happening.what));
        }
        world
    }

    fn enter(&mut self, time: Time, event: Event) {
        let bytes = weight(&event);
        if self.agenda.len() >= AGENDA || self.on_the_way + bytes > ON_THE_WAY {
            return;
        }
        self.on_the_way += bytes;
        self.agenda.insert((time, self.entries), event);
        self.entries += 1;
    }

    /// Takes from the agenda what fits.
    fn forget(&mut self, fits: impl Fn(&Event) -> bool) {
        let gone = &mut self.on_the_way;
        self.agenda.retain(|_, event| {
            let goes = fits(event);
            if goes {
                *gone -= weight(event);
            }
            !goes
        });
    }

    /// So many milliseconds as a network takes them: up to an eighth more.
    fn natural(&mut self, millis: u64) -> Time {
        let nanos = Time::from_millis(millis).as_nanos();
        Time::from_nanos(nanos.saturating_add(self.rng.u64(0..=nanos / 8)))
    }

    fn fails(&mut self, now: Time, id: Id, failure: Failure, delay: Option<u64>) {
        let delays = &self.scenario.delays;
        let usual = match failure {
            Failure::Timeout => PATIENCE,
            Failure::Refused | Failure::Tls => delays.connect,
            Failure::Dns | Failure::Broken => delays.round_trip,
            Failure::NoNetwork => 0,
        };
        let time = now.plus(self.natural(delay.unwrap_or(usual)));
        self.enter(time, Event::Failed(id, failure));
    }

    /// The address of a name; `None`: it is not known.
    fn address(&self, name: &str) -> Option<String> {
        if name.parse::<IpAddr>().is_ok() {
            return Some(name.to_owned());
        }
        let listed = self.scenario.hosts.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        if let Some((_, address)) = listed {
            return Some(address.clone()).filter(|address| !address.is_empty());
        }
        let tail = name.rsplit('.').next().unwrap_or_default();
        let sane = !name.is_empty() && name.len() <= 253 && name.bytes().all(|byte| byte.is_ascii_graphic());
        // `.invalid` is the name that never resolves (RFC 2606 §2).
        if !sane || self.scenario.known_hosts_only || tail.eq_ignore_ascii_case("invalid") {
            return None;
        }
        if name.eq_ignore_ascii_case("localhost") {
            return Some("127.0.0.1".to_owned());
        }
        // Of the network for documentation (RFC 5737 §3): 1 to 254 at the end.
        let sum = name.to_ascii_lowercase().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
        Some(format!("203.0.113.{}", 1 + sum % 254))
    }

    /// Who is there; `None`: nobody.
    fn peer(&self, transport: Transport, host: &str, address: &str, port: u16) -> Option<Arc<Peer>> {
        if self.peers.is_empty() {
            return Some(Arc::clone(&self.anybody));
        }
        let fits = |peer: &&Arc<Peer>| {
            let how = match transport {
                Transport::Udp => "udp",
                Transport::Tcp => "tcp",
                Transport::Tls => "tls",
            };
            (peer.transport.is_empty() || peer.transport == how)
                && (peer.port == 0 || peer.port == port)
                && (peer.host.is_empty() || peer.host.eq_ignore_ascii_case(host) || peer.host == address)
        };
        self.peers.iter().find(fits).cloned()
    }

    /// The connection stands: what the peer does by itself.
    fn begin(&mut self, id: Id, opened: Time, connection: Connection) {
        while self.connections.len() >= CONNECTIONS
            && let Some((oldest, _)) = self.connections.pop_first()
        {
            self.forget(|event| of(event) == Some(oldest));
        }
        let peer = Arc::clone(&connection.peer);
        self.connections.insert(id, connection);
        if !peer.greeting.is_empty() {
            let travel = self.scenario.delays.round_trip / 2;
            let time = opened.plus(self.natural(travel));
            self.says(id, time, &bytes_of(&peer.greeting), None);
        }
        for (millis, text) in &peer.says {
            let time = opened.plus(Time::from_millis(*millis));
            self.says(id, time, &bytes_of(text), None);
        }
        if let Some(millis) = peer.closes {
            self.enter(opened.plus(Time::from_millis(millis)), Event::Closed(id));
        }
    }

    /// The peer's bytes arrive; gives the time of the last of them. `from`: another sender (UDP).
    fn says(&mut self, id: Id, mut time: Time, bytes: &[u8], from: Option<(String, u16)>) -> Time {
        let Some(connection) = self.connections.get(&id) else { return time };
        let (address, port) = from.unwrap_or_else(|| (connection.address.clone(), connection.to.port));
        for (number, piece) in bytes.chunks(SEGMENT).enumerate() {
            if number > 0 {
                time = time.plus(Time::from_nanos(SEGMENT_TIME * 1000));
            }
            self.enter(time, Event::Received(id, piece.to_vec(), address.clone(), port));
        }
        time
    }

    /// An answer to what arrived `now`: behind those before.
    fn answers(&mut self, now: Time, id: Id, delay: u64, bytes: &[u8], from: Option<(String, u16)>) -> Time {
        let after = self.connections.get(&id).map_or(now, |connection| connection.answered);
        let time = now.plus(self.natural(delay)).max(after.plus(Time::from_nanos(1000)));
        let last = self.says(id, time, bytes, from);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.answered = last;
        }
        last
    }

    /// The peer got a message.
    fn gets(&mut self, now: Time, id: Id, bytes: &[u8], to: Option<(&str, u16)>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.messages = connection.messages.saturating_add(1);
        let (mut peer, messages) = (Arc::clone(&connection.peer), connection.messages);
        let mut from = None;
        if let Some((host, port)) = to {
            let Some(address) = self.address(host) else { return };
            // Datagrams to where nobody is are lost.
            let Some(other) = self.peer(Transport::Udp, host, &address, port) else { return };
            peer = other;
            from = Some((address, port));
        }
        let delay = peer.delay.unwrap_or(self.scenario.delays.round_trip);
        let reply = peer.replies.iter().find(|(start, _)| bytes.starts_with(&bytes_of(start)));
        match reply {
            Some((_, reply)) if reply.is_empty() => {}
            Some((_, reply)) => {
                self.answers(now, id, delay, &bytes_of(reply), from);
            }
            None if peer.http && from.is_none() && self.takes_request(now, id, bytes, delay) => return,
            None if peer.echo => {
                self.answers(now, id, delay, bytes, from);
            }
            None => {}
        }
        if peer.closes_after.is_some_and(|most| messages >= most) {
            // Behind all that it has answered.
            let last = self.connections.get(&id).map_or(now, |connection| connection.answered.max(now));
            let time = last.plus(self.natural(delay / 2));
            self.enter(time, Event::Closed(id));
        }
    }

    fn lose_network(&mut self) {
        self.network = false;
        self.connections.clear();
        self.forget(|event| !matches!(event, Event::Happens(_)));
    }
}

/// Bytes that an event weighs.
fn weight(event: &Event) -> usize {
    match event {
        Event::Received(_, bytes, ..) => bytes.len(),
        Event::Reply(_, reply) => reply.body.len(),
        _ => 0,
    }
}

/// The request or connection that an event is about.
fn of(event: &Event) -> Option<Id> {
    match event {
        Event::Opened(id)
        | Event::Failed(id, _)
        | Event::Received(id, ..)
        | Event::Closed(id)
        | Event::Accepted(id, ..)
        | Event::Sent(id)
        | Event::Reply(id, _)
        | Event::Resolved(id, _)
        | Event::Pong(id, _) => Some(*id),
        Event::Happens(_) => None,
    }
}

/// What a scenario's word for a failure means.
fn failure(fails: Option<&Fact>) -> Option<Failure> {
    Some(match fails? {
        Fact::Text(word) => match word.as_str() {
            "dns" => Failure::Dns,
            "timeout" => Failure::Timeout,
            "tls" => Failure::Tls,
            "no-network" => Failure::NoNetwork,
            "broken" => Failure::Broken,
            _ => Failure::Refused,
        },
        Fact::Int(_) => Failure::Refused,
    })
}

impl World for Scripted {
    fn open(&mut self, now: Time, id: Id, to: &Endpoint) {
        if !self.network {
            return self.fails(now, id, Failure::NoNetwork, None);
        }
        let Some(address) = self.address(&to.host) else { return self.fails(now, id, Failure::Dns, None) };
        let Some(peer) = self.peer(to.transport, &to.host, &address, to.port) else {
            // Nobody says that a datagram gets nowhere.
            if to.transport != Transport::Udp {
                return self.fails(now, id, Failure::Refused, None);
            }
            let nobody = Arc::new(Peer { echo: false, ..Peer::default() });
            self.enter(now, Event::Opened(id));
            return self.begin(id, now, Connection::new(nobody, to.clone(), address, now));
        };
        match failure(peer.fails.as_ref()) {
            None | Some(Failure::Broken) => {}
            Some(failure) => return self.fails(now, id, failure, peer.delay),
        }
        // TCP's handshake is one way there and back; that of TLS two more; a datagram needs none.
        let round = peer.delay.unwrap_or(self.scenario.delays.connect);
        let delay = match to.transport {
            Transport::Udp => 0,
            Transport::Tcp => round,
            Transport::Tls => round.saturating_mul(3),
        };
        let opened = now.plus(self.natural(delay));
        self.enter(opened, Event::Opened(id));
        self.begin(id, opened, Connection::new(peer, to.clone(), address, opened));
    }

    fn send(&mut self, now: Time, id: Id, bytes: &[u8], to: Option<(&str, u16)>) {
        let Some(connection) = self.connections.get(&id) else {
            return self.enter(now, Event::Failed(id, Failure::Broken));
        };
        if failure(connection.peer.fails.as_ref()) == Some(Failure::Broken) {
            self.connections.remove(&id);
            return self.fails(now, id, Failure::Broken, None);
        }
        // Sent once it is on the air, or acknowledged.
        let travel = match connection.to.transport {
            Transport::Udp => 1,
            Transport::Tcp | Transport::Tls => self.scenario.delays.round_trip / 4,
        };
        let sent = now.plus(self.natural(travel));
        self.enter(sent, Event::Sent(id));
        self.gets(sent, id, bytes, to);
    }

    fn close(&mut self, _: Time, id: Id) {
        self.connections.remove(&id);
        self.forget(|event| of(event) == Some(id));
    }

    fn listen(&mut self, now: Time, port: u16, first: Id) -> bool {
        if !self.network || self.listeners.contains_key(&port) {
            return false;
        }
        self.listeners.insert(port, first);
        let clients: Vec<_> =
            self.scenario.clients.iter().filter(|client| client.port == 0 || client.port == port).cloned().collect();
        for (number, client) in clients.into_iter().enumerate() {
            let id = first + number as Id;
            let time = now.plus(self.natural(client.after));
            // A port of those that nobody owns (RFC 6335 §6).
            let own = self.rng.u16(49_152..=65_535);
            self.enter(time, Event::Accepted(id, client.address.clone(), own));
            let to = Endpoint { transport: Transport::Tcp, host: client.address.clone(), port: own, local_port: None };
            let mut connection = Connection::new(Arc::new(client.peer), to, client.address, time);
            connection.server = Some(port);
            self.begin(id, time, connection);
        }
        true
    }

    fn unlisten(&mut self, _: Time, port: u16) {
        self.listeners.remove(&port);
        // Who has not come yet does not find it any more.
        let waiting: Vec<Id> =
            self.agenda.values().filter(|event| matches!(event, Event::Accepted(..))).filter_map(of).collect();
        for id in waiting {
            if self.connections.get(&id).is_some_and(|connection| connection.server == Some(port)) {
                self.connections.remove(&id);
                self.forget(|event| of(event) == Some(id));
            }
        }
    }

    fn resolve(&mut self, now: Time, id: Id, name: &str) {
        if !self.network {
            return self.fails(now, id, Failure::NoNetwork, None);
        }
        let Some(address) = self.address(name) else { return self.fails(now, id, Failure::Dns, None) };
        let time = now.plus(self.natural(self.scenario.delays.round_trip));
        self.enter(time, Event::Resolved(id, address));
    }

    fn ping(&mut self, now: Time, id: Id, host: &str) {
        if !self.network {
            return self.fails(now, id, Failure::NoNetwork, None);
        }
        let Some(address) = self.address(host) else { return self.fails(now, id, Failure::Dns, None) };
        // Who is deaf to connections is deaf to pings; who refuses them is there.
        let own = |peer: &&Arc<Peer>| peer.host.eq_ignore_ascii_case(host) || peer.host == address;
        let fails = self.peers.iter().find(own).and_then(|peer| failure(peer.fails.as_ref()));
        if let Some(failure @ (Failure::Timeout | Failure::NoNetwork | Failure::Dns)) = fails {
            return self.fails(now, id, failure, Some(1000));
        }
        let took = self.natural(self.scenario.delays.round_trip);
        let millis = u32::try_from(took.as_nanos() / 1_000_000).unwrap_or(u32::MAX);
        self.enter(now.plus(took), Event::Pong(id, millis));
    }

    fn http(&mut self, now: Time, id: Id, request: &HttpRequest) {
        if !self.network {
            return self.fails(now, id, Failure::NoNetwork, None);
        }
        if self.address(web::host(&request.url)).is_none() {
            return self.fails(now, id, Failure::Dns, None);
        }
        let answer = web::answer(&self.scenario.http, request);
        match answer.reply {
            Err(failure) => self.fails(now, id, failure, answer.delay),
            Ok(reply) => {
                let delays = &self.scenario.delays;
                let usual = delays.connect.saturating_add(delays.round_trip);
                let travel = reply.body.len().div_ceil(SEGMENT) as u64 * SEGMENT_TIME;
                let time = now.plus(self.natural(answer.delay.unwrap_or(usual))).plus(Time::from_nanos(travel * 1000));
                self.enter(time, Event::Reply(id, reply));
                if let Some(millis) = answer.closes {
                    self.enter(time.plus(Time::from_millis(millis)), Event::Closed(id));
                }
            }
        }
    }

    fn poll(&mut self, now: Time) -> Option<(Time, Event)> {
        let (&(time, _), _) = self.agenda.first_key_value()?;
        if time > now {
            return None;
        }
        let ((time, _), event) = self.agenda.pop_first()?;
        self.on_the_way -= weight(&event);
        match &event {
            Event::Closed(id) => {
                self.connections.remove(id);
                let id = *id;
                self.forget(|event| of(event) == Some(id));
            }
            Event::Happens(what) => match what.trim() {
                "network lost" => self.lose_network(),
                "network back" => self.network = true,
                _ => {}
            },
            _ => {}
        }
        Some((time, event))
    }

    fn wake(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((time, _), _)| *time)
    }

    fn scenario(&self) -> &Scenario {
        &self.scenario
    }
}

impl Connection {
    fn new(peer: Arc<Peer>, to: Endpoint, address: String, since: Time) -> Self {
        Self { peer, to, address, messages: 0, answered: since, request: Vec::new(), server: None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::world::HttpReply;
    use super::*;

    fn world(text: &str) -> Scripted {
        Scripted::seeded(Scenario::from_toml("test.toml", text).unwrap(), 7)
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint { transport: Transport::Tcp, host: host.to_owned(), port, local_port: None }
    }

    /// All that happens, in order.
    fn all(world: &mut Scripted) -> Vec<(u64, Event)> {
        let mut all = Vec::new();
        while let Some(wake) = world.wake() {
            while let Some((time, event)) = world.poll(wake) {
                all.push((time.as_nanos() / 1_000_000, event));
            }
        }
        all
    }

    fn texts(events: &[(u64, Event)]) -> Vec<String> {
        let text = |(_, event): &(u64, Event)| match event {
            Event::Received(_, bytes, ..) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Event::Closed(_) => Some("CLOSED".to_owned()),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    }

    #[test]
    fn without_a_scenario_a_peer_echoes_and_serves_pages() {
        let mut world = Scripted::default();
        world.open(Time::ZERO, 1, &tcp("example.com", 80));
        let events = all(&mut world);
        assert!(matches!(events.as_slice(), [(60..=68, Event::Opened(1))]), "{events:?}");
        world.send(Time::from_millis(100), 1, b"hello", None);
        assert_eq!(texts(&all(&mut world)), ["hello"]);
        world.send(Time::from_millis(300), 1, b"GET /x HTTP/1.1\r\nHost: exa", None);
        assert_eq!(texts(&all(&mut world)), [""; 0]);
        world.send(Time::from_millis(400), 1, b"mple.com\r\nConnection: close\r\n\r\n", None);
        let answer = texts(&all(&mut world));
        assert!(
            answer[0].starts_with("HTTP/1.1 200 OK\r\n") && answer[0].ends_with("\r\n\r\nHello from atscope"),
            "{answer:?}"
        );
        assert_eq!(answer[1], "CLOSED");
        world.send(Time::from_millis(900), 1, b"more", None);
        assert_eq!(all(&mut world)[0].1, Event::Failed(1, Failure::Broken));
    }

    #[test]
    fn peers_greet_reply_speak_and_close() {
        let mut world = world(
            "[[peers]]\nhost = \"a.example\"\nport = 7\ngreeting = \"220 hi\"\nreplies = [[\"ping\", \"pong\"], [\"quiet\", \"\"]]\n\
             echo = false\ncloses-after = 3\nsays = [[5000, \"hex:6162\"]]\n[[peers]]\nport = 8\nfails = \"timeout\"\n",
        );
        world.open(Time::ZERO, 1, &tcp("A.example", 7));
        world.open(Time::ZERO, 2, &tcp("a.example", 8));
        world.open(Time::ZERO, 3, &tcp("a.example", 9));
        world.open(Time::ZERO, 4, &tcp("a.invalid", 7));
        let mut seen = Vec::new();
        while let Some((_, event)) = world.poll(Time::from_millis(1000)) {
            seen.push(event);
        }
        assert!(seen.contains(&Event::Opened(1)));
        assert!(seen.contains(&Event::Failed(3, Failure::Refused)) && seen.contains(&Event::Failed(4, Failure::Dns)));
        for message in ["ping 1", "quiet", "nothing fits"] {
            world.send(Time::from_millis(1000), 1, message.as_bytes(), None);
        }
        let rest = all(&mut world);
        // It was closed before it would have spoken by itself.
        assert_eq!(texts(&rest), ["pong", "CLOSED"]);
        assert!(matches!(rest.last(), Some((20_000..=22_500, Event::Failed(2, Failure::Timeout)))), "{rest:?}");
    }

    #[test]
    fn answers_stay_in_order_and_come_in_segments() {
        let mut world = Scripted::default();
        world.open(Time::ZERO, 1, &tcp("h", 1));
        all(&mut world);
        let long: Vec<u8> = (0..5000_u32).map(|at| at as u8).collect();
        world.send(Time::from_millis(100), 1, &long, None);
        world.send(Time::from_millis(100), 1, b"short", None);
        let pieces: Vec<Vec<u8>> = all(&mut world)
            .into_iter()
            .filter_map(|(_, event)| if let Event::Received(_, bytes, ..) = event { Some(bytes) } else { None })
            .collect();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1460, 1460, 1460, 620, 5]);
        assert_eq!(pieces.concat(), [&long[..], b"short"].concat());
    }

    #[test]
    fn clients_come_to_a_server() {
        let mut world = world("[[clients]]\nafter = 100\n[clients.peer]\ngreeting = \"hi\"\n[[clients]]\nport = 9\n");
        assert!(world.listen(Time::ZERO, 80, 40) && !world.listen(Time::ZERO, 80, 50));
        let events = all(&mut world);
        assert!(matches!(&events[0].1, Event::Accepted(40, address, _) if address == "192.168.4.2"), "{events:?}");
        assert_eq!(texts(&events), ["hi"]);
        world.unlisten(Time::ZERO, 80);
        assert!(world.listen(Time::from_millis(500), 80, 60));
        world.unlisten(Time::from_millis(501), 80);
        assert_eq!(all(&mut world), []);
    }

    #[test]
    fn web_servers_answer_after_rules() {
        let mut world = world(
            "[[http]]\nmethod = \"POST\"\necho = true\n[[http]]\nurl = \"http://a.example/big\"\nsize = 3000\n[[http]]\nurl = \"/gone\"\n\
             status = 410\ncloses = 50\n[[http]]\nurl = \"http://b.example\"\nfails = \"tls\"\n[[http]]\nurl = \"http://c.example\"\nfails = 714\n",
        );
        let mut ask = |method: &str, url: &str| {
            let request = HttpRequest {
                method: method.to_owned(),
                url: url.to_owned(),
                body: b"sent".to_vec(),
                ..HttpRequest::default()
            };
            world.http(Time::ZERO, 1, &request);
            all(&mut world).into_iter().map(|(_, event)| event).collect::<Vec<_>>()
        };
        let reply = |events: &[Event]| match &events[0] {
            Event::Reply(1, HttpReply { status, body, .. }) => (*status, body.len()),
            other => unreachable!("{other:?}"),
        };
        assert_eq!(reply(&ask("POST", "http://x.example/")), (200, 4));
        assert_eq!(reply(&ask("GET", "HTTP://A.example/big?x")), (200, 3000));
        assert_eq!(reply(&ask("HEAD", "http://a.example/big")), (200, 0));
        assert_eq!(reply(&ask("GET", "http://a.example/other")), (404, 9));
        let gone = ask("GET", "https://any.example:8443/gone/away");
        assert_eq!((reply(&gone).0, gone.get(1)), (410, Some(&Event::Closed(1))));
        assert_eq!(ask("GET", "http://b.example/"), [Event::Failed(1, Failure::Tls)]);
        assert_eq!(reply(&ask("GET", "http://c.example/")), (714, 0));
        assert_eq!(ask("GET", "http://no.invalid/"), [Event::Failed(1, Failure::Dns)]);
    }

    #[test]
    fn a_lost_network_takes_everything_along() {
        let mut world =
            world("[[events]]\nat = 1000\nwhat = \"network lost\"\n[[events]]\nat = 2000\nwhat = \"network back\"\n");
        world.open(Time::ZERO, 1, &tcp("h", 1));
        while world.poll(Time::from_millis(999)).is_some() {}
        world.send(Time::from_millis(999), 1, b"x", None);
        assert_eq!(world.poll(Time::from_millis(1000)).unwrap().1, Event::Happens("network lost".to_owned()));
        world.ping(Time::from_millis(1100), 2, "h");
        assert_eq!(world.poll(Time::from_millis(1100)).unwrap().1, Event::Failed(2, Failure::NoNetwork));
        assert_eq!(world.poll(Time::from_millis(2000)).unwrap().1, Event::Happens("network back".to_owned()));
        world.ping(Time::from_millis(2000), 3, "h");
        assert!(matches!(all(&mut world).as_slice(), [(_, Event::Pong(3, 40..=45))]));
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut world = Scripted::default();
        for id in 0..5000 {
            world.open(Time::ZERO, id, &tcp("h", 1));
        }
        assert_eq!(world.connections.len(), CONNECTIONS);
        assert!(world.agenda.len() <= 2 * CONNECTIONS);
        for _ in 0..5000 {
            world.send(Time::ZERO, 4999, &[0; 4096], None);
        }
        assert!(world.on_the_way <= ON_THE_WAY && world.agenda.len() <= AGENDA);
        all(&mut world);
        assert_eq!(world.on_the_way, 0);
    }

    #[test]
    fn the_seed_decides_the_times() {
        let run = |seed| {
            let mut world = Scripted::seeded(Scenario::default(), seed);
            world.open(Time::ZERO, 1, &tcp("h", 1));
            world.ping(Time::ZERO, 2, "h");
            world.wake()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
