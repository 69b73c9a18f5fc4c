# SPDX-License-Identifier: Apache-2.0
"""hull events and update, beside what tests/conform asks: the envelope of runc, and changes that are taken back."""

import json
import shutil

from tap import call, eq, eventually, has, lacks, need, test


def stats(h, name):
    out = h.hull("events", "--stats", name).ok().out
    eq(len(out.splitlines()), 1, "lines")
    line = json.loads(out)
    eq((line["type"], line["id"]), ("stats", name), "envelope")
    return line["data"]


def network(config):
    config["linux"]["namespaces"].append({"type": "network"})


@test("events --stats: interfaces of a network namespace of its own, with what they carried")
def interfaces(h):
    name = h.create("sh", "-c", "nc -l -p 5000 </dev/null & until echo x | nc 127.0.0.1 5000; do :; done; exec sleep 1000", change=network)
    h.hull("start", name).ok()
    one = eventually(lambda: (v := stats(h, name)["network_interfaces"]) and v[0]["RxPackets"] > 1 and v, "packets")
    eq([i["Name"] for i in one], ["lo"], "names")
    eq(sorted(one[0]), ["Name", "RxBytes", "RxDropped", "RxErrors", "RxPackets", "TxBytes", "TxDropped", "TxErrors",
                        "TxPackets"], "keys")
    eq(one[0]["RxBytes"], one[0]["TxBytes"], "what loops back")
    h.delete(name)


@test("events --stats: a container that shares the network has no interfaces, one without RDT no intel_rdt")
def shared_network(h):
    name = h.create("sleep", "1000")
    data = stats(h, name)
    lacks(data, "network_interfaces")
    lacks(data, "intel_rdt")
    for key in ("cpu", "memory", "blkio", "pids", "hugetlb"):
        has(data, key)
    h.delete(name)


@test("events --stats: the name of an interface cannot break the line or reach the terminal")
def hostile_interface(h):
    need(shutil.which("ip") and shutil.which("nsenter"), "needs iproute2 and nsenter")
    name = h.create("sleep", "1000", change=network)
    inside = ("nsenter", "-t", str(h.state(name)["pid"]), "-n", "ip", "link", "set")
    evil = "\x1b[2J\"\\\x07"
    call(*inside, "lo", "down").ok()
    call(*inside, "lo", "name", evil).ok()
    out = h.hull("events", "--stats", name).ok().out
    lacks(out, "\x1b")
    lacks(out, "\x07")
    eq([i["Name"] for i in json.loads(out)["data"]["network_interfaces"]], [evil], "name")
    h.delete(name)


@test("update: a cache or bandwidth line for a container without a group is an error with its pointer, nothing changed")
def update_rdt(h):
    name = h.create("sleep", "1000")
    h.error_line(h.hull("update", "--l3-cache-schema", "L3:0=f", name), "/linux/intelRdt")
    h.error_line(h.hull("update", "--mem-bw-schema", "L3:0=f", name), "/linux/intelRdt/memBwSchema")
    h.delete(name)
