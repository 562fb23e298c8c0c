//! The traffic that the benches run on: made here, so that every machine measures the same bytes.

#![allow(dead_code, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

use atscope::Sender;

/// A chunk of a session.
pub struct Chunk {
    pub from: Sender,
    pub bytes: Vec<u8>,
}

/// A repeatable stream of numbers (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A mixed ESP-AT session of at least `size` bytes: short lines, and about 40 % payload.
pub fn mixed(size: usize) -> Vec<Chunk> {
    let mut numbers = Numbers(7);
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut total = 0;
    let mut say = |from: Sender, bytes: Vec<u8>, total: &mut usize| {
        *total += bytes.len();
        chunks.push(Chunk { from, bytes });
    };
    let (host, module) = (Sender::Host, Sender::Module);
    say(host, b"AT+CIPMUX=1\r\n".to_vec(), &mut total);
    say(module, b"\r\nOK\r\n".to_vec(), &mut total);
    while total < size {
        let link = numbers.below(5);
        match numbers.below(8) {
            0 => {
                say(host, b"AT+CWMODE?\r\n".to_vec(), &mut total);
                say(module, b"+CWMODE:1\r\n\r\nOK\r\n".to_vec(), &mut total);
            }
            1 => {
                say(host, b"AT+CIPSTATUS\r\n".to_vec(), &mut total);
                let mut text = b"STATUS:3\r\n".to_vec();
                for link in 0..numbers.below(4) {
                    text.extend(format!("+CIPSTATUS:{link},\"TCP\",\"192.168.4.{link}\",{},80,1\r\n", 49152 + link).bytes());
                }
                text.extend(b"\r\nOK\r\n");
                say(module, text, &mut total);
            }
            2 => {
                say(host, b"AT+CWJAP?\r\n".to_vec(), &mut total);
                let rssi = 40 + numbers.below(50);
                say(module, format!("+CWJAP:\"office\",\"ca:d7:19:d8:a6:44\",6,-{rssi}\r\n\r\nOK\r\n").into_bytes(), &mut total);
            }
            3 => say(module, format!("{link},CONNECT\r\n").into_bytes(), &mut total),
            4 => {
                let len = 20 + numbers.below(100) as usize;
                say(host, format!("AT+CIPSEND={link},{len}\r\n").into_bytes(), &mut total);
                say(module, b"\r\nOK\r\n> ".to_vec(), &mut total);
                say(host, payload(len, &mut numbers), &mut total);
                say(module, format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n").into_bytes(), &mut total);
            }
            _ => {
                let len = 8 + numbers.below(72) as usize;
                let mut text = format!("\r\n+IPD,{link},{len}:").into_bytes();
                text.extend(payload(len, &mut numbers));
                say(module, text, &mut total);
            }
        }
    }
    chunks
}

fn payload(len: usize, numbers: &mut Numbers) -> Vec<u8> {
    (0..len).map(|_| b' ' + numbers.below(95) as u8).collect()
}

/// How much of a session is payload, between 0 and 1, and how long its lines are on average.
pub fn describe(chunks: &[Chunk]) -> (usize, f64) {
    struct Count(u64);
    impl atscope::check::Sink for Count {
        fn event(&mut self, event: &atscope::session::Event<'_>) {
            if let atscope::session::EventKind::Payload { .. } = event.kind {
                self.0 += event.bytes.len() as u64;
            }
        }
    }
    let catalog = atscope::catalog::load_builtin("esp-at").unwrap();
    let mut analyzer = atscope::check::Analyzer::new(catalog, atscope::check::Options::default());
    let mut count = Count(0);
    for chunk in chunks {
        analyzer.push(chunk.from, None, &chunk.bytes, &[], &mut count);
    }
    let summary = analyzer.finish(&mut count);
    let total: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    (summary.events as usize, count.0 as f64 / total as f64)
}
