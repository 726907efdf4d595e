/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FI_NATIVE_LABEL_SIDE_H
#define FI_NATIVE_LABEL_SIDE_H

#include <cstdint>
#include <vector>

#include "core.h"

namespace flowident {

constexpr uint32_t kLimit = 8192; /* bytes of one end: what label functions are promised */
constexpr int kStarts = 16; /* segment boundaries remembered: a layer that took over begins at one */
constexpr int kRanges = 4; /* runs of bytes beyond a hole */

/* Payload that one end sent. */
struct LabelInput {
	const uint8_t *data;
	uint32_t len;
	uint32_t at; /* stream offset of its first byte, counted from the end's base; unused for datagrams */
	uint8_t end; /* tuple end */
	bool whole; /* one datagram */
};

struct Range {
	uint32_t lo, hi;
};

/* The first bytes of one end of a flow, put in order, and where each layer begins in them. */
struct LabelSide {
	std::vector<uint8_t> bytes;
	uint32_t have = 0; /* contiguous from 0 */
	uint32_t datagrams = 0;
	Range beyond[kRanges] = {};
	int ranges = 0;
	uint32_t starts[kStarts] = {};
	int nstarts = 0;
	uint32_t layer_at[FI_LAYERS] = {};
	bool found[FI_LAYERS] = {}; /* layer_at is known */
	bool done[FI_LAYERS] = {};
	bool full = false; /* limit reached: these are the last bytes */

	/* Puts bytes where they belong; what overlaps bytes that are there already is left out: first come, first kept.
	 * decided: the flow's protocol is known (a datagram then replaces the one before). Returns bytes dropped. */
	uint32_t store(const LabelInput &in, bool decided);
	/* What protocol `id` says of the bytes from `at` on, as the true start of its layer. */
	fi_answer ask(uint16_t id, uint16_t below, uint32_t at, int end, const fi_flow &f, const fi_tuple &t) const;
	/* Finds where layer k begins: where the layer below begins (the same bytes, as in http1 > websocket), behind a
	 * header that is skipped (PROXY), or at a segment boundary (STARTTLS, CONNECT). Sets found[k], layer_at[k]. */
	void locate(int k, int end, const fi_flow &f, const fi_tuple &t);
};

} // namespace flowident

#endif
