//! A driver for SIMCom and ESP modules on top of at-commands: lines by their names, answers with their results, counted data.
#![no_main]

use at_commands::parser::CommandParser;

const OK: &[u8] = b"\r\nOK\r\n";

/// An answer with its result, whole.
fn answer(data: &[u8]) -> u64 {
    let parse = || CommandParser::parse(data).trim_whitespace();
    let mut sum = 0_u64;
    let found = parse().expect_identifier(b"+CSQ: ").expect_int_parameter().expect_int_parameter();
    if let Ok((rssi, ber)) = found.trim_whitespace().expect_identifier(b"OK").finish() {
        sum += (rssi.wrapping_add(ber)) as u64;
    }
    let found = parse().expect_identifier(b"+CREG: ").expect_int_parameter().expect_int_parameter();
    let found = found.expect_optional_string_parameter().expect_optional_string_parameter();
    if let Ok((mode, state, area, cell)) = found.expect_identifier(OK).finish() {
        sum += (mode.wrapping_add(state)) as u64 + area.map_or(0, str::len) as u64 + cell.map_or(0, str::len) as u64;
    }
    let found = parse().expect_identifier(b"+COPS: ").expect_int_parameter().expect_optional_int_parameter();
    if let Ok((_, _, name)) = found.expect_optional_string_parameter().expect_identifier(OK).finish() {
        sum += name.map_or(0, str::len) as u64;
    }
    let found = parse().expect_identifier(b"+CGPADDR: ").expect_int_parameter().expect_raw_string_parameter();
    if let Ok((_, address)) = found.expect_identifier(OK).finish() {
        sum += address.len() as u64;
    }
    let found = parse().expect_identifier(b"+CMGR: ").expect_string_parameter().expect_string_parameter();
    let found = found.expect_optional_string_parameter().expect_string_parameter().expect_identifier(b"\r\n");
    if let Ok((_, from, _, when, text)) = found.expect_raw_string().expect_identifier(OK).finish() {
        sum += (from.len() + when.len() + text.len()) as u64;
    }
    let found = parse().expect_identifier(b"+CIFSR:STAIP,").expect_string_parameter();
    let found = found.trim_whitespace().expect_identifier(b"+CIFSR:STAMAC,").expect_string_parameter();
    if let Ok((ip, mac)) = found.expect_identifier(OK).finish() {
        sum += (ip.len() + mac.len()) as u64;
    }
    let found = parse().expect_identifier(b"+CWJAP:").expect_string_parameter().expect_string_parameter();
    if let Ok((ssid, mac, channel, rssi)) =
        found.expect_int_parameter().expect_int_parameter().expect_identifier(OK).finish()
    {
        sum += (ssid.len() + mac.len()) as u64 + (channel.wrapping_add(rssi)) as u64;
    }
    if let Ok(()) = parse().expect_optional_identifier(b"busy p...").trim_whitespace().expect_identifier(b"OK").finish()
    {
        sum += 1;
    }
    sum
}

/// A line on its own; gives how many bytes of data it announces.
fn line(data: &[u8]) -> usize {
    let parse = || CommandParser::parse(data);
    if let Ok((method, status, len)) = parse()
        .expect_identifier(b"+HTTPACTION:")
        .expect_int_parameter()
        .expect_int_parameter()
        .expect_int_parameter()
        .finish()
    {
        return usize::from(method == 0 && status == 200 && len > 0);
    }
    if let Ok((len,)) =
        parse().expect_identifier(b"+HTTPREAD:").expect_optional_identifier(b"DATA,").expect_int_parameter().finish()
    {
        return usize::try_from(len).unwrap_or_default();
    }
    if let Ok((link, len)) = parse().expect_identifier(b"+IPD,").expect_int_parameter().expect_int_parameter().finish()
    {
        return if (0..5).contains(&link) { usize::try_from(len).unwrap_or_default() } else { 0 };
    }
    if let Ok((storage, index)) =
        parse().expect_identifier(b"+CMTI: ").expect_string_parameter().expect_int_parameter().finish()
    {
        return usize::from(storage == "SM" && index == -1);
    }
    if let Ok((link,)) = parse().expect_int_parameter().expect_identifier(b"CONNECT").finish() {
        return usize::from(link == -1);
    }
    if let Ok((text,)) = parse().expect_identifier(b"+CME ERROR: ").expect_raw_string().finish() {
        return usize::from(text.is_empty());
    }
    if let Ok((state,)) = parse().expect_identifier(b"+CPIN: ").expect_raw_string().finish() {
        return usize::from(state.is_empty());
    }
    0
}

fn run(data: &[u8]) {
    answer(data);
    let mut rest = data;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        answer(rest);
        let text = rest[..at].strip_suffix(b"\r").unwrap_or(&rest[..at]);
        let (head, _) = text.split_at(
            text.iter().position(|&byte| byte == b':').filter(|_| text.starts_with(b"+IPD,")).unwrap_or(text.len()),
        );
        let skip = line(head).min(rest.len() - at - 1);
        rest = &rest[at + 1 + skip..];
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

#[cfg(not(feature = "plain"))]
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    atscope::mutate::libfuzzer(data, size, max_size, seed, Some(libfuzzer_sys::fuzzer_mutate))
});
