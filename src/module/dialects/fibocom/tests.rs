//! Sessions with a Fibocom module, each decoded and checked.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::module::testing::Desk;

const OK: &str = "\r\nOK\r\n";

fn desk(model: &str, profile: &str, scenario: &str) -> Desk {
    let mut desk = Desk::new("fibocom", model, profile, scenario);
    desk.wait(1000);
    desk.send("ATE0\r\n");
    desk
}

#[track_caller]
fn talk(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        assert_eq!(desk.send(format!("{line}\r\n")), *answer, "to {line:?}");
    }
}

/// After a request whose answer is `some data`.
fn answered(profile: &str) -> Desk {
    let mut desk = desk("", profile, "[[http]]\nbody = \"some data\"\n");
    talk(&mut desk, &[("AT+HTTPSET=\"URL\",\"http://example.com/f\"", OK), ("AT+HTTPACT=0", OK)]);
    desk.wait(1000);
    desk
}

#[test]
fn parameters_as_the_manual_lists_them() {
    let mut desk = desk("", "", "");
    let listed = |url: &str, ipv6: &str| {
        format!(
            "\r\n+HTTPSET: \"URL\",\"{url}\"\r\n+HTTPSET: \"UAGENT\",\"\"\r\n+HTTPSET: \"ACCEPT\",\"/\"\r\n+HTTPSET: \"RANGE\",\"\"\r\n\
             +HTTPSET: \"RESPONSEHEADER\",\"0\"\r\n+HTTPSET: \"CONTYPE\",\"\"\r\n+HTTPSET: \"MODE\",\"0\"\r\n+HTTPSET: \"REDIR\",\"0\"\r\n\
             +HTTPSET: \"IPV6\",\"{ipv6}\"\r\n\r\nOK\r\n"
        )
    };
    assert_eq!(desk.send("AT+HTTPSET?\r\n"), listed("", "0"));
    talk(&mut desk, &[("AT+HTTPSET=\"IPV6\",\"1\"", OK), ("AT+HTTPSET=\"URL\",\"http://example.com/a,b:80\"", OK)]);
    assert_eq!(desk.send("AT+HTTPSET?\r\n"), listed("http://example.com/a,b:80", "1"));
    talk(
        &mut desk,
        &[
            ("AT+HTTPSET=?", "\r\n+HTTPSET: (<\"httpParam\">),(<\"httpParamValue\">)\r\n\r\nOK\r\n"),
            ("AT+HTTPDATA=?", "\r\n+HTTPDATA: (1-64000)\r\n\r\nOK\r\n"),
            ("AT+HTTPREAD=?", "\r\n+HTTPREAD: [(0-360000),(1-360000)]\r\n\r\nOK\r\n"),
            ("AT+HTTPACT=?", "\r\n+HTTPACT: (0-2) [, (10-60)]\r\n\r\nOK\r\n"),
            ("AT+HTTPHEAD=?", "\r\n+HTTPHEAD: (1-5120)\r\n\r\nOK\r\n"),
            ("AT+HTTPDATA?", OK),
            ("AT+HTTPREAD?", OK),
            ("AT+HTTPACT?", OK),
            ("AT+HTTPHEAD?", OK),
        ],
    );
    desk.clean();
}

#[test]
fn gets_and_reads_in_four_shapes() {
    for (profile, all, part) in [
        ("", "\r\nOK\r\n\r\n+HTTPREAD: 9\r\nsome data\r\n", "\r\n+HTTPREAD: 4\r\ndata\r\n\r\nOK\r\n"),
        ("g510", "\r\nOK\r\n\r\n+HTTPREAD: 9\r\nsome data", "\r\nOK\r\n\r\n+HTTPREAD: 4\r\ndata"),
        ("l610", "\r\n+HTTPREAD: 9\r\nsome data\r\nOK\r\n", "\r\n+HTTPREAD: 4\r\ndata\r\nOK\r\n"),
        ("mc665", "\r\n+HTTPREAD: 9\r\nsome data\r\n\r\nOK\r\n", "\r\n+HTTPREAD: 4\r\ndata\r\n\r\nOK\r\n"),
    ] {
        let mut desk = answered(profile);
        assert_eq!(desk.send("AT+HTTPREAD\r\n") + &desk.wait(50), all, "{profile}");
        assert_eq!(desk.send("AT+HTTPREAD=5,4\r\n") + &desk.wait(50), part, "{profile}");
        talk(&mut desk, &[("AT+HTTPREAD=9,1", "\r\nERROR\r\n"), ("AT", OK)]);
        desk.clean();
    }
}

#[test]
fn results_as_the_firmware_prints_them() {
    for (profile, url, said) in [
        ("", "http://example.com/", "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 0,200,18\r\n"),
        ("", "https://example.com/", "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 0,200,18\r\n"),
        ("l610", "https://example.com/", "\r\n+HTTPS: 1\r\n\r\n+HTTPRES: 0,200,18\r\n"),
        ("g510", "http://example.com/", "\r\n+HTTP: 1\r\n\r\n+HTTPRES: <0>,<200>,<18>\r\n"),
    ] {
        let mut desk = desk("", profile, "");
        talk(&mut desk, &[(&format!("AT+HTTPSET=\"URL\",\"{url}\""), OK), ("AT+HTTPACT=0,30", OK)]);
        assert_eq!(desk.wait(1000), said);
        desk.clean();
    }
}

#[test]
fn posts_with_a_head_of_its_own() {
    let mut desk = desk("", "", "[[http]]\nmethod = \"POST\"\necho = true\n");
    talk(
        &mut desk,
        &[
            ("AT+HTTPACT=1", "\r\nERROR\r\n"),
            ("AT+HTTPSET=\"URL\",\"http://example.com/\"", OK),
            ("AT+HTTPDATA=7", "\r\n> "),
        ],
    );
    assert_eq!(desk.send("a=1&b=2"), OK);
    talk(&mut desk, &[("AT+HTTPHEAD=6", "\r\n> ")]);
    assert_eq!(desk.send("X: 1\r\n"), OK);
    talk(&mut desk, &[("AT+HTTPACT=1", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 1,200,7\r\n");
    assert_eq!(desk.send("AT+HTTPREAD=0,7\r\n"), "\r\n+HTTPREAD: 7\r\na=1&b=2\r\n\r\nOK\r\n");
    // The data does not come within 30 s.
    talk(&mut desk, &[("AT+HTTPDATA=7", "\r\n> ")]);
    assert_eq!(desk.send("a=1") + &desk.wait(29_000), "");
    assert_eq!(desk.wait(1500), "\r\nERROR\r\n");
    assert_eq!(desk.rules(), ["payload-length"]);
}

#[test]
fn failures_redirections_and_headers() {
    let mut desk = desk(
        "",
        "",
        "[[http]]\nurl = \"http://a.example/\"\nstatus = 302\nbody = \"\"\nheaders = { Location = \"/b\" }\n\
         [[http]]\nurl = \"http://gone.example/\"\nfails = \"refused\"\n[[http]]\nurl = \"http://slow.example/\"\ndelay = 100000\n[[http]]\nbody = \"ok\"\n",
    );
    talk(&mut desk, &[("AT+HTTPSET=\"URL\",\"http://gone.example/\"", OK), ("AT+HTTPACT=0", OK)]);
    assert_eq!(desk.wait(5000), "\r\n+HTTP: 0\r\n");
    talk(
        &mut desk,
        &[
            ("AT+HTTPREAD", "\r\nERROR\r\n"),
            ("AT+HTTPSET=\"URL\",\"http://slow.example/\"", OK),
            ("AT+HTTPACT=0,10", OK),
        ],
    );
    assert_eq!(desk.wait(9000), "");
    assert_eq!(desk.wait(2000), "\r\n+HTTP: 0\r\n");
    talk(&mut desk, &[("AT+HTTPSET=\"URL\",\"http://a.example/\"", OK), ("AT+HTTPACT=0", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 0,302,0\r\n");
    // The target of the redirection is redirected again, five times.
    talk(&mut desk, &[("AT+HTTPSET=\"REDIR\",\"1\"", OK), ("AT+HTTPACT=0", OK)]);
    assert_eq!(desk.wait(2000), "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 0,302,0\r\n");
    talk(
        &mut desk,
        &[
            ("AT+HTTPSET=\"URL\",\"http://b.example/\"", OK),
            ("AT+HTTPSET=\"RESPONSEHEADER\",\"1\"", OK),
            ("AT+HTTPACT=0", OK),
        ],
    );
    desk.wait(1000);
    let said = desk.send("AT+HTTPREAD=0,17\r\n");
    assert_eq!(said, "\r\n+HTTPREAD: 17\r\nHTTP/1.1 200 OK\r\n\r\n\r\nOK\r\n");
    desk.clean();
}

#[test]
fn models_have_their_limits() {
    let mut desk = desk("LE270", "", "[[http]]\nsize = 50000\n");
    talk(
        &mut desk,
        &[
            ("AT+HTTPDATA=?", "\r\n+HTTPDATA: (1-36000)\r\n\r\nOK\r\n"),
            ("AT+HTTPREAD=?", "\r\n+HTTPREAD: [(0-36000),(1-36000)]\r\n\r\nOK\r\n"),
            ("AT+HTTPDATA=40000", "\r\nERROR\r\n"),
            ("AT+HTTPSET=\"URL\",\"http://example.com/\"", OK),
            ("AT+HTTPACT=0", OK),
        ],
    );
    assert_eq!(desk.wait(2000), "\r\n+HTTP: 1\r\n\r\n+HTTPRES: 0,200,36000\r\n");
    assert_eq!(desk.rules(), ["param-range"]);
    let mut desk = self::desk("L716", "", "");
    talk(
        &mut desk,
        &[("AT+HTTPACT=2", "\r\nERROR\r\n"), ("AT+HTTPACT=?", "\r\n+HTTPACT: (0,1) [, (10-60)]\r\n\r\nOK\r\n")],
    );
    assert_eq!(desk.rules(), ["model-unsupported"]);
    let mut desk = self::desk("LE270-CN-1D2", "", "");
    talk(&mut desk, &[("AT+HTTPSET?", "\r\nERROR\r\n")]);
    assert_eq!(desk.rules(), ["model-unsupported"]);
}

#[test]
fn the_ip_connection() {
    let mut desk = desk("", "l610", "[[events]]\nat = 10000\nwhat = \"network lost\"\n");
    talk(&mut desk, &[("AT+MIPCALL?", "\r\n+MIPCALL: 0\r\n\r\nOK\r\n"), ("AT+MIPCALL=1,\"CMNET\"", OK)]);
    assert_eq!(desk.wait(1000), "\r\n+MIPCALL: 10.0.0.2\r\n");
    talk(&mut desk, &[("AT+MIPCALL?", "\r\n+MIPCALL: 1,10.0.0.2\r\n\r\nOK\r\n")]);
    assert_eq!(desk.wait(10_000), "\r\n+MIPCALL: 0\r\n");
    talk(&mut desk, &[("AT+MIPCALL=1", "\r\nERROR\r\n")]);
    desk.clean();
    let mut desk = Desk::new("fibocom", "", "g510", "");
    assert_eq!(desk.wait(1000), "\r\n+SIM READY\r\n");
    desk.clean();
}
