//! A real client on the virtual module: `atat` opens a socket on ESP-AT, and fetches a page over SIMCom's HTTP service.

#![cfg(feature = "embedded-io")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::io::Read;
use std::time::{Duration, Instant};

use atat::blocking::{AtatClient, Client, SimpleClient};
use atat::digest::{ParseError, Parser};
use atat::{AtDigester, AtatIngress, AtatUrc, Config, Ingress, ResponseSlot, UrcChannel};
use atscope::port::{Control, Port};
// The locks of `atat`'s queues.
use critical_section as _;
use heapless::String;

/// Sends a line or data as it is, and gives what `atat` takes for the answer.
fn send(client: &mut impl AtatClient, text: &str) -> std::string::String {
    let command = String::<96>::try_from(text).unwrap();
    let answer = client.send(&command).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
    answer.as_str().to_owned()
}

struct NoUrc;

impl Parser for NoUrc {
    fn parse(_: &[u8]) -> Result<(&[u8], usize), ParseError> {
        Err(ParseError::NoMatch)
    }
}

/// What ends a send, and what comes of the peer.
fn sent_or_received(buf: &[u8]) -> Result<(&[u8], usize), ParseError> {
    if buf.starts_with(b"\r\nSEND OK\r\n") {
        return Ok((b"SEND OK", 11));
    }
    let head = b"\r\n+IPD,";
    let Some(rest) = buf.strip_prefix(head) else { return Err(ParseError::NoMatch) };
    let colon = rest.iter().position(|&byte| byte == b':').ok_or(ParseError::Incomplete)?;
    let len: usize = std::str::from_utf8(&rest[..colon]).unwrap().parse().unwrap();
    let data = rest.get(colon + 1..colon + 1 + len).ok_or(ParseError::Incomplete)?;
    Ok((data, head.len() + colon + 1 + len))
}

#[test]
fn atat_opens_a_socket_on_esp_at() {
    let port = Port::builder("esp-at").model("esp32").seed(1).build().unwrap();
    let control = port.control();
    let mut buf = [0; 512];
    let digester = AtDigester::<NoUrc>::new().with_custom_success(sent_or_received);
    let config = Config::new().cmd_cooldown(atat_time(0));
    let mut client = SimpleClient::new(port, digester, &mut buf, config);

    send(&mut client, "ATE0\r\n");
    send(&mut client, "AT+CWMODE=1\r\n");
    send(&mut client, "AT+CWJAP=\"atscope\",\"\"\r\n");
    send(&mut client, "AT+CIPSTART=\"TCP\",\"example.com\",7\r\n");
    for data in ["hello", "\r\nOK\r\n", "bye"] {
        send(&mut client, &format!("AT+CIPSEND={}\r\n", data.len()));
        // Nothing to send: waits for the prompt, and later for what comes back.
        send(&mut client, "");
        assert_eq!(send(&mut client, data), "SEND OK");
        assert_eq!(send(&mut client, ""), data);
    }
    send(&mut client, "AT+CIPCLOSE\r\n");

    control.skip_to("AT+CIPSTART=*").unwrap();
    control.expect("AT+CIPSEND=5").unwrap();
    control.expect_data("hello").unwrap();
    assert!(control.now() > Duration::from_secs(1), "joining takes its time, by the virtual clock");
    control.check().unwrap();
}

fn atat_time(millis: u64) -> embassy_time::Duration {
    embassy_time::Duration::from_millis(millis)
}

#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // as `atat`'s own, which knows no heap
enum Urc {
    /// `+HTTPACTION: 0,200,18`
    Action { status: u16, len: usize },
    /// `+HTTPREAD: 18` and the data.
    Data(heapless::Vec<u8, 256>),
}

fn line(buf: &[u8]) -> Result<&[u8], ParseError> {
    let end = buf.windows(2).position(|pair| pair == b"\r\n").ok_or(ParseError::Incomplete)?;
    Ok(&buf[..end])
}

impl Parser for Urc {
    fn parse(buf: &[u8]) -> Result<(&[u8], usize), ParseError> {
        let Some(rest) = buf.strip_prefix(b"\r\n+HTTP") else { return Err(ParseError::NoMatch) };
        let first = line(rest)?;
        if first.starts_with(b"ACTION: ") {
            return Ok((first, 7 + first.len() + 2));
        }
        // `+HTTPREAD: 18` in the manual, `+HTTPREAD: DATA,18` of most firmware; `+HTTPREAD: 0` ends it.
        let Some(len) = first.strip_prefix(b"READ: ") else { return Err(ParseError::NoMatch) };
        let len = len.strip_prefix(b"DATA,").unwrap_or(len);
        let len: usize = std::str::from_utf8(len).unwrap().parse().unwrap();
        let whole = first.len() + 2 + len;
        let found = rest.get(..whole).ok_or(ParseError::Incomplete)?;
        Ok((found, 7 + whole))
    }
}

impl AtatUrc for Urc {
    fn parse(found: &[u8]) -> Option<Self> {
        let first = line(found).unwrap_or(found);
        let text = std::str::from_utf8(first).ok()?;
        match text.strip_prefix("ACTION: ") {
            Some(fields) => {
                let mut fields = fields.split(',').skip(1);
                Some(Self::Action { status: fields.next()?.parse().ok()?, len: fields.next()?.parse().ok()? })
            }
            None => heapless::Vec::from_slice(&found[first.len() + 2..]).ok().map(Self::Data),
        }
    }
}

/// Ends the thread that reads, also where the test fails.
struct Unplug(Control);

impl Drop for Unplug {
    fn drop(&mut self) {
        self.0.unplug();
    }
}

#[test]
fn atat_fetches_a_page_over_simcoms_http() {
    let port = Port::builder("simcom").seed(1).build().unwrap();
    let control = port.control();
    let (mut reader, writer) = port.split();

    let (slot, urcs) = (ResponseSlot::<512>::new(), UrcChannel::<Urc, 8, 1>::new());
    let mut told = urcs.subscribe().unwrap();
    let (mut inbox, mut outbox) = ([0; 1024], [0; 512]);
    let mut ingress = Ingress::new(AtDigester::<Urc>::new(), &mut inbox, &slot, &urcs);
    let mut client = Client::new(writer, &slot, &mut outbox, Config::new());

    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut buf = [0; 64];
            // Ends when the port is unplugged.
            while let Ok(len) = reader.read(&mut buf) {
                assert_eq!(ingress.try_write(&buf[..len]), Ok(len));
            }
        });
        let _unplug = Unplug(control.clone());
        let mut next = || {
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                if let Some(urc) = told.try_next_message_pure() {
                    return urc;
                }
                assert!(Instant::now() < until, "{}", control.transcript());
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        send(&mut client, "ATE0\r");
        send(&mut client, "AT+HTTPINIT\r");
        send(&mut client, "AT+HTTPPARA=\"URL\",\"http://example.com/\"\r");
        send(&mut client, "AT+HTTPACTION=0\r");
        let Urc::Action { status: 200, len } = next() else { panic!("{}", control.transcript()) };
        send(&mut client, &format!("AT+HTTPREAD=0,{len}\r"));
        assert_eq!(next(), Urc::Data(heapless::Vec::from_slice(b"Hello from atscope").unwrap()));
        std::thread::sleep(Duration::from_millis(20));
        send(&mut client, "AT+HTTPTERM\r");
    });
    let bad: Vec<_> = control.findings().into_iter().filter(|found| found.rule.name() != "line-ending").collect();
    assert!(bad.is_empty(), "{bad:?}\n{}", control.transcript());
}
