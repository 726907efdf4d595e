/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and loads the BPF object. A program that this kernel refuses is left out when the rest can do without it. */
#ifndef FI_NATIVE_OBJECT_H
#define FI_NATIVE_OBJECT_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "handles.h"
#include "keep.h"

namespace flowident {

struct LoadOptions {
	std::string path; /* empty: the object inside the addon */
	uint32_t flows = 0; /* 0: as in the object */
	uint32_t pending = 0;
	uint32_t ring_bytes = 0;
	uint32_t aggregates = 0;
	uint32_t request_bytes = 0;
	std::vector<std::string> without;
	std::map<std::string, double> constants;
	bool stats = false;
	std::string keep; /* folder for what outlives the process; empty: nothing does */
};

struct Skipped {
	std::string program;
	std::string error;
	std::string log;
};

/* A loaded object. Shared by the handle and by jobs that run off the main thread; freed with the last of them. */
class Object {
public:
	static std::shared_ptr<Object> load(const LoadOptions &options, Failure *why);

	bpf_object *get() const { return object_.get(); }
	/* nullptr when it is not in the object or was skipped. */
	bpf_program *program(const std::string &name) const;
	bpf_map *map(const std::string &name) const;
	const std::vector<Skipped> &skipped() const { return skipped_; }
	/* nullptr: nothing is kept */
	Keep *keep() const { return keep_.get(); }
	/* Why nothing is kept although it was asked for. */
	const std::string &keepError() const { return keep_error_; }

private:
	bool open(const LoadOptions &options, Failure *why);
	bool configure(const LoadOptions &options, Failure *why);
	bool openKeep(const LoadOptions &options, Failure *why);
	void skipMissing();
	void skip(const std::string &program, const std::string &error, const std::string &log);
	bool isSkipped(const std::string &program) const;

	std::unique_ptr<Keep> keep_; /* unlocks after everything is closed */
	std::string keep_error_;
	ObjectPtr object_;
	Fd stats_;
	std::vector<Skipped> skipped_;
};

/* Programs without which the socket view is nothing: refused, the whole load fails. */
bool requiredSection(const std::string &section);

} // namespace flowident

#endif
