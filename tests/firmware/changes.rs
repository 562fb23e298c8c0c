//! What a new firmware may do differently, one change at a time, planted in what the virtual module said.

use atscope::diff::Kind;
use atscope::module::Said;

use super::bench::{Bench, ESP, FIBOCOM, GENERIC, SIMCOM, Traffic};

/// One change.
pub struct Change {
    pub name: &'static str,
    pub bench: Bench,
    pub plant: fn(&mut Traffic),
    /// What it is to be found as, and at which command or URC; empty: at several.
    pub kind: Kind,
    pub subject: &'static str,
}

/// Takes the result off one answer and puts it ahead of the rest.
fn result_first(traffic: &mut Traffic, command: &str) {
    let mut whole = String::new();
    traffic.rewrite(command, |said, text| {
        match said {
            Said::Final => {
                let moved = format!("{text}{whole}");
                whole.clear();
                return moved;
            }
            Said::Response => whole.push_str(text),
            _ => return text.to_owned(),
        }
        String::new()
    });
}

/// All of them.
pub fn changes() -> Vec<Change> {
    macro_rules! changes {
        ($($name:literal, $bench:ident, $kind:ident, $subject:literal, $plant:expr;)+) => {
            vec![$(Change { name: $name, bench: $bench, plant: $plant, kind: Kind::$kind, subject: $subject }),+]
        };
    }
    changes! {
        // Results.
        "OK becomes ERROR", SIMCOM, ResultChanged, "AT+CSCS=", |t| t.replace("AT+CSCS=\"GSM\"", "OK", "ERROR");
        "an answer becomes an error", SIMCOM, ResultChanged, "AT+CPAS", |t| t.rewrite("AT+CPAS", |said, _| match said {
            Said::Final => "\r\n+CME ERROR: 3\r\n".into(),
            _ => String::new(),
        });
        "ERROR becomes OK", ESP, ResultChanged, "AT+CIPSTO=", |t| t.replace("AT+CIPSTO=70000", "ERROR", "OK");
        "a bare error becomes a code", SIMCOM, ResultChanged, "AT+HTTPTERM", |t| t.replace("AT+HTTPTERM", "ERROR", "+CME ERROR: 100");
        "another code as text", GENERIC, ResultCode, "AT+CMGR=", |t| t.replace("AT+CMGR=77", "invalid memory index", "unknown error");
        "no result any more", ESP, ResultChanged, "AT+SYSRAM?", |t| t.rewrite("AT+SYSRAM?", |said, text| match said {
            Said::Final => String::new(),
            _ => text.to_owned(),
        });
        "SEND OK becomes SEND FAIL", ESP, ResultChanged, "AT+CIPSEND=", |t| {
            for count in ["5", "7"] {
                t.replace(&format!("AT+CIPSEND={count}"), "SEND OK", "SEND FAIL");
            }
        };
        "a failure of the service", FIBOCOM, ResultChanged, "AT+HTTPREAD=", |t| t.rewrite("AT+HTTPREAD=0,10", |said, _| match said {
            Said::Final => "\r\n+CME ERROR: 50\r\n".into(),
            _ => String::new(),
        });
        // Fields.
        "a number gets quotes", ESP, Quoting, "AT+CWMODE?", |t| t.replace("AT+CWMODE?", "+CWMODE:1", "+CWMODE:\"1\"");
        "a name loses its quotes", SIMCOM, Quoting, "AT+COPS?", |t| t.replace("AT+COPS?", "\"atscope\"", "atscope");
        "an address loses its quotes", ESP, Quoting, "AT+CIPSTAMAC?", |t| t.replace("AT+CIPSTAMAC?", "\"", "");
        "a type loses its quotes", GENERIC, Quoting, "AT+CREG?", |t| t.replace("AT+CREG?", "\"1A2B\"", "1A2B");
        "a field more", SIMCOM, FieldCount, "AT+CGATT?", |t| t.replace("AT+CGATT?", "+CGATT: 1", "+CGATT: 1,0");
        "a field less", SIMCOM, FieldCount, "AT+CNMI?", |t| t.replace("AT+CNMI?", "2,1,0,0,0", "2,1,0,0");
        "a field more in a list", ESP, FieldCount, "AT+CWLAP", |t| t.replace("AT+CWLAP", ",4,4,7,0)", ",4,4,7,0,1)");
        "a field in the middle", GENERIC, FieldCount, "AT+CSMS?", |t| t.replace("AT+CSMS?", "0,1,1,1", "0,0,1,1,1");
        "a number becomes a word", SIMCOM, FieldType, "AT+CPAS", |t| t.replace("AT+CPAS", "+CPAS: 0", "+CPAS: ready");
        "an address becomes a number", FIBOCOM, FieldType, "AT+CLIP?", |t| t.replace("AT+CLIP?", "1,0", "1,home");
        "fields change places", SIMCOM, FieldOrder, "AT+CNMI?", |t| t.replace("AT+CNMI?", "2,1,", "1,2,");
        "another mode", ESP, Value, "AT+CWDHCP?", |t| t.replace("AT+CWDHCP?", "+CWDHCP:3", "+CWDHCP:1");
        "another default", SIMCOM, Value, "AT+CNMI?", |t| t.replace("AT+CNMI?", "2,1,0,0,0", "2,1,0,1,0");
        "another name", ESP, Value, "AT+CWHOSTNAME?", |t| t.replace("AT+CWHOSTNAME?", "espressif", "ESP-DEVICE");
        "another number of a centre", FIBOCOM, Value, "AT+CSCA?", |t| t.replace("AT+CSCA?", "+15550199", "+15550200");
        "another setting in a list", FIBOCOM, Value, "AT+HTTPSET?", |t| t.replace("AT+HTTPSET?", "\"REDIR\",\"0\"", "\"REDIR\",\"1\"");
        // Looks.
        "a blank behind the colon", ESP, Spacing, "AT+CIPMUX?", |t| t.replace("AT+CIPMUX?", "+CIPMUX:0", "+CIPMUX: 0");
        "no blank behind the colon", SIMCOM, Spacing, "AT+CBC", |t| t.replace("AT+CBC", "+CBC: ", "+CBC:");
        "blanks behind the commas", FIBOCOM, Spacing, "AT+CNUM", |t| t.replace("AT+CNUM", ",", ", ");
        "no blanks behind any colon", SIMCOM, Spacing, "", |t| t.rewrite("", |_, text| match text.split_once("HTTP/1.1") {
            // What a server says stays.
            Some((line, data)) => format!("{}HTTP/1.1{data}", line.replace(": ", ":")),
            None => text.replace(": ", ":"),
        });
        "no blank line ahead of an answer", GENERIC, BlankLines, "AT+CGACT?", |t| t.replace("AT+CGACT?", "\r\n+CGACT", "+CGACT");
        "a blank line ahead of an answer", ESP, BlankLines, "AT+CWDHCP?", |t| t.replace("AT+CWDHCP?", "+CWDHCP", "\r\n+CWDHCP");
        "no blank line ahead of any OK", SIMCOM, BlankLines, "", |t| t.rewrite("", |_, text| text.replace("\r\nOK\r\n", "OK\r\n").replace("ATE0\r\r\n", "ATE0\r"));
        "lines end in LF alone", FIBOCOM, BlankLines, "", |t| t.replace("", "\r\n", "\n");
        "a name in lower case", ESP, Spelling, "AT+CIPSTAMAC?", |t| t.replace("AT+CIPSTAMAC?", "+CIPSTAMAC", "+cipstamac");
        "another separator", GENERIC, Spelling, "AT+CCLK?", |t| t.replace("AT+CCLK?", "+CCLK: ", "+CCLK= ");
        // Lines.
        "OK ahead of the data", SIMCOM, ResultOrder, "AT+CBC", |t| result_first(t, "AT+CBC");
        "OK behind the data", SIMCOM, ResultOrder, "AT+HTTPREAD=", |t| {
            for read in ["AT+HTTPREAD=0,64", "AT+HTTPREAD=0,5"] {
                t.rewrite(read, |said, text| match said {
                    Said::Final => String::new(),
                    _ if text.starts_with("+HTTPREAD: 0") => format!("{text}\r\nOK\r\n"),
                    _ => text.to_owned(),
                });
            }
        };
        "OK ahead of the data, Fibocom", FIBOCOM, ResultOrder, "AT+HTTPREAD", |t| result_first(t, "AT+HTTPREAD");
        "a line more", ESP, LineNew, "AT+CIFSR", |t| {
            t.replace("AT+CIFSR", "+CIFSR:STAMAC", "+CIFSR:STAIP6LL,\"fe80::1\"\r\n+CIFSR:STAMAC");
        };
        "a line less", ESP, LineGone, "AT+CIPSTATUS", |t| t.rewrite("AT+CIPSTATUS", |_, text| text.replace("STATUS:2\r\n", "").replace("STATUS:3\r\n", ""));
        "a setting more in a list", FIBOCOM, LineCount, "AT+HTTPSET?", |t| {
            t.replace("AT+HTTPSET?", "+HTTPSET: \"IPV6\"", "+HTTPSET: \"TIMEOUT\",\"60\"\r\n+HTTPSET: \"IPV6\"");
        };
        "an address more", GENERIC, LineCount, "AT+CGPADDR=", |t| t.replace("AT+CGPADDR=1", "\r\nOK\r\n", "\r\n+CGPADDR: 2\r\n\r\nOK\r\n");
        "lines change places", ESP, LineOrder, "AT+CIFSR", |t| {
            let mut first = String::new();
            t.rewrite("AT+CIFSR", |said, text| match said {
                Said::Response if first.is_empty() => {
                    first = text.to_owned();
                    String::new()
                }
                Said::Response => format!("{text}{}", std::mem::take(&mut first)),
                _ => text.to_owned(),
            });
        };
        "no progress line", ESP, LineGone, "AT+CIPSEND=", |t| {
            for count in ["5", "7"] {
                t.rewrite(&format!("AT+CIPSEND={count}"), |said, text| match said {
                    Said::Progress => String::new(),
                    _ => text.to_owned(),
                });
            }
        };
        // Ranges.
        "a wider range", SIMCOM, Ranges, "AT+CREG=?", |t| t.replace("AT+CREG=?", "(0-3)", "(0-4)");
        "a narrower list", SIMCOM, Ranges, "AT+CFUN=?", |t| t.replace("AT+CFUN=?", "(0,1,4)", "(0,1)");
        "another word", SIMCOM, Ranges, "AT+CSCS=?", |t| t.replace("AT+CSCS=?", "\"UCS2\"", "\"HEX\"");
        "a memory less", FIBOCOM, Ranges, "AT+CPBS=?", |t| t.replace("AT+CPBS=?", ",\"ON\"", "");
        "a parameter more", GENERIC, Ranges, "AT+CGATT=?", |t| t.replace("AT+CGATT=?", "(0,1)", "(0,1),(0-2)");
        "a test command comes", ESP, ResultChanged, "AT+CWMODE=?", |t| t.replace("AT+CWMODE=?", "\r\nERROR\r\n", "+CWMODE:(0-3)\r\n\r\nOK\r\n");
        // Unasked.
        "a new URC", SIMCOM, UrcNew, "+CIEV", |t| t.replace("AT+CGATT?", "\r\nOK\r\n", "\r\nOK\r\n\r\n+CIEV: 2,5\r\n");
        "a new wording of a URC", SIMCOM, UrcNew, "+CGEV", |t| t.replace("AT+CGATT?", "\r\nOK\r\n", "\r\nOK\r\n\r\n+CGEV: EPS PDN ACT 1\r\n");
        "a new URC that nobody knows", FIBOCOM, UrcNew, "+HTTP_PEER_CLOSED", |t| t.replace("", "+HTTPRES: 1,200,40\r\n", "+HTTPRES: 1,200,40\r\n\r\n+HTTP_PEER_CLOSED\r\n");
        "a URC at boot, too", ESP, UrcPlace, "WIFI DISCONNECT", |t| t.replace("", "\r\nready\r\n", "\r\nready\r\nWIFI DISCONNECT\r\n");
        "a boot line gone", SIMCOM, UrcGone, "PB DONE", |t| t.replace("", "\r\nPB DONE\r\n", "");
        "a URC gone", ESP, UrcGone, "WIFI CONNECTED", |t| t.replace("AT+CWJAP=\"lab\",\"correct horse\"", "WIFI CONNECTED\r\n", "");
        "a delayed result gone", SIMCOM, LineGone, "AT+HTTPACTION=", |t| t.rewrite("AT+HTTPACTION=0", |said, text| match said {
            Said::Urc => String::new(),
            _ => text.to_owned(),
        });
        "an address behind OK", ESP, UrcPlace, "WIFI GOT IP", |t| {
            let mut held = String::new();
            t.rewrite("AT+CWJAP=\"lab\",\"correct horse\"", |said, text| match said {
                Said::Final => format!("{text}{}", std::mem::take(&mut held)),
                _ if text.contains("GOT IP") => {
                    held = text.to_owned();
                    String::new()
                }
                _ => text.to_owned(),
            });
        };
        "a URC with a field more", ESP, FieldCount, "+IPD", |t| t.rewrite("", |_, text| match text.strip_prefix("\r\n+IPD,") {
            Some(rest) => format!("\r\n+IPD,{}", rest.replacen(':', ",\"192.168.4.9\",7000:", 1)),
            None => text.to_owned(),
        });
        "a URC without blank line", ESP, BlankLines, "+IPD", |t| t.replace("", "\r\n+IPD", "+IPD");
        "a URC says another word", SIMCOM, Value, "+CGEV", |t| t.replace("", "+CGEV: NW DETACH", "+CGEV: ME DETACH");
        // Prompts, echo, data.
        "another prompt", ESP, Prompt, "AT+CIPSEND=", |t| {
            for count in ["5", "7"] {
                t.replace(&format!("AT+CIPSEND={count}"), "\r\n>", "\r\n> ");
            }
        };
        "no prompt", SIMCOM, PromptGone, "AT+HTTPDATA=", |t| t.replace("AT+HTTPDATA=5,5000", "\r\nDOWNLOAD\r\n", "");
        "no OK ahead of the prompt", ESP, ResultChanged, "AT+CIPSEND=", |t| {
            for count in ["5", "7"] {
                t.rewrite(&format!("AT+CIPSEND={count}"), |_, text| if text == "\r\nOK\r\n" { String::new() } else { text.to_owned() });
            }
        };
        "an echo of another form", ESP, Echo, "ATE0", |t| t.replace("ATE0", "ATE0\r\n", "ATE0\r\r\n");
        "echo stays on", GENERIC, Echo, "", |t| t.echo("\r\n");
        "data of another size", FIBOCOM, PayloadSize, "AT+HTTPREAD=", |t| t.replace("AT+HTTPREAD=0,10", "10\r\n0123456789", "8\r\n01234567");
        // Rules and time.
        "less data than announced", SIMCOM, RuleBroken, "AT+HTTPREAD=", |t| t.rewrite("AT+HTTPREAD=0,5", |_, text| text.replace("hello\r\n", "h\r\n"));
        "a status that no table has", SIMCOM, Value, "AT+HTTPACTION=", |t| t.replace("AT+HTTPACTION=0", "0,200,64", "0,999,64");
        "a redirection", FIBOCOM, Value, "AT+HTTPACT=", |t| t.replace("", "0,200,40", "0,301,40");
        "a reset", SIMCOM, RuleBroken, "", |t| t.replace("AT+CPMS?", "\r\nOK\r\n", "\r\nOK\r\n\r\nRDY\r\n");
        "later than documented", SIMCOM, RuleBroken, "AT+HTTPINIT", |t| t.slow_down("AT+HTTPINIT", 2200.0);
        "slower", SIMCOM, Slower, "AT+CPIN?", |t| t.slow_down("AT+CPIN?", 20.0);
        "slower by a third, always", ESP, Slower, "AT+CWLAP", |t| t.slow_down("AT+CWLAP", 1.5);
        "faster", ESP, Faster, "AT+CWLAP", |t| t.slow_down("AT+CWLAP", 0.2);
        "a slower scan", GENERIC, Slower, "AT+COPS=?", |t| t.slow_down("AT+COPS=?", 3.0);
    }
}
