#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers whose sockets are made by one process and used by another. Each answers every connection with its own pid,
so that a test can tell who served it. usage: serve.py MODE ARGUMENTS

plain PORT            makes, accepts and answers
prefork PORT N        makes the listener; N children accept
activate PORT         makes the listener; another program inherits it as descriptor 3 and accepts
exec PORT             makes the listener, then becomes another program (perl), which accepts
pass PORT PATH        makes the listener and hands it over a Unix socket to whoever connects to PATH
passeach PORT PATH    accepts, and hands each connection over a Unix socket
take PATH             takes a listener from PATH and accepts
takeeach PATH         takes connections from PATH and answers them
inherited             accepts on descriptor 3
idle PORT             accepts one connection, says its pid for every line it reads
"""
import os
import socket
import sys
import time


def listen(port):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(64)
    return s


def as_three(listener):
    """Keeps the listener over exec, as descriptor 3."""
    if listener.fileno() != 3:
        os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)


def answer(connection):
    connection.recv(64)
    connection.sendall(b"%d\n" % os.getpid())
    connection.close()


def serve(listener):
    while True:
        answer(listener.accept()[0])


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    for _ in range(200):
        try:
            s.connect(path)
            return s
        except OSError:
            time.sleep(0.02)
    raise SystemExit("nobody at " + path)


def helpers(path):
    u = socket.socket(socket.AF_UNIX)
    u.bind(path)
    u.listen(1)
    return u.accept()[0]


PERL = """open(my $l, "+<&=", 3) or die; while (accept(my $c, $l)) { sysread($c, my $x, 64); syswrite($c, "$$\\n"); close($c); }"""

mode, args = sys.argv[1], sys.argv[2:]
if mode == "plain":
    serve(listen(int(args[0])))
elif mode == "prefork":
    listener = listen(int(args[0]))
    for _ in range(int(args[1])):
        if os.fork() == 0:
            serve(listener)
    while True:
        time.sleep(60)
elif mode == "activate":
    listener = listen(int(args[0]))
    if os.fork() == 0:
        as_three(listener)
        os.execv(sys.executable, [sys.executable, __file__, "inherited"])
    while True:
        time.sleep(60)
elif mode == "inherited":
    serve(socket.socket(fileno=3))
elif mode == "exec":
    listener = listen(int(args[0]))
    as_three(listener)
    os.execv("/usr/bin/perl", ["perl", "-e", PERL])
elif mode == "pass":
    listener = listen(int(args[0]))
    taker = helpers(args[1])
    socket.send_fds(taker, [b"x"], [listener.fileno()])
    while True:
        time.sleep(60)
elif mode == "passeach":
    listener = listen(int(args[0]))
    taker = helpers(args[1])
    while True:
        connection = listener.accept()[0]
        socket.send_fds(taker, [b"x"], [connection.fileno()])
        connection.close()
elif mode == "take":
    _, fds, _, _ = socket.recv_fds(connect(args[0]), 1, 1)
    serve(socket.socket(fileno=fds[0]))
elif mode == "takeeach":
    giver = connect(args[0])
    while True:
        _, fds, _, _ = socket.recv_fds(giver, 1, 1)
        answer(socket.socket(fileno=fds[0]))
elif mode == "idle":
    connection = listen(int(args[0])).accept()[0]
    while connection.recv(64):
        connection.sendall(b"%d\n" % os.getpid())
else:
    raise SystemExit(__doc__)
