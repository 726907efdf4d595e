/* SPDX-License-Identifier: Apache-2.0 */
/* One slow call: work on a worker thread, then a promise. */
#ifndef FI_NATIVE_JOB_H
#define FI_NATIVE_JOB_H

#include <napi.h>

#include <functional>
#include <utility>

#include "error.h"

namespace flowident {

/* Result is made on the worker thread and turned into a value on the JavaScript thread. */
template <typename Result> class Job : public Napi::AsyncWorker {
public:
	using Work = std::function<Failure(Result *)>;
	using Finish = std::function<Napi::Value(Napi::Env, Result *)>;

	static Napi::Promise run(Napi::Env env, const char *name, Work work, Finish finish)
	{
		auto *job = new Job(env, name, std::move(work), std::move(finish));
		Napi::Promise promise = job->deferred_.Promise();

		job->Queue();
		return promise;
	}

private:
	Job(Napi::Env env, const char *name, Work work, Finish finish)
		: Napi::AsyncWorker(env, name), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)), finish_(std::move(finish))
	{
	}
	void Execute() override { failure_ = work_(&result_); }
	void OnOK() override
	{
		Napi::Env env = Env();

		if (failure_) {
			deferred_.Reject(toError(env, failure_).Value());
			return;
		}
		Napi::Value value = finish_(env, &result_);

		if (env.IsExceptionPending())
			deferred_.Reject(env.GetAndClearPendingException().Value());
		else
			deferred_.Resolve(value);
	}

	Napi::Promise::Deferred deferred_;
	Work work_;
	Finish finish_;
	Result result_{};
	Failure failure_;
};

} // namespace flowident

#endif
