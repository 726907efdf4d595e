#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wraps every frame of one interface and sends it to the other end over e0: VLAN, QinQ, GENEVE, GRE, IP in IP.

Real drivers do the same, but not every kernel has them. Frames of the inner interface's peer (w1) are read as they
are; raw sockets carry the tunnels, so that the kernel makes the outer IP header and answers nothing by itself.

wrap.py KIND MINE OTHER MAC OTHERMAC     addresses of the ends; MAC of w0 here, MAC of e0 there
"""
import select
import socket
import struct
import sys

kind, mine, other, mac, other_mac = sys.argv[1:6]
w0 = bytes.fromhex(mac.replace(":", ""))
e0_there = bytes.fromhex(other_mac.replace(":", ""))
ALL = 3
OUTGOING = 4
SOL_PACKET, AUXDATA = 263, 8

inside = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
inside.bind(("w1", 0))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethertype(packet):
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def to_frame(packet):
    return w0 + b"\2\0\0\0\0\1" + struct.pack("!H", ethertype(packet)) + packet


def gre(flags, protocol, body):
    if kind == "gre" or kind == "ip6gre":
        return struct.pack("!HH", 0, protocol) + body
    if kind == "gretap":
        return struct.pack("!HHI", 0x2000, protocol, 7005) + body
    plain = struct.pack("!HHHHI", 0xA000, protocol, 0, 0, 7004) + body
    return plain[:4] + struct.pack("!H", checksum(plain)) + plain[6:]


def ungre(data):
    flags, protocol = struct.unpack("!HH", data[:4])
    head = 4 + (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0)
    return data[head:] if protocol == 0x6558 else to_frame(data[head:])


TAGS = {"vlan": struct.pack("!HH", 0x8100, 42), "qinq": struct.pack("!HHHH", 0x88A8, 100, 0x8100, 42)}
# GENEVE carries one option, 8 bytes, so that its length field is not zero.
GENEVE = struct.pack("!BBHI", 2, 0, 0x6558, 7003 << 8) + struct.pack("!HBBI", 0x0100, 1, 1, 0xCAFE)


def open_outside():
    v6 = ":" in mine
    family = socket.AF_INET6 if v6 else socket.AF_INET
    if kind in TAGS:
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        s.bind(("e0", 0))
        s.setsockopt(SOL_PACKET, AUXDATA, 1)
        return s
    if kind == "geneve":
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((mine, 6081))
    else:
        number = {"ipip": 4, "sit": 41, "ip6ip6": 41}.get(kind, 47)
        s = socket.socket(family, socket.SOCK_RAW, number)
        s.bind((mine, 0))
    s.connect((other, 6081 if kind == "geneve" else 0))
    return s


outside = open_outside()


def out(frame):
    protocol = struct.unpack("!H", frame[12:14])[0]
    packet = frame[14:]
    if kind in TAGS:
        outside.send(e0_there + frame[6:12] + TAGS[kind] + frame[12:])
    elif kind == "geneve":
        outside.send(GENEVE + frame)
    elif kind == "gretap":
        outside.send(gre(0, 0x6558, frame))
    elif protocol not in (0x0800, 0x86DD):
        return
    elif kind in ("gre", "grekey", "ip6gre"):
        outside.send(gre(0, protocol, packet))
    else:
        outside.send(packet)


def back():
    if kind in TAGS:
        data, extra, _, address = outside.recvmsg(65536, 256)
        if address[2] == OUTGOING or not extra:
            return
        tci, tpid = struct.unpack("@HH", extra[0][2][16:20])
        wanted = (42, 0x8100) if kind == "vlan" else (100, 0x88A8)
        if (tci & 0xFFF, tpid) != wanted:
            return
        rest = data[12:] if kind == "vlan" else data[16:]
        inside.send(w0 + data[6:12] + rest)
        return
    data = outside.recv(65536)
    if kind == "geneve":
        inside.send(data[16:])
        return
    if ":" not in mine:
        data = data[(data[0] & 15) * 4 :]  # raw IPv4 sockets hand over the outer header too
    inside.send(to_frame(data) if kind in ("ipip", "sit", "ip6ip6") else ungre(data))


print("ready", flush=True)
while True:
    ready, _, _ = select.select([inside, outside], [], [])
    try:
        if inside in ready:
            frame, address = inside.recvfrom(65536)
            if address[2] != OUTGOING:
                out(frame)
        if outside in ready:
            back()
    except OSError as error:  # a packet too big, an unreachable peer: lost, as on a network
        print(error, file=sys.stderr)
