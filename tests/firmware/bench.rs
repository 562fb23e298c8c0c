//! A host's test run against the virtual module, recorded in process by its virtual clock.
//!
//! Two recordings of one bench differ as two runs on real hardware do: values of the moment (`{15..28}` in the world), the
//! module's and the network's delays, the host's pace, where unasked lines come, how often it polls, how the bytes are cut.

use atscope::module::{Module, Said, Scenario, Scripted, Setup};
use atscope::{Sender, Time};

use super::{filled, known};

/// What stands on the host's desk.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    pub dialect: &'static str,
    pub profile: &'static str,
    /// The world, as a scenario's file says it.
    pub world: &'static str,
    /// What the host does, a line a step: a command, `> data`, `~ milliseconds`, or `? command | text`, which it asks until
    /// the answer holds the text.
    pub script: &'static str,
    /// Lines that come unasked at any place, and how likely ahead of each command.
    pub urcs: &'static [(&'static str, f64)],
}

/// Bytes of one sender.
#[derive(Clone, Debug)]
pub struct Spoken {
    pub from: Sender,
    pub millis: f64,
    pub bytes: Vec<u8>,
    /// What the module says with it.
    pub said: Option<Said>,
}

/// A recording before it is cut into chunks.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub spoken: Vec<Spoken>,
    /// A change took effect: not every recording has each URC.
    pub is_changed: bool,
}

/// A host that plays a script.
struct Host {
    module: Module,
    now: Time,
    random: fastrand::Rng,
    traffic: Traffic,
}

impl Bench {
    /// The test run, with all that is of the moment taken from the seed.
    pub fn record(&self, seed: u64) -> Traffic {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = filled(self.world, &mut random);
        let scenario = Scenario::from_toml("world.toml", &world).unwrap();
        let profile = Some(self.profile.to_owned()).filter(|name| !name.is_empty());
        let setup = Setup { profile, seed, ..Setup::default() };
        let world = Box::new(Scripted::seeded(scenario, seed));
        let module = Module::new(known(self.dialect), &setup, world).unwrap();
        let mut host = Host { module, now: Time::ZERO, random, traffic: Traffic::default() };
        host.listen(3000);
        for line in self.script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            host.step(line, self.urcs);
        }
        host.listen(500);
        let Host { mut traffic, mut random, .. } = host;
        traffic.linger(&mut random);
        traffic
    }
}

impl Host {
    fn step(&mut self, line: &str, urcs: &[(&str, f64)]) {
        if let Some(data) = line.strip_prefix("> ") {
            self.pause(5, 20);
            self.send(data.replace("\\z", "\x1A").replace("\\r\\n", "\r\n").as_bytes());
            self.answer();
        } else if let Some(millis) = line.strip_prefix("~ ") {
            self.listen(millis.parse().unwrap());
        } else if let Some(poll) = line.strip_prefix("? ") {
            let (command, text) = poll.split_once(" | ").unwrap();
            for _ in 0..30 {
                let start = self.traffic.spoken.len();
                self.command(command, urcs);
                let spoken = &self.traffic.spoken[start..];
                if spoken.iter().any(|one| String::from_utf8_lossy(&one.bytes).contains(text)) {
                    return;
                }
                self.pause(450, 550);
            }
            panic!("{text} never came");
        } else {
            self.command(line, urcs);
        }
    }

    fn command(&mut self, line: &str, urcs: &[(&str, f64)]) {
        self.pause(20, 90);
        for (urc, likely) in urcs {
            if self.random.f64() < *likely {
                let text = filled(urc, &mut self.random);
                self.module.say(self.now, text.as_bytes());
                self.pause(10, 30);
            }
        }
        self.send(format!("{line}\r\n").as_bytes());
        self.answer();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.hear();
        let millis = self.now.as_nanos() as f64 / 1e6;
        self.traffic.spoken.push(Spoken { from: Sender::Host, millis, bytes: bytes.to_vec(), said: None });
        self.module.receive(self.now, bytes);
    }

    /// Listens until the module is done with its command, or asks for data.
    fn answer(&mut self) {
        for _ in 0..100_000 {
            self.hear();
            if !self.module.is_busy() {
                return;
            }
            match self.module.wake() {
                Some(wake) => self.now = self.now.max(wake),
                None => return,
            }
        }
    }

    fn listen(&mut self, millis: u64) {
        let until = self.now.plus(Time::from_millis(millis));
        while let Some(wake) = self.module.wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.hear();
        }
        self.now = until;
    }

    fn pause(&mut self, least: u64, most: u64) {
        let micros = self.random.u64(least * 1000..=most * 1000);
        self.listen(micros / 1000);
        self.now = self.now.plus(Time::from_nanos(micros % 1000 * 1000));
    }

    fn hear(&mut self) {
        while let Some(chunk) = self.module.poll(self.now) {
            let millis = chunk.time.as_nanos() as f64 / 1e6;
            let (bytes, said) = (chunk.bytes, Some(chunk.said));
            self.traffic.spoken.push(Spoken { from: Sender::Module, millis, bytes, said });
        }
    }
}

impl Traffic {
    /// The module takes its time: a little more or less each time, and now and then much more.
    fn linger(&mut self, random: &mut fastrand::Rng) {
        let (mut later, mut last) = (0.0, Sender::Module);
        for one in &mut self.spoken {
            if one.from == Sender::Module && last == Sender::Host {
                later += match random.u8(0..40) {
                    0 => 10.0 + 30.0 * random.f64(),
                    _ => 3.0 * random.f64(),
                };
            }
            last = one.from;
            one.millis += later;
        }
    }

    /// What the module says to a command, each time that the host sends it.
    fn answers(&mut self, command: &str) -> impl Iterator<Item = &mut Spoken> {
        let line = format!("{command}\r\n");
        let mut is_open = false;
        self.spoken.iter_mut().filter(move |one| {
            if one.from == Sender::Host && one.bytes.starts_with(b"AT") {
                is_open = one.bytes == line.as_bytes();
            }
            is_open && one.from == Sender::Module
        })
    }

    /// Another text in the answers to a command; of all that the module says where none is named.
    pub fn replace(&mut self, command: &str, from: &str, to: &str) {
        self.rewrite(command, |_, text| text.replace(from, to));
    }

    /// The same, piece by piece: what each is, and its text.
    pub fn rewrite(&mut self, command: &str, mut write: impl FnMut(Said, &str) -> String) {
        let mut found = false;
        let mut rewrite = |one: &mut Spoken| {
            let text = String::from_utf8_lossy(&one.bytes).into_owned();
            let written = write(one.said.unwrap(), &text);
            found |= written != text;
            one.bytes = written.into_bytes();
        };
        match command {
            "" => self.spoken.iter_mut().filter(|one| one.from == Sender::Module).for_each(&mut rewrite),
            _ => self.answers(command).for_each(&mut rewrite),
        }
        self.is_changed |= found;
    }

    /// The module repeats each command, with this end.
    pub fn echo(&mut self, end: &str) {
        let mut line: Option<String> = None;
        for one in &mut self.spoken {
            let text = String::from_utf8_lossy(&one.bytes).into_owned();
            match one.from {
                Sender::Host => {
                    line = text.strip_suffix("\r\n").filter(|text| text.starts_with("AT")).map(str::to_owned)
                }
                Sender::Module => {
                    if let Some(line) = line.take().filter(|line| !text.starts_with(line.as_str())) {
                        self.is_changed = true;
                        one.bytes = format!("{line}{end}{text}").into_bytes();
                    }
                }
            }
        }
    }

    /// The answers to a command take so many times as long, and all that follows comes later.
    pub fn slow_down(&mut self, command: &str, times: f64) {
        let line = format!("{command}\r\n");
        let (mut later, mut found, mut sent) = (0.0, false, None);
        for one in &mut self.spoken {
            if one.from == Sender::Host {
                sent = (one.bytes == line.as_bytes()).then_some(one.millis);
            } else if let Some(at) = sent.take() {
                later += (one.millis - at) * (times - 1.0);
                found = true;
            }
            one.millis += later;
        }
        self.is_changed |= found;
    }
    /// As the wire shows it: cut anywhere.
    pub fn chunks(&self, seed: u64) -> Vec<(Sender, f64, Vec<u8>)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut chunks = Vec::new();
        for one in &self.spoken {
            let (mut rest, mut millis) = (one.bytes.as_slice(), one.millis);
            while !rest.is_empty() {
                let len = if random.u8(0..4) > 0 { rest.len() } else { random.usize(1..=rest.len()) };
                let (chunk, tail) = rest.split_at(len);
                chunks.push((one.from, millis, chunk.to_vec()));
                millis += 0.01 * len as f64;
                rest = tail;
            }
        }
        chunks
    }

    /// As a transcript.
    pub fn transcript(&self, dialect: &str) -> String {
        let mut text = format!("# dialect: {dialect}\n");
        for Spoken { from, millis, bytes, .. } in &self.spoken {
            let sign = if *from == Sender::Host { '>' } else { '<' };
            text.push_str(&format!("@{:.6} {sign} {}\n", millis / 1e3, atscope::escape::escape(bytes)));
        }
        text
    }
}

/// A cellular module of SIMCom.
pub const SIMCOM: Bench = Bench {
    dialect: "simcom",
    profile: "sim7600",
    world: r#"
epoch = 17000{10000..99999}
[facts]
"+CSQ.rssi" = {8..28}
"+CBC.bcl" = {20..90}
[network]
registered = {4000..6000}
ip = "10.{1..200}.{1..200}.{2..250}"
[[http]]
method = "POST"
echo = true
delay = {80..120}
[[http]]
size = 64
delay = {150..300}
"#,
    script: "
ATE0
AT
AT+CGMR
AT+CMEE=1
AT+CPIN?
AT+CSQ
? AT+CREG? | +CREG: 0,1
AT+COPS?
AT+CREG=?
AT+CFUN=?
AT+CGDCONT=1,\"IP\",\"internet\"
AT+CGDCONT?
AT+CGATT?
AT+CGPADDR=1
AT+CFUN?
AT+CCLK?
AT+CBC
AT+CMGF=1
AT+CSCS=?
AT+CSCS=\"GSM\"
AT+CNMI?
AT+CPAS
AT+CMGS=\"+491701234567\"
> hello\\z
AT+CMGD=9
AT+HTTPINIT
AT+HTTPPARA=\"URL\",\"http://example.com/a\"
AT+HTTPACTION=0
~ 600
AT+HTTPHEAD
AT+HTTPREAD?
AT+HTTPREAD=0,64
~ 50
AT+HTTPDATA=5,5000
> hello
AT+HTTPACTION=1
~ 600
AT+HTTPREAD=0,5
~ 50
AT+HTTPTERM
AT+HTTPTERM
AT+CPMS?
AT+CMGL=\"ALL\"
ATI
",
    urcs: &[("+CGEV: NW DETACH", 0.06), ("+CTZV: {0..47},{0..1}", 0.06)],
};

/// A Wi-Fi module.
pub const ESP: Bench = Bench {
    dialect: "esp-at",
    profile: "rtos-2",
    world: r#"
epoch = 17000{10000..99999}
[facts]
"+SYSRAM.remaining RAM size" = 1{40000..59999}
[[access-points]]
ssid = "lab"
password = "correct horse"
rssi = -{40..80}
ip = "192.168.4.{2..250}"
[[access-points]]
ssid = "cellar"
rssi = -{40..80}
channel = 11
bssid = "24:0a:c4:00:00:11"
[[peers]]
port = 7000
delay = {20..60}
[[brokers]]
delay = {20..60}
"#,
    script: "
AT+RST
~ 2000
ATE0
AT+GMR
AT+CWMODE=?
AT+CWMODE=1
AT+CWMODE?
AT+CWLAP
AT+CWJAP=\"lab\",\"correct horse\"
AT+CWJAP?
AT+CIPSTAMAC?
AT+CIFSR
AT+CIPMUX=0
AT+CIPMUX?
AT+CIPSTATUS
AT+CIPSTART=\"TCP\",\"192.168.4.9\",7000
AT+CIPSEND=5
> hello
~ 200
AT+CIPSEND=7
> hello\\r\\n
~ 200
AT+CIPSEND=5
> world
~ 200
AT+CIPSTATUS
AT+CIPCLOSE
AT+SYSRAM?
AT+CWHOSTNAME?
AT+CIPDINFO=1
AT+CWDHCP?
AT+CIPSTO=70000
AT+MQTTUSERCFG=0,1,\"unit\",\"user\",\"secret\",0,0,\"\"
AT+MQTTCONN=0,\"192.168.4.9\",1883,1
AT+MQTTSUB=0,\"t/a\",1
AT+MQTTPUB=0,\"t/a\",\"news\",1,0
~ 200
AT+MQTTCLEAN=0
AT+PING=\"192.168.4.1\"
AT+CWQAP
",
    urcs: &[],
};

/// A cellular module of Fibocom.
pub const FIBOCOM: Bench = Bench {
    dialect: "fibocom",
    profile: "l610",
    world: r#"
[facts]
"+CSQ.rssi" = {8..28}
[network]
ip = "10.{1..200}.{1..200}.{2..250}"
[[http]]
size = 40
delay = {150..300}
"#,
    script: "
ATE0
AT+CGMM
AT+CMEE=1
AT+CSQ
AT+CREG?
AT+HTTPSET=?
AT+HTTPSET=\"URL\",\"http://example.com/f\"
AT+HTTPSET?
AT+HTTPACT=0
~ 900
AT+HTTPREAD
~ 50
AT+HTTPHEAD
~ 50
AT+HTTPDATA=4
> data
AT+HTTPACT=1
~ 900
AT+HTTPREAD=0,10
~ 50
AT+CNUM
AT+CIMI
AT+CLIP=1
AT+CLIP?
AT+CSCA?
AT+CPBS=?
",
    urcs: &[("+CIEV: 2,{1..5}", 0.15)],
};

/// A modem as the standards have it.
pub const GENERIC: Bench = Bench {
    dialect: "generic",
    profile: "",
    world: r#"
epoch = 17000{10000..99999}
[facts]
"+CSQ.rssi" = {8..28}
"+CREG.ci" = "01C3{1000..9999}"
[network]
ip = "10.{1..200}.{1..200}.{2..250}"
"#,
    script: "
ATE0
ATI
AT+CMEE=2
AT+CPIN?
AT+CREG=2
AT+CREG?
AT+CSQ
AT+COPS=?
AT+CGATT=?
AT+CGACT?
AT+CGPADDR=1
AT+CCLK?
AT+CMGF=1
AT+CMGS=\"+491701234567\"
> hello\\z
AT+CMGW=\"+491701234567\"
> draft\\z
AT+CMGL=\"ALL\"
AT+CPBR=1,3
AT+CLCC
ATD+491701234567;
~ 3000
ATH
AT+CMGR=77
AT+CLIP=1
AT+CSMS?
",
    urcs: &[("RING", 0.08), ("+CTZV: {0..47}", 0.08)],
};
