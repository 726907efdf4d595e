/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, as a value that crosses threads, and the one door by which it becomes a JavaScript error. */
#ifndef FI_NATIVE_ERROR_H
#define FI_NATIVE_ERROR_H

#include <napi.h>

#include <string>

namespace flowident {

struct Failure {
	std::string op; /* the step that failed, as a system call or libbpf function would be named */
	std::string object; /* program, map, interface or path it was done to */
	int err = 0; /* errno, positive; 0 when the system had no part in it */
	std::string message; /* why, in words; the last useful verifier line when there is one */
	std::string log; /* what the verifier said */

	explicit operator bool() const { return err != 0 || !message.empty(); }
};

/* `err` may be negative, as libbpf returns it. An empty message becomes strerror. */
Failure failure(const std::string &op, const std::string &object, int err, const std::string &message = "");

/* "EPERM" and so on; "E<number>" for one without a name, "EFLOWIDENT" for 0. */
std::string errnoName(int err);

/* The error object: code, op, object, errno, message, verifierLog. */
Napi::Error toError(Napi::Env env, const Failure &f);
/* Throws it; returns undefined, for `return fail(...)`. */
Napi::Value fail(Napi::Env env, const Failure &f);
/* Throws a TypeError about an argument. */
Napi::Value failArgument(Napi::Env env, const std::string &message);

/* While one lives, what libbpf prints on this thread is kept here instead of going to stderr. Nests. */
class LogCapture {
public:
	LogCapture();
	~LogCapture();
	LogCapture(const LogCapture &) = delete;
	LogCapture &operator=(const LogCapture &) = delete;

	const std::string &text() const { return text_; }
	void clear() { text_.clear(); }
	void append(const char *line, size_t len);

private:
	LogCapture *outer_;
	std::string text_;
};

/* Turns libbpf's log of a failed load into the program that failed, the verifier's log and its last useful line. */
struct LoadLog {
	std::string program; /* empty: the failure was not a program's */
	std::string verifier;
	std::string last;
};
LoadLog readLoadLog(const std::string &log);
/* The line of a verifier log that says what is wrong: the last one that is neither statistics nor a jump history. */
std::string lastUsefulLine(const std::string &log);

} // namespace flowident

#endif
