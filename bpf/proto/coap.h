/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP, RFC 7252: version 1, token length, a known code, then options. Weak without the port. */
FI_PROTO(coap, 72, 66, FI_UDP, "Constrained Application Protocol", FI_PORTS(5683), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" 3 "empty" */
FI_SIG(coap)
{
	FI_CHECK(w);
	__u32 b = fi_at(w, 0), tkl = b & 15, code = fi_at(w, 1);

	if (!w->whole || b >> 6 != 1 || tkl > 8 || w->total < 4 + tkl)
		return FI_NO;
	__u32 opt = fi_at(w, 4 + tkl), delta = opt >> 4, olen = opt & 15;
	int port = fi_port(w, 5683);

	if (code == 0)
		return w->total == 4 && tkl == 0 && port ? FI_HIT(FI_FAIR, FI_EITHER, 3, 0) : FI_NO;
	if (w->total > 4 + tkl && opt != 0xff && (delta == 15 || olen == 15 || 5 + tkl + olen > w->total + (olen > 12 ? 16 : 0)))
		return FI_NO;
	if (fi_range(code, 1, 7))
		return FI_HIT(port ? FI_FAIR : FI_WEAK, FI_CLIENT, 1, 0);
	if (fi_range(code, 65, 69) | fi_equal(code, 95) | fi_range(code, 128, 143) | fi_range(code, 160, 165))
		return FI_HIT(port ? FI_FAIR : FI_WEAK, FI_SERVER, 2, 0);
	return FI_NO;
}
