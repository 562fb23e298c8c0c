use super::*;

const DEVICES: &str = r#"
[[devices]]
address = "24:0a:c4:03:f4:d6"
connects = 500
does = [[300, "read 1,1"], [400, "write 1,3 0a0d"], [500, "write 1,6,1 0100"], [600, "pair"], [3000, "disconnect"]]
[[devices]]
address = "24:0a:c4:03:f4:d7"
fails = true
scan-response = "0509414243"
[[devices]]
kind = "classic"
address = "24:0a:c4:09:34:23"
name = "speaker"
does = [[500, "say hello"], [9000, "disconnect"]]
"#;

#[test]
fn a_server_is_found_read_and_written() {
    let mut desk = desk(DEVICES);
    talk(
        &mut desk,
        &[
            ("AT+BLEINIT?", "+BLEINIT:0\r\n\r\nOK\r\n"),
            ("AT+BLEINIT=2", OK),
            ("AT+BLEGATTSSRV?", OK),
            ("AT+BLEGATTSSRVCRE", OK),
            ("AT+BLEGATTSSRV?", "+BLEGATTSSRV:1,0,0xA002,1\r\n\r\nOK\r\n"),
            ("AT+BLEGATTSSRVSTART", OK),
            ("AT+BLENAME?", "+BLENAME:\"BLE_AT\"\r\n\r\nOK\r\n"),
            ("AT+BLENAM=\"esp_demo\"", OK),
            ("AT+BLENAM?", "+BLENAM:\"esp_demo\"\r\n\r\nOK\r\n"),
            ("AT+BLEADVDATA=\"1122334455\"", OK),
            ("AT+BLEADVPARAM=50,50,0,0,4,0,0,\"12:34:45:78:66:88\"", OK),
            ("AT+BLEADVPARAM?", "+BLEADVPARAM:50,50,0,0,4,0,0,\"12:34:45:78:66:88\"\r\n\r\nOK\r\n"),
            ("AT+BLEADVSTART", OK),
        ],
    );
    let all = desk.send("AT+BLEGATTSSCHAR?\r\n");
    assert!(all.starts_with("+BLEGATTSSCHAR:\"char\",1,1,0xC300,2\r\n+BLEGATTSSCHAR:\"desc\",1,1,1\r\n"), "{all}");
    assert!(
        all.ends_with("+BLEGATTSSCHAR:\"char\",1,7,0xC306,32\r\n+BLEGATTSSCHAR:\"desc\",1,7,1\r\n\r\nOK\r\n"),
        "{all}"
    );
    assert_eq!(desk.wait(600), "+BLECONN:0,\"24:0a:c4:03:f4:d6\"\r\n");
    assert_eq!(desk.send("AT+BLECONN?\r\n"), "+BLECONN:0,\"24:0a:c4:03:f4:d6\"\r\n\r\nOK\r\n");
    assert_eq!(
        desk.wait(700),
        "+READ:0,\"24:0a:c4:03:f4:d6\"\r\n+WRITE:0,1,3,,2,\n\r\r\n+WRITE:0,1,6,1,2,\u{1}\0\r\n+BLESECREQ:0\r\n"
    );
    talk(&mut desk, &[("AT+BLEGATTSNTFY=0,1,6,3", "\r\n>")]);
    assert_eq!(desk.send("abc"), OK);
    talk(&mut desk, &[("AT+BLEGATTSIND=0,1,7,3", "\r\n>")]);
    assert_eq!(desk.send("abc"), OK);
    talk(&mut desk, &[("AT+BLEGATTSNTFY=0,1,1,3", ERROR), ("AT+BLEGATTSSSETATTR=1,1,,4", "\r\n>")]);
    assert_eq!(desk.send("1234"), OK);
    talk(&mut desk, &[("AT+BLEENCRSP=0,1", OK)]);
    desk.wait(500);
    talk(
        &mut desk,
        &[
            ("AT+BLEENCDEV?", "+BLEENCDEV:0,\"24:0a:c4:03:f4:d6\"\r\n\r\nOK\r\n"),
            ("AT+BLEENCCLEAR=0", OK),
            ("AT+BLEENCDEV?", OK),
        ],
    );
    assert_eq!(desk.wait(3000), "+BLEDISCONN:0,\"24:0a:c4:03:f4:d6\"\r\n");
    desk.clean();
}

#[test]
fn a_client_scans_connects_reads_and_writes() {
    for profile in ["", "rtos-2"] {
        let mut desk = of("esp32", profile, DEVICES);
        talk(&mut desk, &[("AT+BLEINIT=1", OK), ("AT+BLESCANPARAM=0,0,0,100,50", OK)]);
        let seen = desk.send("AT+BLESCAN=1,3\r\n") + &desk.wait(4000);
        let quote = if profile.is_empty() { "" } else { "\"" };
        assert!(
            seen.contains(&format!("+BLESCAN:{quote}24:0a:c4:03:f4:d7{quote},-60,020106,0509414243,0\r\n")),
            "{seen}"
        );
        assert_eq!(seen.contains("+BLESCANDONE"), profile == "rtos-2");
        let connected = desk.send("AT+BLECONN=0,\"24:0a:c4:03:f4:d6\",0,10\r\n") + &desk.wait(200);
        match profile {
            "" => assert_eq!(connected, "\r\nOK\r\n+BLECONN:0,\"24:0a:c4:03:f4:d6\"\r\n"),
            _ => assert_eq!(connected, "+BLECONN:0,\"24:0a:c4:03:f4:d6\"\r\n\r\nOK\r\n"),
        }
        talk(
            &mut desk,
            &[
                ("AT+BLECFGMTU=0,300", OK),
                ("AT+BLECFGMTU?", "+BLECFGMTU:0,247\r\n\r\nOK\r\n"),
                ("AT+BLEDATALEN=0,30", OK),
                (
                    "AT+BLEGATTCPRIMSRV=0",
                    "+BLEGATTCPRIMSRV:0,1,0x1801,1\r\n+BLEGATTCPRIMSRV:0,2,0x1800,1\r\n+BLEGATTCPRIMSRV:0,3,0xA002,1\r\n\r\nOK\r\n",
                ),
                ("AT+BLEGATTCINCLSRV=0,1", OK),
            ],
        );
        let all = desk.send("AT+BLEGATTCCHAR=0,3\r\n");
        assert!(
            all.starts_with("+BLEGATTCCHAR:\"char\",0,3,1,0xC300,2\r\n+BLEGATTCCHAR:\"desc\",0,3,1,1,0x2901\r\n"),
            "{all}"
        );
        talk(
            &mut desk,
            &[
                ("AT+BLEGATTCRD=0,3,1", "+BLEGATTCRD:0,1,30\r\n\r\nOK\r\n"),
                ("AT+BLEGATTCRD=0,3,3", ERROR),
                ("AT+BLEGATTCWR=0,3,1,,2", ERROR),
                ("AT+BLEGATTCWR=0,3,3,,2", "\r\n>"),
            ],
        );
        assert_eq!(desk.send("hi"), OK);
        talk(&mut desk, &[("AT+BLEGATTCWR=0,3,6,1,2", "\r\n>")]);
        assert_eq!(desk.send("\u{1}\0"), OK);
        talk(
            &mut desk,
            &[
                ("AT+BLEGATTCRD=0,3,6,1", "+BLEGATTCRD:0,2,0100\r\n\r\nOK\r\n"),
                ("AT+BLESECPARAM=1,4,16,3,3,0", OK),
                ("AT+BLEENC=0,3", OK),
            ],
        );
        desk.wait(300);
        talk(
            &mut desk,
            &[("AT+BLEENCDEV?", "+BLEENCDEV:0,\"24:0a:c4:03:f4:d6\"\r\n\r\nOK\r\n"), ("AT+BLEDISCONN=0", OK)],
        );
        assert!(desk.wait(200).ends_with("+BLEDISCONN:0,\"24:0a:c4:03:f4:d6\"\r\n"));
        let failed = desk.send("AT+BLECONN=0,\"24:0a:c4:03:f4:d7\",0,3\r\n") + &desk.wait(4000);
        assert!(failed.contains("+BLECONN:0,-1\r\n"), "{failed}");
        desk.clean();
    }
}

#[test]
fn spp_over_ble_and_static_keys_and_hid() {
    let mut desk = desk(
        "[[devices]]\naddress = \"24:0a:c4:03:f4:d6\"\ndoes = [[500, \"say hello\"], [2000, \"notify 3,6 6162\"]]\n",
    );
    talk(&mut desk, &[("AT+BLEINIT=1", OK), ("AT+BLESPP", ERROR), ("AT+BLECONN=0,\"24:0a:c4:03:f4:d6\"", OK)]);
    assert_eq!(desk.wait(100), "+BLECONN:0,\"24:0a:c4:03:f4:d6\"\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BLESPPCFG=1,3,1,3,7", OK),
            ("AT+BLESPP", ERROR),
            ("AT+BLESPPCFG=1,3,5,3,7", OK),
            ("AT+BLESPPCFG?", "+BLESPPCFG:3,5,3,7\r\n\r\nOK\r\n"),
            ("AT+BLESPP", "\r\n>"),
        ],
    );
    assert_eq!(desk.send("hi"), "");
    assert_eq!(desk.wait(1000), "hello");
    assert_eq!(desk.send("+++"), "");
    assert_eq!(desk.wait(2000), "+NOTIFY:0,3,6,2,ab\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BLESPPCFG=0", OK),
            ("AT+BLESPPCFG?", "+BLESPPCFG:0,0,0,0\r\n\r\nOK\r\n"),
            ("AT+BLESETKEY?", "+BLESETKEY:-1\r\n\r\nOK\r\n"),
            ("AT+BLESETKEY=123456", OK),
            ("AT+BLESETKEY?", "+BLESETKEY:123456\r\n\r\nOK\r\n"),
            ("AT+BLEHIDKB=0,4,0,0,0,0,0", ERROR),
            ("AT+BLEHIDINIT=1", OK),
            ("AT+BLEHIDINIT?", "+BLEHIDINIT:1\r\n\r\nOK\r\n"),
            ("AT+BLEHIDKB=0,4,0,0,0,0,0", OK),
            ("AT+BLEHIDMUS=0,10,10,0", OK),
            ("AT+BLEHIDCONSUMER=233", OK),
        ],
    );
    desk.clean();
}

#[test]
fn classic_devices_are_found_and_talk() {
    let mut desk = desk(DEVICES);
    talk(
        &mut desk,
        &[
            ("AT+BTSTARTDISC=0,2,10", ERROR),
            ("AT+BTINIT=1", OK),
            ("AT+BTNAME?", "+BTNAME:\"ESP32_AT\"\r\n\r\nOK\r\n"),
            ("AT+BTSCANMODE=2", OK),
            ("AT+BTSTARTDISC=0,2,10", "+BTSTARTDISC:24:0a:c4:09:34:23,speaker,0x2,0x3,0x200,-60\r\n\r\nOK\r\n"),
            ("AT+BTSPPINIT=1", OK),
            ("AT+BTSPPCONN?", "+BTSPPCONN:-1\r\n\r\nOK\r\n"),
            ("AT+BTSPPCONN=0,0,\"24:0a:c4:09:34:23\"", OK),
        ],
    );
    assert_eq!(desk.wait(300), "+BTSPPCONN:0,\"24:0a:c4:09:34:23\"\r\n");
    talk(&mut desk, &[("AT+BTSPSEND=0,3", "\r\n>")]);
    assert_eq!(desk.send("abc"), OK);
    talk(&mut desk, &[("AT+BTSPSEND", "\r\n>")]);
    assert_eq!(desk.send("data"), "");
    assert_eq!(desk.wait(1000), "hello");
    assert_eq!(desk.send("+++"), "");
    desk.wait(1000);
    talk(&mut desk, &[("AT+BTSPDISCONN=0", OK)]);
    assert_eq!(desk.wait(200), "+BTSPDISCONN:0,\"24:0a:c4:09:34:23\"\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BTA2DPINIT=0,1", OK),
            ("AT+BTA2DPCONN?", "+BTA2DPCONN:\r\n\r\nOK\r\n"),
            ("AT+BTA2DPCONN=0,\"24:0a:c4:00:00:00\"", OK),
        ],
    );
    assert_eq!(desk.wait(6000), "+BTA2DPCONN:0,fail\r\n");
    talk(&mut desk, &[("AT+BTA2DPCONN=0,\"24:0a:c4:09:34:23\"", OK)]);
    assert_eq!(desk.wait(300), "+BTA2DPCONN:0,\"24:0a:c4:09:34:23\"\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BTA2DPSRC=0,\"flash://spiffs/zhi_fubao.mp3\"", OK),
            ("AT+BTA2DPSRC?", "+BTA2DPSRC:\"flash://spiffs/zhi_fubao.mp3\",mp3\r\n\r\nOK\r\n"),
            ("AT+BTA2DPCTRL=0,1", OK),
            ("AT+BTA2DPDISCONN=0", OK),
        ],
    );
    assert_eq!(desk.wait(200), "+BTA2DPDISCONN:0,\"24:0a:c4:09:34:23\"\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BTSECPARAM=3,1,\"9527\"", OK),
            ("AT+BTSECPARAM?", "+BTSECPARAM:3,1,\"9527\"\r\n\r\nOK\r\n"),
            ("AT+BTENCDEV?", "+BTENCDEV:0,\"24:0a:c4:09:34:23\"\r\n\r\nOK\r\n"),
            ("AT+BTENCCLEAR", OK),
            ("AT+BTENCDEV?", OK),
        ],
    );
    desk.clean();
}

#[test]
fn a_slave_waits_for_its_master() {
    let device = "[[devices]]\nkind = \"classic\"\naddress = \"24:0a:c4:09:34:23\"\nconnects = 200\ndoes = [[100, \"say hi\"], [400, \"disconnect\"]]\n";
    let mut desk = of("esp32", "rtos-2", device);
    talk(
        &mut desk,
        &[
            ("AT+BTINIT=1", OK),
            ("AT+BTSPPSTART", ERROR),
            ("AT+BTSPPINIT=2", OK),
            ("AT+BTSPPINIT?", "+BTSPPINIT:1\r\n\r\nOK\r\n"),
            ("AT+BTSCANMODE=2", OK),
            ("AT+BTSPPSTART", OK),
        ],
    );
    assert_eq!(desk.wait(400), "+BTSPPCONN:0,\"24:0a:c4:09:34:23\"\r\n+BTDATA:2,hi\r\n");
    talk(&mut desk, &[("AT+BTSPPSEND=0,3", "\r\n>")]);
    assert_eq!(desk.send("abc"), OK);
    assert_eq!(desk.wait(400), "+BTSPPDISCONN:0,\"24:0a:c4:09:34:23\"\r\n");
    talk(
        &mut desk,
        &[
            ("AT+BTSPPSEND=0,3", ERROR),
            ("AT+BTENCDEV?", "+BTENCDEV:0,\"24:0a:c4:09:34:23\"\r\n\r\nOK\r\n"),
            ("AT+BTENCCLEAR=3", ERROR),
            ("AT+BTENCCLEAR=0", OK),
            ("AT+BTENCDEV?", OK),
        ],
    );
    desk.clean();
}

#[test]
fn services_start_one_by_one() {
    let mut desk = desk("");
    talk(
        &mut desk,
        &[
            ("AT+BLEINIT=2", OK),
            ("AT+BLEGATTSSRVCRE", OK),
            ("AT+BLEGATTSSRVSTART=2", ERROR),
            ("AT+BLEGATTSSRVSTART=1", OK),
            ("AT+BLEGATTSSRV?", "+BLEGATTSSRV:1,1,0xA002,1\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}
