//! The port with the virtual module behind it, as tests of drivers use it.

#![cfg(feature = "simulate")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use atscope::module::Scenario;
use atscope::module::faults::Faults;
use atscope::port::{Clock, Port, Script, Sent};

const MS: Duration = Duration::from_millis(1);

/// A small driver: sends a line, and gives what comes up to the result.
fn ask(port: &mut (impl Read + Write), line: &str) -> std::io::Result<Vec<String>> {
    port.write_all(format!("{line}\r\n").as_bytes())?;
    let mut lines = BufReader::with_capacity(1, port).lines();
    let mut said = Vec::new();
    while let Some(text) = lines.next().transpose()? {
        if matches!(&*text, "OK" | "ERROR") {
            said.push(text);
            break;
        }
        if !text.is_empty() && text != line {
            said.push(text);
        }
    }
    Ok(said)
}

#[test]
fn a_driver_talks_to_a_module() {
    let mut port = Port::builder("esp-at").seed(1).build().unwrap();
    let control = port.control();
    assert_eq!(ask(&mut port, "AT").unwrap(), ["OK"]);
    assert_eq!(ask(&mut port, "AT+CIPMUX=1").unwrap(), ["OK"]);
    assert_eq!(ask(&mut port, "AT+CIPMUX?").unwrap(), ["+CIPMUX:1", "OK"]);
    assert_eq!(ask(&mut port, "AT+CIPMUX=7").unwrap(), ["ERROR"]);
    assert_eq!(control.refused().unwrap().rule.name(), "param-range");
    assert_eq!(control.state("cip.mux", 0), Some(atscope::catalog::StateValue::Int(1)));
    let wrong = control.check().unwrap_err();
    assert!(wrong.what().starts_with("error[param-range] at "), "{wrong}");
    assert!(wrong.to_string().contains("> AT+CIPMUX=7"), "{wrong}");
}

#[test]
fn the_same_calls_give_the_same_transcript() {
    let run = || {
        let faults = Faults::from_preset("harmless", 3).unwrap();
        let mut port = Port::builder("esp-at").seed(9).faults(faults).boots().build().unwrap();
        let control = port.control();
        let mut buf = [0; 256];
        while port.read(&mut buf).is_ok() {}
        for line in ["AT", "AT+CWMODE=1", "AT+CWMODE?"] {
            ask(&mut port, line).unwrap();
        }
        control.check().unwrap();
        control.transcript()
    };
    assert_eq!(run(), run());
    assert!(run().contains("> AT+CWMODE?"));
}

#[test]
fn waiting_takes_no_time() {
    let begun = Instant::now();
    let mut port = Port::builder("esp-at").read_timeout(Duration::from_secs(60)).build().unwrap();
    let control = port.control();
    let mut buf = [0; 16];
    assert_eq!(port.read(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(control.now(), Duration::from_secs(60));
    control.advance(Duration::from_secs(3600));
    assert_eq!(control.now(), Duration::from_secs(3660));
    port.set_read_timeout(None);
    // Nothing is to come: a driver that waits for it is not kept for ever.
    assert_eq!(port.read(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_read_waits_no_longer_than_its_timeout() {
    let mut scenario = Scenario::default();
    scenario.delays.answer = 500;
    let mut port = Port::builder("generic").scenario(scenario).read_timeout(100 * MS).build().unwrap();
    let control = port.control();
    port.write_all(b"ATE0\r\n").unwrap();
    let mut buf = [0; 64];
    let echo = port.read(&mut buf).unwrap();
    assert_eq!(&buf[..echo], b"ATE0\r");
    for _ in 0..5 {
        assert_eq!(port.read(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert_eq!(control.now(), 500 * MS);
    let len = port.read(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"\r\nOK\r\n");
}

#[test]
fn a_clock_that_stands_is_moved_by_hand() {
    let mut port = Port::builder("esp-at").clock(Clock::Manual).build().unwrap();
    let control = port.control();
    port.write_all(b"AT\r\n").unwrap();
    let mut buf = [0; 64];
    assert_eq!(port.read(&mut buf).unwrap(), 4);
    assert_eq!(port.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    control.advance(5 * MS);
    assert_eq!(port.read(&mut buf).unwrap(), 6);
}

#[test]
fn the_test_speaks_for_the_module() {
    let mut port = Port::builder("esp-at").build().unwrap();
    let control = port.control();
    control.answer("AT+CWJAP?", ["No AP", "OK"]);
    control.answer("AT+CWJAP=*", ["+CWJAP:3", "FAIL"]);
    control.answer("AT+NOSUCH", ["+NOSUCH:1", "OK"]);
    assert_eq!(ask(&mut port, "AT+CWJAP?").unwrap(), ["No AP", "OK"]);
    assert_eq!(ask(&mut port, "AT+NOSUCH").unwrap(), ["+NOSUCH:1", "OK"]);
    port.write_all(b"AT+CWJAP=\"a\",\"b\"\r\n").unwrap();
    let mut said = String::new();
    port.read_to_string(&mut said).unwrap_err();
    assert_eq!(said, "AT+CWJAP=\"a\",\"b\"\r\n+CWJAP:3\r\n\r\nFAIL\r\n");
    control.no_answers();
    assert_eq!(ask(&mut port, "AT+NOSUCH").unwrap(), ["ERROR"]);
    control.say("WIFI DISCONNECT");
    let mut buf = [0; 64];
    let len = port.read(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"WIFI DISCONNECT\r\n");
    control.expect("AT+CWJAP?").unwrap();
    assert_eq!(control.sent(), Some(Sent::Line("AT+NOSUCH".to_owned())));
    assert_eq!(control.skip_to("AT+NO*").unwrap(), "AT+NOSUCH");
    let wrong = control.expect("AT").unwrap_err();
    assert_eq!(wrong.what(), "the driver sent nothing more; `AT` was expected");
}

#[test]
fn data_is_told_from_lines() {
    let mut port = Port::builder("simcom").build().unwrap();
    let control = port.control();
    ask(&mut port, "AT+HTTPINIT").unwrap();
    port.write_all(b"AT+HTTPDATA=7,1000\r\n").unwrap();
    let mut buf = [0; 64];
    while !buf.windows(8).any(|word| word == b"DOWNLOAD") {
        assert!(port.read(&mut buf).unwrap() > 0);
    }
    port.write_all(b"AT\r\nAT\n").unwrap();
    let mut said = String::new();
    port.read_to_string(&mut said).unwrap_err();
    assert!(said.ends_with("OK\r\n"), "{said}");
    control.expect("AT+HTTPINIT").unwrap();
    control.expect("AT+HTTPDATA=7,1000").unwrap();
    control.expect_data("AT\r\nAT\n").unwrap();
    control.check().unwrap();
}

#[test]
fn a_script_stands_in_for_a_module() {
    let script = Script::new()
        .send("\r\nready\r\n")
        .expect("AT")
        .reply("OK")
        .expect("AT+CIPSEND=*")
        .send("> ")
        .expect_data("hel\r\n")
        .wait(100 * MS)
        .reply("SEND OK");
    let mut port = Port::scripted(script.clone());
    let control = port.control();
    assert_eq!(ask(&mut port, "AT").unwrap(), ["ready", "OK"]);
    port.write_all(b"AT+CIPSEND=5\r\n").unwrap();
    let mut prompt = [0; 2];
    port.read_exact(&mut prompt).unwrap();
    port.write_all(b"hel").unwrap();
    assert_eq!(control.done().unwrap_err().what(), r"the driver sent only data `hel`; data `hel\r\n` was expected");
    port.write_all(b"\r\n").unwrap();
    let mut said = String::new();
    port.read_to_string(&mut said).unwrap_err();
    assert_eq!(said, "\r\nSEND OK\r\n");
    assert_eq!(control.now(), 100 * MS);
    control.check().unwrap();

    // The driver does something else: what it does next fails, and says why.
    let mut port = Port::scripted(script);
    let control = port.control();
    let wrong = ask(&mut port, "ATE0").unwrap_err();
    let text =
        "the driver sent `ATE0`; `AT` was expected\n\nso far:\n@0.000000 < \\r\\nready\\r\\n\n@0.000000 > ATE0\\r\\n";
    assert_eq!(wrong.to_string(), text);
    assert_eq!(control.done().unwrap_err().to_string(), text);
    assert_eq!(format!("{:?}", control.done().unwrap_err()), text);
}

#[test]
fn a_script_says_what_a_module_must_be_sent() {
    let script = Script::new().expect("AT").expect("AT+CWMODE=1");
    let mut port = Port::builder("esp-at").script(script).build().unwrap();
    let control = port.control();
    assert_eq!(ask(&mut port, "AT").unwrap(), ["OK"]);
    assert!(control.done().is_err());
    assert_eq!(ask(&mut port, "AT+CWMODE=1").unwrap(), ["OK"]);
    control.check().unwrap();
    assert!(
        ask(&mut port, "AT").unwrap_err().to_string().starts_with("the driver sent `AT`; nothing more was expected")
    );
}

#[test]
fn a_test_plays_the_module_from_another_thread() {
    let mut port = Port::bare();
    let control = port.control();
    let driver = thread::spawn(move || ask(&mut port, "AT+CSQ").unwrap());
    control.expect("AT+CSQ").unwrap();
    control.reply("+CSQ: 20,0");
    thread::sleep(5 * MS);
    control.reply("OK");
    assert_eq!(driver.join().unwrap(), ["+CSQ: 20,0", "OK"]);
    assert_eq!(control.expect("AT").unwrap_err().what(), "the driver sent nothing more; `AT` was expected");
}

#[test]
fn halves_work_on_two_threads() {
    let port = Port::builder("esp-at").build().unwrap();
    let control = port.control();
    let (mut reader, mut writer) = port.split();
    let (found, lines) = std::sync::mpsc::channel();
    let ingress = thread::spawn(move || {
        let mut buf = [0; 64];
        let mut said = String::new();
        // Ends when the port is unplugged.
        while let Ok(len) = reader.read(&mut buf) {
            said.push_str(std::str::from_utf8(&buf[..len]).unwrap());
            while let Some((line, rest)) = said.split_once("\r\n") {
                found.send(line.to_owned()).unwrap();
                said = rest.to_owned();
            }
        }
    });
    for round in 0..50 {
        writer.write_all(format!("AT+CIPMUX={}\r\n", round % 2).as_bytes()).unwrap();
        while lines.recv_timeout(Duration::from_secs(10)).unwrap() != "OK" {}
    }
    control.check().unwrap();
    control.unplug();
    ingress.join().unwrap();
    assert_eq!(writer.write(b"AT\r\n").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn power_goes_off_and_on() {
    let mut port = Port::builder("esp-at").build().unwrap();
    let control = port.control();
    ask(&mut port, "AT+CIPMUX=1").unwrap();
    control.reset();
    let mut banner = String::new();
    port.read_to_string(&mut banner).unwrap_err();
    assert!(banner.contains("ready"), "{banner:?}");
    assert_eq!(ask(&mut port, "AT+CIPMUX?").unwrap(), ["+CIPMUX:0", "OK"]);
    let rules: Vec<&str> = control.findings().iter().map(|finding| finding.rule.name()).collect();
    assert_eq!(rules, ["module-reset"]);
}

#[test]
fn faults_come_through_and_are_announced() {
    let faults = Faults::from_toml("[[fault]]\nkind = 'drop'\nnth = 2", 5).unwrap();
    let mut port = Port::builder("esp-at").faults(faults).build().unwrap();
    let control = port.control();
    assert_eq!(ask(&mut port, "AT").unwrap(), ["OK"]);
    assert_eq!(ask(&mut port, "AT+CWMODE=1").unwrap_err().kind(), ErrorKind::TimedOut);
    for _ in 0..3 {
        control.advance(Duration::from_secs(10));
        assert_eq!(ask(&mut port, "AT").unwrap(), ["OK"]);
    }
    let told: Vec<String> = control.announced().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with(r"fault drop: `\r\nOK\r\n` does not come (seed 5)"), "{told:?}");
    control.check().unwrap_err();
    let rules: Vec<&str> = control.findings().iter().map(|finding| finding.rule.name()).collect();
    assert!(rules.contains(&"missing-final") || rules.contains(&"command-overlap"), "{rules:?}");
}

#[test]
fn what_is_wrong_with_a_port_is_told() {
    assert!(Port::builder("esp").build().unwrap_err().to_string().contains("esp-at"));
    let error = Port::builder("esp-at").model("esp9").build().unwrap_err();
    assert_eq!(error.to_string(), "esp-at has no model `esp9`: it has esp32, esp8266");
}

#[cfg(feature = "embedded-io")]
#[test]
fn embedded_drivers_poll() {
    use embedded_io::{Read, ReadReady, Write, WriteReady};
    let mut port = Port::builder("esp-at").build().unwrap();
    assert!(!port.read_ready().unwrap());
    assert!(port.write_ready().unwrap());
    Write::write_all(&mut port, b"AT\r\n").unwrap();
    let (mut said, mut looks) = (Vec::new(), 0);
    while !said.ends_with(b"OK\r\n") {
        looks += 1;
        assert!(looks < 1000);
        if port.read_ready().unwrap() {
            let mut buf = [0; 3];
            let len = Read::read(&mut port, &mut buf).unwrap();
            said.extend_from_slice(&buf[..len]);
        }
    }
    assert_eq!(said, b"AT\r\n\r\nOK\r\n");
}

#[cfg(feature = "embedded-io-async")]
#[tokio::test]
async fn embedded_tasks_wait_by_the_clock_on_the_wall() {
    use embedded_io_async::{Read, Write};
    let port = Port::builder("simcom").clock(Clock::Wall).build().unwrap();
    let control = port.control();
    let (mut reader, mut writer) = port.split();
    for _ in 0..3 {
        Write::write_all(&mut writer, b"AT\r\n").await.unwrap();
        let (mut said, mut buf) = (Vec::new(), [0; 4]);
        while !said.ends_with(b"OK\r\n") {
            let len = Read::read(&mut reader, &mut buf).await.unwrap();
            said.extend_from_slice(&buf[..len]);
        }
    }
    assert!(control.now() >= 6 * MS, "each answer takes two milliseconds");
    control.check().unwrap();
}

#[cfg(feature = "tokio")]
mod tokio_clock {
    use super::*;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    #[tokio::test(start_paused = true)]
    async fn goes_with_a_paused_clock() {
        let begun = Instant::now();
        let mut scenario = Scenario::default();
        scenario.delays.answer = 5_000;
        let port = Port::builder("simcom").scenario(scenario).build().unwrap().into_tokio();
        let control = port.control();
        let (reader, mut writer) = tokio::io::split(port);
        let mut lines = BufReader::new(reader).lines();

        // The driver's own timeout and the module's answer happen in the order of their times.
        writer.write_all(b"AT\r\n").await.unwrap();
        let early = tokio::time::timeout(Duration::from_secs(4), async {
            while lines.next_line().await.unwrap().unwrap() != "OK" {}
        });
        assert!(early.await.is_err());
        let late = tokio::time::timeout(Duration::from_secs(2), async {
            while lines.next_line().await.unwrap().unwrap() != "OK" {}
        });
        late.await.unwrap();
        assert!(
            control.now() >= Duration::from_secs(5) && control.now() < Duration::from_secs(6),
            "{:?}",
            control.now()
        );
        assert!(begun.elapsed() < Duration::from_secs(3));
        control.check().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_always_reads_does_not_run_past_the_data_phase() {
        let port = Port::builder("simcom").build().unwrap().into_tokio();
        let control = port.control();
        let (mut reader, mut writer) = tokio::io::split(port);
        let ingress = tokio::spawn(async move {
            let (mut said, mut buf) = (Vec::new(), [0; 64]);
            while let Ok(len) = reader.read(&mut buf).await {
                said.extend_from_slice(&buf[..len]);
                if said.ends_with(b"bye") {
                    break;
                }
            }
            String::from_utf8(said).unwrap()
        });
        for piece in ["AT+HTTPINIT\r\n", "AT+HTTPDATA=5,1000\r\n", "hello"] {
            writer.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        control.send("bye");
        let said = ingress.await.unwrap();
        assert!(said.contains("DOWNLOAD\r\n\r\nOK\r\n"), "{said}");
        control.check().unwrap();
    }
}
