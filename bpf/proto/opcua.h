/* SPDX-License-Identifier: Apache-2.0 */
/* OPC UA over TCP, OPC 10000-6 §7.1: three letters, the chunk's kind, its size in little endian. */
FI_PROTO(opcua, 141, 15, FI_TCP, "OPC Unified Architecture", FI_PORTS(4840), FI_THEN());

#define FI_OPCUA_URL 4096

/* FI_SIGNATURES 1 "hello" 2 "acknowledge" 3 "error" 4 "secure channel" 5 "message" */
FI_SIG(opcua)
{
	FI_CHECK(w);
	__u32 size = fi_le32(w, 4), policy;
	enum fi_fit hello = fi_fit(w, 0, "HELF"), ack = fi_fit(w, 0, "ACKF"), error = fi_fit(w, 0, "ERRF");
	enum fi_fit open = fi_fit(w, 0, "OPNF"), close = fi_fit(w, 0, "CLOF"), message = fi_fit(w, 0, "MSG"), reverse = fi_fit(w, 0, "RHEF");

	if (!(hello | ack | error | open | close | message | reverse))
		return FI_NO;
	if (message == FI_FIT_YES && w->len > 3 && fi_at(w, 3) != 'F' && fi_at(w, 3) != 'C' && fi_at(w, 3) != 'A')
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (hello == FI_FIT_YES) { /* version, four limits, the endpoint's length */
		if (size < 32 || size > 32 + FI_OPCUA_URL)
			return FI_NO;
		if (w->len < 32)
			return FI_MORE;
		return fi_le32(w, 28) == size - 32 || (fi_le32(w, 28) == 0xffffffff && size == 32) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	if (ack == FI_FIT_YES)
		return size == 28 ? FI_HIT(FI_STRONG, FI_SERVER, 2, 0) : FI_NO;
	if (error == FI_FIT_YES)
		return size >= 16 && size <= 16 + FI_OPCUA_URL ? FI_HIT(FI_STRONG, FI_SERVER, 3, 0) : FI_NO;
	if (reverse == FI_FIT_YES) /* the server calls: both of its texts are bounded */
		return size >= 16 && size <= 16 + 2 * FI_OPCUA_URL ? FI_HIT(FI_STRONG, FI_SERVER, 1, 0) : FI_NO;
	if (open == FI_FIT_YES) { /* channel, policy's length, its name */
		if (w->len < 16)
			return FI_MORE;
		policy = fi_le32(w, 12);
		return policy >= 8 && policy <= 255 && size > policy + 32 ? FI_HIT(FI_STRONG, FI_EITHER, 4, 0) : FI_NO;
	}
	/* channel, token, sequence, request: 24 bytes before anything else; chunks are far below 16 MiB */
	return size >= 24 && size < 0x01000000 ? FI_HIT(FI_FAIR, FI_EITHER, 5, 0) : FI_NO;
}
