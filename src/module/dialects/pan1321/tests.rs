//! Sessions with a PAN1321, each decoded and checked.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use crate::module::testing::Desk;

fn desk(scenario: &str) -> Desk {
    Desk::new("pan1321", "", "", scenario)
}

#[track_caller]
fn talk(desk: &mut Desk, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        assert_eq!(desk.send(format!("{line}\r\n")), *answer, "to {line:?}");
    }
}

/// The set-up of the captures.
const SET_UP: &[(&str, &str)] = &[
    ("AT+JSEC=1,1,2,04,7777", "OK\r\n"),
    ("AT+JDIS=3", "OK\r\n"),
    ("AT+JRLS=1101,11,Serial port,01,000000", "OK\r\n"),
    ("AT+JSLN=21,MyCoolBluetoothDevice", "OK\r\n"),
    ("AT+JAAC=1", "OK\r\n"),
    ("AT+JSCR", "OK\r\n"),
];

#[test]
fn sets_up_and_resets() {
    let mut desk = desk("");
    talk(&mut desk, SET_UP);
    talk(&mut desk, &[("AT+JRRI", "18\r\n"), ("AT+JRBD", "0050C2123456\r\nOK\r\n"), ("AT+JSDA=001,x", "ERR=-2\r\n")]);
    assert_eq!(desk.send("AT+JRES\r\n") + &desk.wait(1000), "ROK\r\n");
    talk(&mut desk, &[("AT+JSEC=1,1,2,04,9999", "OK\r\n")]);
    desk.clean();
}

#[test]
fn refuses_with_codes() {
    let mut desk = desk("");
    talk(
        &mut desk,
        &[
            ("AT+JSEC=1,1,2,04,7777", "OK\r\n"),
            ("AT+JDIS=9", "ERR=-1\r\n"),
            ("AT+JSEC=1,1,1,16,1111111111111111", "ERR=-2\r\n"),
        ],
    );
    assert_eq!(desk.rules(), ["param-range", "wrong-state"]);
}

#[test]
fn discovers_pairs_connects_and_sends() {
    let mut desk = desk("[[devices]]\nkind = \"classic\"\naddress = \"00:13:43:04:D8:34\"\nname = \"My BT device\"\n");
    talk(&mut desk, &[("AT+JSEC=1,1,1,04,7777", "OK\r\n"), ("AT+JDDS=0", "OK\r\n")]);
    assert_eq!(desk.wait(3000), "+RDDSRES=00134304D834,My BT device,000000\r\n+RDDSCNF=0\r\n");
    talk(&mut desk, &[("AT+JSDS=00134304D834,1101", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RPCI=00134304D834\r\n");
    talk(&mut desk, &[("AT+JPCR=04,9999", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RSLE\r\n+RSDSRES=Serial port,01\r\n+RSDSCNF=0\r\n");
    talk(&mut desk, &[("AT+JCCR=00134304D834,01", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RCCRCNF=320,0\r\n");
    talk(&mut desk, &[("AT+JSDA=010,helloworld", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RDAI=010,helloworld\r\n");
    talk(&mut desk, &[("AT+JSNF=1000,1000,000F,000F,1", "+RSNFCNF=1000,2\r\n"), ("AT+JSDR", "OK\r\n")]);
    assert_eq!(desk.wait(100), "+RDII\r\n");
    talk(&mut desk, &[("AT+JSDR", "ERR=-2\r\n"), ("AT+JCCR=000000000001,01", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RCCRCNF=000,1\r\n");
    desk.clean();
}

#[test]
fn devices_come_by_themselves() {
    let mut desk = desk(
        "[[devices]]\nkind = \"classic\"\naddress = \"00:50:C2:12:34:56\"\nconnects = 500\ndoes = [[100, \"say hi there\"], [200, \"disconnect\"]]\n",
    );
    talk(&mut desk, &[("AT+JSEC=1,1,2,04,7777", "OK\r\n"), ("AT+JDIS=3", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RCOI=0050C2123456\r\n");
    talk(&mut desk, &[("AT+JACR=1", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RCCRCNF=320,0\r\n+RDAI=008,hi there\r\n+RDII\r\n");
    talk(&mut desk, &[("AT+JACR=0", "OK\r\n")]);
    assert_eq!(desk.wait(1000), "+RCCRCNF=000,1\r\n");
    desk.clean();
}
