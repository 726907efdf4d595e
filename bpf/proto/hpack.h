/* SPDX-License-Identifier: Apache-2.0 */
/* HPACK decoder, RFC 7541, for labels: user space only. Input is hostile: every string lands in one fixed arena, and
 * decoding stops for good when it is full. Entries are never evicted: indexes count from the newest, so a valid
 * block never refers to one that should be gone, and the few KiB that are read of a flow fit. */
#ifndef FI_HPACK_H
#define FI_HPACK_H
#ifdef FI_HOST

#include "../labels.h"

#define FI_HPACK_ARENA   24576
#define FI_HPACK_ENTRIES 192

struct fi_slice {
	const __u8 *data;
	__u32 len;
};

struct fi_hpack {
	__u32 used;
	__u32 count; /* dynamic entries, oldest first */
	struct {
		struct fi_slice name, value;
	} entry[FI_HPACK_ENTRIES];
	__u8 arena[FI_HPACK_ARENA];
};

/* Appendix A. */
static const char *const fi_hpack_static[61][2] = {
	{":authority", ""},
	{":method", "GET"},
	{":method", "POST"},
	{":path", "/"},
	{":path", "/index.html"},
	{":scheme", "http"},
	{":scheme", "https"},
	{":status", "200"},
	{":status", "204"},
	{":status", "206"},
	{":status", "304"},
	{":status", "400"},
	{":status", "404"},
	{":status", "500"},
	{"accept-charset", ""},
	{"accept-encoding", "gzip, deflate"},
	{"accept-language", ""},
	{"accept-ranges", ""},
	{"accept", ""},
	{"access-control-allow-origin", ""},
	{"age", ""},
	{"allow", ""},
	{"authorization", ""},
	{"cache-control", ""},
	{"content-disposition", ""},
	{"content-encoding", ""},
	{"content-language", ""},
	{"content-length", ""},
	{"content-location", ""},
	{"content-range", ""},
	{"content-type", ""},
	{"cookie", ""},
	{"date", ""},
	{"etag", ""},
	{"expect", ""},
	{"expires", ""},
	{"from", ""},
	{"host", ""},
	{"if-match", ""},
	{"if-modified-since", ""},
	{"if-none-match", ""},
	{"if-range", ""},
	{"if-unmodified-since", ""},
	{"last-modified", ""},
	{"link", ""},
	{"location", ""},
	{"max-forwards", ""},
	{"proxy-authenticate", ""},
	{"proxy-authorization", ""},
	{"range", ""},
	{"referer", ""},
	{"refresh", ""},
	{"retry-after", ""},
	{"server", ""},
	{"set-cookie", ""},
	{"strict-transport-security", ""},
	{"transfer-encoding", ""},
	{"user-agent", ""},
	{"vary", ""},
	{"via", ""},
	{"www-authenticate", ""},
};

/* Appendix B. The code is canonical: symbols in order of length, then value, and how many there are of each length
 * describe it wholly. */
static const __u16 fi_huffman_symbol[257] = {
	48,  49,  50,  97,  99,  101, 105, 111, 115, 116, 32,  37,  45,  46,  47,  51,  52,  53,  54,  55,
	56,  57,  61,  65,  95,  98,  100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58,  66,  67,  68,
	69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,  80,  81,  82,  83,  84,  85,  86,  87,  89,
	106, 107, 113, 118, 119, 120, 121, 122, 38,  42,  44,  59,  88,  90,  33,  34,  40,  41,  63,  39,
	43,  124, 35,  62,  0,   36,  64,  91,  93,  126, 94,  125, 60,  96,  123, 92,  195, 208, 128, 130,
	131, 162, 184, 194, 224, 226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129,
	132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190,
	196, 198, 228, 232, 233, 1,   135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157,
	158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9,   142, 144, 145, 148, 159,
	171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219,
	238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250,
	251, 252, 253, 254, 2,   3,   4,   5,   6,   7,   8,   11,  12,  14,  15,  16,  17,  18,  19,  20,
	21,  23,  24,  25,  26,  27,  28,  29,  30,  31,  127, 220, 249, 10,  13,  22,  256,
};
static const __u8 fi_huffman_count[31] = {
	0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4,
};

/* Decodes n bytes into at most room bytes: length, or -1. */
static int fi_huffman(const __u8 *in, __u32 n, __u8 *out, __u32 room)
{
	__u32 code = 0, first = 0, index = 0, bits = 0, used = 0;

	for (__u32 i = 0; i < n * 8; i++) {
		code |= in[i >> 3] >> (7 - (i & 7)) & 1;
		if (++bits > 30)
			return -1;
		__u32 count = fi_huffman_count[bits];

		if (code - first < count) {
			__u16 symbol = fi_huffman_symbol[index + code - first];

			if (symbol > 255 || used == room)
				return -1;
			out[used++] = symbol;
			code = first = index = bits = 0;
			continue;
		}
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	/* Padding: fewer than eight bits, all of them 1. `code` was shifted once more already. */
	return bits < 8 && (code >> 1) == (1u << bits) - 1 ? (int)used : -1;
}

struct fi_cursor {
	const __u8 *data;
	__u32 len, off;
};

/* Integer with a prefix of `bits` bits; -1: cut or too big. */
static long fi_hpack_int(struct fi_cursor *c, int bits)
{
	if (c->off >= c->len)
		return -1;
	__u32 mask = (1u << bits) - 1, v = c->data[c->off++] & mask;

	if (v < mask)
		return v;
	for (int shift = 0; shift <= 14; shift += 7) {
		if (c->off >= c->len)
			return -1;
		__u8 b = c->data[c->off++];

		v += (__u32)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	return -1;
}

static int fi_hpack_string(struct fi_hpack *h, struct fi_cursor *c, struct fi_slice *out)
{
	int huffman = c->off < c->len && c->data[c->off] & 0x80, n;
	long len = fi_hpack_int(c, 7);

	if (len < 0 || (__u32)len > c->len - c->off)
		return -1;
	out->data = h->arena + h->used;
	if (huffman) {
		n = fi_huffman(c->data + c->off, len, h->arena + h->used, FI_HPACK_ARENA - h->used);
	} else {
		n = (__u32)len <= FI_HPACK_ARENA - h->used ? len : -1;
		if (n > 0)
			memcpy(h->arena + h->used, c->data + c->off, n);
	}
	if (n < 0)
		return -1;
	out->len = n;
	h->used += n;
	c->off += len;
	return 0;
}

/* Entry `index` of both tables: 1, 0 when it is not known (a join mid-stream), -1 for the invalid 0. */
static int fi_hpack_entry(const struct fi_hpack *h, __u32 index, struct fi_slice *name,
			  struct fi_slice *value)
{
	name->len = value->len = 0;
	name->data = value->data = h->arena;
	if (index == 0)
		return -1;
	if (index <= 61) {
		name->data = (const __u8 *)fi_hpack_static[index - 1][0];
		name->len = strlen(fi_hpack_static[index - 1][0]);
		value->data = (const __u8 *)fi_hpack_static[index - 1][1];
		value->len = strlen(fi_hpack_static[index - 1][1]);
		return 1;
	}
	index -= 62;
	if (index >= h->count)
		return 0;
	*name = h->entry[h->count - 1 - index].name;
	*value = h->entry[h->count - 1 - index].value;
	return 1;
}

typedef void (*fi_hpack_field)(void *to, const struct fi_slice *name, const struct fi_slice *value);

/* Decodes one header block, or what there is of it: 0, or -1 at the first field that cannot be read. */
static int fi_hpack_decode(struct fi_hpack *h, const __u8 *data, __u32 len, fi_hpack_field field, void *to)
{
	struct fi_cursor c = {data, len, 0};

	while (c.off < c.len) {
		__u8 b = c.data[c.off];
		struct fi_slice name, value;
		long index;
		int known;

		if ((b & 0xe0) == 0x20) { /* size of the dynamic table: nothing is evicted here */
			if (fi_hpack_int(&c, 5) < 0)
				return -1;
			continue;
		}
		index = fi_hpack_int(&c, b & 0x80 ? 7 : b & 0x40 ? 6 : 4);
		if (index < 0 || (b & 0x80 && index == 0))
			return -1;
		if (b & 0x80) {
			if (fi_hpack_entry(h, index, &name, &value) > 0)
				field(to, &name, &value);
			continue;
		}
		known = 1;
		if (index)
			known = fi_hpack_entry(h, index, &name, &value);
		else if (fi_hpack_string(h, &c, &name))
			return -1;
		if (fi_hpack_string(h, &c, &value))
			return -1;
		if (known > 0)
			field(to, &name, &value);
		if (b & 0x40) { /* an unknown name keeps its place, empty */
			if (h->count == FI_HPACK_ENTRIES)
				return -1;
			h->entry[h->count].name = name;
			h->entry[h->count++].value = value;
		}
	}
	return 0;
}

#endif
#endif
