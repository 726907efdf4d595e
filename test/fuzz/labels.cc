/* SPDX-License-Identifier: Apache-2.0 */
/* Every protocol's label function on any bytes; what it writes must be a well-formed list within bounds.
 * Input: u8 protocol, u8 flags, u16 length of a first call on a prefix, bytes. */
#include "../../native/core.h"
#include "fuzz.h"

static void check(const fi_labels &l)
{
	if (l.used > sizeof(l.bytes))
		fuzz::broken("labels longer than their room");
	for (uint32_t i = 0; i < l.used;) {
		uint16_t id, n;

		if (i + 4 > l.used)
			fuzz::broken("label head cut off");
		memcpy(&id, l.bytes + i, 2);
		memcpy(&n, l.bytes + i + 2, 2);
		if (id == 0 || n > 255 || i + 4 + n > l.used)
			fuzz::broken("label out of bounds");
		i += 4 + n;
	}
}

static int known[256], count;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input in = {data, size};

	if (!count)
		for (int id = 1; id < 256; id++)
			if (fi_core_has_labels(static_cast<uint16_t>(id)))
				known[count++] = id;
	uint16_t id = static_cast<uint16_t>(known[in.u8() % count]);
	uint8_t flags = in.u8();
	uint32_t first = in.u16(), n = in.left > 8192 ? 8192 : static_cast<uint32_t>(in.left);
	fi_labels *labels = new fi_labels();
	fi_text text = {};

	text.who = flags & 1 ? FI_SERVER : FI_CLIENT;
	text.whole = flags >> 1 & 1;
	text.l4 = text.whole ? FI_UDP : FI_TCP;
	if (first < n && !text.whole) { /* less first, as the stream comes in */
		auto bytes = fuzz::exact(in.at, first);

		text.data = bytes.get();
		text.len = first;
		fi_core_labels(id, &text, labels);
		check(*labels);
	}
	auto bytes = fuzz::exact(in.at, n);

	text.data = bytes.get();
	text.len = n;
	text.last = flags >> 2 & 1;
	fi_core_labels(id, &text, labels);
	check(*labels);
	delete labels;
	return 0;
}
