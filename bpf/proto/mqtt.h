/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT 3.1, 3.1.1, 5: CONNECT names the protocol; other packets are told by flags and exact lengths. */
FI_PROTO(mqtt, 29, 40, FI_TCP, "MQTT", FI_PORTS(1883), FI_THEN());

/* A topic name or filter of n (<= 120) printable characters. */
FI_FN __u32 fi_mqtt_topic(const struct fi_win *w, __u32 off, __u32 n)
{
	__u32 bad = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < 120; i++)
		bad |= (fi_print(fi_at(w, off + i)) ^ 1) & fi_below(i, n);
	return bad ^ 1;
}

/* FI_SIGNATURES 1 "CONNECT" 2 "CONNACK" 3 "SUBSCRIBE" 4 "PUBLISH" 5 "PINGREQ or PINGRESP" */
FI_SIG(mqtt)
{
	FI_CHECK(w);
	__u32 b = fi_at(w, 0), type = b >> 4, flags = b & 15, len, n;

	if (type == 0 || (type != 3 && flags != (type == 6 || type == 8 || type == 10 ? 2 : 0)))
		return FI_NO;
	if (w->len < 2)
		return FI_MORE;
	/* remaining length: seven bits a byte, up to four */
	__u32 b1 = fi_at(w, 1), b2 = fi_at(w, 2), b3 = fi_at(w, 3);

	if (b1 < 0x80) {
		len = b1;
		n = 2;
	} else if (b2 < 0x80) {
		len = (b1 & 127) | b2 << 7;
		n = 3;
	} else if (b3 < 0x80) {
		len = (b1 & 127) | (b2 & 127) << 7 | b3 << 14;
		n = 4;
	} else {
		return FI_NO;
	}
	if (w->len < n)
		return FI_MORE;
	if (type == 1) {
		enum fi_fit four = fi_fit(w, n, "\0\4MQTT"), six = fi_fit(w, n, "\0\6MQIsdp");

		if (four == FI_FIT_YES || six == FI_FIT_YES)
			return len >= 10 ? FI_HIT(FI_STRONG, FI_CLIENT, 1, n) : FI_NO;
		return four == FI_FIT_MORE || six == FI_FIT_MORE ? FI_MORE : FI_NO;
	}
	if (type == 2) {
		if (w->len < 4)
			return FI_MORE;
		if (n != 2 || fi_at(w, 2) > 1 || len < 2 || (len == 2 && fi_at(w, 3) > 5) || (len > 2 && fi_at(w, 3) > 5 && fi_at(w, 3) < 0x80))
			return FI_NO;
		return FI_HIT(len == 2 ? FI_FAIR : FI_WEAK, FI_SERVER, 2, 0);
	}
	if (type == 8) { /* packet id, in version 5 properties (none), then a topic filter and options */
		__u32 at = n + 2 + fi_equal(fi_be16(w, n + 2), 0), topic = fi_be16(w, at);

		if (w->len < at + 3)
			return FI_MORE;
		if (!topic || topic > 120 || at - n + 3 + topic > len || len > 4096)
			return FI_NO;
		if (w->len < at + 3 + topic)
			return FI_MORE;
		return fi_mqtt_topic(w, at + 2, topic) && fi_at(w, at + 2 + topic) < 0x30 ? FI_HIT(FI_FAIR, FI_CLIENT, 3, 0) : FI_NO;
	}
	if (type == 3) {
		__u32 topic = fi_be16(w, n);

		if ((flags & 6) == 6)
			return FI_NO;
		if (w->len < n + 8)
			return FI_MORE;
		if (!topic || topic > 120 || topic + 2 > len)
			return FI_NO;
		if (w->len < n + 2 + topic)
			return FI_MORE;
		return fi_mqtt_topic(w, n + 2, topic) ? FI_HIT(topic >= 4 && fi_port(w, 1883) ? FI_FAIR : FI_WEAK, FI_EITHER, 4, 0) : FI_NO;
	}
	if ((type == 12 || type == 13) && len == 0)
		return FI_HIT(fi_port(w, 1883) ? FI_FAIR : FI_WEAK, type == 12 ? FI_CLIENT : FI_SERVER, 5, 0);
	return FI_NO;
}
