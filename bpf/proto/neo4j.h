/* SPDX-License-Identifier: Apache-2.0 */
/* Bolt, the protocol of Neo4j: 60 60 b0 17, then four versions, newest first; the server answers with one of them. */
FI_PROTO(neo4j, 201, 10, FI_TCP, "Neo4j Bolt", FI_PORTS(7687), FI_THEN());

/* FI_SIGNATURES 1 "handshake" */
FI_SIG(neo4j)
{
	FI_CHECK(w);
	enum fi_fit magic = fi_fit(w, 0, "\x60\x60\xb0\x17");

	if (magic != FI_FIT_YES)
		return magic == FI_FIT_MORE ? FI_MORE : FI_NO;
	if (w->len < 8)
		return FI_MORE;
	/* reserved, range, minor, major; 01ff asks for the newer negotiation */
	return !fi_at(w, 4) && (fi_at(w, 7) <= 20 || fi_at(w, 7) == 0xff) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
}
