/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of what libbpf and the kernel hand out: nothing else in native/ frees or closes. */
#ifndef FI_NATIVE_HANDLES_H
#define FI_NATIVE_HANDLES_H

#include <bpf/libbpf.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace flowident {

struct ObjectCloser {
	void operator()(bpf_object *o) const { bpf_object__close(o); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectCloser>;

/* Destroying a link detaches what it attached. */
struct LinkCloser {
	void operator()(bpf_link *l) const { bpf_link__destroy(l); }
};
using LinkPtr = std::unique_ptr<bpf_link, LinkCloser>;

struct RingCloser {
	void operator()(ring_buffer *r) const { ring_buffer__free(r); }
};
using RingPtr = std::unique_ptr<ring_buffer, RingCloser>;

class Fd {
public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd) {}
	~Fd() { reset(); }
	Fd(Fd &&o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
	Fd &operator=(Fd &&o) noexcept
	{
		if (this != &o)
			reset(std::exchange(o.fd_, -1));
		return *this;
	}
	Fd(const Fd &) = delete;
	Fd &operator=(const Fd &) = delete;

	int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }
	void reset(int fd = -1)
	{
		if (fd_ >= 0)
			::close(fd_);
		fd_ = fd;
	}

private:
	int fd_ = -1;
};

} // namespace flowident

#endif
