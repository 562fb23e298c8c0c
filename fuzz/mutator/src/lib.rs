//! The mutator for fuzzers that speak C: libFuzzer's `LLVMFuzzerCustomMutator` and `LLVMFuzzerCustomCrossOver`, AFL++'s
//! custom mutator API, and two functions for any other. `atscope_mutator.h` beside this crate declares them.
//!
//! Why there is `unsafe` here, and nowhere else: the callers hand over pointers with lengths, and read the results by
//! pointer. What each function relies on stands with it; all of it is what the fuzzers' own documents promise. No panic
//! crosses the border ([`guard`]), no buffer is written beyond the size that the caller named, and memory is bounded by it.
//! Functions of libFuzzer's may be called by several threads, those of AFL++ by one thread for each state.

#![warn(missing_docs)]

use std::ffi::{CString, c_char, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use atscope::mutate::{self, BadOption, ByteMutation, Mutator, Options};

/// Runs `run`; where it panics, the result is `otherwise`: a panic across the border would end the fuzzer.
fn guard<T>(otherwise: T, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(otherwise)
}

/// Bytes of the caller's.
///
/// # Safety
/// `size` bytes from `data` on must be readable for the time of the call, and nobody writes them meanwhile.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    // A null pointer with a size of 0 is a usual way to say "none".
    if data.is_null() || size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, size) } }
}

type LlvmMutate = unsafe extern "C" fn(*mut u8, usize, usize) -> usize;

/// libFuzzer's own mutation of bytes, where the program has one and exports it (`-rdynamic`).
fn llvm_mutate() -> Option<ByteMutation> {
    static FOUND: OnceLock<Option<LlvmMutate>> = OnceLock::new();
    fn found() -> Option<LlvmMutate> {
        *FOUND.get_or_init(|| {
            // SAFETY: the name ends in NUL; the handle is the one that stands for the whole program.
            let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"LLVMFuzzerMutate".as_ptr()) };
            // SAFETY: libFuzzer's interface gives this name to a function of this type alone.
            (!symbol.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, LlvmMutate>(symbol) })
        })
    }
    fn mutate(data: &mut [u8], size: usize, max_size: usize) -> usize {
        let (max, size) = (max_size.min(data.len()), size.min(data.len()));
        match found() {
            // SAFETY: it writes at most `max` bytes, and all of them are in `data`.
            Some(own) if max > 0 => unsafe { own(data.as_mut_ptr(), size, max) },
            _ => size,
        }
    }
    found().map(|_| mutate as ByteMutation)
}

/// libFuzzer's custom mutator: changes `data` in place, and gives the new size, at most `max_size`.
///
/// # Safety
/// As libFuzzer says: `data` has room for the larger one of `size` and `max_size`, its first `size` bytes are the input, and
/// nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerCustomMutator(data: *mut u8, size: usize, max_size: usize, seed: c_uint) -> usize {
    unsafe { in_place(data, size, max_size, seed, llvm_mutate(), true) }
}

/// # Safety
/// The first `size` bytes from `data` on are the input, `max_size` of them can be written, and nobody else uses them meanwhile.
unsafe fn in_place(data: *mut u8, size: usize, max_size: usize, seed: c_uint, own: Option<ByteMutation>, paced: bool) -> usize {
    if data.is_null() {
        return 0;
    }
    guard(size.min(max_size), || {
        // SAFETY: as above. The result lies in memory of the mutator's own, and is no longer than `max_size`.
        let done = mutate::with_env(|mutator| unsafe {
            mutator.set_byte_mutation(own);
            if !paced {
                mutator.set_paced(false);
            }
            let new = mutator.mutate(bytes(data, size), max_size, seed.into());
            std::ptr::copy_nonoverlapping(new.as_ptr(), data, new.len().min(max_size));
            new.len().min(max_size)
        });
        done.unwrap_or_else(|error| refused(&error, size.min(max_size)))
    })
}

/// Bad options end the process: a fuzzer that runs for hours without what was asked for is worse.
fn refused(error: &BadOption, otherwise: usize) -> usize {
    if matches!(error, BadOption::Busy) {
        return otherwise;
    }
    eprintln!("atscope mutator: {error}");
    std::process::exit(2)
}

/// libFuzzer's custom cross-over: writes to `out`, and gives the size, at most `max_out_size`.
///
/// # Safety
/// As libFuzzer says: the inputs have so many bytes, `out` has room for `max_out_size`, and overlaps neither.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerCustomCrossOver(
    data1: *const u8,
    size1: usize,
    data2: *const u8,
    size2: usize,
    out: *mut u8,
    max_out_size: usize,
    seed: c_uint,
) -> usize {
    if out.is_null() {
        return 0;
    }
    guard(0, || {
        // SAFETY: as above.
        let done = mutate::with_env(|mutator| unsafe {
            let (one, other) = (bytes(data1, size1), bytes(data2, size2));
            let new = mutator.cross(one, other, max_out_size, seed.into());
            std::ptr::copy_nonoverlapping(new.as_ptr(), out, new.len().min(max_out_size));
            new.len().min(max_out_size)
        });
        done.unwrap_or_else(|error| refused(&error, 0))
    })
}

/// For any other fuzzer: changes `data` in place, and gives the new size, at most `max_size`. The same input and seed give
/// the same result.
///
/// # Safety
/// `data` has room for the larger one of `size` and `max_size`, its first `size` bytes are the input, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atscope_mutate(data: *mut u8, size: usize, max_size: usize, seed: c_uint) -> usize {
    unsafe { in_place(data, size, max_size, seed, None, false) }
}

/// What AFL++ gets from `afl_custom_init`, and hands back to every other function.
struct State {
    mutator: Mutator,
    seed: u64,
    /// The last result. Not the mutator's own buffer: AFL++ may hand it back as the next input.
    out: Vec<u8>,
    /// How the last result came about, as AFL++ writes it into file names.
    what: CString,
}

impl State {
    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.seed
    }
}

/// AFL++: makes the state. Bad options in the environment end the process with status 2, and say why.
#[unsafe(no_mangle)]
pub extern "C" fn afl_custom_init(_afl: *mut c_void, seed: c_uint) -> *mut c_void {
    let made = guard(None, || match Options::from_env().and_then(|options| Mutator::new(&options)) {
        Ok(mutator) => Some(Box::new(State { mutator: mutate::paced(mutator), seed: seed.into(), out: Vec::new(), what: CString::default() })),
        Err(error) => {
            eprintln!("atscope mutator: {error}");
            std::process::exit(2)
        }
    });
    made.map_or(std::ptr::null_mut(), |state| Box::into_raw(state).cast())
}

/// AFL++: gives a mutated input; its buffer is ours until the next call.
///
/// # Safety
/// As AFL++ says: `data` is what `afl_custom_init` gave, `buf` and `add_buf` have so many bytes, `out_buf` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afl_custom_fuzz(
    data: *mut c_void,
    buf: *mut u8,
    buf_size: usize,
    out_buf: *mut *mut u8,
    add_buf: *mut u8,
    add_buf_size: usize,
    max_size: usize,
) -> usize {
    let (input, other) = unsafe { (bytes(buf, buf_size), bytes(add_buf, add_buf_size)) };
    unsafe { afl(data, out_buf, input, other, max_size) }
}

/// AFL++: one step among those of its own havoc stage.
///
/// # Safety
/// As of [`afl_custom_fuzz`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afl_custom_havoc_mutation(
    data: *mut c_void,
    buf: *mut u8,
    buf_size: usize,
    out_buf: *mut *mut u8,
    max_size: usize,
) -> usize {
    let input = unsafe { bytes(buf, buf_size) };
    unsafe { afl(data, out_buf, input, b"", max_size) }
}

/// # Safety
/// `data` is what `afl_custom_init` gave, and no other call uses it now; `out_buf` can be written.
unsafe fn afl(data: *mut c_void, out_buf: *mut *mut u8, input: &[u8], other: &[u8], max_size: usize) -> usize {
    let Some(state) = (unsafe { data.cast::<State>().as_mut() }) else {
        // AFL++ ends on a null buffer: the input goes back as it came.
        unsafe { *out_buf = input.as_ptr().cast_mut() };
        return input.len().min(max_size);
    };
    let seed = state.next();
    // A quarter of the calls cross: AFL++ always hands over another input.
    let crossed = !other.is_empty() && seed >> 40 & 3 == 0;
    let (at, len) = guard((input.as_ptr(), input.len().min(max_size)), || {
        let new = match crossed {
            true => state.mutator.cross(input, other, max_size, seed),
            false => state.mutator.mutate(input, max_size, seed),
        };
        state.out.clear();
        state.out.extend_from_slice(new);
        (state.out.as_ptr(), state.out.len())
    });
    state.what = CString::new(if crossed { "atscope-cross" } else { "atscope" }).unwrap_or_default();
    unsafe { *out_buf = at.cast_mut() };
    len
}

/// AFL++: how often of 100 times a step of the havoc stage is ours.
#[unsafe(no_mangle)]
pub extern "C" fn afl_custom_havoc_mutation_probability(_data: *mut c_void) -> u8 {
    30
}

/// AFL++: how the last result came about.
///
/// # Safety
/// `data` is what `afl_custom_init` gave.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afl_custom_describe(data: *mut c_void, max_description_len: usize) -> *const c_char {
    let state = unsafe { data.cast::<State>().as_ref() };
    match state {
        Some(state) if state.what.as_bytes().len() <= max_description_len => state.what.as_ptr(),
        _ => c"".as_ptr(),
    }
}

/// AFL++: lets the state go.
///
/// # Safety
/// `data` is what `afl_custom_init` gave, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afl_custom_deinit(data: *mut c_void) {
    if !data.is_null() {
        // SAFETY: it came from `Box::into_raw`.
        let state = unsafe { Box::from_raw(data.cast::<State>()) };
        guard((), || drop(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::{null, null_mut};

    const SESSION: &[u8] = b"\r\nready\r\n0,CONNECT\r\n\r\n+IPD,0,5:hello\r\nOK\r\n+CMTI: \"SM\",3\r\n";

    /// Calls the mutator of libFuzzer's with room for the larger size, and looks at what lies behind it.
    fn in_place(input: &[u8], max: usize, seed: c_uint) -> Vec<u8> {
        let room = input.len().max(max);
        let mut data = input.to_vec();
        data.resize(room, 0);
        data.extend([0xA5; 16]);
        // SAFETY: there is room for both sizes.
        let size = unsafe { LLVMFuzzerCustomMutator(data.as_mut_ptr(), input.len(), max, seed) };
        assert!(size <= max, "{size} bytes of {max}");
        assert_eq!(data.split_off(room), [0xA5; 16], "it wrote behind the end");
        data.truncate(size);
        data
    }

    #[test]
    fn sizes_hold() {
        for max in (0..40).chain([64, 255, 4096]) {
            for size in [0, 1, 2, 3, SESSION.len()] {
                for seed in 0..20 {
                    let new = in_place(SESSION.get(..size).expect("it is that long"), max, seed);
                    assert!(max == 0 || !new.is_empty(), "a fuzzer passes over no bytes");
                    let mut out = vec![0xA5; max + 16];
                    let (one, other) = (SESSION, &new);
                    // SAFETY: the inputs have so many bytes, and `out` has room for `max`.
                    let size = unsafe {
                        LLVMFuzzerCustomCrossOver(one.as_ptr(), one.len(), other.as_ptr(), other.len(), out.as_mut_ptr(), max, seed)
                    };
                    assert!(size <= max && out.iter().skip(max).all(|&byte| byte == 0xA5), "{size} bytes of {max}");
                }
            }
        }
    }

    #[test]
    fn null_means_none() {
        // SAFETY: null with a size of 0 is nothing; the state may be null.
        unsafe {
            assert_eq!(LLVMFuzzerCustomMutator(null_mut(), 0, 0, 1), 0);
            assert_eq!(LLVMFuzzerCustomCrossOver(null(), 0, null(), 0, null_mut(), 0, 1), 0);
            let mut out = [0; 64];
            assert!(LLVMFuzzerCustomCrossOver(null(), 0, null(), 0, out.as_mut_ptr(), out.len(), 1) <= out.len());
            assert_eq!(atscope_mutate(null_mut(), 0, 0, 1), 0);
            let mut new = null_mut();
            let mut input = *b"OK\r\n";
            assert_eq!(afl_custom_fuzz(null_mut(), input.as_mut_ptr(), 4, &raw mut new, null_mut(), 0, 100), 4);
            assert_eq!(new, input.as_mut_ptr());
            assert_eq!(*afl_custom_describe(null_mut(), 100), 0);
            afl_custom_deinit(null_mut());
        }
    }

    #[test]
    fn the_life_of_a_state() {
        let state = afl_custom_init(null_mut(), 7);
        assert!(!state.is_null());
        let mut new = null_mut();
        let mut input = SESSION.to_vec();
        for max in [0, 1, 5, 4096, 1 << 20, usize::MAX] {
            for _ in 0..50 {
                // SAFETY: `state` lives, the buffers have so many bytes, and no other call uses them.
                let (len, other) = unsafe {
                    let len = afl_custom_fuzz(state, input.as_mut_ptr(), input.len(), &raw mut new, input.as_mut_ptr(), 20, max);
                    assert!(!new.is_null() && len <= max.min(64 << 20), "{len} bytes of {max}");
                    let _ = bytes(new, len).iter().fold(0_u8, |sum, &byte| sum ^ byte);
                    (len, afl_custom_havoc_mutation(state, new, len, &raw mut new, max))
                };
                assert!(!new.is_null() && other <= max && (max == 0 || len > 0));
            }
        }
        assert!(afl_custom_havoc_mutation_probability(state) <= 100);
        // SAFETY: as above; the state is not used again.
        unsafe {
            let name = std::ffi::CStr::from_ptr(afl_custom_describe(state, 64));
            assert!(name.to_bytes().starts_with(b"atscope"));
            assert_eq!(*afl_custom_describe(state, 3), 0);
            afl_custom_deinit(state);
        }
    }

    /// A mutation that hangs on nothing but the seed.
    fn alone(seed: c_uint) -> Vec<u8> {
        let mut data = SESSION.to_vec();
        data.resize(512, 0);
        // SAFETY: there is room for both sizes.
        let size = unsafe { atscope_mutate(data.as_mut_ptr(), SESSION.len(), data.len(), seed) };
        data.truncate(size);
        data
    }

    #[test]
    fn threads_do_not_meet() {
        let all = || (0..200).map(|seed| alone(seed)).collect::<Vec<_>>();
        let expected = all();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(all)).collect();
            for thread in threads {
                assert_eq!(thread.join().expect("no panic crosses the border"), expected);
            }
        });
    }
}
