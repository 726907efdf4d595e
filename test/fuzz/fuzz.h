/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: fuzzer bytes taken from the front, buffers of exact size (an address-sanitizer redzone
 * follows the last byte, so that one byte read too far is found), and a small generator for choices. */
#ifndef FI_FUZZ_H
#define FI_FUZZ_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace fuzz {

struct Input {
	const uint8_t *at;
	size_t left;

	uint8_t u8() { return left ? (left--, *at++) : 0; }
	uint16_t u16()
	{
		uint16_t hi = u8();
		return static_cast<uint16_t>(hi << 8 | u8());
	}
	uint32_t u32()
	{
		uint32_t hi = u16();
		return hi << 16 | u16();
	}
	const uint8_t *take(size_t n)
	{
		const uint8_t *p = at;

		at += n;
		left -= n;
		return p;
	}
};

/* A copy of n bytes with nothing readable behind them. */
inline std::unique_ptr<uint8_t[]> exact(const uint8_t *p, size_t n)
{
	std::unique_ptr<uint8_t[]> copy(new uint8_t[n]);

	if (n)
		memcpy(copy.get(), p, n);
	return copy;
}

struct Random { /* xorshift32 */
	uint32_t state;

	uint32_t next()
	{
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		return state;
	}
	uint32_t below(uint32_t n) { return next() % n; }
};

/* Promises about answers are checked, not only memory and bounds. */
inline bool promises()
{
	static const bool on = !getenv("FI_FUZZ_MEMORY_ONLY");

	return on;
}

[[noreturn]] inline void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

} // namespace fuzz

#endif
