//! A driver that is run against a misbehaving module: it joins an access point and opens a connection, and goes over it again and again. One
//! argument names its weakness, another one (or `ATSCOPE_PORT`) the line; without, it speaks on standard input and output.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

struct Line {
    out: Box<dyn Write>,
    bytes: Receiver<u8>,
}

impl Line {
    fn open(path: Option<String>) -> Self {
        let (sender, bytes) = channel();
        let (input, out): (Box<dyn Read + Send>, Box<dyn Write>) = match path {
            None => (Box::new(std::io::stdin()), Box::new(std::io::stdout())),
            Some(path) if path.contains(':') => {
                let stream = std::net::TcpStream::connect(path).expect("the module is there");
                (Box::new(stream.try_clone().expect("two ends")), Box::new(stream))
            }
            Some(path) => {
                let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("the line opens");
                (Box::new(file.try_clone().expect("two ends")), Box::new(file))
            }
        };
        std::thread::spawn(move || {
            for byte in input.bytes() {
                if byte.map_or(true, |byte| sender.send(byte).is_err()) {
                    return;
                }
            }
        });
        Self { out, bytes }
    }

    fn line(&self, until: Instant) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let byte = self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            match byte {
                b'\r' => {}
                b'\n' if line.is_empty() => {}
                b'\n' => return Some(line),
                _ => line.push(byte),
            }
        }
    }

    /// Sends a command; gives the lines of its answer, if it succeeded.
    fn ask(&mut self, command: &str, weakness: &str) -> Option<Vec<Vec<u8>>> {
        self.out.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        self.out.flush().ok()?;
        let until = Instant::now() + Duration::from_millis(300);
        let mut lines = Vec::new();
        loop {
            let line = match self.line(until) {
                Some(line) => line,
                None if weakness == "hang" => loop {
                    std::thread::sleep(Duration::from_secs(1));
                },
                None if weakness == "busy" => loop {
                    std::hint::spin_loop();
                },
                None => {
                    if weakness == "log" {
                        eprintln!("assertion: an answer in time");
                    }
                    return None;
                }
            };
            match &line[..] {
                b"OK" => return Some(lines),
                b"ERROR" | b"FAIL" => return None,
                _ => lines.push(line),
            }
        }
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let weakness = words.next().unwrap_or_default();
    let path = words.next().or_else(|| std::env::var("ATSCOPE_PORT").ok());
    let mut line = Line::open(path);
    let mut leak: Vec<Vec<u8>> = Vec::new();
    let mut broken = false;
    // The boot banner.
    let _ = line.line(Instant::now() + Duration::from_secs(3));
    let mut good = 0;
    let rounds = if matches!(&weakness[..], "daemon" | "stubborn") { u32::MAX } else { 60 };
    for _ in 0..rounds {
        for command in ["AT", "AT+CWMODE=1", "AT+CWMODE?", "AT+CIPMUX=0", "AT+CIPMUX?"] {
            let command = match command {
                // What failed is taken for a second link.
                "AT+CIPMUX=0" if weakness == "rule" && broken => "AT+CIPMUX=7",
                command => command,
            };
            match line.ask(command, &weakness) {
                Some(lines) => {
                    good += 1;
                    let value = lines.iter().find(|line| line.starts_with(b"+CWMODE:"));
                    if let Some(value) = value.filter(|_| weakness == "crash") {
                        // The only digit is where it always was.
                        let digit = value[8].wrapping_sub(b'0');
                        assert!(digit < 4 && value.len() == 9, "a mode that is none");
                    }
                }
                None => {
                    broken = true;
                    if weakness == "leak" {
                        leak.push(vec![1; 64 << 20]);
                        std::thread::sleep(Duration::from_millis(300));
                    }
                    if weakness == "exit" {
                        std::process::exit(42);
                    }
                }
            }
            // One failure is for good, though it goes on asking.
            if weakness == "stubborn" && broken {
                good = 0;
            }
        }
        if weakness == "daemon" {
            std::thread::sleep(Duration::from_millis(50));
        } else if good >= if broken { 60 } else { 15 } {
            std::process::exit(0);
        }
    }
    std::process::exit(i32::from(leak.len() > 1_000_000));
}
