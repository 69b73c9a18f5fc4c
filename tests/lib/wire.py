# SPDX-License-Identifier: Apache-2.0
"""Protobuf as bytes: what gRPC and CRIU speak. Stand-ins for CRIU take a copy of this file with them."""


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def read_varint(data, at):
    """The number and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """[(number of the field, integer or bytes)]; fixed numbers, which nobody here sends, are None."""
    at, out = 0, []
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 in (0, 2):
            value, at = read_varint(data, at)
            if tag & 7 == 2:
                value, at = data[at:at + value], at + value
        else:
            value, at = None, at + (8 if tag & 7 == 1 else 4)
        out.append((tag >> 3, value))
    return out
