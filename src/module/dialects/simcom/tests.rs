//! Sessions with a SIMCom module, each decoded and checked.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::module::testing::Desk;

const OK: &str = "\r\nOK\r\n";

/// A module past its boot, without echo, whose service has started.
fn desk(profile: &str, scenario: &str) -> Desk {
    let mut desk = Desk::new("simcom", "", profile, scenario);
    desk.wait(2000);
    desk.send("ATE0\r\n");
    assert_eq!(desk.send("AT+HTTPINIT\r\n"), OK);
    assert_eq!(desk.send("AT+HTTPPARA=\"URL\",\"http://example.com/f\"\r\n"), OK);
    desk
}

#[track_caller]
fn talk(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        assert_eq!(desk.send(format!("{line}\r\n")), *answer, "to {line:?}");
    }
}

/// A read, and what comes behind its `OK`.
fn read(desk: &mut Desk, line: &str) -> String {
    desk.send(format!("{line}\r\n")) + &desk.wait(50)
}

#[test]
fn boots_as_its_firmware_does() {
    let mut desk = Desk::new("simcom", "", "a76xx", "");
    assert_eq!(
        desk.wait(3000),
        "\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\n+CGEV: EPS PDN ACT 1\r\n\r\nPB DONE\r\n\r\n+APP PDP: 0,ACTIVE\r\n"
    );
    assert_eq!(desk.send("AT+CGMM\r\n"), "AT+CGMM\r\r\nA7670E-FASE\r\n\r\nOK\r\n");
    desk.clean();
    let mut desk = Desk::new("simcom", "", "sim7600", "[network]\npin = \"1\"\n");
    assert_eq!(desk.wait(3000), "\r\n+CPIN: SIM PIN\r\n");
    desk.clean();
}

#[test]
fn gets_and_reads() {
    let mut desk = desk("", "");
    talk(&mut desk, &[("AT+HTTPACTION=0", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPACTION: 0,200,18\r\n");
    let head = desk.send("AT+HTTPHEAD\r\n");
    assert!(
        head.starts_with("\r\n+HTTPHEAD: ")
            && head.contains("HTTP/1.1 200 OK\r\n")
            && head.ends_with("\r\n\r\n\r\n\r\nOK\r\n"),
        "{head:?}"
    );
    talk(&mut desk, &[("AT+HTTPREAD?", "\r\n+HTTPREAD: LEN,18\r\n\r\nOK\r\n")]);
    assert_eq!(
        read(&mut desk, "AT+HTTPREAD=0,500"),
        "\r\nOK\r\n\r\n+HTTPREAD: 18\r\nHello from atscope\r\n+HTTPREAD: 0\r\n"
    );
    // Pages, with and without a start; behind the end there is nothing.
    assert_eq!(read(&mut desk, "AT+HTTPREAD=6,4"), "\r\nOK\r\n\r\n+HTTPREAD: 4\r\nfrom\r\n+HTTPREAD: 0\r\n");
    assert_eq!(read(&mut desk, "AT+HTTPREAD=100"), "\r\nOK\r\n\r\n+HTTPREAD: 8\r\n atscope\r\n+HTTPREAD: 0\r\n");
    assert_eq!(read(&mut desk, "AT+HTTPREAD=100"), "\r\nOK\r\n\r\n+HTTPREAD: 0\r\n");
    talk(&mut desk, &[("AT+HTTPTERM", OK), ("AT+HTTPTERM", "\r\nERROR\r\n")]);
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn reads_in_blocks_as_its_firmware_does() {
    let scenario = "[[http]]\nsize = 1500\n";
    let content: Vec<u8> = (b'0'..=b'9').chain(b'a'..=b'z').cycle().take(1500).collect();
    let content = String::from_utf8(content).unwrap();
    for (profile, expected) in [
        (
            "sim7600",
            format!(
                "\r\n+HTTPREAD: DATA,1024\r\n{}\r\n+HTTPREAD: DATA,476\r\n{}\r\n",
                &content[..1024],
                &content[1024..]
            ),
        ),
        ("a76xx", format!("\r\n+HTTPREAD: 1500\r\n{content}\r\n")),
    ] {
        let mut desk = desk(profile, scenario);
        desk.send("AT+HTTPACTION=0\r\n");
        assert_eq!(desk.wait(500), "\r\n+HTTPACTION: 0,200,1500\r\n");
        assert_eq!(read(&mut desk, "AT+HTTPREAD=0,1500"), format!("{OK}{expected}+HTTPREAD: 0\r\n"));
        desk.clean();
    }
}

#[test]
fn posts_what_was_entered() {
    let mut desk = desk(
        "sim7600",
        "[[http]]\nmethod = \"POST\"\necho = true\n[[http]]\nmethod = \"HEAD\"\n[[http]]\nmethod = \"DELETE\"\nstatus = 204\nbody = \"\"\n",
    );
    talk(&mut desk, &[("AT+HTTPACTION=1", "\r\nERROR\r\n"), ("AT+HTTPDATA=5,1000", "\r\nDOWNLOAD\r\n")]);
    assert_eq!(desk.send("hello"), OK);
    talk(&mut desk, &[("AT+HTTPACTION=1", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPACTION: 1,200,5\r\n");
    assert_eq!(read(&mut desk, "AT+HTTPREAD=0,5"), "\r\nOK\r\n\r\n+HTTPREAD: DATA,5\r\nhello\r\n+HTTPREAD: 0\r\n");
    // The data does not come in its time.
    talk(&mut desk, &[("AT+HTTPDATA=5,1000", "\r\nDOWNLOAD\r\n")]);
    assert_eq!(desk.send("he") + &desk.wait(1200), "\r\nERROR\r\n");
    talk(&mut desk, &[("AT+HTTPACTION=2", OK)]);
    let said = desk.wait(500);
    assert!(said.starts_with("\r\n+HTTPACTION: 2,200,") && !said.ends_with(",0\r\n"), "{said:?}");
    talk(&mut desk, &[("AT+HTTPACTION=3", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPACTION: 3,204,0\r\n");
    talk(&mut desk, &[("AT+HTTPREAD?", "\r\nERROR\r\n")]);
    assert_eq!(desk.rules(), ["wrong-state", "payload-length"]);
}

#[test]
fn failures_have_their_codes() {
    for (fails, code) in [
        ("\"dns\"", 713),
        ("\"refused\"", 714),
        ("\"timeout\"", 705),
        ("\"tls\"", 715),
        ("\"no-network\"", 709),
        ("\"broken\"", 704),
        ("719", 719),
        ("603", 603),
    ] {
        let mut desk = desk("", &format!("[[http]]\nfails = {fails}\n"));
        let said = desk.send("AT+HTTPACTION=0\r\n") + &desk.wait(130_000);
        assert_eq!(said, format!("{OK}\r\n+HTTPACTION: 0,{code},0\r\n"));
        talk(&mut desk, &[("AT+HTTPHEAD", "\r\nERROR\r\n"), ("AT+HTTPREADFILE=\"f\"", OK)]);
        assert_eq!(desk.wait(100), "\r\n+HTTPREADFILE: 707\r\n");
        desk.clean();
    }
}

#[test]
fn nobody_answers_for_two_minutes() {
    let mut desk = desk("", "[[http]]\ndelay = 1000000\n");
    desk.send("AT+HTTPACTION=0\r\n");
    assert_eq!(desk.wait(119_000), "");
    talk(&mut desk, &[("AT+HTTPACTION=0", "\r\nERROR\r\n")]);
    assert_eq!(desk.wait(2000), "\r\n+HTTPACTION: 0,714,0\r\n");
    talk(&mut desk, &[("AT+HTTPPARA=\"CONNECTTO\",20", OK), ("AT+HTTPACTION=0", OK)]);
    assert_eq!(desk.wait(21_000), "\r\n+HTTPACTION: 0,714,0\r\n");
    desk.clean();
}

#[test]
fn the_server_closes_and_the_network_goes() {
    let mut desk = desk("", "[[http]]\ncloses = 300\n[[events]]\nat = 10000\nwhat = \"network lost\"\n");
    desk.send("AT+HTTPACTION=0\r\n");
    assert_eq!(desk.wait(1000), "\r\n+HTTPACTION: 0,200,18\r\n\r\n+HTTP_PEER_CLOSED\r\n");
    assert_eq!(desk.wait(10_000), "\r\n+HTTP_NONET_EVENT\r\n");
    talk(&mut desk, &[("AT+HTTPACTION=0", "\r\nOK\r\n\r\n+HTTPACTION: 0,709,0\r\n")]);
    talk(&mut desk, &[("AT+HTTPTERM", OK), ("AT+HTTPINIT", "\r\nERROR\r\n")]);
    desk.clean();
}

#[test]
fn files_go_out_and_come_in() {
    let scenario = "[files]\n\"get.txt\" = \"GET / HTTP/1.1\\r\\nX: 1\\r\\n\\r\\nbody\"\n[[http]]\necho = true\n";
    let mut desk = desk("", scenario);
    talk(&mut desk, &[("AT+HTTPPOSTFILE=\"get.txt\",1,1,0", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPPOSTFILE: 1,200,4\r\n");
    talk(&mut desk, &[("AT+HTTPREADFILE=\"answer.txt\"", OK)]);
    assert_eq!(desk.wait(100), "\r\n+HTTPREADFILE: 0\r\n");
    talk(&mut desk, &[("AT+HTTPPOSTFILE=\"answer.txt\",1,1,1", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPPOSTFILE: 1,200,4\r\n");
    talk(&mut desk, &[("AT+HTTPPOSTFILE=\"nosuch.txt\",1,1,1", OK)]);
    assert_eq!(desk.wait(500), "\r\n+HTTPPOSTFILE: 1,707,0\r\n");
    talk(
        &mut desk,
        &[
            ("AT+HTTPPOSTFILE=?", "\r\n+HTTPPOSTFILE: <filename>[,(1-3)[,(0-3)[,(0-1)]]]\r\n\r\nOK\r\n"),
            ("AT+HTTPREADFILE=?", "\r\n+HTTPREADFILE: <filename>[,(1-4)]\r\n\r\nOK\r\n"),
            ("AT+HTTPACTION=?", "\r\n+HTTPACTION: (0-3)\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn what_the_manual_forbids_fails() {
    let mut desk = Desk::new("simcom", "", "", "");
    desk.wait(2000);
    desk.send("ATE0\r\n");
    desk.send("AT+CMEE=1\r\n");
    // The service's failures have no code (manual, chapter 2).
    talk(&mut desk, &[("AT+HTTPACTION=0", "\r\nERROR\r\n"), ("AT+HTTPINIT", OK), ("AT+HTTPACTION=0", "\r\nERROR\r\n")]);
    talk(&mut desk, &[("AT+HTTPPARA=\"RECVTO\",21", "\r\nERROR\r\n"), ("AT+HTTPDATA=0,1000", "\r\nERROR\r\n")]);
    // Not started, then no URL.
    assert_eq!(desk.rules(), ["wrong-state", "wrong-state", "param-range", "param-range"]);
}

#[test]
fn socket_contexts_are_kept() {
    let mut desk = desk("", "");
    talk(
        &mut desk,
        &[
            ("AT+CGSOCKCONT?", OK),
            ("AT+CGSOCKCONT=1,\"IP\",\"CMNET\"", OK),
            ("AT+CSOCKSETPN?", "\r\n+CSOCKSETPN: 1\r\n\r\nOK\r\n"),
            ("AT+CSOCKAUTH?", "\r\n+CSOCKAUTH: 1,0\r\n\r\nOK\r\n"),
        ],
    );
    assert!(desk.send("AT+CGSOCKCONT?\r\n").starts_with("\r\n+CGSOCKCONT: 1,\"IP\",\"CMNET\""));
    desk.clean();
}
