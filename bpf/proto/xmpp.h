/* SPDX-License-Identifier: Apache-2.0 */
/* XMPP, RFC 6120: an XML stream in one of the etherx or jabber namespaces. */
#include "../text.h"

FI_PROTO(xmpp, 57, 20, FI_TCP, "Extensible Messaging and Presence Protocol", FI_PORTS(5222, 5269), FI_THEN(tls));

/* FI_SIGNATURES 1 "stream header" */
FI_SIG(xmpp)
{
	FI_CHECK(w);
	enum fi_fit xml = fi_fit(w, 0, "<?xml "), stream = fi_fit(w, 0, "<stream:stream");

	if (stream == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	if (xml == FI_FIT_NO)
		return stream == FI_FIT_MORE ? FI_MORE : FI_NO;
	/* <?xml …?> <stream:stream … within the window */
	if (fi_has_word(w, FI_WORD('<', 'S', 'T', 'R'), 96) && fi_has_word(w, FI_WORD('E', 'A', 'M', ':'), 96))
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	return w->len < 100 ? FI_MORE : FI_NO;
}
