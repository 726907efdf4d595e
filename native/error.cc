/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <bpf/libbpf.h>
#include <string.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace flowident {

namespace {

constexpr size_t kLogLimit = 4u << 20; /* kept of one capture: the end of it is what counts */
constexpr size_t kVerifierLimit = 64u << 10; /* handed to JavaScript */

/* libbpf has one print callback for the whole process and calls it on the thread that called libbpf, so that each
 * thread finds its own capture here. */
thread_local LogCapture *current = nullptr;

int print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG || !current)
		return 0;
	va_list again;
	char small[512];

	va_copy(again, args);
	int n = vsnprintf(small, sizeof(small), format, args);

	if (n >= 0 && static_cast<size_t>(n) < sizeof(small)) {
		current->append(small, static_cast<size_t>(n));
	} else if (n >= 0) {
		std::string big(static_cast<size_t>(n) + 1, '\0');

		vsnprintf(big.data(), big.size(), format, again);
		current->append(big.data(), static_cast<size_t>(n));
	}
	va_end(again);
	return n;
}

std::mutex print_mutex;
bool print_set = false;

bool noise(std::string_view line)
{
	static const char *const kNoise[] = {"processed ", "verification time", "stack depth", "max_states", "mark_precise", "parent didn't have", "last_idx",
					     "from ", "regs=", "--", "old state", "new state", "-- END"};

	if (line.empty() || line[0] == ';')
		return true;
	for (const char *n : kNoise)
		if (line.starts_with(n))
			return true;
	/* "12: (b7) r0 = 0" and "12: R0=..." are the program's text, not what is wrong with it */
	size_t digits = line.find_first_not_of("0123456789");

	return digits && digits != std::string_view::npos && line[digits] == ':' && digits + 1 < line.size() && line[digits + 1] == ' ';
}

} // namespace

LogCapture::LogCapture() : outer_(current)
{
	std::lock_guard<std::mutex> lock(print_mutex);

	if (!print_set) {
		libbpf_set_print(print);
		print_set = true;
	}
	current = this;
}

LogCapture::~LogCapture()
{
	current = outer_;
}

void LogCapture::append(const char *line, size_t len)
{
	text_.append(line, len);
	if (text_.size() > 2 * kLogLimit)
		text_.erase(0, text_.size() - kLogLimit);
}

std::string lastUsefulLine(const std::string &log)
{
	for (size_t end = log.size(); end > 0;) {
		size_t at = log.rfind('\n', end - 1);
		size_t begin = at == std::string::npos ? 0 : at + 1;
		std::string_view line(log.data() + begin, end - begin);

		while (!line.empty() && (line.back() == '\n' || line.back() == ' '))
			line.remove_suffix(1);
		if (!noise(line))
			return std::string(line);
		end = at == std::string::npos ? 0 : at;
	}
	return "";
}

LoadLog readLoadLog(const std::string &log)
{
	static const std::string kBegin = "-- BEGIN PROG LOAD LOG --\n", kEnd = "-- END PROG LOAD LOG --", kProg = "prog '";
	LoadLog found;
	size_t begin = log.rfind(kBegin);

	if (begin != std::string::npos) {
		begin += kBegin.size();
		size_t end = log.find(kEnd, begin);

		found.verifier = log.substr(begin, end == std::string::npos ? end : end - begin);
		if (found.verifier.size() > kVerifierLimit)
			found.verifier.erase(0, found.verifier.size() - kVerifierLimit);
		found.last = lastUsefulLine(found.verifier);
	}
	/* The last program that libbpf speaks of is the one that failed: it stops there. */
	size_t name = log.rfind("libbpf: " + kProg);

	if (name != std::string::npos) {
		name += 8 + kProg.size();
		size_t quote = log.find('\'', name);

		found.program = log.substr(name, quote - name);
		if (found.last.empty() && quote != std::string::npos) {
			size_t colon = log.find(": ", quote), line = log.find('\n', quote);

			if (colon < line)
				found.last = log.substr(colon + 2, line - colon - 2);
		}
	}
	return found;
}

std::string errnoName(int err)
{
	if (err < 0)
		err = -err;
	const char *name = strerrorname_np(err);

	if (err == 0)
		return "EFLOWIDENT";
	return name ? name : "E" + std::to_string(err);
}

Failure failure(const std::string &op, const std::string &object, int err, const std::string &message)
{
	Failure f;

	f.op = op;
	f.object = object;
	f.err = err < 0 ? -err : err;
	f.message = message.empty() ? strerror(f.err) : message;
	return f;
}

Napi::Error toError(Napi::Env env, const Failure &f)
{
	std::string text = f.op + (f.object.empty() ? "" : " " + f.object) + ": " + (f.err ? errnoName(f.err) + ", " : "") + f.message;
	Napi::Error e = Napi::Error::New(env, text);

	e.Set("code", Napi::String::New(env, errnoName(f.err)));
	e.Set("op", Napi::String::New(env, f.op));
	if (!f.object.empty())
		e.Set("object", Napi::String::New(env, f.object));
	if (f.err)
		e.Set("errno", Napi::Number::New(env, f.err));
	if (!f.log.empty())
		e.Set("verifierLog", Napi::String::New(env, f.log));
	return e;
}

Napi::Value fail(Napi::Env env, const Failure &f)
{
	toError(env, f).ThrowAsJavaScriptException();
	return env.Undefined();
}

Napi::Value failArgument(Napi::Env env, const std::string &message)
{
	Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
	return env.Undefined();
}

} // namespace flowident
