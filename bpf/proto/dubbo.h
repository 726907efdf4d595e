/* SPDX-License-Identifier: Apache-2.0 */
/* Dubbo 2: magic da bb, flags with the serialization, status, request id, body length. */
#include "../labels.h"

FI_PROTO(dubbo, 37, 12, FI_TCP, "Dubbo", FI_PORTS(20880), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" 3 "heartbeat" */
FI_SIG(dubbo)
{
	FI_CHECK(w);
	__u32 flags = fi_at(w, 2), status = fi_at(w, 3), coding = flags & 31, len = fi_be32(w, 12);

	if ((w->len && fi_at(w, 0) != 0xda) || (w->len > 1 && fi_at(w, 1) != 0xbb))
		return FI_NO;
	if (w->len < 16)
		return FI_MORE;
	if (!(fi_range(coding, 2, 4) | fi_range(coding, 6, 12) | fi_range(coding, 16, 25)) || len > 1u << 24)
		return FI_NO;
	if (flags & 0x80 ? status != 0 : !(fi_equal(status, 20) | fi_equal(status, 25) | fi_range(status, 30, 35) | fi_range(status, 40, 100)))
		return FI_NO;
	if (flags & 0x20)
		return len <= 64 ? FI_HIT(FI_FAIR, flags & 0x80 ? FI_CLIENT : FI_SERVER, 3, 0) : FI_NO;
	if (flags & 0x80) {
		/* Hessian: a string of five, the protocol's version: "2.0.2" */
		if (coding == 2 && w->len < 19)
			return FI_MORE;
		return FI_HIT(coding == 2 && fi_at(w, 16) < 16 && fi_digit(fi_at(w, 17)) && fi_at(w, 18) == '.' ? FI_STRONG : FI_FAIR, FI_CLIENT, 1, 0);
	}
	return FI_HIT(FI_FAIR, FI_SERVER, 2, 0);
}

#ifdef FI_HOST
/* A short Hessian string at *at: its text and length; NULL when it is none or not all there. */
static inline const __u8 *fi_dubbo_text(const struct fi_text *t, __u32 *at, __u32 *n)
{
	const __u8 *p = t->data + *at;

	if (*at + 2 > t->len)
		return 0;
	if (*p < 0x20) {
		*n = *p;
		*at += 1;
	} else if (*p >= 0x30 && *p <= 0x33) {
		*n = (*p - 0x30u) << 8 | p[1];
		*at += 2;
	} else {
		return 0;
	}
	p = t->data + *at;
	if (*n > t->len - *at)
		return 0;
	*at += *n;
	return p;
}

/* Service and method of the first request in Hessian: version, path, version of the service, method. */
FI_LABELS(dubbo)
{
	__u32 at = 16, n, name;
	const __u8 *service, *method;

	if (t->who != FI_CLIENT)
		return 1;
	if (t->len < 18)
		return 0;
	if ((t->data[2] & 0xbf) != 0x82) /* no request, or another serialization */
		return 1;
	if (!fi_dubbo_text(t, &at, &n) || !(service = fi_dubbo_text(t, &at, &name)))
		return t->len > 600;
	fi_label(out, FI_L_RPC_SERVICE, service, name);
	if (!fi_dubbo_text(t, &at, &n) || !(method = fi_dubbo_text(t, &at, &name)))
		return t->len > 1200;
	fi_label(out, FI_L_RPC_METHOD, method, name);
	return 1;
}
#endif
