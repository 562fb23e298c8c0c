//! What this modem can do, where the standards leave it to the modem: the answers of test commands that no list of ranges gives.

use super::super::super::core::{Call, Core};
use super::super::super::dialect::Outcome;
use super::Cellular;
use crate::generate::{Bag, Item};

/// By command: what stands behind its prefix.
const KNOWN: &[(&str, &str)] = &[
    ("+CSCS", "(\"IRA\",\"GSM\",\"UCS2\")"),
    ("+CREG", "(0-3)"),
    ("+CGREG", "(0-3)"),
    ("+CEREG", "(0-3)"),
    ("+CLCK", "(\"SC\",\"AO\",\"OI\",\"OX\",\"AI\",\"IR\",\"AB\",\"AG\",\"AC\",\"PN\",\"PU\",\"PP\",\"PC\",\"PF\")"),
    ("+CPWD", "(\"SC\",4),(\"P2\",8),(\"AB\",4)"),
    ("+CHLD", "(0,1,2,3)"),
    ("+CPAS", "(0,3,4)"),
    ("+CFUN", "(0,1,4),(0,1)"),
    ("+CBC", "(0-3),(0-100)"),
    ("+CSQ", "(0-31,99),(0-7,99)"),
    ("+CESQ", "(0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)"),
    ("+CIND", "(\"battchg\",(0-5)),(\"signal\",(0-5)),(\"service\",(0,1)),(\"call\",(0,1)),(\"roam\",(0,1))"),
    ("+CPBS", "(\"SM\",\"ME\",\"LD\",\"MC\",\"RC\",\"FD\",\"ON\")"),
    ("+CPBR", "(1-250),40,20"),
    ("+CPBF", "40,20"),
    ("+CPBW", "(1-250),40,(129,145),20"),
    ("+CPOL", "(1-20),(0-2)"),
    ("+CCFC", "(0-5)"),
    ("+CCWA", "(0,1)"),
    ("+CUSD", "(0-2)"),
    ("+CMUX", "(0),(0),(1-8),(1-1500),(1-255),(0-100),(2-255),(1-255),(1-7)"),
    ("+CSTA", "(129,145)"),
    ("+CBST", "(0,7,71),(0),(0,1)"),
    ("+IPR", "(),(0,300,600,1200,2400,4800,9600,19200,38400,57600,115200,230400,460800,921600)"),
    ("+ICF", "(0-6),(0-3)"),
    ("+IFC", "(0-2),(0-2)"),
    ("+GCI", "(00,04,09,22,26,36,3D,42,46,57,59,61,73,7B,82,84,89,8B,98,99,9F,A0,A5,A6,A9,AD,AE,B3,B4,B5)"),
    ("+CGACT", "(0,1)"),
    ("+CGDATA", "(\"PPP\")"),
    ("+CSMS", "(0,1)"),
    ("+CPMS", "(\"ME\",\"SM\"),(\"ME\",\"SM\"),(\"ME\",\"SM\")"),
    ("+CSCA", "()"),
    ("+CSCB", "(0,1)"),
    ("+CSAS", "(0-3)"),
    ("+CNMI", "(0-3),(0-3),(0,2,3),(0-2),(0,1)"),
    ("+CNMA", "(0-2)"),
    ("+CPSMS", "(0,1),,,(00000000-11111111),(00000000-11111111)"),
    ("+CEDRXS", "(0-3),(2,4,5),(\"0000\"-\"1111\")"),
    ("+CCLK", "(\"yy/MM/dd,hh:mm:ss+zz\")"),
    ("+CMER", "(0-3),(0),(0),(0-2),(0,1)"),
];

/// Those that V.250 and 27.007 let answer with a result alone.
const SILENT: &[&str] = &["+GMI", "+GMM", "+GMR", "+GSN", "+GOI", "+GCAP", "+CGMI", "+CGMM", "+CGMR"];

/// Answers a test command; `None`: its ranges are those of its parameters.
pub(super) fn answer(modem: &Cellular, core: &mut Core, call: &Call) -> Option<Outcome> {
    let name = &*call.name;
    if core.fact(name, "supported").is_some() {
        return None;
    }
    if SILENT.contains(&name) {
        return Some(Outcome::Ok);
    }
    match name {
        "+COPS" => {
            // A scan takes its time.
            core.wait(2000);
            say(core, call, &modem.operators(core));
        }
        "+CGDCONT" => {
            for kind in ["IP", "IPV6", "IPV4V6"] {
                say(core, call, &format!("(1-{}),\"{kind}\",,,(0-2),(0-4)", super::packet::CONTEXTS));
            }
        }
        "+CGPADDR" | "+CGCONTRDP" => {
            let cids: Vec<String> = modem.context_numbers().iter().map(i64::to_string).collect();
            say(core, call, &format!("({})", cids.join(",")));
        }
        "+CGAUTH" => say(core, call, &format!("(1-{}),(0-3),127,127", super::packet::CONTEXTS)),
        "+CMGL" => match core.int("sms.mode") {
            Some(1) => say(core, call, "(\"REC UNREAD\",\"REC READ\",\"STO UNSENT\",\"STO SENT\",\"ALL\")"),
            _ => say(core, call, "(0-4)"),
        },
        "+CMGD" => {
            let indexes: Vec<String> = modem.message_indexes().iter().map(i64::to_string).collect();
            say(core, call, &format!("({}),(0-4)", indexes.join(",")));
        }
        _ => {
            let (_, known) = KNOWN.iter().find(|(own, _)| *own == name)?;
            say(core, call, known);
        }
    }
    Some(Outcome::Ok)
}

fn say(core: &mut Core, call: &Call, ranges: &str) {
    core.respond(call, &call.name, &Bag::new().with("supported", Item::Raw(ranges.as_bytes().to_vec())));
}
