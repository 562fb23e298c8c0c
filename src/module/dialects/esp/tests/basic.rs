use super::*;

#[test]
fn versions_memory_and_settings() {
    let mut desk = desk("[facts]\n\"+GMR.AT version info\" = \"2.0.0.0\"\n");
    talk(
        &mut desk,
        &[
            ("AT", OK),
            ("AT+GMR", "2.0.0.0\r\nv3.3-dev\r\nDec 12 2019 02:33:32\r\n\r\nOK\r\n"),
            ("AT+UART_CUR?", "+UART_CUR:115200,8,1,0,0\r\n\r\nOK\r\n"),
            ("AT+UART_DEF=9600,8,1,0,0", OK),
            ("AT+UART_CUR?", "+UART_CUR:9600,8,1,0,0\r\n\r\nOK\r\n"),
            ("AT+SLEEP=1", OK),
            ("AT+SYMSMSG?", "+SYMSMSG:0\r\n\r\nOK\r\n"),
            ("AT+SYSMSG=3", OK),
            ("AT+SYSMSG?", "+SYSMSG:3\r\n\r\nOK\r\n"),
            ("AT+RFPOWER?", "+RFPOWER:78,0,0,0\r\n\r\nOK\r\n"),
            ("AT+SYSTIMESTAMP=1565853509", OK),
            ("AT+SYSTIMESTAMP?", "+SYSTIMESTAMP:1565853509\r\n\r\nOK\r\n"),
            ("AT+SYSLSPCFG=2,12,1", OK),
            ("AT+SYSLSP", OK),
        ],
    );
    assert!(desk.send("AT+SYSRAM?\r\n").starts_with("+SYSRAM:14"));
    desk.clean();
}

#[test]
fn errors_have_codes_where_the_manual_lists_them() {
    let mut desk = desk("");
    talk(
        &mut desk,
        &[
            ("AT+SYSLOG=1", OK),
            ("AT+SYSLOG?", "+SYSLOG:1\r\n\r\nOK\r\n"),
            ("AT+FAKE", "ERR CODE:0x01090000\r\n\r\nERROR\r\n"),
            ("AT+MQTTCONN=0,\"broker\",1883,0", "ERR CODE:0x00006001\r\n\r\nERROR\r\n"),
            ("AT+MQTTUSERCFG=0,11,\"\",\"\",\"\",0,0,\"\"", "ERR CODE:0x00006013\r\n\r\nERROR\r\n"),
            ("AT+MQTTUSERCFG=0,1", "ERR CODE:0x00006008\r\n\r\nERROR\r\n"),
            ("AT+MQTTCLEAN=0", "ERR CODE:0x00006003\r\n\r\nERROR\r\n"),
            ("AT+SYSLOG=0", OK),
            ("AT+FAKE", ERROR),
        ],
    );
    let rules = desk.rules();
    assert_eq!(rules, ["unknown-command", "wrong-state", "param-range", "param-missing", "unknown-command"]);
}

#[test]
fn restart_keeps_the_flash_and_restore_does_not() {
    let mut desk = joined("esp32", "", "");
    talk(
        &mut desk,
        &[
            ("AT+CIPMUX=1", OK),
            ("AT+CWHOSTNAME=\"desk\"", OK),
            ("AT+CWMODE=3", OK),
            ("AT+CWSAP=\"mine\",\"12345678\",5,3", OK),
            ("AT+RST", OK),
        ],
    );
    assert_eq!(desk.wait(400), "\r\nready\r\n");
    // The station joins by itself.
    assert_eq!(desk.wait(2000), "WIFI CONNECTED\r\nWIFI GOT IP\r\n");
    assert!(desk.send("AT+CIPMUX?\r\n").ends_with("+CIPMUX:0\r\n\r\nOK\r\n"));
    talk(
        &mut desk,
        &[
            ("ATE0", "ATE0\r\n\r\nOK\r\n"),
            ("AT+CWMODE?", "+CWMODE:3\r\n\r\nOK\r\n"),
            ("AT+CWHOSTNAME?", "+CWHOSTNAME:\"espressif\"\r\n\r\nOK\r\n"),
            ("AT+CWMODE=3", OK),
            ("AT+CWSAP?", "+CWSAP:\"mine\",\"12345678\",5,3,10,0\r\n\r\nOK\r\n"),
            ("AT+RESTORE", OK),
        ],
    );
    assert_eq!(desk.wait(3000), "\r\nready\r\n");
    assert!(desk.send("AT+CWSAP?\r\n").contains("+CWSAP:\"ESP_"));
    desk.clean();
}

#[test]
fn sleep_lasts_as_long_as_it_should() {
    let mut desk = desk("");
    assert_eq!(desk.send("AT+GSLP=5000\r\n"), "5000\r\n\r\nOK\r\n");
    assert_eq!(desk.wait(5200), "");
    assert_eq!(desk.wait(200), "\r\nready\r\n");
    desk.clean();
}

#[test]
fn partitions_are_erased_written_and_read() {
    let mut desk = desk("");
    let all = desk.send("AT+SYSFLASH?\r\n");
    assert!(all.starts_with("+SYSFLASH:\"ble_data\",64,1,0x21000,0x3000\r\n"), "{all}");
    talk(&mut desk, &[("AT+SYSFLASH=0,\"mqtt_ca\"", OK), ("AT+SYSFLASH=1,\"mqtt_ca\",100,5", "\r\n>")]);
    assert_eq!(desk.send("he\r\nl"), OK);
    talk(
        &mut desk,
        &[
            ("AT+SYSFLASH=2,\"mqtt_ca\",100,5", "+SYSFLASH:5,he\r\nl\r\n\r\nOK\r\n"),
            ("AT+SYSFLASH=2,\"mqtt_ca\",8190,5", ERROR),
            ("AT+SYSFLASH=2,\"nowhere\",0,5", ERROR),
            ("AT+SYSFLASH=0,\"mqtt_ca\",0,4096", OK),
        ],
    );
    assert!(desk.send("AT+SYSFLASH=2,\"mqtt_ca\",100,1\r\n").starts_with("+SYSFLASH:1,"));
    desk.clean();
}

#[test]
fn files_are_written_read_and_listed() {
    let mut desk = desk("[files]\n\"a.txt\" = \"hello\"\n");
    talk(
        &mut desk,
        &[
            ("AT+FS=0,4,\".\"", "+FS:a.txt\r\n\r\nOK\r\n"),
            ("AT+FS=0,2,\"a.txt\",1,100", "+FS:ello\r\n\r\nOK\r\n"),
            ("AT+FS=0,1,\"b.txt\",2,3", "\r\n>"),
        ],
    );
    assert_eq!(desk.send("abc"), OK);
    talk(
        &mut desk,
        &[
            ("AT+FS=0,3,\"b.txt\"", "+FS:5\r\n\r\nOK\r\n"),
            ("AT+FS=0,0,\"a.txt\"", OK),
            ("AT+FS=0,0,\"a.txt\"", ERROR),
            ("AT+FS=0,4,\".\"", "+FS:b.txt\r\n\r\nOK\r\n"),
            ("AT+FS=0,1,\"c\",0,2000000", ERROR),
        ],
    );
    desk.clean();
}
