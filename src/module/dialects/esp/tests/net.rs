use super::*;

#[test]
fn names_and_pings() {
    let mut desk = joined("esp32", "", "[hosts]\n\"iot.espressif.cn\" = \"10.3.2.1\"\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPDOMAIN=\"iot.espressif.cn\"", "+CIPDOMAIN:10.3.2.1\r\n\r\nOK\r\n"),
            ("AT+CIPDOMAIN=\"no.invalid\"", ERROR),
            ("AT+PING=\"no.invalid\"", "+timeout\r\n\r\nERROR\r\n"),
            ("AT+CIPDNS?", "+CIPDNS:0,\"192.168.4.1\"\r\n\r\nOK\r\n"),
            ("AT+CIPDNS=1", OK),
            ("AT+CIPDNS?", "+CIPDNS:1,\"222.222.67.208\"\r\n\r\nOK\r\n"),
            ("AT+CIPDNS=1,\"114.114.114.114\",\"8.8.8.8\"", OK),
            ("AT+CIPDNS?", "+CIPDNS:1,\"114.114.114.114\",\"8.8.8.8\"\r\n\r\nOK\r\n"),
            ("AT+MDNS=1,\"espressif\",\"_iot\",8080", OK),
            ("AT+CWQAP", OK),
        ],
    );
    desk.wait(10);
    talk(
        &mut desk,
        &[("AT+CIPDOMAIN=\"iot.espressif.cn\"", ERROR), ("AT+PING=\"iot.espressif.cn\"", "+timeout\r\n\r\nERROR\r\n")],
    );
    desk.clean();
    for (profile, expected) in [("", "+PING:4"), ("nonos", "+4"), ("rtos-1", "+4"), ("rtos-2", "+PING:4")] {
        let model = if profile == "nonos" { "esp8266" } else { "esp32" };
        let mut desk = joined(model, profile, "");
        let said = desk.send("AT+PING=\"192.168.1.1\"\r\n");
        assert!(said.starts_with(expected) && said.ends_with(OK), "{profile}: {said:?}");
        desk.clean();
    }
}

#[test]
fn the_time_comes_from_the_network() {
    let mut desk = joined("esp32", "rtos-2", "epoch = 1481510000\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPSNTPTIME?", "+CIPSNTPTIME:Thu Jan 01 00:00:01 1970\r\n\r\nOK\r\n"),
            ("AT+CIPSNTPCFG=8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"", OK),
            ("AT+CIPSNTPCFG?", "+CIPSNTPCFG:1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.wait(500), "+TIME_UPDATED\r\n");
    let said = desk.send("AT+CIPSNTPTIME?\r\n");
    assert!(said.starts_with("+CIPSNTPTIME:Mon Dec 12 10:33:2"), "{said}");
    talk(
        &mut desk,
        &[
            ("AT+CIPSNTPCFG", OK),
            (
                "AT+CIPSNTPCFG?",
                "+CIPSNTPCFG:0,0,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\",\"us.pool.ntp.org\"\r\n\r\nOK\r\n",
            ),
        ],
    );
    desk.clean();
}

#[test]
fn an_update_goes_step_by_step_and_restarts() {
    let mut desk = joined("esp32", "", "");
    let steps = "+CIPUPDATE:1\r\n+CIPUPDATE:2\r\n+CIPUPDATE:3\r\n+CIPUPDATE:4\r\n\r\nOK\r\n";
    talk(&mut desk, &[("AT+CIUPDATE", steps)]);
    assert!(desk.wait(500).ends_with("ready\r\n"));
    desk.clean();
    let mut desk = joined("esp32", "", "[[peers]]\nfails = \"timeout\"\n");
    talk(&mut desk, &[("AT+CIUPDATE=1,\"v1.2.0.0\"", "+CIPUPDATE:1\r\n+CIPUPDATE:2\r\n\r\nERROR\r\n"), ("AT", OK)]);
    desk.clean();
}

#[test]
fn web_requests() {
    let mut desk = joined(
        "esp32",
        "",
        "[[http]]\nmethod = \"POST\"\necho = true\n[[http]]\nurl = \"/gone\"\nstatus = 404\n[[http]]\nurl = \"/big\"\nsize = 3000\n[[http]]\n",
    );
    talk(
        &mut desk,
        &[
            ("AT+SYSLOG=1", OK),
            ("AT+HTTPCLIENT=2,0,\"http://httpbin.org/get\",,,0", "+HTTPCLIENT:18,Hello from atscope\r\n\r\nOK\r\n"),
            ("AT+HTTPCLIENT=2,0,,\"httpbin.org\",\"/gone\",1", "ERR CODE:0x00007194\r\n\r\nERROR\r\n"),
            (
                "AT+HTTPCLIENT=3,0,\"http://httpbin.org/post\",,,0,\"field1=1&field2=2\"",
                "+HTTPCLIENT:17,field1=1&field2=2\r\n\r\nOK\r\n",
            ),
            ("AT+HTTPCLIENT=2,0,\"http://no.invalid/\",,,0", ERROR),
        ],
    );
    let said = desk.send("AT+HTTPCLIENT=2,0,\"http://httpbin.org/big\",,,0\r\n");
    assert!(said.starts_with("+HTTPCLIENT:2048,") && said.contains("+HTTPCLIENT:952,"), "{said}");
    assert!(desk.send("AT+HTTPCLIENT=1,0,\"http://httpbin.org/get\",,,0\r\n").ends_with(OK));
    desk.clean();
}

#[test]
fn ethernet_has_addresses_alone() {
    let mut desk = desk("");
    talk(
        &mut desk,
        &[
            ("AT+CIPETHMAC=\"1a:fe:35:98:d4:7b\"", OK),
            ("AT+CIPETHMAC?", "+CIPETHMAC:\"1a:fe:35:98:d4:7b\"\r\n\r\nOK\r\n"),
            (
                "AT+CIPETH?",
                "+CIPETH:ip:\"0.0.0.0\"\r\n+CIPETH:gateway:\"0.0.0.0\"\r\n+CIPETH:netmask:\"0.0.0.0\"\r\n\r\nOK\r\n",
            ),
            ("AT+CIPETH=\"192.168.6.100\"", OK),
            (
                "AT+CIPETH?",
                "+CIPETH:ip:\"192.168.6.100\"\r\n+CIPETH:gateway:\"192.168.6.1\"\r\n+CIPETH:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
            ),
        ],
    );
    desk.clean();
}
