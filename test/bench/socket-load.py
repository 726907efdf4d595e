# SPDX-License-Identifier: Apache-2.0
"""Opens COUNT connected UDP sockets on loopback, in as many processes as the limit of open files asks for; each line on
standard input, "ROUNDS LIMIT", makes every socket send in turn, ROUNDS times, LIMIT packets at most. Answers a line when
that is done."""
import os
import resource
import socket
import sys

EACH = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 64
resource.setrlimit(resource.RLIMIT_NOFILE, (EACH + 64, EACH + 64))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
PAYLOAD = b"\x01" * 64


def connected(i):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((f"127.{64 + (i >> 16)}.{i >> 8 & 255}.{1 + (i & 127)}", 0))
    s.connect(server.getsockname())
    return s


def worker(first, last, orders, answers):
    clients = [connected(i) for i in range(first, last)]
    answers.write("open\n")
    answers.flush()
    for line in orders:
        rounds, left = (int(n) for n in line.split())
        for _ in range(rounds):
            for s in clients[:left]:
                s.send(PAYLOAD)
            left = max(0, left - len(clients))
        answers.write("sent\n")
        answers.flush()
    os._exit(0)


workers = []
count = int(sys.argv[1])
for first in range(0, count, EACH):
    (order_out, order_in), (answer_out, answer_in) = os.pipe(), os.pipe()
    if os.fork() == 0:
        for orders, answers in workers:
            orders.close()
            answers.close()
        os.close(order_in)
        os.close(answer_out)
        worker(first, min(count, first + EACH), os.fdopen(order_out), os.fdopen(answer_in, "w"))
    os.close(order_out)
    os.close(answer_in)
    workers.append((os.fdopen(order_in, "w"), os.fdopen(answer_out)))
    workers[-1][1].readline()
print("open", flush=True)
for line in sys.stdin:
    rounds, left = (int(n) for n in line.split())
    for orders, answers in workers:
        orders.write(f"{rounds} {left // len(workers)}\n")
        orders.flush()
        answers.readline()
    print("sent", flush=True)
