/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of maps in bulk: the output is bytes in the layouts of bpf/abi.h, never an object per entry. Any thread. */
#ifndef FI_NATIVE_MAPS_H
#define FI_NATIVE_MAPS_H

#include <cstdint>
#include <string>
#include <vector>

#include "error.h"
#include "object.h"

namespace flowident {

using Buffer = std::vector<uint8_t>;

struct MapStats {
	std::string name;
	uint64_t entries = 0, capacity = 0, bytes = 0;
};
struct ProgramStats {
	std::string name, type;
	uint64_t run_count = 0, run_ns = 0, memlock = 0;
	uint32_t insns = 0, verified_insns = 0;
};

/* All entries of a hash map, keys and values in two dense arrays. An entry that is replaced meanwhile may be missing or
 * be there twice, as the kernel's batch read allows. */
Failure readHash(bpf_map *map, Buffer *keys, Buffer *values, uint64_t *count);
/* One cell of a per-CPU array of u64s, summed over CPUs. */
Failure readSum(bpf_map *map, uint32_t key, uint64_t *sum, size_t words);

/* struct fi_record[] of every live flow. */
Failure dumpFlows(const Object &object, Buffer *out);
/* Runs the program fi_expire over the tables of flows: it ends and removes those that were silent too long. */
Failure expireFlows(const Object &object);
/* Runs the program fi_rule_sockets over the sockets: what fi_rule_flow left for later is written into their flows. */
Failure ruleSockets(const Object &object);
/* { struct fi_agg_key, struct fi_agg }[], slot 0 first with a zero key. */
Failure readAggregates(const Object &object, Buffer *out);
/* { struct fi_agg_key, struct fi_conn }[] of the aggregates that had connections. */
Failure readConnections(const Object &object, Buffer *out);
/* fi_counters, by index. */
Failure readCounters(const Object &object, std::vector<uint64_t> *out);
Failure mapStats(const Object &object, std::vector<MapStats> *out);
Failure programStats(const Object &object, std::vector<ProgramStats> *out);

} // namespace flowident

#endif
