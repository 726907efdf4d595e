// SPDX-License-Identifier: Apache-2.0
/* Sends one frame over and over, with changing source addresses, as fast as the kernel takes them.
 * usage: rules-send OBJECT IFINDEX BASE COUNT SECONDS < frame */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* One of the object's constants, before it is loaded. */
static int put(struct bpf_object *object, unsigned index, unsigned value)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");
	size_t size = 0;
	unsigned *at = rodata ? (unsigned *)bpf_map__initial_value(rodata, &size) : 0;

	if (!at || size < (index + 1) * sizeof(*at))
		return -1;
	at[index] = value;
	return 0;
}

int main(int argc, char **argv)
{
	char frame[2048];
	struct xdp_md ctx = {};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	struct bpf_object *object;
	ssize_t size = read(0, frame, sizeof(frame));
	double end;
	int fd;

	if (argc != 6 || size <= 0) {
		fprintf(stderr, "usage: rules-send OBJECT IFINDEX BASE COUNT SECONDS < frame\n");
		return 2;
	}
	object = bpf_object__open_file(argv[1], 0);
	if (!object || put(object, 0, atoi(argv[2])) || put(object, 1, strtoul(argv[3], 0, 0)) || put(object, 2, atoi(argv[4])) ||
	    bpf_object__load(object)) {
		fprintf(stderr, "rules-send: cannot load %s\n", argv[1]);
		return 1;
	}
	fd = bpf_program__fd(bpf_object__find_program_by_name(object, "rules_send"));
	ctx.data_end = size;
	run.data_in = frame;
	run.data_size_in = size;
	run.ctx_in = &ctx;
	run.ctx_size_in = sizeof(ctx);
	run.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	run.batch_size = 64;
	run.repeat = 1 << 15;
	for (end = now() + atof(argv[5]); now() < end;)
		if (bpf_prog_test_run_opts(fd, &run) && errno != EINTR) {
			perror("rules-send");
			return 1;
		}
	bpf_object__close(object);
	return 0;
}
