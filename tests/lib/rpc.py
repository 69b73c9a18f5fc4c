# SPDX-License-Identifier: Apache-2.0
"""gRPC calls with messages as dictionaries: what the kubelet says to containerd, and one raw call to its tasks.

A schema gives each field its number and its kind: "int" (also bool and enum), "text", "bytes", another schema, a
list of one kind (repeated), or "map" (texts to texts). Fields that no schema names are skipped.
"""

try:
    import grpc
except ImportError:
    grpc = None

from wire import fields, varint


def encode_one(number, kind, value):
    if kind == "int":
        return varint(number << 3) + varint(int(value))
    if kind == "text":
        value = value.encode()
    elif kind != "bytes":
        value = encode(kind, value)
    return varint(number << 3 | 2) + varint(len(value)) + value


PAIR = {"key": (1, "text"), "value": (2, "text")}


def encode(schema, values):
    """A message: its fields as bytes."""
    out = b""
    for name, value in values.items():
        number, kind = schema[name]
        if kind == "map":
            kind, value = [PAIR], [{"key": k, "value": v} for k, v in value.items()]
        many = value if isinstance(kind, list) else [value]
        for one in many:
            out += encode_one(number, kind[0] if isinstance(kind, list) else kind, one)
    return out


def absent(kind):
    """The value of a field that a message does not have."""
    if isinstance(kind, list):
        return []
    if isinstance(kind, dict):
        return decode(kind, b"")
    return {"int": 0, "text": "", "bytes": b"", "map": {}}[kind]


def read_value(kind, value):
    if kind == "int":
        return value - (1 << 64) if value >> 63 else value
    if kind == "text":
        return value.decode(errors="replace")
    return decode(kind, value) if isinstance(kind, dict) else value


def decode(schema, data):
    """Bytes as a dictionary; what is absent is 0, "", {} or []."""
    message = {name: absent(kind) for name, (_, kind) in schema.items()}
    known = {number: (name, kind) for name, (number, kind) in schema.items()}
    for number, value in fields(data):
        name, kind = known.get(number, (None, None))
        if name is None or value is None:
            continue
        if kind == "map":
            pair = decode(PAIR, value)
            message[name][pair["key"]] = pair["value"]
        elif isinstance(kind, list):
            message[name].append(read_value(kind[0], value))
        else:
            message[name] = read_value(kind, value)
    return message


class Service:
    """One service behind a Unix socket. call() raises Failed with the server's words."""

    def __init__(self, socket, name, methods, metadata=()):
        self.name, self.methods, self.metadata = name, methods, metadata
        self.channel = grpc.insecure_channel(f"unix://{socket}")

    def call(self, method, limit=60, **values):
        request, response = self.methods[method]
        send = self.channel.unary_unary(f"/{self.name}/{method}", request_serializer=lambda v: encode(request, v),
                                        response_deserializer=lambda data: decode(response, data))
        try:
            return send(values, timeout=limit, metadata=self.metadata)
        except grpc.RpcError as e:
            raise Failed(method, e.code().name, e.details()) from None

    def close(self):
        self.channel.close()


class Failed(Exception):
    """What the server refused: method, code (NOT_FOUND, UNKNOWN, ...) and text."""

    def __init__(self, method, code, text):
        super().__init__(f"{method}: {code}: {text}")
        self.code, self.text = code, text


# containerd's own service of tasks, as far as tests go round its client library
TASK_ID = {"container_id": (1, "text")}
TASKS = {
    "Delete": (TASK_ID, {"exit_status": (3, "int")}),
    "Kill": (TASK_ID | {"signal": (3, "int"), "all": (4, "int")}, {}),
    "Start": (TASK_ID, {"pid": (1, "int")}),
}


def tasks(socket, namespace):
    return Service(socket, "containerd.services.tasks.v1.Tasks", TASKS, (("containerd-namespace", namespace),))


# the Container Runtime Interface, runtime.v1
NAMESPACES = {"network": (1, "int"), "pid": (2, "int"), "ipc": (3, "int"), "target_id": (4, "text")}
POD, CONTAINER, NODE, TARGET = range(4)
NUMBER = {"value": (1, "int")}
SECCOMP = {"profile_type": (1, "int"), "localhost_ref": (2, "text")}
POD_SECURITY = {"namespace_options": (1, NAMESPACES), "privileged": (6, "int"), "seccomp": (9, SECCOMP)}
POD_METADATA = {"name": (1, "text"), "uid": (2, "text"), "namespace": (3, "text"), "attempt": (4, "int")}
POD_CONFIG = {"metadata": (1, POD_METADATA), "hostname": (2, "text"), "log_directory": (3, "text"), "labels": (6, "map"),
              "annotations": (7, "map"),
              "linux": (8, {"cgroup_parent": (1, "text"), "security_context": (2, POD_SECURITY), "sysctls": (3, "map")})}
RESOURCES = {"cpu_period": (1, "int"), "cpu_quota": (2, "int"), "cpu_shares": (3, "int"), "memory_limit_in_bytes": (4, "int"),
             "oom_score_adj": (5, "int"), "cpuset_cpus": (6, "text")}
SECURITY = {"capabilities": (1, {"add_capabilities": (1, ["text"]), "drop_capabilities": (2, ["text"])}),
            "privileged": (2, "int"), "namespace_options": (3, NAMESPACES), "run_as_user": (5, NUMBER),
            "readonly_rootfs": (7, "int"), "supplemental_groups": (8, ["int"]), "no_new_privs": (11, "int"),
            "run_as_group": (12, NUMBER), "seccomp": (15, SECCOMP)}
METADATA = {"name": (1, "text"), "attempt": (2, "int")}
MOUNT = {"container_path": (1, "text"), "host_path": (2, "text"), "readonly": (3, "int")}
CONTAINER_CONFIG = {"metadata": (1, METADATA), "image": (2, {"image": (1, "text")}), "command": (3, ["text"]),
                    "args": (4, ["text"]), "working_dir": (5, "text"), "envs": (6, [PAIR]), "mounts": (7, [MOUNT]),
                    "labels": (9, "map"), "log_path": (11, "text"), "stdin": (12, "int"), "tty": (14, "int"),
                    "linux": (15, {"resources": (1, RESOURCES), "security_context": (2, SECURITY)})}
CONTAINER_ID = {"container_id": (1, "text")}
POD_ID = {"pod_sandbox_id": (1, "text")}
STATUS = {"id": (1, "text"), "metadata": (2, METADATA), "state": (3, "int"), "exit_code": (7, "int"), "reason": (10, "text"),
          "message": (11, "text")}
POD_STATUS = {"id": (1, "text"), "state": (3, "int"), "runtime_handler": (9, "text")}
STATS = {"cpu": (2, {"usage_core_nano_seconds": (2, NUMBER)}), "memory": (3, {"working_set_bytes": (2, NUMBER)})}
CONDITION = {"type": (1, "text"), "status": (2, "int"), "reason": (3, "text"), "message": (4, "text")}
EXEC = CONTAINER_ID | {"cmd": (2, ["text"])}
CREATED, RUNNING, EXITED, UNKNOWN = range(4)
CRI = {
    "Version": ({"version": (1, "text")}, {"runtime_name": (2, "text"), "runtime_version": (3, "text")}),
    "Status": ({"verbose": (1, "int")}, {"status": (1, {"conditions": (1, [CONDITION])}), "info": (2, "map")}),
    "RunPodSandbox": ({"config": (1, POD_CONFIG), "runtime_handler": (2, "text")}, POD_ID),
    "StopPodSandbox": (POD_ID, {}),
    "RemovePodSandbox": (POD_ID, {}),
    "PodSandboxStatus": (POD_ID | {"verbose": (2, "int")}, {"status": (1, POD_STATUS), "info": (2, "map")}),
    "ListPodSandbox": ({}, {"items": (1, [{"id": (1, "text"), "state": (3, "int")}])}),
    "CreateContainer": (POD_ID | {"config": (2, CONTAINER_CONFIG), "sandbox_config": (3, POD_CONFIG)}, CONTAINER_ID),
    "StartContainer": (CONTAINER_ID, {}),
    "StopContainer": (CONTAINER_ID | {"timeout": (2, "int")}, {}),
    "RemoveContainer": (CONTAINER_ID, {}),
    "ListContainers": ({}, {"containers": (1, [{"id": (1, "text"), "state": (6, "int")}])}),
    "ContainerStatus": (CONTAINER_ID | {"verbose": (2, "int")}, {"status": (1, STATUS), "info": (2, "map")}),
    "UpdateContainerResources": (CONTAINER_ID | {"linux": (2, RESOURCES)}, {}),
    "ExecSync": (EXEC | {"timeout": (3, "int")}, {"stdout": (1, "text"), "stderr": (2, "text"), "exit_code": (3, "int")}),
    "Exec": (EXEC | {"tty": (3, "int"), "stdin": (4, "int"), "stdout": (5, "int"), "stderr": (6, "int")},
             {"url": (1, "text")}),
    "ContainerStats": (CONTAINER_ID, {"stats": (1, STATS)}),
}


def cri(socket):
    return Service(socket, "runtime.v1.RuntimeService", CRI)
