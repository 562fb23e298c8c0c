//! What is beyond the module: access points, peers, servers, brokers. The module asks, the world answers in its own time.
//!
//! Sans-IO as the module itself: a scripted world answers out of a scenario, by the virtual clock; another one lets sockets
//! really go out. Whatever is asked is answered at most once; a world that never answers is a world, too.

use crate::Time;

/// Names one request or connection; the module chooses it, the world gives it back.
pub type Id = u64;

/// How a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream within TLS.
    Tls,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How.
    pub transport: Transport,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The port on this side, where the host wants a certain one (UDP).
    pub local_port: Option<u16>,
}

/// A request to a web server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
}

/// What a web server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpReply {
    /// `200`
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

/// Why something did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name is not known.
    Dns,
    /// Nobody listens there, or the host may not go there.
    Refused,
    /// Nothing came back in time.
    Timeout,
    /// TLS was not agreed on.
    Tls,
    /// There is no network.
    NoNetwork,
    /// The other side broke the connection off.
    Broken,
}

/// What the world says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection stands.
    Opened(Id),
    /// It does not.
    Failed(Id, Failure),
    /// Data of the other side; the address is that of the sender.
    Received(Id, Vec<u8>, String, u16),
    /// The other side closed it.
    Closed(Id),
    /// Somebody connected to the port that this side listens on: a new connection, of which peer.
    Accepted(Id, String, u16),
    /// What was sent has gone out.
    Sent(Id),
    /// A web server's answer.
    Reply(Id, HttpReply),
    /// An address for a name.
    Resolved(Id, String),
    /// A ping came back, after so many milliseconds.
    Pong(Id, u32),
    /// Something that the scenario lets happen at this time: `wifi lost`, `sms "…"`, `urc "+CREG: 2"`, `reset`.
    Happens(String),
}

/// What the module sees of the world.
pub trait World: Send {
    /// Opens a connection: [`Event::Opened`] or [`Event::Failed`].
    fn open(&mut self, now: Time, id: Id, to: &Endpoint);
    /// Sends on a connection: [`Event::Sent`] or [`Event::Failed`]; `to` names another destination of a UDP connection.
    fn send(&mut self, now: Time, id: Id, bytes: &[u8], to: Option<(&str, u16)>);
    /// Closes a connection from this side; nothing comes of it any more.
    fn close(&mut self, now: Time, id: Id);
    /// Listens on a port: [`Event::Accepted`] with ids from `first` up. `false`: it cannot be had.
    fn listen(&mut self, now: Time, port: u16, first: Id) -> bool;
    /// Listens no more.
    fn unlisten(&mut self, now: Time, port: u16);
    /// Asks for a name's address: [`Event::Resolved`] or [`Event::Failed`].
    fn resolve(&mut self, now: Time, id: Id, name: &str);
    /// Pings: [`Event::Pong`] or [`Event::Failed`].
    fn ping(&mut self, now: Time, id: Id, host: &str);
    /// Asks a web server: [`Event::Reply`] or [`Event::Failed`].
    fn http(&mut self, now: Time, id: Id, request: &HttpRequest);
    /// The next thing that happened up to `now`, with its time; things come in the order of their times.
    fn poll(&mut self, now: Time) -> Option<(Time, Event)>;
    /// When the next thing happens, as far as the world knows; `None`: it does not know of any.
    fn wake(&self) -> Option<Time>;
    /// Whether things may also happen at times that [`wake`](Self::wake) does not tell, as with real sockets.
    fn is_live(&self) -> bool {
        false
    }
    /// What stands around: access points, devices, brokers, files, facts.
    fn scenario(&self) -> &super::Scenario;
}
