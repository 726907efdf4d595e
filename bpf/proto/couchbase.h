/* SPDX-License-Identifier: Apache-2.0 */
/* Couchbase key-value service: memcached's binary header with commands that memcached does not have: hello, choice of a bucket, the
 * cluster's map. */
FI_PROTO(couchbase, 203, 44, FI_TCP, "Couchbase", FI_PORTS(11210, 11207), FI_THEN());

/* FI_SIGNATURES 1 "hello" 2 "hello's answer" 3 "choice of a bucket" */
FI_SIG(couchbase)
{
	FI_CHECK(w);
	__u32 magic = fi_at(w, 0), command = fi_at(w, 1), key = fi_be16(w, 2), body = fi_be32(w, 8);

	if (w->len < 2)
		return w->len == 0 || magic == 0x80 || magic == 0x81 ? FI_MORE : FI_NO;
	if ((magic != 0x80 && magic != 0x81) || (command != 0x1f && command != 0x89))
		return FI_NO;
	if (w->len < 24)
		return FI_MORE;
	/* no extras, no data type, vbucket or status 0, a CAS of 0 */
	if (fi_at(w, 4) || fi_at(w, 5) || fi_be16(w, 6) || fi_be64(w, 16) || body > 4096 || key > body)
		return FI_NO;
	if (!fi_in(w, 24, 1))
		return body ? FI_MORE : FI_NO;
	if (magic == 0x81)
		return command == 0x1f && !key && body >= 2 && !(body & 1) && !fi_at(w, 24) ? FI_HIT(FI_STRONG, FI_SERVER, 2, 0) : FI_NO;
	if (command == 0x89)
		return key >= 1 && key == body && key <= 100 && fi_print(fi_at(w, 24)) ? FI_HIT(FI_FAIR, FI_CLIENT, 3, 0) : FI_NO;
	/* features, two bytes each, the first of which is 0 */
	if (key > 250 || (body - key) & 1 || body - key < 2 || body - key > 128)
		return FI_NO;
	if (!fi_in(w, 24 + key, 2))
		return FI_MORE;
	return !fi_at(w, 24 + key) && fi_at(w, 24 + key + 1) && (!key || fi_print(fi_at(w, 24))) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
}
