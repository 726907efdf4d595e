/* SPDX-License-Identifier: Apache-2.0 */
#include "request_meter.h"

#include "http1.h"
#include "redis.h"

#include <algorithm>
#include <string_view>

namespace flowident {

namespace {

constexpr long kHeld = 16 << 20; /* bytes of heads that are cut by packets, of all connections */
constexpr size_t kQuestions = 8192; /* a power of two */
constexpr uint64_t kPatienceNs = 5'000'000'000; /* after it a question has no answer: what resolvers wait */

constexpr std::string_view kMethods[] = {"~other", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
constexpr std::pair<uint16_t, std::string_view> kTypes[] = {{1, "A"},    {2, "NS"},   {5, "CNAME"}, {6, "SOA"},    {12, "PTR"},  {15, "MX"},  {16, "TXT"},  {28, "AAAA"},
							    {33, "SRV"}, {43, "DS"},  {35, "NAPTR"}, {48, "DNSKEY"}, {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"}, {257, "CAA"}};
constexpr std::string_view kCodes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
/* At most 64: their number has six bits. */
constexpr std::string_view kCommands[] = {
	"~other", "GET",  "SET",    "DEL",      "EXISTS", "EXPIRE", "TTL",   "INCR",  "INCRBY", "DECR",    "MGET",    "MSET",    "SETEX",   "SETNX",  "GETSET", "APPEND",
	"HGET",   "HSET", "HMGET",  "HMSET",    "HDEL",   "HGETALL", "HINCRBY", "LPUSH", "RPUSH", "LPOP",   "RPOP",    "LRANGE",  "LLEN",    "LTRIM",  "BLPOP",  "BRPOP",
	"SADD",   "SREM", "SPOP",   "SMEMBERS", "SISMEMBER", "ZADD", "ZREM",  "ZRANGE", "ZRANGEBYSCORE", "ZSCORE", "ZPOPMIN", "XADD", "XREAD", "XREADGROUP", "XACK", "PUBLISH",
	"PING",   "AUTH", "HELLO",  "SELECT",   "MULTI",  "EXEC",   "EVAL",  "EVALSHA", "SCAN",  "KEYS",    "INFO",    "CONFIG",  "CLIENT",  "CLUSTER", "COMMAND", "FLUSHALL"};
static_assert(std::size(kCommands) <= 64);
constexpr std::string_view kRedisStatus[] = {"none", "ok", "error"};
constexpr unsigned kNoAnswer = 100;

/* A series in one word: kind 2 bits, slot 24, method 6, status 7, host 12, route 12; 1 more for the one of all that found
 * no room. */
struct Key {
	uint32_t kind, slot, method, status, host, route;

	uint64_t word() const
	{
		return static_cast<uint64_t>(kind) << 61 | static_cast<uint64_t>(slot & 0xffffff) << 37 | static_cast<uint64_t>(method) << 31 |
		       static_cast<uint64_t>(status) << 24 | static_cast<uint64_t>(host) << 12 | route;
	}
	static Key of(uint64_t w)
	{
		return {static_cast<uint32_t>(w >> 61), static_cast<uint32_t>(w >> 37 & 0xffffff), static_cast<uint32_t>(w >> 31 & 63),
			static_cast<uint32_t>(w >> 24 & 127), static_cast<uint32_t>(w >> 12 & 4095), static_cast<uint32_t>(w & 4095)};
	}
};

/* Everything that found no room, of one kind: no slot, and names that no series of its own has together. */
uint64_t overflow(uint32_t kind)
{
	return Key{kind, 0, 0, 127, Names::kOther, Names::kOther}.word();
}

uint64_t be16(const uint8_t *p)
{
	return static_cast<uint64_t>(p[0]) << 8 | p[1];
}

std::string typeName(uint32_t index)
{
	return std::string(index && index <= std::size(kTypes) ? kTypes[index - 1].second : "~other");
}

} // namespace

RequestMeter::RequestMeter(MeterOptions options)
	: options_(std::move(options)), hosts_(std::min(options_.hosts, 4000u)), routes_(std::min(options_.routes, 4000u)), route_(options_.templates), questions_(kQuestions)
{
}

RequestMeter::~RequestMeter() = default;

void RequestMeter::event(const fi_request_event &e)
{
	if (e.kind == FI_RQ_HTTP1 || e.kind == FI_RQ_REDIS)
		connection(e);
	else if (e.kind == FI_RQ_DNS)
		dns(e);
}

void RequestMeter::count(uint64_t key, uint64_t ns)
{
	auto found = cells_.find(key);

	if (found == cells_.end()) {
		if (cells_.size() >= options_.series)
			key = overflow(Key::of(key).kind);
		found = cells_.try_emplace(key).first; /* one for each kind beyond the limit */
	}
	const uint64_t us = (ns + 999) / 1000;

	found->second.sum_ns += ns;
	found->second.buckets[static_cast<size_t>(std::lower_bound(kRequestBounds.begin(), kRequestBounds.end(), us) - kRequestBounds.begin())]++;
}

void RequestMeter::connection(const fi_request_event &e)
{
	auto found = connections_.find(e.flow);

	agg_ = e.agg;
	if (e.flags & FI_RQ_END) {
		if (found == connections_.end())
			return;
		found->second.flow->end(e.now_ns);
		order_.erase(found->second.age);
		connections_.erase(found);
		return;
	}
	if (found == connections_.end()) {
		if (connections_.size() >= options_.flows) {
			connections_.erase(order_.front());
			order_.pop_front();
			losses_.evicted++;
		}
		found = connections_.try_emplace(e.flow).first;
		if (e.kind == FI_RQ_REDIS)
			found->second.flow = std::make_unique<RedisFlow>(this);
		else
			found->second.flow = std::make_unique<Http1Flow>(this);
		found->second.kind = e.kind;
		found->second.age = order_.insert(order_.end(), e.flow);
	} else {
		order_.splice(order_.end(), order_, found->second.age);
	}
	if (found->second.kind == e.kind) /* else the flow speaks something else by now */
		found->second.flow->packet(e);
}

uint64_t RequestMeter::begun(const Http1Head &head)
{
	auto method = std::find(std::begin(kMethods), std::end(kMethods), head.method);
	const uint32_t number = method == std::end(kMethods) ? 0 : static_cast<uint32_t>(method - std::begin(kMethods));

	return Key{FI_RQ_HTTP1, 0, number, 0, hosts_.number(hostName(head.host)), routes_.number(route_.route(head.target))}.word();
}

uint64_t RequestMeter::command(std::string_view name)
{
	auto known = std::find(std::begin(kCommands), std::end(kCommands), name);

	return Key{FI_RQ_REDIS, 0, known == std::end(kCommands) ? 0 : static_cast<uint32_t>(known - std::begin(kCommands)), 0, 0, 0}.word();
}

void RequestMeter::done(const OpenRequest &request, unsigned status, uint64_t now)
{
	Key key = Key::of(request.name);

	key.slot = agg_;
	key.status = key.kind == FI_RQ_HTTP1 ? status / 100 : status;
	count(key.word(), now > request.began ? now - request.began : 0);
}

bool RequestMeter::hold(long bytes)
{
	if (bytes > 0 && held_ + bytes > kHeld)
		return false;
	held_ += bytes;
	return true;
}

void RequestMeter::answered(Question *q, unsigned code, uint64_t now)
{
	auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto &t) { return t.first == q->type; });
	const uint32_t index = type == std::end(kTypes) ? 0 : static_cast<uint32_t>(type - std::begin(kTypes)) + 1;

	count(Key{FI_RQ_DNS, q->agg, index, code, 0, 0}.word(), now > q->began ? now - q->began : 0);
	*q = {};
}

void RequestMeter::dns(const fi_request_event &e)
{
	if (e.kept < 12)
		return;
	const uint16_t id = static_cast<uint16_t>(be16(e.data));
	const bool answer = e.data[2] & 0x80;
	Question &q = questions_[(e.flow * 0x9e3779b97f4a7c15ull + id * 0x85ebca6bull) >> 32 & (kQuestions - 1)];

	if (answer) {
		if (!q.began || q.flow != e.flow || q.id != id)
			return;
		if (e.agg)
			q.agg = e.agg;
		answered(&q, e.data[3] & 15, e.now_ns);
		return;
	}
	if (e.data[2] & 0x78 || be16(e.data + 4) != 1) /* not a query of one name */
		return;
	if (q.began && q.flow == e.flow && q.id == id) /* asked again: the first one counts */
		return;
	size_t at = 12;

	while (at < e.kept && e.data[at] && e.data[at] < 64)
		at += e.data[at] + 1u;
	if (at + 3 > e.kept || e.data[at])
		return;
	if (q.began)
		answered(&q, kNoAnswer, e.now_ns); /* pushed out */
	q = {e.flow, e.now_ns, e.agg, id, static_cast<uint16_t>(be16(e.data + at + 1))};
}

void RequestMeter::expire(uint64_t now)
{
	for (Question &q : questions_)
		if (q.began && now > q.began + kPatienceNs)
			answered(&q, kNoAnswer, now);
}

void RequestMeter::each(const std::function<void(uint32_t, const RequestCell &, const std::string &)> &with) const
{
	for (const auto &[word, cell] : cells_) {
		const Key k = Key::of(word);
		const bool rest = word == overflow(k.kind);
		std::string text;

		if (k.kind == FI_RQ_HTTP1) {
			text = "http\t" + std::string(k.method < std::size(kMethods) ? kMethods[k.method] : "~other") + "\t";
			text += rest ? "~other" : k.status ? std::to_string(k.status) + "xx" : "none";
			text += "\t" + hosts_.name(static_cast<uint16_t>(k.host)) + "\t" + routes_.name(static_cast<uint16_t>(k.route));
		} else if (k.kind == FI_RQ_REDIS) {
			text = "redis\t" + std::string(kCommands[k.method]) + "\t";
			text += rest ? "~other" : std::string(kRedisStatus[std::min<size_t>(k.status, 2)]);
			text += "\t\t";
		} else {
			text = "dns\t" + typeName(k.method) + "\t";
			text += rest ? "~other" : k.status == kNoAnswer ? "none" : k.status < std::size(kCodes) ? std::string(kCodes[k.status]) : "~other";
			text += "\t\t";
		}
		with(k.slot, cell, text);
	}
}

} // namespace flowident
