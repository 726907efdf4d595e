#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client: connects, says a line, prints `own-port own-pid answer` and ends at once.
usage: client.py ADDRESS PORT [WORD]      with WORD `idle`: connects, then says a line for each line on its input
WORD is otherwise only there to make command lines differ."""
import os
import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
if sys.argv[3:] == ["idle"]:
    print(s.getsockname()[1], os.getpid(), flush=True)
    for _ in sys.stdin:
        s.sendall(b"hello\n")
        print(s.recv(64).decode().strip(), flush=True)
else:
    s.sendall(b"hello\n")
    print(s.getsockname()[1], os.getpid(), s.recv(64).decode().strip())
