#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs client.py twice under one pid, with different command lines. usage: reuse.py ADDRESS PORT WORD WORD
Prints what both clients print; ends with code 3 when another process took the pid each time."""
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
command = ["/usr/bin/python3", os.path.join(here, "client.py"), sys.argv[1], sys.argv[2]]


def start(word):
    p = subprocess.Popen(command + [word], stdout=subprocess.PIPE, text=True)
    return p.pid, p.communicate()[0].strip()


pid, first = start(sys.argv[3])
for _ in range(50):
    with open("/proc/sys/kernel/ns_last_pid", "w") as f:
        f.write(str(pid - 1))
    again, second = start(sys.argv[4])
    if again == pid:
        print(first)
        print(second)
        sys.exit(0)
sys.exit(3)
