use super::*;

#[test]
fn one_tcp_link_carries_data_both_ways() {
    let mut desk = joined("esp32", "", "[[peers]]\nport = 7\ngreeting = \"hi\"\ncloses-after = 3\n");
    talk(
        &mut desk,
        &[("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n"), ("AT+CIPSTART=\"TCP\",\"10.1.2.3\",7", "CONNECT\r\n\r\nOK\r\n")],
    );
    assert_eq!(desk.wait(100), "\r\n+IPD,2:hi");
    talk(
        &mut desk,
        &[
            ("AT+CIPSTART=\"TCP\",\"10.1.2.3\",7", "ALREADY CONNECTED\r\n\r\nERROR\r\n"),
            ("AT+CIPSEND=5", "\r\nOK\r\n\r\n>"),
        ],
    );
    assert_eq!(desk.send("he\r\n>"), "\r\nSEND OK\r\n");
    assert_eq!(desk.wait(200), "\r\n+IPD,5:he\r\n>");
    talk(&mut desk, &[("AT+CIPDINFO=1", OK), ("AT+CIPSENDEX=100", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("a\\\\0b\\0"), "\r\nSEND OK\r\n");
    assert_eq!(desk.wait(200), "\r\n+IPD,4,\"10.1.2.3\",7:a\\0b");
    let status = desk.send("AT+CIPSTATUS\r\n");
    assert!(status.starts_with("STATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"10.1.2.3\",7,"), "{status}");
    talk(&mut desk, &[("AT+CIPSEND=1", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("x"), "\r\nSEND OK\r\n");
    assert_eq!(desk.wait(200), "\r\n+IPD,1,\"10.1.2.3\",7:xCLOSED\r\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPSTATUS", "STATUS:4\r\n\r\nOK\r\n"),
            ("AT+CIPSEND=1", ERROR),
            ("AT+CIPSTART=\"TCP\",\"10.1.2.3\",8", ERROR),
            ("AT+CIPSTART=\"TCP\",\"no.invalid\",7", ERROR),
            ("AT+CIPSTART=\"TCP\",\"10.1.2.3\",7", "CONNECT\r\n\r\nOK\r\n"),
        ],
    );
    desk.wait(100);
    talk(&mut desk, &[("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n"), ("AT+CIPCLOSE", ERROR)]);
    desk.clean();
}

#[test]
fn several_links_and_clients_of_a_server() {
    let mut desk = joined(
        "esp32",
        "rtos-2",
        "[[clients]]\nafter = 50\npeer = { greeting = \"GET /\" }\n[[clients]]\nafter = 200\n[[clients]]\nafter = 300\n",
    );
    talk(
        &mut desk,
        &[
            ("AT+CIPMUX=1", OK),
            ("AT+CIPSERVERMAXCONN?", "+CIPSERVERMAXCONN:5\r\n\r\nOK\r\n"),
            ("AT+CIPSERVERMAXCONN=2", OK),
            ("AT+CIPSTART=2,\"TCP\",\"example.com\",80", "2,CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPSTO=10", OK),
            ("AT+CIPSTO?", "+CIPSTO:10\r\n\r\nOK\r\n"),
            ("AT+CIPSERVER=1,80", OK),
        ],
    );
    assert_eq!(desk.wait(1000), "0,CONNECT\r\n\r\n+IPD,0,5:GET /1,CONNECT\r\nHave 2 Connections\r\n");
    talk(&mut desk, &[("AT+CIPSEND=0,4", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("page"), "Recv 4 bytes\r\n\r\nSEND OK\r\n");
    desk.wait(200);
    talk(
        &mut desk,
        &[
            ("AT+CIPSTARTEX=\"UDP\",\"10.9.9.9\",5000", "3,CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n"),
            ("AT+CIPMUX=0", ERROR),
            ("AT+CIPSERVER=0", OK),
        ],
    );
    // The client that is left is silent for too long.
    assert_eq!(desk.wait(11_000), "0,CLOSED\r\n");
    talk(&mut desk, &[("AT+CIPCLOSE=5", "2,CLOSED\r\n3,CLOSED\r\n\r\nOK\r\n"), ("AT+CIPMUX=0", OK)]);
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn passive_receive_waits_for_the_host() {
    let mut desk = joined("esp32", "", "[[peers]]\ngreeting = \"0123456789\"\ncloses = 300\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPRECVMODE=1", OK),
            ("AT+CIPRECVMODE?", "+CIPRECVMODE:1\r\n\r\nOK\r\n"),
            ("AT+CIPMUX=1", OK),
            ("AT+CIPSTART=1,\"TCP\",\"example.com\",80", "1,CONNECT\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.wait(100), "+IPD,1,10\r\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPRECVDATA=1,4", "+CIPRECVDATA:4,0123\r\n\r\nOK\r\n"),
            ("AT+CIPRCVLEN?", "+CIPRCVLEN:0,6,0,0,0\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(desk.wait(400), "1,CLOSED\r\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPDINFO=1", OK),
            ("AT+CIPRECVDATA=1,100", "+CIPRECVDATA:6,\"203.0.113.88\",80,456789\r\n\r\nOK\r\n"),
            ("AT+CIPRECVDATA=1,100", ERROR),
            ("AT+CIPRECVLEN?", "+CIPRECVLEN:0,0,0,0,0\r\n\r\nOK\r\n"),
        ],
    );
    desk.clean();
}

#[test]
fn datagrams_may_change_their_other_end() {
    let mut desk = joined("esp32", "rtos-1", "");
    talk(
        &mut desk,
        &[
            ("AT+CIPDINFO=1", OK),
            ("AT+CIPSTART=\"UDP\",\"10.0.0.1\",1000,1002,2", "CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPSEND=2,\"10.0.0.2\",2000", "\r\nOK\r\n\r\n>"),
        ],
    );
    assert_eq!(desk.send("ab"), "Recv 2 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(desk.wait(200), "\r\n+IPD,2,10.0.0.2,2000:ab");
    assert!(desk.send("AT+CIPSTATUS\r\n").contains("+CIPSTATUS:0,\"UDP\",\"10.0.0.2\",2000,1002,0\r\n"));
    talk(&mut desk, &[("AT+CIPSEND=1", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("c"), "Recv 1 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(desk.wait(200), "\r\n+IPD,1,10.0.0.2,2000:c");
    desk.clean();
}

#[test]
fn ssl_is_configured_and_only_one_at_a_time() {
    let mut desk = joined("esp32", "", "");
    talk(
        &mut desk,
        &[
            ("AT+CIPMUX=1", OK),
            (
                "AT+CIPSSLCCONF?",
                "+CIPSSLCCONF:0,0,0,0\r\n+CIPSSLCCONF:1,0,0,0\r\n+CIPSSLCCONF:2,0,0,0\r\n+CIPSSLCCONF:3,0,0,0\r\n+CIPSSLCCONF:4,0,0,0\r\n\r\nOK\r\n",
            ),
            ("AT+CIPSSLCONF=2,2,0,1", OK),
            ("AT+CIPSSLCONF?", "+CIPSSLCONF:2,2,0,1\r\n\r\nOK\r\n"),
            ("AT+CIPSTART=2,\"SSL\",\"example.com\",443", "2,CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPSTART=3,\"SSL\",\"example.com\",443", ERROR),
        ],
    );
    assert_eq!(desk.rules(), ["wrong-state"]);
}

#[test]
fn passthrough_goes_on_until_the_escape() {
    let mut desk = joined("esp32", "", "[[peers]]\nreplies = [[\"bye\", \"\"]]\n");
    talk(
        &mut desk,
        &[
            ("AT+SYSMSG=1", OK),
            ("AT+CIPSTART=\"TCP\",\"example.com\",80", "CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPMODE=1", OK),
            ("AT+CIPSEND", "\r\nOK\r\n\r\n>"),
        ],
    );
    assert_eq!(desk.send("AT\r\n"), "");
    assert_eq!(desk.wait(200), "AT\r\n");
    assert_eq!(desk.send("+++\r\n"), "");
    assert_eq!(desk.wait(200), "+++\r\n");
    assert_eq!(desk.send("+++"), "+QUIT\r\n");
    desk.wait(1000);
    talk(&mut desk, &[("AT+CIPMODE=0", OK), ("AT+CIPSEND=1", "\r\nOK\r\n\r\n>")]);
    assert_eq!(desk.send("1"), "\r\nSEND OK\r\n");
    desk.wait(100);
    desk.clean();
}

#[test]
fn passthrough_connects_again_and_ends_closed() {
    let mut desk = joined("esp32", "rtos-2", "[[peers]]\ncloses-after = 1\necho = false\n");
    talk(
        &mut desk,
        &[
            ("AT+CIPRECONNINTV=5", OK),
            ("AT+CIPSTART=\"TCP\",\"example.com\",80", "CONNECT\r\n\r\nOK\r\n"),
            ("AT+CIPMODE=1", OK),
            ("AT+CIPSEND", "\r\nOK\r\n\r\n>"),
        ],
    );
    assert_eq!(desk.send("one"), "");
    assert_eq!(desk.wait(1000), "");
    assert_eq!(desk.send("two"), "");
    assert_eq!(desk.wait(100), "");
    assert_eq!(desk.send("+++"), "CLOSED\r\n");
    desk.clean();
}

#[test]
fn a_send_can_be_given_up() {
    let mut desk = joined("esp32", "rtos-2", "");
    talk(
        &mut desk,
        &[("AT+CIPSTART=\"TCP\",\"example.com\",80", "CONNECT\r\n\r\nOK\r\n"), ("AT+CIPSEND=10", "\r\nOK\r\n\r\n>")],
    );
    assert_eq!(desk.send("+++"), "\r\nSEND Canceled\r\n");
    talk(&mut desk, &[("AT", OK)]);
    desk.clean();
}

#[test]
fn what_breaks_while_it_is_sent_fails() {
    for (profile, expected) in [("", "\r\nERROR\r\n"), ("rtos-1", "Recv 1 bytes\r\nCLOSED\r\n\r\nSEND FAIL\r\n")] {
        let mut desk = joined("esp32", profile, "[[peers]]\nfails = \"broken\"\n");
        desk.send("AT+CIPSTART=\"TCP\",\"example.com\",80\r\n");
        desk.send("AT+CIPSEND=1\r\n");
        let said = desk.send("x");
        assert!(said.ends_with(expected), "{said:?}");
        desk.clean();
    }
}

#[test]
fn a_busy_module_says_so() {
    let mut desk = joined("esp32", "rtos-2", "");
    desk.module.receive(desk.now(), b"AT+PING=\"10.0.0.1\"\r\n");
    let said = desk.send("AT\r\n");
    assert!(said.contains("busy p...\r\n") && said.ends_with("\r\nOK\r\n"), "{said}");
    desk.send("AT+CIPSTART=\"TCP\",\"example.com\",80\r\n");
    desk.send("AT+CIPSEND=1\r\n");
    let said = desk.send("xAT\r\n");
    assert_eq!(said, "Recv 1 bytes\r\nbusy s...\r\n\r\nSEND OK\r\n");
}

#[test]
fn new_connection_messages_replace_the_old_ones() {
    let mut desk = joined("esp32", "", "");
    talk(&mut desk, &[("AT+SYSMSG=2", OK), ("AT+CIPMUX=1", OK)]);
    let said = desk.send("AT+CIPSTART=0,\"UDP\",\"10.0.0.1\",1000,1002,0\r\n");
    assert_eq!(said, "+LINK_CONN:0,0,\"UDP\",0,\"10.0.0.1\",1000,1002\r\n\r\nOK\r\n");
    desk.clean();
}

#[test]
fn a_saved_link_is_opened_on_power_up() {
    let mut desk = joined("esp32", "", "");
    talk(&mut desk, &[("AT+SAVETRANSLINK=1,\"192.168.6.110\",1002,\"TCP\"", OK), ("AT+RST", OK)]);
    assert_eq!(desk.wait(2500), "\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\n");
    assert_eq!(desk.send("ping"), "");
    assert_eq!(desk.wait(200), "ping");
    desk.send("+++");
    assert!(desk.send("AT+CIPSTATUS\r\n").contains("\"192.168.6.110\",1002"));
}
