/* SPDX-License-Identifier: Apache-2.0 */
/* SSH, RFC 4253 §4.2: both ends begin with "SSH-protoversion-softwareversion CR LF"; the server may
 * send other lines before it (not followed here). Joined later, all is ciphertext: not claimed. */
FI_PROTO(ssh, 3, 10, FI_TCP, "Secure Shell", FI_PORTS(22, 2222), FI_THEN());

/* FI_SIGNATURES 1 "identification string" */
FI_SIG(ssh)
{
	FI_CHECK(w);
	enum fi_fit fit = fi_fit(w, 0, "SSH-");

	if (fit != FI_FIT_YES)
		return (fi_answer)fit; /* NO or MORE */
	if (w->len < 8)
		return FI_MORE;
	/* "SSH-2.0-", "SSH-1.99-", "SSH-1.5-" */
	if (!fi_range(fi_at(w, 4), '1', '2') || fi_at(w, 5) != '.' || !fi_digit(fi_at(w, 6)))
		return FI_NO;
	if (fi_at(w, 7) != '-' && !fi_digit(fi_at(w, 7)))
		return FI_NO;
	return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
}

#ifdef FI_HOST
/* Software version of each end. */
FI_LABELS(ssh)
{
	const __u8 *end = fi_text_find(t, 0, '\n');

	if (!end)
		return t->len >= 255; /* RFC 4253: 255 bytes at most */
	__u32 n = end - t->data;

	if (n && t->data[n - 1] == '\r')
		n--;
	fi_label(out, t->who == FI_SERVER ? FI_L_SSH_SERVER : FI_L_SSH_CLIENT, t->data, n);
	return 1;
}
#endif
