use super::*;

const ODD: &str = r#"
[[access-points]]
ssid = 'a,"b",1'
rssi = -70
password = "secret99"
[[access-points]]
ssid = "caf\u00e9 \\ )"
rssi = -40
bssid = "24:0a:c4:00:00:09"
channel = 11
[[access-points]]
ssid = ""
encryption = 7
[[access-points]]
ssid = "full"
fails = 4
[[access-points]]
ssid = "no-dhcp"
ip = ""
"#;

#[test]
fn a_scan_lists_odd_names() {
    let mut desk = desk(ODD);
    talk(
        &mut desk,
        &[(
            "AT+CWLAP",
            "+CWLAP:3,\"a,\"b\",1\",-70,\"24:0a:c4:00:00:01\",6\r\n\
         +CWLAP:0,\"caf\u{e9} \\ )\",-40,\"24:0a:c4:00:00:09\",11\r\n\
         +CWLAP:3,\"\",-47,\"24:0a:c4:00:00:01\",6\r\n\
         +CWLAP:0,\"full\",-47,\"24:0a:c4:00:00:01\",6\r\n\
         +CWLAP:0,\"no-dhcp\",-47,\"24:0a:c4:00:00:01\",6\r\n\r\nOK\r\n",
        )],
    );
    talk(
        &mut desk,
        &[
            ("AT+CWLAP=\"full\",,6", "+CWLAP:0,\"full\",-47,\"24:0a:c4:00:00:01\",6\r\n\r\nOK\r\n"),
            ("AT+CWLAP=\"nobody\"", OK),
            ("AT+CWLAPOPT=1,6", OK),
            ("AT+CWLAP=,\"24:0A:C4:00:00:09\"", "+CWLAP:\"caf\u{e9} \\ )\",-40\r\n\r\nOK\r\n"),
        ],
    );
    let sorted = desk.send("AT+CWLAP\r\n");
    assert!(sorted.starts_with("+CWLAP:\"caf") && sorted.ends_with("-70\r\n\r\nOK\r\n"), "{sorted}");
    desk.clean();
}

#[test]
fn a_join_fails_for_each_reason() {
    let mut desk = desk(ODD);
    talk(
        &mut desk,
        &[
            ("AT+CWMODE=1", OK),
            ("AT+CWJAP=\"nobody\",\"\"", "+CWJAP:3\r\n\r\nERROR\r\n"),
            ("AT+CWJAP=\"a,\\\"b\\\",1\",\"wrong\"", "+CWJAP:2\r\n\r\nERROR\r\n"),
            ("AT+CWJAP=\"full\",\"\"", "+CWJAP:4\r\n\r\nERROR\r\n"),
            ("AT+CWJAP=\"no-dhcp\",\"\"", "+CWJAP:1\r\n\r\nERROR\r\n"),
            ("AT+CWJAP?", "No AP\r\n\r\nOK\r\n"),
            ("AT+CWJAP=\"a,\\\"b\\\",1\",\"secret99\"", "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"),
            ("AT+CWJAP?", "+CWJAP:\"a,\\\"b\\\",1\",\"24:0a:c4:00:00:01\",6,-70\r\n\r\nOK\r\n"),
            ("AT+CIPSTA?", "+CIPSTA:\"192.168.4.17\"\r\n\r\nOK\r\n"),
            ("AT+CIFSR", "+CIFSR:\"192.168.4.17\"\r\n\r\nOK\r\n"),
            ("AT+CWQAP", OK),
        ],
    );
    assert_eq!(desk.wait(50), "WIFI DISCONNECT\r\n");
    desk.clean();
}

#[test]
fn addresses_come_from_dhcp_or_from_the_host() {
    let mut desk = joined("esp8266", "rtos-2", "");
    talk(
        &mut desk,
        &[
            ("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n"),
            (
                "AT+CIPSTA?",
                "+CIPSTA:ip:\"192.168.4.17\"\r\n+CIPSTA:gateway:\"192.168.4.1\"\r\n+CIPSTA:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
            ),
            ("AT+CIPSTA=\"192.168.6.100\"", OK),
            (
                "AT+CIPSTA?",
                "+CIPSTA:ip:\"192.168.6.100\"\r\n+CIPSTA:gateway:\"192.168.6.1\"\r\n+CIPSTA:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
            ),
            ("AT+CWDHCP?", "+CWDHCP:2\r\n\r\nOK\r\n"),
            ("AT+CWDHCP=1,1", OK),
            ("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n"),
            ("AT+CIPSTAMAC=\"1a:fe:35:98:d3:7b\"", OK),
            ("AT+CIPSTAMAC?", "+CIPSTAMAC:\"1a:fe:35:98:d3:7b\"\r\n\r\nOK\r\n"),
            ("AT+CIPAPMAC=\"1a:fe:35:98:d3:7b\"", ERROR),
            ("AT+CWHOSTNAME=\"my_test\"", OK),
            ("AT+CWHOSTNAME?", "+CWHOSTNAME:\"my_test\"\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn stations_join_the_softap() {
    let mut desk = of(
        "esp32",
        "rtos-2",
        "[[stations]]\nafter = 100\n[[stations]]\nmac = \"24:0a:c4:00:00:05\"\nip = \"192.168.4.3\"\n",
    );
    desk.send("AT+CWMODE=1\r\n");
    talk(&mut desk, &[("AT+CWMODE=2", OK)]);
    assert_eq!(
        desk.wait(1200),
        "+STA_CONNECTED:\"24:0a:c4:00:00:02\"\r\n+DIST_STA_IP:\"24:0a:c4:00:00:02\",\"192.168.4.2\"\r\n\
         +STA_CONNECTED:\"24:0a:c4:00:00:05\"\r\n+DIST_STA_IP:\"24:0a:c4:00:00:05\",\"192.168.4.3\"\r\n"
    );
    talk(
        &mut desk,
        &[
            (
                "AT+CWLIF",
                "+CWLIF:\"192.168.4.2\",\"24:0a:c4:00:00:02\"\r\n+CWLIF:\"192.168.4.3\",\"24:0a:c4:00:00:05\"\r\n\r\nOK\r\n",
            ),
            (
                "AT+CIPAP?",
                "+CIPAP:ip:\"192.168.4.1\"\r\n+CIPAP:gateway:\"192.168.4.1\"\r\n+CIPAP:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
            ),
            ("AT+CWDHCPS=1,3,\"192.168.4.10\",\"192.168.4.15\"", OK),
            ("AT+CWDHCPS?", "+CWDHCPS:3,\"192.168.4.10\",\"192.168.4.15\"\r\n\r\nOK\r\n"),
            ("AT+CWDHCPS=1,3,\"10.0.0.1\",\"10.0.0.2\"", ERROR),
            ("AT+CWDHCPS=0", OK),
            ("AT+CWQIF=\"24:0a:c4:00:00:02\"", "+STA_DISCONNECTED:\"24:0a:c4:00:00:02\"\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn the_manuals_module_lists_stations_bare() {
    let mut desk = desk("[[stations]]\nafter = 100\n");
    desk.wait(500);
    talk(
        &mut desk,
        &[
            ("AT+CWLIF", "192.168.4.2,24:0a:c4:00:00:02\r\n\r\nOK\r\n"),
            ("AT+CWDHCP?", "3\r\n\r\nOK\r\n"),
            ("AT+CWDHCPS?", "+CWDHCPS=120,\"192.168.4.2\",\"192.168.4.101\"\r\n\r\nOK\r\n"),
            ("AT+CIPAP=\"192.168.5.1\"", OK),
            ("AT+CIPAP?", "+CIPAP:\"192.168.5.1\",\"192.168.5.1\",\"255.255.255.0\"\r\n\r\nOK\r\n"),
            ("AT+CWDHCP?", "1\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn smartconfig_wps_and_enterprise() {
    let mut desk = desk(
        "[[access-points]]\npassword = \"secret99\"\n[[access-points]]\nssid = \"office\"\nencryption = 5\npassword = \"test11\"\nrssi = -90\n",
    );
    talk(&mut desk, &[("AT+CWMODE=1", OK), ("AT+CWSTARTSMART", OK)]);
    assert_eq!(
        desk.wait(5000),
        "Smart get wi-Fi info\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\nSmartconfig connected wi-Fi\r\n"
    );
    talk(&mut desk, &[("AT+CWSTOPSMART", OK), ("AT+CWQAP", OK)]);
    desk.wait(50);
    talk(&mut desk, &[("AT+WPS=1", OK)]);
    assert_eq!(desk.wait(5000), "WIFI CONNECTED\r\nWIFI GOT IP\r\n");
    talk(
        &mut desk,
        &[
            (
                "AT+CWJEAP=\"office\",1,\"me\",\"espressif\",\"wrong\",0",
                "WIFI DISCONNECT\r\n+CWJEAP:Timeout\r\n\r\nERROR\r\n",
            ),
            ("AT+CWJEAP=\"office\",1,\"me\",\"espressif\",\"test11\",0", "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"),
            ("AT+CWJEAP?", "+CWJEAP:\"office\",1,\"me\",\"espressif\",\"test11\",0\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn a_lost_access_point_is_joined_again() {
    let mut desk = joined(
        "esp32",
        "rtos-1",
        "[[events]]\nat = 3000\nwhat = \"wifi lost\"\n[[events]]\nat = 5000\nwhat = \"wifi back\"\n",
    );
    talk(&mut desk, &[("AT+CIPSTART=\"TCP\",\"example.com\",80", "CONNECT\r\n\r\nOK\r\n")]);
    assert_eq!(desk.wait(2500), "WIFI DISCONNECT\r\n");
    talk(&mut desk, &[("AT+CIPSTART=\"TCP\",\"example.com\",80", "no ip\r\n\r\nERROR\r\n")]);
    assert_eq!(desk.wait(3000), "WIFI CONNECTED\r\nWIFI GOT IP\r\n");
    desk.clean();
}

#[test]
fn another_mode_ends_the_connection() {
    let mut desk = joined("esp32", "rtos-2", "");
    talk(&mut desk, &[("AT+CWMODE=2", "WIFI DISCONNECT\r\n\r\nOK\r\n"), ("AT+CIPSTATUS", "STATUS:0\r\n\r\nOK\r\n")]);
    talk(&mut desk, &[("AT+CIFSR", "+CIFSR:APIP,\"192.168.4.1\"\r\n+CIFSR:APMAC,\"24:0a:c4:d1:be:b1\"\r\n\r\nOK\r\n")]);
    desk.clean();
}
