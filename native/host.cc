/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "error.h"
#include "handles.h"

namespace flowident {

Napi::Value SdNotify(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	const char *path = getenv("NOTIFY_SOCKET");
	sockaddr_un to = {};

	if (!info[0].IsString())
		return failArgument(env, "sdNotify: state must be a string");
	if (!path || !*path)
		return Napi::Boolean::New(env, false);
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(to.sun_path))
		return fail(env, failure("notify", path, EINVAL, "NOTIFY_SOCKET is neither a path nor an abstract name"));
	to.sun_family = AF_UNIX;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* abstract: begins with a zero, and its length counts */
		to.sun_path[0] = '\0';
	std::string state = info[0].As<Napi::String>().Utf8Value();
	Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	if (!fd || sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr *>(&to),
			  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + len)) < 0)
		return fail(env, failure("notify", path, errno));
	return Napi::Boolean::New(env, true);
}

Napi::Value PeerCredentials(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	ucred peer = {};
	socklen_t len = sizeof(peer);

	if (!info[0].IsNumber())
		return failArgument(env, "peerCredentials: fd must be a number");
	int fd = info[0].As<Napi::Number>().Int32Value();

	/* Sockets of another family answer too, with nobody's numbers. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return fail(env, failure("getsockopt SO_PEERCRED", "fd " + std::to_string(fd), errno));
	if (peer.pid == 0 && peer.uid == static_cast<uid_t>(-1))
		return fail(env, failure("getsockopt SO_PEERCRED", "fd " + std::to_string(fd), ENOTSUP, "not a connected unix socket"));
	Napi::Object o = Napi::Object::New(env);

	o.Set("pid", Napi::Number::New(env, peer.pid));
	o.Set("uid", Napi::Number::New(env, peer.uid));
	o.Set("gid", Napi::Number::New(env, peer.gid));
	return o;
}

Napi::Value Interfaces(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct if_nameindex *all = fd ? if_nameindex() : nullptr;

	if (!all)
		return fail(env, failure("if_nameindex", "", errno));
	Napi::Array out = Napi::Array::New(env);
	uint32_t n = 0;

	for (auto *i = all; i->if_index; i++) {
		ifreq request = {};
		Napi::Object o = Napi::Object::New(env);

		strncpy(request.ifr_name, i->if_name, sizeof(request.ifr_name) - 1);
		if (ioctl(fd.get(), SIOCGIFFLAGS, &request)) /* gone meanwhile */
			continue;
		o.Set("name", i->if_name);
		o.Set("index", i->if_index);
		o.Set("flags", static_cast<uint16_t>(request.ifr_flags));
		out.Set(n++, o);
	}
	if_freenameindex(all);
	return out;
}

} // namespace flowident
