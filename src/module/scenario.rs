//! What stands around a virtual module: access points, servers, brokers, devices, and what happens when.
//!
//! Data only; [`super::scripted`] acts on it. What a scenario does not say has a default with which the usual session works:
//! one open access point, a web server and an echoing peer behind any name. As soon as a list has entries, these alone are there: what fits
//! none of a scenario's `peers` is refused, what fits none of its `http` is 404; an entry without a condition, at the list's end, takes the rest.
//!
//! A text that stands for bytes (`body`, `greeting`, `replies`, `says`) may say them otherwise: `hex:00ff` by their digits, and in a file
//! `file:page.html` by another file beside it. See [`bytes_of`].

mod load;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use load::ScenarioError;

/// A world as a file says it (TOML). Times are in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Scenario {
    /// Values that the module answers with: `"+CSQ.rssi" = 20`, `imei = "…"`; by command and parameter, or by parameter alone.
    pub facts: BTreeMap<String, Fact>,
    /// Lines that the module answers a command line with, in place of what its catalog says: `"AT+CPSI?" = ["+CPSI: NO SERVICE"]`.
    pub answers: BTreeMap<String, Vec<String>>,
    /// Wi-Fi access points.
    pub access_points: Vec<AccessPoint>,
    /// Stations that join the module's own SoftAP.
    pub stations: Vec<Station>,
    /// Addresses of names; a name that is not listed has one made out of it, unless `known-hosts-only`.
    pub hosts: BTreeMap<String, String>,
    /// A name that `hosts` does not list is not known.
    pub known_hosts_only: bool,
    /// Files of the module's file system, by name; without any, each name that is asked for is a small file.
    pub files: BTreeMap<String, String>,
    /// Web servers, the first that fits counts.
    pub http: Vec<HttpRule>,
    /// TCP, UDP and TLS servers, the first that fits counts.
    pub peers: Vec<Peer>,
    /// Clients that connect to the module's server.
    pub clients: Vec<Client>,
    /// MQTT brokers, the first that fits counts.
    pub brokers: Vec<Broker>,
    /// Bluetooth devices, of either kind.
    pub devices: Vec<Device>,
    /// What happens at which time.
    pub events: Vec<Happening>,
    /// The cellular network.
    pub network: Network,
    /// What the clock of the network says at the start: seconds since 1970.
    pub epoch: u64,
    /// How long usual things take.
    pub delays: Delays,
}

/// The bytes that a text of a scenario stands for: those of the text, or what its digits say where it starts with `hex:`.
///
/// ```
/// assert_eq!(atscope::module::bytes_of("hex:00fF"), [0x00, 0xFF]);
/// assert_eq!(atscope::module::bytes_of("hello\r\n"), b"hello\r\n");
/// ```
pub fn bytes_of(text: &str) -> Vec<u8> {
    text.strip_prefix("hex:").and_then(load::digits).unwrap_or_else(|| text.as_bytes().to_vec())
}

/// A number or a text.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Fact {
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

/// A Wi-Fi access point.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct AccessPoint {
    /// Its name; may hold any bytes that TOML can write.
    pub ssid: String,
    /// Its password; empty: it is open.
    pub password: String,
    /// Its address.
    pub bssid: String,
    /// Its channel.
    pub channel: u8,
    /// Its signal strength in dBm.
    pub rssi: i8,
    /// The manual's number of its encryption; left out: 0 without a password, 3 (WPA2_PSK) with one.
    pub encryption: Option<u8>,
    /// The address that its DHCP server gives; empty: none comes.
    pub ip: String,
    /// Its own address.
    pub gateway: String,
    /// The netmask.
    pub netmask: String,
    /// Joining fails with this error code of the manual.
    pub fails: Option<u8>,
}

/// A station that joins the SoftAP.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Station {
    /// Its address.
    pub mac: String,
    /// What it is given.
    pub ip: String,
    /// When, after the SoftAP is up.
    pub after: u64,
}

/// How a web server answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct HttpRule {
    /// `GET`, …; empty: any.
    pub method: String,
    /// The start of the URL; empty: any.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Headers of the answer.
    pub headers: BTreeMap<String, String>,
    /// The content.
    pub body: String,
    /// So many bytes of content, in place of `body`.
    pub size: Option<usize>,
    /// The content is what was sent.
    pub echo: bool,
    /// How long it takes.
    pub delay: Option<u64>,
    /// It fails: `dns`, `refused`, `timeout`, `tls`, `no-network`, `broken`; or a status or error code of the manual, which stands in for the status.
    pub fails: Option<Fact>,
    /// The server closes the connection so long after its answer.
    pub closes: Option<u64>,
}

/// How a TCP, UDP or TLS server behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Peer {
    /// `tcp`, `udp`, `tls`; empty: any.
    pub transport: String,
    /// Name or address; empty: any.
    pub host: String,
    /// Port; 0: any.
    pub port: u16,
    /// What it says first.
    pub greeting: String,
    /// What it answers to what starts so: first text of a pair, second text. The first that fits counts.
    pub replies: Vec<(String, String)>,
    /// It says back what it gets, where no reply fits.
    pub echo: bool,
    /// A message that is an HTTP request is answered as `http` says.
    pub http: bool,
    /// How long it takes to connect and to answer.
    pub delay: Option<u64>,
    /// It fails: as of web servers, by a word.
    pub fails: Option<Fact>,
    /// It closes the connection after so many messages.
    pub closes_after: Option<u32>,
    /// It closes the connection so long after it was opened.
    pub closes: Option<u64>,
    /// What it says by itself: milliseconds after the connection, text.
    pub says: Vec<(u64, String)>,
}

/// A client of the module's server.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Client {
    /// The port that it connects to; 0: whichever the module listens on.
    pub port: u16,
    /// When, after the server is there.
    pub after: u64,
    /// Its address.
    pub address: String,
    /// How it behaves.
    pub peer: Peer,
}

/// An MQTT broker.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Broker {
    /// Name or address; empty: any.
    pub host: String,
    /// Port; 0: any.
    pub port: u16,
    /// Who may connect; empty: anybody.
    pub username: String,
    /// With this password.
    pub password: String,
    /// What it keeps: topic and message, sent upon subscription.
    pub retained: Vec<(String, String)>,
    /// What it sends by itself: milliseconds after the connection, topic, message.
    pub says: Vec<(u64, String, String)>,
    /// How long it takes to answer.
    pub delay: Option<u64>,
    /// It refuses: as of web servers.
    pub fails: Option<Fact>,
    /// It breaks the connection off so long after it was made.
    pub closes: Option<u64>,
}

/// A Bluetooth device in reach.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Device {
    /// `ble` or `classic`.
    pub kind: String,
    /// Its address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Its signal strength in dBm.
    pub rssi: i8,
    /// Its advertising data, hexadecimal.
    pub advertising: String,
    /// Its scan response data, hexadecimal.
    pub scan_response: String,
    /// Its address type.
    pub address_type: u8,
    /// It connects to the module so long after the module can be found; left out: never.
    pub connects: Option<u64>,
    /// It cannot be connected to.
    pub fails: bool,
    /// What it does once connected: milliseconds after the connection; `disconnect`, `pair`, `say text`, and with attributes (service, characteristic,
    /// descriptor): `read 1,1`, `write 1,3 0a0d`, `write 1,6,1 0100`, `notify 3,6 6162`, `indicate 3,7 6162`.
    pub does: Vec<(u64, String)>,
}

/// Something that happens at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Happening {
    /// When, since the start.
    pub at: u64,
    /// What: `urc "+CREG: 2"`, `reset`, `wifi lost`, `wifi back`, `network lost`, `network back`, …
    pub what: String,
}

/// The cellular network.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Network {
    /// A SIM card is in, and wants no PIN.
    pub sim: bool,
    /// The PIN; empty: none is wanted.
    pub pin: String,
    /// The module is registered so long after its start; left out: never.
    pub registered: Option<u64>,
    /// The operator's name.
    pub operator: String,
    /// The address that a data connection is given.
    pub ip: String,
}

/// How long things take, unless an entry says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Delays {
    /// From power to the boot banner's end.
    pub boot: u64,
    /// From a command's end to the start of its answer.
    pub answer: u64,
    /// Joining an access point.
    pub join: u64,
    /// From the association to the address.
    pub dhcp: u64,
    /// A scan.
    pub scan: u64,
    /// Opening a connection.
    pub connect: u64,
    /// There and back again.
    pub round_trip: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            facts: BTreeMap::new(),
            answers: BTreeMap::new(),
            access_points: vec![AccessPoint::default()],
            stations: Vec::new(),
            hosts: BTreeMap::new(),
            known_hosts_only: false,
            files: BTreeMap::new(),
            http: Vec::new(),
            peers: Vec::new(),
            clients: Vec::new(),
            brokers: vec![Broker::default()],
            devices: Vec::new(),
            events: Vec::new(),
            network: Network::default(),
            epoch: 1_700_000_000,
            delays: Delays::default(),
        }
    }
}

impl Default for AccessPoint {
    fn default() -> Self {
        Self {
            ssid: "atscope".to_owned(),
            password: String::new(),
            bssid: "24:0a:c4:00:00:01".to_owned(),
            channel: 6,
            rssi: -47,
            encryption: None,
            ip: "192.168.4.17".to_owned(),
            gateway: "192.168.4.1".to_owned(),
            netmask: "255.255.255.0".to_owned(),
            fails: None,
        }
    }
}

impl Default for Station {
    fn default() -> Self {
        Self { mac: "24:0a:c4:00:00:02".to_owned(), ip: "192.168.4.2".to_owned(), after: 1000 }
    }
}

impl Default for HttpRule {
    fn default() -> Self {
        Self {
            method: String::new(),
            url: String::new(),
            status: 200,
            headers: BTreeMap::new(),
            body: "Hello from atscope".to_owned(),
            size: None,
            echo: false,
            delay: None,
            fails: None,
            closes: None,
        }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            transport: String::new(),
            host: String::new(),
            port: 0,
            greeting: String::new(),
            replies: Vec::new(),
            echo: true,
            http: false,
            delay: None,
            fails: None,
            closes_after: None,
            closes: None,
            says: Vec::new(),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self { port: 0, after: 1000, address: "192.168.4.2".to_owned(), peer: Peer::default() }
    }
}

impl Default for Device {
    fn default() -> Self {
        Self {
            kind: "ble".to_owned(),
            address: "24:0a:c4:00:00:03".to_owned(),
            name: "atscope".to_owned(),
            rssi: -60,
            advertising: "020106".to_owned(),
            scan_response: String::new(),
            address_type: 0,
            connects: None,
            fails: false,
            does: Vec::new(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            sim: true,
            pin: String::new(),
            registered: Some(0),
            operator: "atscope".to_owned(),
            ip: "10.0.0.2".to_owned(),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self { boot: 300, answer: 2, join: 800, dhcp: 400, scan: 1500, connect: 60, round_trip: 40 }
    }
}
