//! Sessions with a modem, each decoded and checked.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::module::testing::Desk;
use crate::session::Form;

/// A modem that does not echo.
fn desk(scenario: &str) -> Desk {
    let mut desk = Desk::new("generic", "", "", scenario);
    assert_eq!(desk.send("ATE0\r\n"), "ATE0\r\r\nOK\r\n");
    desk
}

const OK: &str = "\r\nOK\r\n";

/// The answer of one line, and `OK`.
fn line(text: &str) -> String {
    format!("\r\n{text}\r\n{OK}")
}

#[track_caller]
fn talk(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        assert_eq!(desk.send(format!("{line}\r\n")), *answer, "to {line:?}");
    }
}

#[track_caller]
fn asks(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (command, answer) in lines {
        assert_eq!(desk.send(format!("{command}\r\n")), line(answer), "to {command:?}");
    }
}

/// Every command of the catalogs in its forms without parameters: answered, decoded, no rule broken.
#[test]
fn every_command_answers_without_parameters() {
    let mut forms = 0;
    for (dialect, profile) in [
        ("generic", ""),
        ("simcom", ""),
        ("simcom", "sim7600"),
        ("simcom", "a76xx"),
        ("fibocom", ""),
        ("fibocom", "l610"),
    ] {
        let catalog = crate::catalog::load_builtin(dialect).unwrap();
        let mut desk = Desk::with(std::sync::Arc::clone(&catalog), "", profile, "");
        desk.wait(2000);
        desk.send("ATE0\r\n");
        for command in &catalog.commands {
            // These change the line, or go online.
            if ["A/", "O", "D", "A", "E", "V", "Z", "&F"].contains(&&*command.name) {
                continue;
            }
            for (form, end) in [(Form::Execute, ""), (Form::Read, "?"), (Form::Test, "=?")] {
                let Some(spec) = command.form(form) else { continue };
                if spec.needs.iter().any(|needs| needs.text.contains("http")) {
                    continue;
                }
                let mut said = desk.send(format!("AT{}{end}\r\n", command.name));
                if said.ends_with("> ") {
                    said = desk.send("\x1b");
                }
                desk.wait(100);
                // There is nothing to read yet.
                let empty = dialect == "fibocom" && &*command.name == "+HTTPREAD" && form == Form::Execute;
                let expected = if empty { "\r\nERROR\r\n" } else { OK };
                assert!(said.ends_with(expected), "AT{}{end}: {said:?}", command.name);
                forms += 1;
            }
        }
        desk.clean();
    }
    assert!(forms > 1000, "{forms}");
}

#[test]
fn says_who_it_is() {
    let mut desk = desk("[facts]\nimei = \"123456789012347\"\nmanufacturer = \"ACME\"\n\"+CGMR.revision\" = \"9\"\n");
    asks(
        &mut desk,
        &[
            ("AT+CGSN", "123456789012347"),
            ("AT+CGSN=1", "+CGSN: \"123456789012347\""),
            ("AT+CGMI", "ACME"),
            ("AT+CGMR", "9"),
            ("AT+CIMI", "001010123456789"),
            ("AT+ICCID", "+ICCID: 89001010000000000018"),
            (
                "ATI",
                "Manufacturer: ACME\r\nModel: virtual modem\r\nRevision: 9\r\nIMEI: 123456789012347\r\n+GCAP: +CGSM",
            ),
            ("AT+CCLK?", "+CCLK: \"23/11/14,22:13:20+00\""),
        ],
    );
    talk(&mut desk, &[("AT+CCLK=\"26/11/20,12:00:00+04\"", OK), ("AT+CCLK=\"26/13/20,12:00:00+04\"", "\r\nERROR\r\n")]);
    desk.wait(5000);
    asks(&mut desk, &[("AT+CCLK?", "+CCLK: \"26/11/20,11:00:05+00\"")]);
    desk.clean();
    assert_eq!(super::device::with_check_digit("49015420323751"), "490154203237518");
}

#[test]
fn settings_are_read_back_and_reset() {
    let mut desk = desk("");
    asks(
        &mut desk,
        &[("ATS0?", "000"), ("ATS7?", "060"), ("AT+CLIP?", "+CLIP: 0,0"), ("AT+CNMI?", "+CNMI: 2,1,0,0,0")],
    );
    talk(&mut desk, &[("ATS0=2", OK), ("AT+CLIP=1", OK), ("AT+CNMI=2,2", OK), ("AT+CMEE=2", OK), ("AT+ICF=2", OK)]);
    asks(
        &mut desk,
        &[
            ("ATS0?", "002"),
            ("AT+CLIP?", "+CLIP: 1,0"),
            ("AT+CNMI?", "+CNMI: 2,2,0,0,0"),
            ("AT+CMEE?", "+CMEE: 2"),
            ("AT+ICF?", "+ICF: 2,3"),
            ("AT+CSCS?", "+CSCS: \"IRA\""),
        ],
    );
    assert_eq!(desk.send("AT&F\r\n"), OK);
    assert_eq!(desk.send("ATE0\r\n"), format!("ATE0\r{OK}"));
    asks(&mut desk, &[("ATS0?", "000"), ("AT+CNMI?", "+CNMI: 2,1,0,0,0"), ("AT+CMEE?", "+CMEE: 0")]);
    desk.clean();
}

#[test]
fn number_results_and_silence() {
    let mut desk = desk("");
    assert_eq!(desk.send("ATV0\r\n"), "0\r");
    assert_eq!(desk.send("AT+CSQ\r\n"), "\r\n+CSQ: 20,0\r\n0\r");
    // The number is no line of free text.
    assert_eq!(desk.send("AT+CGMI\r\n"), "\r\natscope\r\n0\r");
    assert_eq!(desk.send("AT+CSQ=1\r\n"), "4\r");
    assert_eq!(desk.send("ATV1\r\n"), OK);
    assert_eq!(desk.send("ATQ1\r\n"), "");
    assert_eq!(desk.send("AT\r\n"), "");
    assert_eq!(desk.send("ATQ0\r\n"), OK);
    assert_eq!(desk.rules(), ["line-ending", "unsupported-form"]);
}

#[test]
fn errors_after_cmee() {
    let mut desk = desk("[network]\nsim = false\n");
    talk(&mut desk, &[("AT+CPIN?", "\r\nERROR\r\n"), ("AT+CMEE=1", OK), ("AT+CPIN?", "\r\n+CME ERROR: 10\r\n")]);
    talk(&mut desk, &[("AT+CMEE=2", OK), ("AT+CPIN?", "\r\n+CME ERROR: SIM not inserted\r\n")]);
    talk(
        &mut desk,
        &[("AT+CMGL", "\r\n+CMS ERROR: (U)SIM not inserted\r\n"), ("AT+COPS?", "\r\n+CME ERROR: SIM not inserted\r\n")],
    );
    asks(&mut desk, &[("AT+CSQ", "+CSQ: 99,99"), ("AT+CREG?", "+CREG: 0,0")]);
    desk.clean();
    let mut desk = self::desk("");
    talk(&mut desk, &[("AT+CMEE=1", OK), ("AT+CFUN=200", "\r\n+CME ERROR: 50\r\n"), ("AT+NOSUCH", "\r\nERROR\r\n")]);
    assert_eq!(desk.rules(), ["param-range", "unknown-command"]);
}

#[test]
fn pin_then_network() {
    let mut desk = desk("[network]\npin = \"1234\"\nregistered = 800\n");
    talk(&mut desk, &[("AT+CMEE=1", OK), ("AT+CREG=2", OK), ("AT+CIMI", "\r\n+CME ERROR: 11\r\n")]);
    asks(&mut desk, &[("AT+CPIN?", "+CPIN: SIM PIN"), ("AT+CREG?", "+CREG: 2,0")]);
    talk(
        &mut desk,
        &[("AT+CPIN=\"0000\"", "\r\n+CME ERROR: 16\r\n"), ("AT+CPIN=\"1234\"", "\r\n+CREG: 2\r\n\r\nOK\r\n")],
    );
    assert_eq!(desk.wait(500), "\r\n+CPIN: READY\r\n");
    asks(&mut desk, &[("AT+CREG?", "+CREG: 2,2"), ("AT+CSQ", "+CSQ: 99,99")]);
    assert_eq!(desk.wait(500), "\r\n+CREG: 1,\"1A2B\",\"01C3D4E5\",7\r\n");
    asks(
        &mut desk,
        &[
            ("AT+CREG?", "+CREG: 2,1,\"1A2B\",\"01C3D4E5\",7"),
            ("AT+CEREG?", "+CEREG: 0,1"),
            ("AT+COPS?", "+COPS: 0,0,\"atscope\",7"),
            ("AT+CSQ", "+CSQ: 20,0"),
            ("AT+CLCK=\"SC\",2", "+CLCK: 1"),
        ],
    );
    talk(
        &mut desk,
        &[
            ("AT+CPWD=\"SC\",\"1234\",\"4321\"", OK),
            ("AT+CLCK=\"SC\",0,\"1234\"", "\r\n+CME ERROR: 16\r\n"),
            ("AT+CLCK=\"SC\",0,\"4321\"", OK),
            ("AT+CPIN=\"4321\"", "\r\n+CME ERROR: 3\r\n"),
        ],
    );
    asks(&mut desk, &[("AT+CLCK=\"SC\",2", "+CLCK: 0")]);
    desk.clean();
}

#[test]
fn three_wrong_pins_want_the_puk() {
    let mut desk = desk("[network]\npin = \"1234\"\n");
    desk.send("AT+CMEE=1\r\n");
    for code in [16, 16, 12] {
        assert_eq!(desk.send("AT+CPIN=\"1\"\r\n"), format!("\r\n+CME ERROR: {code}\r\n"));
    }
    asks(&mut desk, &[("AT+CPIN?", "+CPIN: SIM PUK")]);
    talk(&mut desk, &[("AT+CPIN=\"1\",\"2\"", "\r\n+CME ERROR: 16\r\n"), ("AT+CPIN=\"12345678\",\"2222\"", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+CPIN: READY\r\n");
    desk.clean();
}

#[test]
fn registration_comes_and_goes() {
    let mut desk = desk(
        "[[events]]\nat = 2000\nwhat = \"network lost\"\n[[events]]\nat = 3000\nwhat = \"network back\"\n\
         [[events]]\nat = 4000\nwhat = \"roaming\"\n",
    );
    talk(&mut desk, &[("AT+CREG=1", OK), ("AT+CGREG=1", OK), ("AT+CEREG=2", OK), ("AT+CGEREP=1", OK)]);
    assert_eq!(desk.wait(2000), "\r\n+CREG: 2\r\n\r\n+CGREG: 2\r\n\r\n+CEREG: 2\r\n\r\n+CGEV: NW DETACH\r\n");
    asks(&mut desk, &[("AT+CSQ", "+CSQ: 99,99"), ("AT+COPS?", "+COPS: 0"), ("AT+CGATT?", "+CGATT: 0")]);
    assert_eq!(desk.wait(1000), "\r\n+CREG: 1\r\n\r\n+CGREG: 1\r\n\r\n+CEREG: 1,\"1A2B\",\"01C3D4E5\",7\r\n");
    assert_eq!(desk.wait(1000), "\r\n+CREG: 5\r\n\r\n+CGREG: 5\r\n\r\n+CEREG: 5,\"1A2B\",\"01C3D4E5\",7\r\n");
    talk(&mut desk, &[("AT+CREG=0", OK), ("AT+CGREG=0", OK), ("AT+CEREG=0", OK)]);
    talk(&mut desk, &[("AT+COPS=1,2,\"99999\"", "\r\nERROR\r\n"), ("AT+COPS=1,2,\"00101\"", OK)]);
    asks(&mut desk, &[("AT+COPS?", "+COPS: 1,2,\"00101\",7"), ("AT+COPN", "+COPN: \"00101\",\"atscope\"")]);
    talk(&mut desk, &[("AT+COPS=2", "\r\n+CGEV: NW DETACH\r\n\r\nOK\r\n")]);
    asks(&mut desk, &[("AT+CREG?", "+CREG: 0,0")]);
    talk(&mut desk, &[("AT+COPS=0", OK)]);
    assert_eq!(desk.send("AT+COPS=?\r\n"), line("+COPS: (2,\"atscope\",\"atscope\",\"00101\",7),,(0-4),(0-2)"));
    desk.clean();
}

#[test]
fn flight_mode_and_restart() {
    let mut desk = desk("");
    talk(&mut desk, &[("AT+CREG=1", OK), ("AT+CFUN=4", "\r\n+CREG: 0\r\n\r\nOK\r\n")]);
    asks(&mut desk, &[("AT+CFUN?", "+CFUN: 4"), ("AT+CSQ", "+CSQ: 99,99")]);
    assert_eq!(desk.send("AT+CFUN=1\r\n"), "\r\n+CREG: 2\r\n\r\nOK\r\n");
    assert_eq!(desk.wait(1000), "\r\n+CREG: 1\r\n");
    assert_eq!(desk.send("AT+CFUN=1,1\r\n") + &desk.wait(1000), "\r\nOK\r\n\r\nRDY\r\n");
    // The echo is back, reports are off.
    assert_eq!(desk.send("AT+CREG?\r\n"), format!("AT+CREG?\r{}", line("+CREG: 0,1")));
    desk.clean();
}

#[test]
fn contexts_and_addresses() {
    let mut desk = desk("[network]\nip = \"10.1.2.3\"\n");
    talk(
        &mut desk,
        &[
            ("AT+CMEE=1", OK),
            ("AT+CGEREP=2,1", OK),
            ("AT+CGDCONT=1,\"IP\",\"internet\"", OK),
            ("AT+CGDCONT=3,\"IPV4V6\",\"ims\"", OK),
        ],
    );
    asks(
        &mut desk,
        &[
            (
                "AT+CGDCONT?",
                "+CGDCONT: 1,\"IP\",\"internet\",\"0.0.0.0\",0,0\r\n+CGDCONT: 3,\"IPV4V6\",\"ims\",\"0.0.0.0\",0,0",
            ),
            ("AT+CGACT?", "+CGACT: 1,1\r\n+CGACT: 3,0"),
        ],
    );
    assert_eq!(desk.send("AT+CGACT=1,1,3\r\n"), "\r\n+CGEV: ME PDN ACT 3\r\n\r\nOK\r\n");
    asks(
        &mut desk,
        &[
            ("AT+CGPADDR", "+CGPADDR: 1,10.1.2.3\r\n+CGPADDR: 3,10.1.2.5"),
            ("AT+CGPADDR=3", "+CGPADDR: 3,10.1.2.5"),
            ("AT+CGCONTRDP=1", "+CGCONTRDP: 1,5,\"internet\",\"10.1.2.3\",\"\",\"8.8.8.8\",\"8.8.4.4\""),
            (
                "AT+CGDCONT=?",
                "+CGDCONT: (1-16),\"IP\",,,(0-2),(0-4)\r\n+CGDCONT: (1-16),\"IPV6\",,,(0-2),(0-4)\r\n+CGDCONT: (1-16),\"IPV4V6\",,,(0-2),(0-4)",
            ),
        ],
    );
    talk(
        &mut desk,
        &[
            ("AT+CGACT=1,7", "\r\n+CME ERROR: 143\r\n"),
            ("AT+CGACT=0,3", "\r\n+CGEV: ME PDN DEACT 3\r\n\r\nOK\r\n"),
            ("AT+CGDCONT=3", OK),
            ("AT+CGAUTH?", OK),
            ("AT+CGAUTH=1,1,\"me\",\"secret\"", OK),
            ("AT+CGATT=0", "\r\n+CGEV: ME DETACH\r\n\r\nOK\r\n"),
            ("AT+CGACT=1,1", "\r\n+CME ERROR: 30\r\n"),
            ("AT+CGATT=1", OK),
        ],
    );
    asks(&mut desk, &[("AT+CGAUTH?", "+CGAUTH: 1,1,\"me\",\"secret\""), ("AT+CGPADDR=1", "+CGPADDR: 1")]);
    desk.clean();
}

#[test]
fn messages_in_text_mode() {
    let mut desk = desk(
        "[[events]]\nat = 1000\nwhat = 'sms \"+15550111\" \"Hello there\"'\n[[events]]\nat = 2000\nwhat = 'sms \"+15550112\" \"direct\"'\n",
    );
    talk(&mut desk, &[("AT+CMGF=1", OK), ("AT+CSCS=\"GSM\"", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(
        desk.send("AT+CMGR=1\r\n"),
        line("+CMGR: \"REC UNREAD\",\"+15550111\",,\"23/11/14,22:13:21+00\"\r\nHello there")
    );
    talk(&mut desk, &[("AT+CMGR=9", "\r\n+CMS ERROR: 321\r\n"), ("AT+CNMI=2,2,0,0,0", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+CMT: \"+15550112\",,\"23/11/14,22:13:22+00\"\r\ndirect\r\n");
    talk(&mut desk, &[("AT+CMGS=\"+15550100\"", "\r\n> ")]);
    assert_eq!(desk.send("to myself\x1a"), line("+CMGS: 0"));
    assert_eq!(desk.wait(1500), "\r\n+CMT: \"+15550100\",,\"23/11/14,22:13:23+00\"\r\nto myself\r\n");
    talk(&mut desk, &[("AT+CMGS=\"+15550199\"", "\r\n> ")]);
    assert_eq!(desk.send("never mind\x1b"), OK);
    talk(&mut desk, &[("AT+CMGW=\"+15550122\"", "\r\n> ")]);
    assert_eq!(desk.send("stored\x1a"), line("+CMGW: 2"));
    asks(
        &mut desk,
        &[
            (
                "AT+CMGL=\"ALL\"",
                "+CMGL: 1,\"REC READ\",\"+15550111\",,\"23/11/14,22:13:21+00\"\r\nHello there\r\n+CMGL: 2,\"STO UNSENT\",\"+15550122\",\r\nstored",
            ),
            ("AT+CPMS?", "+CPMS: \"SM\",2,50,\"SM\",2,50,\"SM\",2,50"),
            ("AT+CMSS=2", "+CMSS: 1"),
            ("AT+CMGD=?", "+CMGD: (1,2),(0-4)"),
            ("AT+CPMS=\"ME\",\"ME\",\"ME\"", "+CPMS: 2,50,2,50,2,50"),
        ],
    );
    talk(
        &mut desk,
        &[
            ("AT+CMGD=1", OK),
            ("AT+CMGL", OK),
            ("AT+CMGD=1,4", OK),
            ("AT+CMGL=\"ALL\"", OK),
            ("AT+CMGL=\"SOME\"", "\r\n+CMS ERROR: 305\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn messages_as_pdus() {
    let mut desk = desk("[[events]]\nat = 1000\nwhat = 'sms \"+15550111\" \"Hello\"'\n");
    talk(&mut desk, &[("AT+CMGF=0", OK)]);
    desk.wait(1000);
    assert_eq!(desk.send("AT+CMGR=1\r\n"), line("+CMGR: 0,,22\r\n000408915155101100003211412231120005C8329BFD06"));
    talk(&mut desk, &[("AT+CMGS=18", "\r\n> ")]);
    assert_eq!(desk.send("0001000B915155050100F0000005C8329BFD06\x1a"), line("+CMGS: 0"));
    talk(&mut desk, &[("AT+CMGS=17", "\r\n> ")]);
    assert_eq!(desk.send("0001000B915155050100F0000005C8329BFD06\x1a"), "\r\n+CMS ERROR: 304\r\n");
    talk(&mut desk, &[("AT+CMGW=18", "\r\n> ")]);
    assert_eq!(desk.send("0001000B915155050100F0000005C8329BFD06\x1a"), line("+CMGW: 2"));
    desk.send("AT+CMGF=1\r\n");
    asks(&mut desk, &[("AT+CMGR=2", "+CMGR: \"STO UNSENT\",\"+15555010000\",\r\nHello")]);
    desk.clean();
}

#[test]
fn voice_calls() {
    let mut desk = desk(
        "[[peers]]\nhost = \"+15550101\"\nfails = \"refused\"\n[[peers]]\nhost = \"+15550102\"\n\
         [[events]]\nat = 2000\nwhat = 'call \"+15550100\"'\n[[events]]\nat = 9000\nwhat = \"call ends\"\n",
    );
    talk(&mut desk, &[("AT+CLIP=1", OK)]);
    assert_eq!(
        desk.wait(5000),
        "\r\nRING\r\n\r\n+CLIP: \"+15550100\",145\r\n\r\nRING\r\n\r\n+CLIP: \"+15550100\",145\r\n"
    );
    asks(&mut desk, &[("AT+CPAS", "+CPAS: 3"), ("AT+CLCC", "+CLCC: 1,1,4,0,0,\"+15550100\",145")]);
    talk(&mut desk, &[("ATA", OK)]);
    asks(&mut desk, &[("AT+CPAS", "+CPAS: 4")]);
    assert_eq!(desk.wait(6000), "\r\nNO CARRIER\r\n");
    talk(&mut desk, &[("ATD+15550101;", OK)]);
    assert_eq!(desk.wait(1000), "\r\nBUSY\r\n");
    talk(&mut desk, &[("ATD+15550102;", OK)]);
    assert_eq!(desk.wait(1000), "");
    asks(&mut desk, &[("AT+CLCC", "+CLCC: 1,0,0,0,0,\"+15550102\",145")]);
    talk(&mut desk, &[("ATH", OK), ("ATA", "\r\nNO CARRIER\r\n"), ("AT+CLCC", OK)]);
    desk.clean();
}

#[test]
fn dialled_data() {
    let mut desk = desk("[[peers]]\nhost = \"*99#\"\necho = true\ncloses = 4000\n");
    assert_eq!(desk.send("ATD*99#\r\n"), "\r\nCONNECT\r\n");
    assert_eq!(desk.send("~ping~") + &desk.wait(500), "~ping~");
    desk.wait(500);
    assert_eq!(desk.send("+++") + &desk.wait(100), OK);
    asks(&mut desk, &[("AT+CSQ", "+CSQ: 20,0")]);
    assert_eq!(desk.send("ATO\r\n"), "\r\nCONNECT\r\n");
    assert_eq!(desk.send("again") + &desk.wait(500), "again");
    assert_eq!(desk.wait(4000), "\r\nNO CARRIER\r\n");
    talk(&mut desk, &[("AT", OK), ("ATO", "\r\nNO CARRIER\r\n"), ("ATD123", "\r\nBUSY\r\n")]);
    desk.clean();
}

#[test]
fn phone_book_codes_and_card() {
    let mut desk = desk("[facts]\n\"+CUSD.*100#\" = \"Balance 5.00\"\n");
    asks(
        &mut desk,
        &[("AT+CPBW=,\"+15550100\",145,\"Ann\"", "+CPBW: 1"), ("AT+CPBR=1,9", "+CPBR: 1,\"+15550100\",145,\"Ann\"")],
    );
    asks(&mut desk, &[("AT+CPBF=\"An\"", "+CPBF: 1,\"+15550100\",145,\"Ann\""), ("AT+CPBS?", "+CPBS: \"SM\",1,250")]);
    talk(&mut desk, &[("AT+CPBW=1", OK), ("AT+CPBR=1", OK), ("AT+CUSD=1,\"*100#\",15", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+CUSD: 0,\"Balance 5.00\",15\r\n");
    asks(
        &mut desk,
        &[
            ("AT+CRSM=176,12258,0,0,10", "+CRSM: 144,0,\"98000101000000000081\""),
            ("AT+CRSM=176,1,0,0,10", "+CRSM: 106,130"),
            ("AT+CSIM=14,\"00A40000023F00\"", "+CSIM: 4,\"9000\""),
            ("AT+CCFC=0,2", "+CCFC: 0,1"),
        ],
    );
    desk.clean();
}
