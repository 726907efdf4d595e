/* SPDX-License-Identifier: Apache-2.0 */
/* The few libuv functions used to wait for the ring buffer. Node exports them, but the headers for Node-API do not
 * declare them, and node's full headers are not on every machine. Nothing here depends on the layout of a libuv struct:
 * sizes are asked for at run time, and these signatures are fixed for libuv 1.x. */
#ifndef FI_NATIVE_UV_H
#define FI_NATIVE_UV_H

#include <cstddef>

extern "C" {
struct uv_loop_s;
struct uv_handle_s;

typedef void (*fi_uv_poll_cb)(uv_handle_s *handle, int status, int events);
typedef void (*fi_uv_timer_cb)(uv_handle_s *handle);
typedef void (*fi_uv_close_cb)(uv_handle_s *handle);

size_t uv_handle_size(int type);
const char *uv_handle_type_name(int type);
void uv_handle_set_data(uv_handle_s *handle, void *data);
void *uv_handle_get_data(const uv_handle_s *handle);
int uv_poll_init(uv_loop_s *loop, uv_handle_s *handle, int fd);
int uv_poll_start(uv_handle_s *handle, int events, fi_uv_poll_cb cb);
int uv_poll_stop(uv_handle_s *handle);
int uv_timer_init(uv_loop_s *loop, uv_handle_s *handle);
int uv_timer_start(uv_handle_s *handle, fi_uv_timer_cb cb, unsigned long long timeout, unsigned long long repeat);
void uv_close(uv_handle_s *handle, fi_uv_close_cb cb);
}

namespace flowident {
/* Of enum uv_handle_type; checked by their names before use. */
constexpr int kUvPoll = 8;
constexpr int kUvTimer = 13;
constexpr int kUvReadable = 1;
} // namespace flowident

#endif
