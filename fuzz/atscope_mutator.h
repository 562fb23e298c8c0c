/* atscope's mutations for fuzzers that speak C. Build the library with
 *
 *     cargo build --release --manifest-path fuzz/Cargo.toml -p atscope-mutator
 *
 * libatscope_mutator.so for AFL++ (AFL_CUSTOM_MUTATOR_LIBRARY) and for LD_PRELOAD, libatscope_mutator.a to link. The guide is
 * fuzz/README.md. Options come from the environment:
 *
 *     ATSCOPE_DIALECT   esp-at, simcom, fibocom, generic, pan1321, or the file of a catalog (*.toml); unset: all of them
 *     ATSCOPE_MODEL     a product that the dialect knows: what it lacks is left out
 *     ATSCOPE_FORM      stream (what the module sends; the default) or conversation (see below)
 *     ATSCOPE_RATIO     how many of 100 mutations change structure; the others change bytes
 *     ATSCOPE_PACE      off: inputs do not become shorter for a slow target
 *     ATSCOPE_PROGRAM   whose texts become words; unset: the program that is fuzzed; none: no program's
 *
 * All functions may be called by several threads, those with a state by one thread for each state. None of them keeps
 * pointers that it was given, and none writes beyond the size that it was given. */
#ifndef ATSCOPE_MUTATOR_H
#define ATSCOPE_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libFuzzer: found by their names. With a static library, link with -Wl,-u,LLVMFuzzerCustomMutator: otherwise the linker
 * leaves them out without a word. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned int seed);

/* AFL++ (4.x): found by their names. */
void *afl_custom_init(void *afl, unsigned int seed);
size_t afl_custom_fuzz(void *state, uint8_t *buf, size_t buf_size, uint8_t **out_buf, uint8_t *add_buf,
                       size_t add_buf_size, size_t max_size);
size_t afl_custom_havoc_mutation(void *state, uint8_t *buf, size_t buf_size, uint8_t **out_buf, size_t max_size);
uint8_t afl_custom_havoc_mutation_probability(void *state);
const char *afl_custom_describe(void *state, size_t max_description_len);
void afl_custom_deinit(void *state);

/* Any other fuzzer: changes the first `size` bytes of `data`, which has room for the larger one of `size` and `max_size`, in
 * place, and gives the new size, at most `max_size`. The same input, seed and options give the same result. */
size_t atscope_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* A conversation's bytes, for harnesses of drivers that also send. Any bytes are one; no mark has a length.
 *
 *     0xFF x   the byte x of the traffic, whatever it is
 *     0xFE     a new chunk, of the host
 *     0xFD     a new chunk, of the module
 *     0xFC x   a new chunk, later: the two highest bits of x are the unit (ms, s, us, ns), the others a digit; several of one
 *              unit are digits of one number to the base 64
 *     0xFB     a header, up to the next mark
 *     0xFA     a new chunk, of unknown time
 *
 * `atscope_next` takes the next run of bytes of one sender: it gives 0 at the end, and else copies at most `room` bytes (1 or
 * more) to `out`, sets `len` to their number, `host` to whether the host sent them, and adds to `nanos` what time went by. */
struct atscope_input {
    const uint8_t *data;
    size_t size, at;
    int host, header, unit;
    uint64_t step;
};

static inline void atscope_begin(struct atscope_input *in, const uint8_t *data, size_t size)
{
    in->data = data;
    in->size = size;
    in->at = 0;
    in->host = 0;
    in->header = 0;
    in->unit = -1;
    in->step = 0;
}

static inline void atscope_settle(struct atscope_input *in, uint64_t *nanos)
{
    static const uint64_t units[4] = {1000000u, 1000000000u, 1000u, 1u};
    if (in->unit >= 0) {
        uint64_t unit = units[in->unit];
        uint64_t most = UINT64_MAX - *nanos;
        *nanos += in->step > most / unit ? most : in->step * unit;
    }
    in->unit = -1;
    in->step = 0;
}

static inline int atscope_next(struct atscope_input *in, uint8_t *out, size_t room, size_t *len, int *host, uint64_t *nanos)
{
    *len = 0;
    while (in->at < in->size && *len < room) {
        uint8_t byte = in->data[in->at];
        int next = in->at + 1 < in->size ? in->data[in->at + 1] : -1;
        if (byte < 0xFA || (byte == 0xFF && next < 0) || byte == 0xFF) {
            in->at += byte == 0xFF && next >= 0 ? 2 : 1;
            if (in->header)
                continue;
            if (*len == 0) {
                atscope_settle(in, nanos);
                *host = in->host;
            }
            out[(*len)++] = byte == 0xFF && next >= 0 ? (uint8_t)next : byte;
            continue;
        }
        if (*len > 0)
            return 1;
        in->at++;
        in->header = byte == 0xFB;
        if (byte == 0xFC) {
            int digits = next < 0 ? 0 : next;
            in->at += next >= 0;
            if (in->unit != digits >> 6) {
                atscope_settle(in, nanos);
                in->unit = digits >> 6;
            }
            in->step = in->step > UINT64_MAX / 64 - 64 ? UINT64_MAX : in->step * 64 + (digits & 63);
        } else {
            atscope_settle(in, nanos);
            if (byte >= 0xFD)
                in->host = byte == 0xFE;
        }
    }
    return *len > 0;
}

#ifdef __cplusplus
}
#endif

#endif
