use super::*;

#[test]
fn nonos_firmware_speaks_its_own_way() {
    let mut desk = Desk::new(
        "esp-at",
        "esp8266",
        "nonos",
        "[[access-points]]\npassword = \"secret99\"\n[[clients]]\nafter = 10\n",
    );
    assert_eq!(desk.send("AT\r\n"), "AT\r\r\n\r\nOK\r\n");
    assert_eq!(desk.send("ATE0\r\n"), "ATE0\r\r\n\r\nOK\r\n");
    let version = desk.send("AT+GMR\r\n");
    assert!(
        version.starts_with("AT version:1.7.4.0(")
            && version.contains("\r\nSDK version:3.0.4(9532ceb)\r\ncompile time:"),
        "{version}"
    );
    assert!(version.contains("\r\nBin version(Wroom 02):1.7.4\r\n\r\nOK\r\n"), "{version}");
    talk(
        &mut desk,
        &[
            ("AT+CWMODE_CUR=1", OK),
            ("AT+CWMODE_CUR?", "+CWMODE_CUR:1\r\n\r\nOK\r\n"),
            ("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n"),
            ("AT+CWLAP", "+CWLAP:(3,\"atscope\",-47,\"24:0a:c4:00:00:01\",6,-12,0)\r\n\r\nOK\r\n"),
            ("AT+CWJAP_CUR=\"atscope\",\"wrong\"", "+CWJAP_CUR:2\r\n\r\nFAIL\r\n"),
            ("AT+CWJAP=\"atscope\",\"secret99\"", "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"),
            (
                "AT+CIPSTA_CUR?",
                "+CIPSTA_CUR:ip:\"192.168.4.17\"\r\n+CIPSTA_CUR:gateway:\"192.168.4.1\"\r\n+CIPSTA_CUR:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
            ),
            ("AT+CIPMUX=1", OK),
            ("AT+CIPSTART=0,\"TCP\",\"example.com\",80", "0,CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPMUX=0", "link is builded\r\n\r\nERROR\r\n"),
            ("AT+CIPSEND=0,2", "\r\nOK\r\n> "),
        ],
    );
    assert_eq!(desk.send("hi"), "Recv 2 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(desk.wait(100), "\r\n+IPD,0,2:hi");
    talk(
        &mut desk,
        &[
            ("AT+CIPSEND=3,2", "link is not valid\r\n\r\nERROR\r\n"),
            ("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n"),
            ("AT+CIPCLOSE=0", "UNLINK\r\n\r\nERROR\r\n"),
            ("AT+CIPSTART=0,\"TCP\",\"no.invalid\",80", "DNS Fail\r\n\r\nERROR\r\n"),
            ("AT+RST", "WIFI DISCONNECT\r\n\r\nOK\r\n"),
        ],
    );
    assert!(desk.wait(400).ends_with("\r\nready\r\n"));
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn rtos_firmware_closes_before_it_restarts() {
    let mut desk = joined("esp32", "rtos-2", "");
    talk(
        &mut desk,
        &[
            ("AT+CIPMUX=1", OK),
            ("AT+CIPSTART=0,\"TCP\",\"example.com\",80", "0,CONNECT\r\n\r\nOK\r\n"),
            ("AT+RESTORE", "0,CLOSED\r\nWIFI DISCONNECT\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.wait(400), "\r\nready\r\n");
    desk.clean();
}

#[test]
fn passthrough_ends_as_firmware_has_it() {
    let mut desk = joined("esp32", "rtos-1", "");
    talk(
        &mut desk,
        &[
            ("AT+SYSMSG=1", OK),
            ("AT+CIPSTART=\"TCP\",\"example.com\",80", "CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPMODE=1", OK),
            ("AT+CIPSEND", "\r\nOK\r\n\r\n>"),
        ],
    );
    assert_eq!(desk.send("x"), "");
    desk.wait(100);
    assert_eq!(desk.send("+++"), "+QUITT\r\n");
    desk.clean();
}

#[test]
fn models_lack_what_the_manual_says() {
    let mut desk = of("esp8266", "rtos-2", "");
    talk(&mut desk, &[("AT+BLEINIT=1", ERROR), ("AT+SYSFLASH?", ERROR)]);
    assert_eq!(desk.rules(), ["model-unsupported", "model-unsupported"]);
}

#[test]
fn what_does_not_change_is_said() {
    let mut desk = joined("esp8266", "nonos", "");
    talk(
        &mut desk,
        &[
            ("AT+CIPMUX=1", OK),
            ("AT+CIPSERVER=0", "\r\nno change\r\n"),
            ("AT+CIPSERVER=1,80", OK),
            ("AT+CIPSERVER=0", OK),
            ("AT+CIPDNS_CUR?", "+CIPDNS_CUR:\"192.168.4.1\"\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}
