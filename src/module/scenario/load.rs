//! Scenarios from files: whatever is wrong is said with file and line, and a value that no code could act on is wrong, too.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Fact, Peer, Scenario};
use crate::syntax::value;

/// Longest scenario file, and longest file that a scenario names, in bytes.
const LONGEST: u64 = 4 << 20;

/// Why a scenario cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; `None` where the file cannot be read at all.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// What is wrong, and where: keys and positions from the top.
type Wrong = (Vec<Step>, String);

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    At(usize),
}

impl Scenario {
    /// Reads the text of a scenario file; `name` is how errors call it.
    ///
    /// # Errors
    /// It is no TOML, has keys that no scenario has, or values that nothing can act on. Texts that name other files (`file:`) are errors:
    /// only [`load`](Self::load) knows beside which file they are.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ScenarioError> {
        read(name, text, None)
    }

    /// Reads a scenario file, and the files that it names.
    ///
    /// # Errors
    /// As of [`from_toml`](Self::from_toml); and where a file cannot be read.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let name = path.display().to_string();
        let said = |message: String| ScenarioError { file: name.clone(), line: None, message };
        let bytes = contents(path).map_err(|message| said(format!("cannot be read: {message}")))?;
        let text = String::from_utf8(bytes).map_err(|error| ScenarioError {
            file: name.clone(),
            line: Some(line(error.as_bytes(), error.utf8_error().valid_up_to())),
            message: "is no UTF-8 text".to_owned(),
        })?;
        read(&name, &text, Some(path.parent().unwrap_or(Path::new(""))))
    }
}

fn read(name: &str, text: &str, folder: Option<&Path>) -> Result<Scenario, ScenarioError> {
    let said = |at: usize, message: String| ScenarioError {
        file: name.to_owned(),
        line: Some(line(text.as_bytes(), at)),
        message,
    };
    let mut scenario: Scenario = toml::from_str(text).map_err(|error: toml::de::Error| {
        said(error.span().map_or(0, |span| span.start), error.message().replace('\n', " "))
    })?;
    let result = check(&scenario).and_then(|()| bring_in(&mut scenario, folder));
    match result {
        Ok(()) => Ok(scenario),
        Err((path, message)) => Err(said(place(text, &path), format!("{}: {message}", shown(&path)))),
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST { Err(format!("it is longer than {LONGEST} bytes")) } else { Ok(bytes) }
}

/// The number of the line that holds this byte.
fn line(text: &[u8], at: usize) -> usize {
    1 + text.iter().take(at).filter(|&&byte| byte == b'\n').count()
}

fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            // People count from 1.
            Step::At(at) => text.push_str(&format!("[{}]", at + 1)),
        }
    }
    format!("`{text}`")
}

/// The byte at which what a path leads to starts; of what the text leaves out, where its table does.
fn place(text: &str, path: &[Step]) -> usize {
    fn find<'a, 't>(table: &'a DeTable<'t>, key: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        table.iter().find(|(own, _)| own.get_ref() == key).map(|(_, value)| value)
    }
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let mut steps = path.iter();
    let Some(Step::Key(first)) = steps.next() else { return 0 };
    let Some(mut here) = find(root.get_ref(), first) else { return 0 };
    for step in steps {
        let next = match (step, here.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => find(table, key),
            (Step::At(number), DeValue::Array(items)) => items.get(*number),
            _ => None,
        };
        let Some(next) = next else { break };
        here = next;
    }
    here.span().start
}

/// Pairs of hexadecimal digits, blanks between them allowed.
pub(super) fn digits(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn key(name: &str) -> Vec<Step> {
    vec![Step::Key(name.to_owned())]
}

fn within(list: &str, at: usize, name: &str) -> Vec<Step> {
    vec![Step::Key(list.to_owned()), Step::At(at), Step::Key(name.to_owned())]
}

/// Words of [`super::super::world::Failure`].
const FAILURES: [&str; 6] = ["dns", "refused", "timeout", "tls", "no-network", "broken"];

fn check(scenario: &Scenario) -> Result<(), Wrong> {
    let unless = |holds: bool, path: Vec<Step>, message: &str| match holds {
        true => Ok(()),
        false => Err((path, message.to_owned())),
    };
    let v4 = |text: &str| text.is_empty() || text.parse::<std::net::Ipv4Addr>().is_ok();
    let mac = |text: &str| value::mac(text.as_bytes()).is_some();
    const V4: &str = "expected an IPv4 address, such as 192.168.1.17, or nothing";
    const MAC: &str = "expected a MAC address, such as 24:0a:c4:00:00:01";
    for (at, one) in scenario.access_points.iter().enumerate() {
        let own = |name| within("access-points", at, name);
        unless(one.ssid.len() <= 32, own("ssid"), "a name has at most 32 bytes")?;
        unless(one.password.len() <= 64, own("password"), "a password has at most 64 bytes")?;
        unless(mac(&one.bssid), own("bssid"), MAC)?;
        for (name, text) in [("ip", &one.ip), ("gateway", &one.gateway), ("netmask", &one.netmask)] {
            unless(v4(text), own(name), V4)?;
        }
    }
    for (at, one) in scenario.stations.iter().enumerate() {
        unless(mac(&one.mac), within("stations", at, "mac"), MAC)?;
        unless(v4(&one.ip), within("stations", at, "ip"), V4)?;
    }
    for (name, address) in &scenario.hosts {
        let path = vec![Step::Key("hosts".to_owned()), Step::Key(name.clone())];
        let good = address.is_empty() || address.parse::<IpAddr>().is_ok();
        unless(good, path, "expected an IP address, or nothing for a name that is not known")?;
    }
    for (at, one) in scenario.http.iter().enumerate() {
        failure(one.fails.as_ref(), true, || within("http", at, "fails"))?;
    }
    for (at, one) in scenario.peers.iter().enumerate() {
        peer(one, |name| within("peers", at, name))?;
    }
    for (at, one) in scenario.clients.iter().enumerate() {
        unless(one.address.parse::<IpAddr>().is_ok(), within("clients", at, "address"), "expected an IP address")?;
        peer(&one.peer, |name| [within("clients", at, "peer"), key(name)].concat())?;
    }
    for (at, one) in scenario.brokers.iter().enumerate() {
        failure(one.fails.as_ref(), true, || within("brokers", at, "fails"))?;
    }
    for (at, one) in scenario.devices.iter().enumerate() {
        let own = |name| within("devices", at, name);
        unless(matches!(&*one.kind, "ble" | "classic"), own("kind"), "expected `ble` or `classic`")?;
        unless(mac(&one.address), own("address"), MAC)?;
        for (name, text) in [("advertising", &one.advertising), ("scan-response", &one.scan_response)] {
            unless(digits(text).is_some(), own(name), "expected pairs of hexadecimal digits")?;
        }
    }
    for (at, one) in scenario.events.iter().enumerate() {
        unless(!one.what.trim().is_empty(), within("events", at, "what"), "what happens is missing")?;
    }
    unless(v4(&scenario.network.ip), [key("network"), key("ip")].concat(), V4)
}

fn peer(peer: &Peer, path: impl Fn(&str) -> Vec<Step>) -> Result<(), Wrong> {
    if !matches!(&*peer.transport, "" | "tcp" | "udp" | "tls") {
        return Err((path("transport"), "expected `tcp`, `udp` or `tls`".to_owned()));
    }
    failure(peer.fails.as_ref(), false, || path("fails"))
}

fn failure(fails: Option<&Fact>, numbers: bool, path: impl Fn() -> Vec<Step>) -> Result<(), Wrong> {
    let known = match fails {
        None => true,
        Some(Fact::Int(number)) => numbers && u16::try_from(*number).is_ok(),
        Some(Fact::Text(word)) => FAILURES.contains(&word.as_str()),
    };
    if known {
        return Ok(());
    }
    let number = if numbers { ", or a code of the manual" } else { "" };
    Err((path(), format!("expected one of {}{number}", FAILURES.join(", "))))
}

/// Looks at every text that stands for bytes, and puts the content of files in place of their names.
fn bring_in(scenario: &mut Scenario, folder: Option<&Path>) -> Result<(), Wrong> {
    let one = |text: &mut String, path: Vec<Step>| -> Result<(), Wrong> {
        if let Some(hex) = text.strip_prefix("hex:") {
            return match digits(hex) {
                Some(_) => Ok(()),
                None => Err((path, "expected pairs of hexadecimal digits behind `hex:`".to_owned())),
            };
        }
        if let Some(file) = text.strip_prefix("file:") {
            let Some(folder) = folder else { return Err((path, "a file cannot be named here".to_owned())) };
            let file = folder.join(file);
            let bytes = contents(&file).map_err(|error| (path, format!("{}: {error}", file.display())))?;
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            *text = match String::from_utf8(bytes) {
                Ok(plain) if !plain.starts_with("hex:") => plain,
                Ok(plain) => format!("hex:{}", hex(plain.as_bytes())),
                Err(error) => format!("hex:{}", hex(error.as_bytes())),
            };
        }
        Ok(())
    };
    let of_peer = |peer: &mut Peer, path: &dyn Fn(&str) -> Vec<Step>| -> Result<(), Wrong> {
        one(&mut peer.greeting, path("greeting"))?;
        for (at, (to, reply)) in peer.replies.iter_mut().enumerate() {
            let own = |side| [path("replies"), vec![Step::At(at), Step::At(side)]].concat();
            one(to, own(0))?;
            one(reply, own(1))?;
        }
        for (at, (_, text)) in peer.says.iter_mut().enumerate() {
            one(text, [path("says"), vec![Step::At(at), Step::At(1)]].concat())?;
        }
        Ok(())
    };
    for (at, rule) in scenario.http.iter_mut().enumerate() {
        one(&mut rule.body, within("http", at, "body"))?;
    }
    for (at, peer) in scenario.peers.iter_mut().enumerate() {
        of_peer(peer, &|name| within("peers", at, name))?;
    }
    for (at, client) in scenario.clients.iter_mut().enumerate() {
        of_peer(&mut client.peer, &|name| [within("clients", at, "peer"), key(name)].concat())?;
    }
    for (at, broker) in scenario.brokers.iter_mut().enumerate() {
        for (number, (_, message)) in broker.retained.iter_mut().enumerate() {
            one(message, [within("brokers", at, "retained"), vec![Step::At(number), Step::At(1)]].concat())?;
        }
        for (number, (_, _, message)) in broker.says.iter_mut().enumerate() {
            one(message, [within("brokers", at, "says"), vec![Step::At(number), Step::At(2)]].concat())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("epoch = ", "a.toml:1: "),
            ("\nepoc = 1", "a.toml:2: unknown field `epoc`, expected one of `facts`"),
            ("[[http]]\nstatus = 200\n[[http]]\nstatus = \"x\"", "a.toml:4: invalid type: string \"x\", expected u16"),
            (
                "[[http]]\n[[http]]\nurl = \"a\"\nfails = \"refusd\"",
                "a.toml:4: `http[2].fails`: expected one of dns, refused",
            ),
            ("[[peers]]\ntransport = \"sctp\"", "a.toml:2: `peers[1].transport`: expected `tcp`, `udp` or `tls`"),
            ("[[peers]]\nfails = 5", "a.toml:2: `peers[1].fails`: expected one of dns, refused"),
            ("[hosts]\na = \"1.2.3.4\"\nb = \"1.2.3\"", "a.toml:3: `hosts.b`: expected an IP address"),
            ("[[access-points]]\nbssid = \"24:0a\"", "a.toml:2: `access-points[1].bssid`: expected a MAC"),
            ("[[devices]]\nkind = \"zigbee\"", "a.toml:2: `devices[1].kind`: expected `ble` or `classic`"),
            (
                "[[clients]]\n[clients.peer]\nsays = [\n[1, \"hex:0\"],\n]",
                "a.toml:4: `clients[1].peer.says[1][2]`: expected pairs",
            ),
            ("[[http]]\nbody = \"file:x\"", "a.toml:2: `http[1].body`: a file cannot be named here"),
            ("[network]\nip = \"x\"", "a.toml:2: `network.ip`: expected an IPv4"),
            ("[[events]]\nat = 5\nwhat = \" \"", "a.toml:3: `events[1].what`: what happens is missing"),
        ] {
            let error = Scenario::from_toml("a.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn what_a_file_leaves_out_has_a_default() {
        let scenario = Scenario::from_toml("a.toml", "").unwrap();
        assert_eq!((scenario.access_points.len(), scenario.brokers.len()), (1, 1));
        let text = "epoch = 5\n[[peers]]\nport = 7\nsays = [[10, \"hex:00 ff\"], [20, \"x\"]]\nreplies = [[\"a\", \"b\"]]\n[facts]\n\"+CSQ.rssi\" = 20\n";
        let scenario = Scenario::from_toml("a.toml", text).unwrap();
        assert_eq!((scenario.epoch, scenario.peers[0].port, scenario.peers[0].echo), (5, 7, true));
        assert_eq!(super::super::bytes_of(&scenario.peers[0].says[0].1), [0, 0xFF]);
        assert_eq!(scenario.facts["+CSQ.rssi"], Fact::Int(20));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        for open in ["x = [", "x = {a=", "x=[\n"] {
            let end = open.trim_start_matches("x = ").trim_start_matches("x=");
            let text = format!("{open}{}", end.repeat(100_000));
            assert!(Scenario::from_toml("a.toml", &text).is_err(), "{open}");
        }
    }
}
