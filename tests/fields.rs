//! What lines of real firmware are called, and their fields.

use atscope::session::{EventKind, Options, Session};
use atscope::{Sender, catalog};

/// What answers a command, as `name field field …` a line.
fn answers(dialect: &str, command: &str, lines: &str) -> Vec<String> {
    let catalog = catalog::load_builtin(dialect).expect("the built-in catalogs are sound");
    let mut session = Session::new(catalog, &Options::default());
    let mut told = Vec::new();
    let mut each = |event: &atscope::session::Event<'_>| {
        if let EventKind::Response { name, params } | EventKind::Boot { name, params } = &event.kind {
            let mut line = name.to_string();
            for param in params.iter() {
                line.push_str(&format!(" {}={}", param.name(), String::from_utf8_lossy(param.raw())));
            }
            told.push(line);
        }
    };
    session.push(Sender::Host, None, command.as_bytes(), &mut each);
    session.push(Sender::Module, None, lines.as_bytes(), &mut each);
    session.finish(&mut each);
    told
}

#[test]
fn access_points_in_all_shapes_with_any_ssid() {
    let of = |ssid: &str, more: &str| {
        let line = format!("+CWLAP:(3,{ssid},-60,\"aa:bb:cc:dd:ee:ff\",1{more})\r\n\r\nOK\r\n");
        answers("esp-at", "AT+CWLAP\r\n", &line)
    };
    for ssid in [
        r#""net""#,
        r#""a,b""#,
        r#""a)b""#,
        r#""a"b""#,
        r#""a",b""#,
        r#""a,"b""#,
        r#""a"),("b""#,
        r#"""all"""#,
        r#""end\""#,
        r#""""#,
    ] {
        let head = format!("+CWLAP ecn=3 ssid={ssid} rssi=-60 mac=\"aa:bb:cc:dd:ee:ff\" channel=1");
        assert_eq!(of(ssid, "").as_slice(), std::slice::from_ref(&head));
        assert_eq!(of(ssid, ",-12,0"), [format!("{head} freq_offset=-12 freqcal_val=0")]);
        let all = " freq_offset=-1 freqcal_val=-1 pairwise_cipher=4 group_cipher=4 bgn=7 wps=0";
        assert_eq!(of(ssid, ",-1,-1,4,4,7,0"), [format!("{head}{all}")]);
    }
}

#[test]
fn names_without_a_command_end_at_the_first_colon() {
    let version = "AT version:1.7.4.0(May 11 2020 19:13:04)\r\nSDK version:3.0.4(9532ceb)\r\ncompile time(6118fc22):May 27 2020\r\n\
                   Bin version(Wroom 02):1.7.4\r\nOK\r\n";
    let expected = [
        "AT version AT version info=1.7.4.0(May 11 2020 19:13:04)",
        "SDK version SDK version info=3.0.4(9532ceb)",
        "compile time(6118fc22) commit=6118fc22 compile time=May 27 2020",
        "Bin version(Wroom 02) module=Wroom 02 Bin version=1.7.4",
    ];
    assert_eq!(answers("esp-at", "AT+GMR\r\n", version), expected);
    let boot = answers("esp-at", "", "\r\nets Jan  8 2013,rst cause:2, boot mode:(3,6)\r\n");
    assert_eq!(boot, ["ets Jan  8 2013,rst cause text=2, boot mode:(3,6)"]);
}
