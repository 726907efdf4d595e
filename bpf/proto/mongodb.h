/* SPDX-License-Identifier: Apache-2.0 */
/* MongoDB wire protocol: length, request id, id answered to, operation (all little endian), then a body that holds
 * BSON documents whose own length and first element are checked as well. */
#include "../sig.h"
#ifdef FI_HOST
#include "../labels.h"
#endif

FI_PROTO(mongodb, 16, 40, FI_TCP, "MongoDB", FI_PORTS(27017, 27018, 27019), FI_THEN());

#define FI_MONGO_MAX (48000000u + 16384) /* maxMessageSizeBytes of servers, and some room */

enum fi_mongo_op {
	FI_MONGO_REPLY = 1, FI_MONGO_UPDATE = 2001, FI_MONGO_INSERT = 2002, FI_MONGO_QUERY = 2004, FI_MONGO_GET_MORE = 2005,
	FI_MONGO_DELETE = 2006, FI_MONGO_KILL_CURSORS = 2007, FI_MONGO_COMMAND = 2010, FI_MONGO_COMMAND_REPLY = 2011,
	FI_MONGO_COMPRESSED = 2012, FI_MONGO_MSG = 2013,
};

fi_inline __u32 fi_mongo_known(__u32 op)
{
	return fi_equal(op, FI_MONGO_REPLY) | fi_range(op - 2000 < 100 ? op - 2000 : 0, 1, 13);
}

/* A document at off, at most `room` bytes: its length, the type of its first element or its end. Cut: MORE. */
fi_inline enum fi_fit fi_mongo_document(const struct fi_win *w, __u32 off, __u32 room)
{
	__u32 length = fi_le32(w, off), type = fi_at(w, off + 4);

	if (off + 6 > FI_WINDOW)
		return FI_FIT_YES; /* out of sight for good */
	if (!fi_in(w, off, 5))
		return FI_FIT_MORE;
	if (length < 5 || length > room)
		return FI_FIT_NO;
	if (length == 5)
		return type == 0 ? FI_FIT_YES : FI_FIT_NO;
	if (!fi_in(w, off, 6))
		return FI_FIT_MORE;
	/* key of the first element: text, or empty */
	if (!(fi_range(type, 1, 0x13) | fi_equal(type, 0x7f) | fi_equal(type, 0xff)))
		return FI_FIT_NO;
	return fi_at(w, off + 5) == 0 || fi_range(fi_at(w, off + 5), 0x20, 0x7e) ? FI_FIT_YES : FI_FIT_NO;
}

/* FI_SIGNATURES 1 "OP_MSG" 2 "OP_QUERY and its kin" 3 "OP_REPLY" 4 "OP_COMPRESSED" */
FI_SIG(mongodb)
{
	FI_CHECK(w);
	__u32 length = fi_le32(w, 0), answers = fi_le32(w, 8), op = fi_le32(w, 12), who, room;
	enum fi_fit fit;

	if (w->len < 16)
		return w->len >= 4 && (length < 16 || length > FI_MONGO_MAX) ? FI_NO : FI_MORE;
	if (length < 21 || length > FI_MONGO_MAX || !fi_mongo_known(op))
		return FI_NO;
	if (fi_in(w, length, 16)) { /* the next message */
		__u32 next = fi_le32(w, length);

		if (next < 16 || next > FI_MONGO_MAX || !fi_mongo_known(fi_le32(w, length + 12)))
			return FI_NO;
	}
	who = answers ? FI_SERVER : FI_CLIENT;
	room = length - 21;
	switch (op) {
	case FI_MONGO_MSG: /* flags: checksum, more to come, exhaust allowed; section kind */
		if (w->len < 21)
			return FI_MORE;
		if (fi_le32(w, 16) & ~0x10003u || fi_at(w, 20) > 1)
			return FI_NO;
		fit = fi_mongo_document(w, fi_at(w, 20) ? 512 : 21, room);
		if (fi_at(w, 20) && (fi_le32(w, 21) > room || (w->len > 25 && !fi_range(fi_at(w, 25), 0x20, 0x7e))))
			return FI_NO; /* a sequence of documents: length and name */
		if (fit != FI_FIT_YES)
			return (fi_answer)fit;
		return w->len < 26 ? FI_MORE : FI_HIT(FI_STRONG, who, 1, 12);
	case FI_MONGO_COMPRESSED: /* operation inside, its size, compressor */
		if (w->len < 25)
			return FI_MORE;
		return fi_mongo_known(fi_le32(w, 16)) && fi_le32(w, 20) <= FI_MONGO_MAX && fi_at(w, 24) <= 3 ? FI_HIT(FI_STRONG, who, 4, 12) : FI_NO;
	case FI_MONGO_REPLY: /* flags, cursor, position, documents */
		if (w->len < 36)
			return FI_MORE;
		if (fi_le32(w, 16) > 15 || fi_le32(w, 32) > 1u << 20 || length < 36)
			return FI_NO;
		fit = fi_le32(w, 32) ? fi_mongo_document(w, 36, length - 36) : FI_FIT_YES;
		return fit == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_SERVER, 3, 12) : (fi_answer)fit;
	case FI_MONGO_COMMAND_REPLY:
		fit = fi_mongo_document(w, 16, length - 16);
		return fit == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_SERVER, 3, 12) : (fi_answer)fit;
	case FI_MONGO_KILL_CURSORS: /* zero, number of cursors */
		if (w->len < 24)
			return FI_MORE;
		return fi_le32(w, 16) == 0 && length == 24 + 8 * fi_le32(w, 20) ? FI_HIT(FI_STRONG, FI_CLIENT, 2, 12) : FI_NO;
	case FI_MONGO_COMMAND: /* database and command as text */
		if (w->len < 20)
			return FI_MORE;
		return fi_print(fi_at(w, 16)) & (fi_print(fi_at(w, 17)) | fi_equal(fi_at(w, 17), 0)) ? FI_HIT(FI_FAIR, FI_CLIENT, 2, 12) : FI_NO;
	}
	/* flags or zero, then the collection as "database.name" */
	if (w->len < 24)
		return FI_MORE;
	if (fi_le32(w, 16) > 0xff || answers > 1u << 30)
		return FI_NO;
	return fi_print(fi_at(w, 20)) & fi_print(fi_at(w, 21)) & fi_print(fi_at(w, 22)) ? FI_HIT(FI_STRONG, FI_CLIENT, 2, 12) : FI_NO;
}

#ifdef FI_HOST
static inline __u32 fi_mongo_le32(const __u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (__u32)p[3] << 24;
}

/* Command of the client's first OP_MSG: the key of the document's first element. Database of an OP_QUERY. */
FI_LABELS(mongodb)
{
	const __u8 *p = t->data, *end;

	if (t->who != FI_CLIENT)
		return 1;
	if (t->len < 26)
		return 0;
	if (fi_mongo_le32(p + 12) == FI_MONGO_MSG && p[20] == 0) {
		end = memchr(p + 26, 0, t->len - 26 < 64 ? t->len - 26 : 64);
		if (!end)
			return t->len > 90;
		if (end > p + 26)
			fi_label(out, FI_L_DB_COMMAND, p + 26, end - p - 26);
		return 1;
	}
	if (fi_mongo_le32(p + 12) == FI_MONGO_QUERY) {
		end = memchr(p + 20, '.', t->len - 20 < 128 ? t->len - 20 : 128);
		if (!end)
			return t->len > 148;
		if (end > p + 20)
			fi_label(out, FI_L_DB_NAME, p + 20, end - p - 20);
	}
	return 1;
}
#endif
