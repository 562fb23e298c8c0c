use super::*;

const CONFIG: &str = "AT+MQTTUSERCFG=0,1,\"ESP32\",\"espressif\",\"1234567890\",0,0,\"\"";

#[test]
fn messages_go_both_ways() {
    let mut desk = joined(
        "esp32",
        "rtos-2",
        "[[brokers]]\nretained = [[\"t/kept\", \"old\"]]\nsays = [[3000, \"t/a\", \"news\"], [3000, \"other\", \"x\"]]\ncloses = 5000\n",
    );
    talk(
        &mut desk,
        &[
            ("AT+MQTTCONN?", "+MQTTCONN:0,0,0,\"\",\"\",\"\",0\r\n\r\nOK\r\n"),
            (CONFIG, OK),
            ("AT+MQTTCONNCFG=0,0,0,\"lwtt\",\"lwtm\",0,0", OK),
            (
                "AT+MQTTCONN=0,\"192.168.31.113\",1883,1",
                "+MQTTCONNECTED:0,1,\"192.168.31.113\",\"1883\",\"\",1\r\n\r\nOK\r\n",
            ),
            ("AT+MQTTCONN?", "+MQTTCONN:0,4,1,\"192.168.31.113\",\"1883\",\"\",1\r\n\r\nOK\r\n"),
            ("AT+MQTTSUB=0,\"t/#\",1", OK),
        ],
    );
    assert_eq!(desk.wait(100), "+MQTTSUBRECV:0,\"t/kept\",3,old\r\n");
    talk(
        &mut desk,
        &[
            ("AT+MQTTSUB=0,\"t/#\",1", "ALREADY SUBSCRIBE\r\n\r\nOK\r\n"),
            ("AT+MQTTSUB?", "+MQTTSUB:0,6,\"t/#\",1\r\n\r\nOK\r\n"),
            ("AT+MQTTPUB=0,\"t/b\",\"test\",1,0", OK),
        ],
    );
    assert_eq!(desk.wait(200), "+MQTTSUBRECV:0,\"t/b\",4,test\r\n");
    talk(&mut desk, &[("AT+MQTTPUBRAW=0,\"t/c\",4,0,0", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("\r\nOK"), "\r\n+MQTTPUB:OK\r\n");
    assert_eq!(desk.wait(200), "+MQTTSUBRECV:0,\"t/c\",4,\r\nOK\r\n");
    assert_eq!(desk.wait(3000), "+MQTTSUBRECV:0,\"t/a\",4,news\r\n");
    talk(
        &mut desk,
        &[
            ("AT+MQTTUNSUB=0,\"t/x\"", "NO UNSUBSCRIBE\r\n\r\nOK\r\n"),
            ("AT+MQTTUNSUB=0,\"t/#\"", OK),
            ("AT+MQTTCONN?", "+MQTTCONN:0,5,1,\"192.168.31.113\",\"1883\",\"\",1\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.wait(2000), "+MQTTDISCONNECTED:0\r\n");
    talk(&mut desk, &[("AT+MQTTPUB=0,\"t/b\",\"test\",1,0", ERROR)]);
    assert_eq!(desk.wait(6000), "+MQTTCONNECTED:0,1,\"192.168.31.113\",\"1883\",\"\",1\r\n");
    talk(&mut desk, &[("AT+MQTTCLEAN=0", OK), ("AT+MQTTCLEAN=0", ERROR)]);
    desk.clean();
}

#[test]
fn a_broker_may_refuse() {
    let mut desk = joined("esp32", "", "[[brokers]]\nusername = \"me\"\npassword = \"secret\"\n");
    talk(
        &mut desk,
        &[
            ("AT+SYSLOG=1", OK),
            (CONFIG, OK),
            ("AT+MQTTCONN=0,\"broker.example\",1883,0", "ERR CODE:0x0000600b\r\n\r\nERROR\r\n"),
            ("AT+MQTTUSERCFG=0,3,\"ESP32\",\"me\",\"secret\",0,0,\"\"", OK),
            (
                "AT+MQTTCONN=0,\"broker.example\",8883,0",
                "+MQTTCONNECTED:0,3,\"broker.example\",8883,\"\",0\r\n\r\nOK\r\n",
            ),
            ("AT+MQTTCONN=0,\"broker.example\",8883,0", "ERR CODE:0x00006004\r\n\r\nERROR\r\n"),
            ("AT+MQTTUSERCFG=0,3,\"ESP32\",\"me\",\"secret\",0,0,\"\"", "ERR CODE:0x00006004\r\n\r\nERROR\r\n"),
        ],
    );
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn messages_need_a_network() {
    let mut desk = joined("esp32", "", "[[events]]\nat = 4000\nwhat = \"wifi lost\"\n");
    talk(
        &mut desk,
        &[
            (CONFIG, OK),
            (
                "AT+MQTTCONN=0,\"broker.example\",1883,0",
                "+MQTTCONNECTED:0,1,\"broker.example\",1883,\"\",0\r\n\r\nOK\r\n",
            ),
        ],
    );
    assert_eq!(desk.wait(4000), "+MQTTDISCONNECTED:0\r\nWIFI DISCONNECT\r\n");
    talk(&mut desk, &[("AT+MQTTCONN=0,\"broker.example\",1883,0", ERROR)]);
    desk.clean();
}

#[test]
fn a_network_that_is_lost_answers_nothing() {
    let mut desk = joined("esp32", "", "[[events]]\nat = 4000\nwhat = \"network lost\"\n");
    let connected = "+MQTTCONNECTED:0,1,\"broker.example\",1883,\"\",0\r\n\r\nOK\r\n";
    talk(
        &mut desk,
        &[(CONFIG, OK), ("AT+MQTTCONN=0,\"broker.example\",1883,0", connected), ("AT+MQTTSUB=0,\"#\",0", OK)],
    );
    assert_eq!(desk.wait(4000), "");
    talk(&mut desk, &[("AT+MQTTPUB=0,\"a\",\"b\",1,0", "+MQTTDISCONNECTED:0\r\n\r\nERROR\r\n")]);
    talk(
        &mut desk,
        &[("AT+MQTTCONN=0,\"broker.example\",1883,0", ERROR), ("AT+PING=\"10.0.0.1\"", "+timeout\r\n\r\nERROR\r\n")],
    );
    desk.clean();
}
