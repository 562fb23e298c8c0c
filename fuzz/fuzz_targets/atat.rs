//! A driver for cellular modules on top of atat: its digester, URCs, and the responses of the commands that it sends in turn.
#![no_main]
#![allow(dead_code)] // fields that nobody reads are parsed all the same

use atat::atat_derive::{AtatCmd, AtatEnum, AtatResp, AtatUrc};
use atat::digest::ParseError;
use atat::heapless::String;
use atat::{AtDigester, AtatCmd, AtatUrc, DigestResult, Digester};

#[derive(Clone, Debug, PartialEq, AtatEnum)]
#[at_enum(u8)]
pub enum Registration {
    No = 0,
    Home = 1,
    Searching = 2,
    Denied = 3,
    Unknown = 4,
    Roaming = 5,
}

#[derive(Clone, Debug, AtatResp)]
pub struct NoResponse;

#[derive(Clone, Debug, AtatResp)]
pub struct Signal {
    #[at_arg(position = 0)]
    pub rssi: u8,
    #[at_arg(position = 1)]
    pub ber: u8,
}

#[derive(Clone, Debug, AtatResp)]
pub struct Network {
    #[at_arg(position = 0)]
    pub mode: u8,
    #[at_arg(position = 1)]
    pub state: Registration,
    #[at_arg(position = 2)]
    pub area: Option<String<8>>,
    #[at_arg(position = 3)]
    pub cell: Option<String<8>>,
}

#[derive(Clone, Debug, AtatResp)]
pub struct Operator {
    #[at_arg(position = 0)]
    pub mode: u8,
    #[at_arg(position = 1)]
    pub format: Option<u8>,
    #[at_arg(position = 2)]
    pub name: Option<String<24>>,
}

#[derive(Clone, Debug, AtatResp)]
pub struct Pin {
    #[at_arg(position = 0)]
    pub state: String<16>,
}

#[derive(Clone, Debug, AtatResp)]
pub struct HttpAction {
    #[at_arg(position = 0)]
    pub method: u8,
    #[at_arg(position = 1)]
    pub status: u16,
    #[at_arg(position = 2)]
    pub len: u32,
}

#[derive(Clone, Debug, AtatResp)]
pub struct Message {
    #[at_arg(position = 0)]
    pub storage: String<4>,
    #[at_arg(position = 1)]
    pub index: u16,
}

#[derive(Clone, Debug, AtatResp)]
pub struct Context {
    #[at_arg(position = 0)]
    pub id: u8,
    #[at_arg(position = 1)]
    pub address: String<40>,
}

#[derive(Clone, AtatCmd)]
#[at_cmd("+CSQ", Signal)]
pub struct GetSignal;

#[derive(Clone, AtatCmd)]
#[at_cmd("+CREG?", Network)]
pub struct GetNetwork;

#[derive(Clone, AtatCmd)]
#[at_cmd("+COPS?", Operator)]
pub struct GetOperator;

#[derive(Clone, AtatCmd)]
#[at_cmd("+CPIN?", Pin)]
pub struct GetPin;

#[derive(Clone, AtatCmd)]
#[at_cmd("+CGPADDR", Context)]
pub struct GetContext;

#[derive(Clone, AtatCmd)]
#[at_cmd("", NoResponse)]
pub struct Attention;

#[derive(Clone, Debug, AtatUrc)]
pub enum Urc {
    #[at_urc("+CMTI")]
    NewMessage(Message),
    #[at_urc("+HTTPACTION")]
    HttpAction(HttpAction),
    #[at_urc("+CPIN")]
    Pin(Pin),
    #[at_urc("RDY")]
    Ready,
    #[at_urc("SMS DONE")]
    SmsDone,
    #[at_urc("PB DONE")]
    PbDone,
    #[at_urc("NO CARRIER")]
    NoCarrier,
    #[at_urc("RING")]
    Ring,
}

/// Feeds what the module sends in pieces, as a serial line does.
fn run(data: &[u8]) {
    let mut digester = AtDigester::<Urc>::new()
        .with_custom_prompt(|bytes| match bytes.strip_prefix(b"DOWNLOAD\r\n") {
            Some(_) => Ok((b'D', 10)),
            None if b"DOWNLOAD\r\n".starts_with(bytes) => Err(ParseError::Incomplete),
            None => Err(ParseError::NoMatch),
        })
        .with_custom_error(|bytes| match bytes.strip_prefix(b"\r\n+IP ERROR: ") {
            Some(rest) => match rest.windows(2).position(|pair| pair == b"\r\n") {
                Some(at) => Ok((&rest[..at], 13 + at + 2)),
                None => Err(ParseError::Incomplete),
            },
            None => Err(ParseError::NoMatch),
        });
    let mut buffer = Vec::new();
    let mut asked = 0_usize;
    for piece in data.chunks(48) {
        buffer.extend_from_slice(piece);
        loop {
            let (result, used) = digester.digest(&buffer);
            match result {
                DigestResult::Urc(bytes) => drop(Urc::parse(bytes)),
                DigestResult::Response(response) => {
                    match asked % 6 {
                        0 => drop(GetSignal.parse(response)),
                        1 => drop(GetNetwork.parse(response)),
                        2 => drop(GetOperator.parse(response)),
                        3 => drop(GetPin.parse(response)),
                        4 => drop(GetContext.parse(response)),
                        _ => drop(Attention.parse(response)),
                    }
                    asked += 1;
                }
                DigestResult::Prompt(_) | DigestResult::None => {}
            }
            buffer.drain(..used.min(buffer.len()));
            if used == 0 || buffer.is_empty() {
                break;
            }
        }
        // A real buffer is not endless.
        if buffer.len() > 1024 {
            buffer.clear();
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

#[cfg(not(feature = "plain"))]
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    atscope::mutate::libfuzzer(data, size, max_size, seed, Some(libfuzzer_sys::fuzzer_mutate))
});
