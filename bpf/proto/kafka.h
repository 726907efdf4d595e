/* SPDX-License-Identifier: Apache-2.0 */
/* Apache Kafka: length, then api key, api version, correlation id, client id. Many protocols have a length in front; the
 * version must be one that exists for the key, and the client id text. Responses have nothing but the correlation id,
 * except the answer to ApiVersions, which lists the keys in order. */
#include "../sig.h"

FI_PROTO(kafka, 27, 50, FI_TCP, "Apache Kafka", FI_PORTS(9092, 9093, 9094), FI_THEN());

#define FI_KAFKA_MAX (100u << 20) /* socket.request.max.bytes of brokers */

/* Newest version of each api key (clients.apis of Kafka 4.x), and some room for those to come. */
static const __u8 fi_kafka_versions[128] = {
	/* 0 Produce, Fetch, ListOffsets, Metadata */ 13, 18, 12, 14,
	/* 4 to brokers: LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown */ 7, 4, 8, 3,
	/* 8 OffsetCommit, OffsetFetch, FindCoordinator, JoinGroup */ 10, 10, 6, 9,
	/* 12 Heartbeat, LeaveGroup, SyncGroup, DescribeGroups */ 4, 5, 5, 6,
	/* 16 ListGroups, SaslHandshake, ApiVersions, CreateTopics */ 5, 1, 5, 7,
	/* 20 DeleteTopics, DeleteRecords, InitProducerId, OffsetForLeaderEpoch */ 6, 2, 6, 4,
	/* 24 AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, WriteTxnMarkers */ 5, 4, 5, 2,
	/* 28 TxnOffsetCommit, DescribeAcls, CreateAcls, DeleteAcls */ 5, 3, 3, 3,
	/* 32 DescribeConfigs, AlterConfigs, AlterReplicaLogDirs, DescribeLogDirs */ 4, 2, 2, 5,
	/* 36 SaslAuthenticate, CreatePartitions, CreateDelegationToken, RenewDelegationToken */ 2, 3, 3, 2,
	/* 40 ExpireDelegationToken, DescribeDelegationToken, DeleteGroups, ElectLeaders */ 2, 3, 2, 2,
	/* 44 IncrementalAlterConfigs, AlterPartitionReassignments, ListPartitionReassignments, OffsetDelete */ 1, 1, 1, 0,
	/* 48 quotas and SCRAM credentials, described and altered */ 1, 1, 0, 0,
	/* 52 Vote, BeginQuorumEpoch, EndQuorumEpoch, DescribeQuorum */ 2, 1, 1, 2,
	/* 56 AlterPartition, UpdateFeatures, Envelope, FetchSnapshot */ 3, 2, 0, 1,
	/* 60 DescribeCluster, DescribeProducers, UnregisterBroker, DescribeTransactions */ 2, 0, 0, 0,
	/* 64 to 92: ListTransactions, AllocateProducerIds, … share group state */ 2, 0, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};
#define FI_KAFKA_KEYS 93

/* Request header at off: fits, cut, or no. */
fi_inline enum fi_fit fi_kafka_header(const struct fi_win *w, __u32 off)
{
	__u32 length = fi_be32(w, off), key = fi_be16(w, off + 4), version = fi_be16(w, off + 6);

	if (!fi_in(w, off, 8))
		return fi_in(w, off, 4) && (length < 10 || length > FI_KAFKA_MAX) ? FI_FIT_NO : FI_FIT_MORE;
	if (length < 10 || length > FI_KAFKA_MAX || key >= FI_KAFKA_KEYS || version > fi_kafka_versions[key & 127])
		return FI_FIT_NO;
	return FI_FIT_YES;
}

/* Answer to ApiVersions: no error, then the keys 0, 1, 2 with a range of versions each. */
fi_inline __u32 fi_kafka_versions_answer(const struct fi_win *w, __u32 step, __u32 at)
{
	__u32 bad = 0;

	for (__u32 i = 0; i < 3; i++) {
		__u32 low = fi_be16(w, at + i * step + 2), high = fi_be16(w, at + i * step + 4);

		bad |= (fi_equal(fi_be16(w, at + i * step), i) ^ 1) | fi_below(high, low) | fi_below(32, high);
	}
	return bad ^ 1;
}

/* FI_SIGNATURES 1 "request" 2 "ApiVersions answer" 3 "response" */
FI_SIG(kafka)
{
	FI_CHECK(w);
	__u32 length = fi_be32(w, 0), id = fi_be16(w, 12), bad = 0;
	enum fi_fit fit = fi_kafka_header(w, 0);

	if (w->len < 4)
		return w->len && fi_at(w, 0) > 6 ? FI_NO : FI_MORE;
	if (length < 8 || length > FI_KAFKA_MAX)
		return FI_NO;
	if (w->from != FI_SERVER && fit != FI_FIT_NO) {
		if (w->len < 14)
			return FI_MORE;
		if (id == 0xffff || id == 0) { /* no client id: little to go by */
			if (fi_be32(w, 8) < 1u << 24 && fi_kafka_header(w, length + 4) != FI_FIT_NO && fi_be16(w, 4))
				return FI_HIT(fi_port(w, 9092) ? FI_FAIR : FI_WEAK, FI_CLIENT, 1, 4);
		} else if (id <= 255 && id + 10 <= length && fi_be32(w, 8) < 1u << 31) {
			__u32 seen = id < 16 ? id : 16;

			if (!fi_in(w, 14, seen))
				return FI_MORE;
			for (__u32 i = 0; i < 16; i++)
				bad |= fi_below(i, seen) & (fi_range(fi_at(w, 14 + i), 0x20, 0x7e) ^ 1);
			if (!bad && fi_kafka_header(w, length + 4) != FI_FIT_NO)
				return FI_HIT(id >= 3 ? FI_STRONG : FI_FAIR, FI_CLIENT, 1, 4);
		}
	}
	/* Both ends of other protocols with a length in front would pass as responses: only a server's end can. */
	if (w->from != FI_SERVER && w->sport_be != __builtin_bswap16(9092))
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	/* error, array of entries: with a length of 4 bytes, or (since version 3) of one and tagged fields behind each */
	if (length >= 32 && length < 4096 && fi_be16(w, 8) == 0) {
		if (w->len < 32)
			return FI_MORE;
		if ((fi_be32(w, 10) < 128 && fi_kafka_versions_answer(w, 6, 14)) || (fi_at(w, 10) < 128 && fi_kafka_versions_answer(w, 7, 11)))
			return FI_HIT(FI_STRONG, FI_SERVER, 2, 8);
	}
	if (fi_be32(w, 4) >= 1u << 24 || fi_be32(w, 4) == 0 || length > 1u << 24)
		return FI_NO;
	if (fi_in(w, length + 4, 8) && (fi_be32(w, length + 4) < 8 || fi_be32(w, length + 4) > 1u << 24 || fi_be32(w, length + 8) >= 1u << 24))
		return FI_NO;
	return FI_HIT(FI_WEAK, FI_SERVER, 3, 4);
}
