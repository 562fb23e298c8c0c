//! Message PDUs: 3GPP TS 23.040 §9.2, as far as a modem shows and takes them (27.005 §4).

use super::clock;

/// Bytes of a PDU of the host: service centre address, header, 140 octets of text and some room.
const LONGEST: usize = 400;

/// What a SMS-SUBMIT of the host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) to: String,
    pub(super) text: String,
}

/// A SMS-DELIVER in hexadecimal digits, and its length without the service centre address, in octets.
pub(super) fn deliver(from: &str, text: &str, time: &str) -> (String, usize) {
    let mut pdu = "04".to_owned();
    pdu.push_str(&address(from));
    pdu.push_str("00");
    let (scheme, user_data) = encode(text);
    pdu.push_str(scheme);
    pdu.push_str(&clock::stamp(time));
    pdu.push_str(&user_data);
    let octets = pdu.len() / 2;
    (format!("00{pdu}"), octets)
}

/// A SMS-SUBMIT, as AT+CMGW in text mode stores one.
pub(super) fn submit(to: &str, text: &str) -> (String, usize) {
    let (scheme, user_data) = encode(text);
    let pdu = format!("0100{}00{scheme}{user_data}", address(to));
    let octets = pdu.len() / 2;
    (format!("00{pdu}"), octets)
}

/// Reads a SMS-SUBMIT in hexadecimal digits whose length without the service centre address was announced; `None`: it is none.
pub(super) fn read_submit(hex: &[u8], announced: i64) -> Option<Submit> {
    let hex = hex.trim_ascii();
    if hex.len() > LONGEST * 2 || !hex.len().is_multiple_of(2) {
        return None;
    }
    let octets: Option<Vec<u8>> = hex
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let octets = octets?;
    let (&centre, rest) = octets.split_first()?;
    let (_, pdu) = rest.split_at_checked(usize::from(centre))?;
    if i64::try_from(pdu.len()).ok()? != announced {
        return None;
    }
    let [first, _reference, digits, kind, rest @ ..] = pdu else { return None };
    if first & 3 != 1 {
        return None;
    }
    let (number, rest) = rest.split_at_checked(usize::from(*digits).div_ceil(2))?;
    let [_protocol, scheme, rest @ ..] = rest else { return None };
    // The validity period: none, relative, enhanced or absolute.
    let validity = match first >> 3 & 3 {
        0 => 0,
        2 => 1,
        _ => 7,
    };
    let (_, rest) = rest.split_at_checked(validity)?;
    let (&count, data) = rest.split_first()?;
    let octets = if scheme >> 2 & 3 == 0 { (usize::from(count) * 7).div_ceil(8) } else { usize::from(count) };
    if data.len() < octets {
        return None;
    }
    let plus = if kind & 0x70 == 0x10 { "+" } else { "" };
    let number: String = number
        .iter()
        .flat_map(|octet| [octet & 15, octet >> 4])
        .take(usize::from(*digits))
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect();
    let text = match scheme >> 2 & 3 {
        2 => {
            let units: Vec<u16> =
                data.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?))).collect();
            String::from_utf16_lossy(&units)
        }
        0 => unpack(data, usize::from(count)),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    Some(Submit { to: format!("{plus}{number}"), text })
}

/// Length in digits, type, digits swapped.
fn address(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).take(20).collect();
    let kind = if number.starts_with('+') { "91" } else { "81" };
    let swapped = digits.chunks(2).flat_map(|pair| match pair {
        [a, b] => [*b, *a],
        [a] => ['F', *a],
        _ => ['F', 'F'],
    });
    format!("{:02X}{kind}{}", digits.len(), swapped.collect::<String>())
}

/// Data coding scheme, and length and text: seven bits a character where that will do, else UCS2.
fn encode(text: &str) -> (&'static str, String) {
    let septets: Option<Vec<u8>> = text.chars().map(septet).collect();
    match septets {
        Some(septets) => {
            let septets: Vec<u8> = septets.into_iter().take(160).collect();
            ("00", format!("{:02X}{}", septets.len(), hex(&pack(&septets))))
        }
        None => {
            let units: Vec<u8> = text.encode_utf16().take(70).flat_map(u16::to_be_bytes).collect();
            ("08", format!("{:02X}{}", units.len(), hex(&units)))
        }
    }
}

/// A character of the default alphabet that is where ASCII has it (3GPP TS 23.038 §6.2.1).
fn septet(character: char) -> Option<u8> {
    match character {
        '@' => Some(0),
        '$' => Some(2),
        '_' => Some(0x11),
        '\n' | '\r' | ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z' => u8::try_from(character).ok(),
        _ => None,
    }
}

fn character(septet: u8) -> char {
    match septet {
        0 => '@',
        2 => '$',
        0x11 => '_',
        b'\n' | b'\r' | b' '..=b'#' | b'%'..=b'?' | b'A'..=b'Z' | b'a'..=b'z' => char::from(septet),
        _ => '?',
    }
}

/// Seven bits each, the lowest first.
fn pack(septets: &[u8]) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for septet in septets {
        held |= u32::from(*septet) << bits;
        bits += 7;
        if bits >= 8 {
            out.push((held & 0xFF) as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    out.extend((bits > 0).then_some((held & 0xFF) as u8));
    out
}

fn unpack(data: &[u8], count: usize) -> String {
    let (mut out, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    let mut left = count;
    for octet in data {
        held |= u32::from(*octet) << bits;
        bits += 8;
        while bits >= 7 && left > 0 {
            out.push(character((held & 0x7F) as u8));
            held >>= 7;
            bits -= 7;
            left -= 1;
        }
    }
    out
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        // `hellohello` is the example that every description of the packing has.
        assert_eq!(hex(&pack(b"hellohello")), "E8329BFD4697D9EC37");
        for text in ["hellohello", "Grüße", "a@b_c$ 12345678", ""] {
            let (pdu, octets) = submit("+15550100", text);
            let read = read_submit(pdu.as_bytes(), octets as i64).unwrap();
            assert_eq!((read.to.as_str(), read.text.as_str()), ("+15550100", text));
            assert_eq!(read_submit(pdu.as_bytes(), octets as i64 + 1), None);
        }
        assert_eq!(read_submit(b"0001000B915155050100F0000005C8329BFD06", 18).unwrap().text, "Hello");
    }

    #[test]
    fn hostile_digits_are_no_message() {
        for bad in [&b""[..], b"0", b"zz", b"FF", b"0001", b"000100FF91", b"000100029100000005"] {
            assert_eq!(read_submit(bad, (bad.len() / 2) as i64 - 1), None);
        }
    }

    #[test]
    fn delivers() {
        let (pdu, octets) = deliver("+15550100", "Hello", "23/11/14,22:13:20+00");
        assert_eq!(pdu, "000408915155100000003211412231020005C8329BFD06");
        assert_eq!(octets, pdu.len() / 2 - 1);
    }
}
