#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| atscope::fuzz::syntax(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    atscope::mutate::libfuzzer(data, size, max_size, seed, Some(libfuzzer_sys::fuzzer_mutate))
});
