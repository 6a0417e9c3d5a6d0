"""Start a server, watch its process tree, stop it; and the registry of servers.

Run from anywhere; everything is found from this file's place or the environment:
BENCH_DATA       folder made by gen_dicom.py                      (default .deps/bench/data)
BENCH_WORK       scratch folder, on a real disk                   (default .deps/bench/work)
BENCH_PYTHON     the Python that Debian's modules belong to       (default /usr/bin/python3)
BENCH_PYPATH     PYTHONPATH of pynetdicom, for the peer of that name
BENCH_NODE_PATH  NODE_PATH of the npm peers                       (default .deps/node/node_modules)
BENCH_PEER_<name>, BENCH_HL7_<name>  commands of further servers, with {port} {http} {dir} {aet}
"""
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SCRATCH = ROOT / ".deps" / "bench"
DATA = Path(os.environ.get("BENCH_DATA", SCRATCH / "data"))
WORK = Path(os.environ.get("BENCH_WORK", SCRATCH / "work"))
PY = os.environ.get("BENCH_PYTHON", "/usr/bin/python3")
NODE_PATH = os.environ.get("BENCH_NODE_PATH", str(ROOT / ".deps/node/node_modules"))
LOAD = ROOT / "bin" / "load"
CONCORD = ROOT / "bin" / "concord"
AET = "BENCH"
TICKS = os.sysconf("SC_CLK_TCK")
START_LIMIT_S = 30

# DCMTK as Debian builds it leaves Nagle on: each response then waits some 40 ms for the sender's delayed ACK.
# The main entries switch it off; the "-asis" ones show what a user gets untuned.
NODELAY = {"TCP_NODELAY": "1"}


def concord(port, http, folder, listener):
    listeners = {"dicom": "", "hl7": "", listener: f"127.0.0.1:{port}"}
    settings = [f"data_dir={folder}", f"dicom.ae_title={AET}", f"http.listen=127.0.0.1:{http}", "peers=[]", "hl7_destinations=[]"]
    settings += [f"{name}.listen={address}" for name, address in listeners.items()]
    return [str(CONCORD), "serve", *(part for s in settings for part in ("--set", s))], {}


def orthanc(sync, env):
    def command(port, http, folder):
        text = (HERE / "peers/orthanc.json.in").read_text()
        for key, value in {"DIR": folder, "HTTP": http, "PORT": port, "AET": AET, "SYNC": sync}.items():
            text = text.replace(f"@{key}@", str(value))
        config = Path(f"{folder}.orthanc.json")
        config.write_text(text)
        return ["Orthanc", str(config)], env
    return command


def storescp(*options, env=NODELAY):
    # --fork: without it one association is served at a time.
    return lambda port, http, folder: (["storescp", "--fork", "-aet", AET, "+xa", *options, "-od", str(folder), str(port)], env)


def pynetdicom(**env):
    env = {"PYTHONPATH": os.environ.get("BENCH_PYPATH", ""), **env}
    return lambda port, http, folder: ([PY, str(HERE / "peers/pynetdicom_scp.py"), str(port), str(folder), AET], env)


def node(script, *more):
    return lambda port, http, folder: (["node", str(HERE / "peers" / script), str(port), *(m or str(folder) for m in more)],
                                       {"NODE_PATH": NODE_PATH})


DICOM_SERVERS = {
    "sink": lambda port, http, folder: ([str(LOAD), "sink", "--addr", f"127.0.0.1:{port}"], {}),
    "concord": lambda port, http, folder: concord(port, http, folder, "dicom"),
    "storescp": storescp("-pdu", "131072"),
    "storescp-asis": storescp(env={}),
    # +B writes the bytes as received: no parse of the data set
    "storescp-B": storescp("+B", "-pdu", "131072"),
    "orthanc": orthanc("true", NODELAY),
    "orthanc-asis": orthanc("true", {}),
    "orthanc-nosync": orthanc("false", NODELAY),
    "pynetdicom": pynetdicom(),
    "pynetdicom-fsync": pynetdicom(BENCH_FSYNC="1"),
    "dcmjs-dimse": node("dcmjs_scp.cjs", None, AET),
}
HL7_SERVERS = {
    "sink": lambda port, http, folder: ([str(LOAD), "mllpsink", "--addr", f"127.0.0.1:{port}"], {}),
    "concord": lambda port, http, folder: concord(port, http, folder, "hl7"),
    "python-hl7": lambda port, http, folder: ([PY, str(HERE / "peers/py_hl7.py"), str(port)], {}),
    "node-hl7-server": node("node_hl7.cjs"),
}


def from_environment(command):
    return lambda port, http, folder: (["sh", "-c", "exec " + command.format(port=port, http=http, dir=folder, aet=AET)], {})


for key, value in os.environ.items():
    if key.startswith("BENCH_PEER_"):
        DICOM_SERVERS[key.removeprefix("BENCH_PEER_")] = from_environment(value)
    if key.startswith("BENCH_HL7_"):
        HL7_SERVERS[key.removeprefix("BENCH_HL7_")] = from_environment(value)


PORTS = itertools.count(8192)  # below those that the kernel gives to outgoing connections


def free_port():
    for port in PORTS:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)):
                return port


def stat(pid):
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def tree(pid):
    """pid and its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(stat(entry)[1]), []).append(int(entry))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    """User and system time of the tree: its processes, and those the root has reaped."""
    ticks = 0
    for p in tree(pid):
        try:
            ticks += sum(map(int, stat(p)[11:15]))
        except OSError:
            pass
    return ticks / TICKS


def memory_mb(pid):
    """Sum of PSS, so that forked children do not count shared pages twice."""
    kb = 0
    for p in tree(pid):
        try:
            lines = Path(f"/proc/{p}/smaps_rollup").read_text().splitlines()
            kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            pass
    return kb / 1024


def get_json(url, data=None):
    """GET, or POST data, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(opener.open(urllib.request.Request(url, data=data), timeout=5))


class Server:
    """A server of the registry on free ports, in a `with` statement."""

    def __init__(self, name, registry=DICOM_SERVERS, store=None, prefix=(), fresh=True):
        WORK.mkdir(parents=True, exist_ok=True)
        self.name, self.port, self.http = name, free_port(), free_port()
        self.dir = Path(store) if store else WORK / f"store-{name}"
        if fresh:
            shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True, exist_ok=True)
        command, env = registry[name](self.port, self.http, self.dir)
        self.command = [*prefix, *command]
        self.env = {**os.environ, **{k: v for k, v in env.items() if v}}
        self.log = WORK / f"{name}.log"
        self.peak_mb = 0.0

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdout=log, stderr=log, start_new_session=True)
        started = time.time()
        self._await_port()
        self.start_ms = (time.time() - started) * 1000
        time.sleep(0.5)
        self.idle_mb, self.cpu_start = memory_mb(self.process.pid), cpu_seconds(self.process.pid)
        self.watching = True
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def _await_port(self):
        deadline = time.time() + START_LIMIT_S
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at start, see {self.log}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                if time.time() > deadline:
                    self.stop()
                    raise RuntimeError(f"{self.name} does not listen, see {self.log}") from None
                time.sleep(0.005)

    def _watch(self):
        while self.watching:
            self.peak_mb = max(self.peak_mb, memory_mb(self.process.pid))
            time.sleep(0.1)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def is_orthanc(self):
        return self.name.startswith("orthanc")

    def cpu(self):
        return cpu_seconds(self.process.pid) - self.cpu_start

    def alive(self):
        return self.process.poll() is None

    def files(self):
        """The files of objects: of Concord those below objects, of Orthanc all but its index."""
        root = self.dir / "objects" if self.name == "concord" else self.dir
        return [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names
                if os.path.basename(folder) != "index"]

    def stored(self):
        """How many objects the server has: Orthanc by its index, others by their files."""
        if self.is_orthanc:
            return get_json(f"http://127.0.0.1:{self.http}/statistics")["CountInstances"]
        return len(self.files())

    def empty(self):
        """Frees the disk that the stopped server's files take and leaves their names: README, 'Fairness', says why."""
        for folder, _, names in os.walk(self.dir):
            for name in names:
                os.truncate(os.path.join(folder, name), 0)

    def stop(self, sig=signal.SIGTERM):
        self.watching = False
        pids = tree(self.process.pid)
        if sig == signal.SIGKILL:
            kill(pids)
        else:
            self.process.send_signal(sig)
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        kill(pids[1:])

    def __exit__(self, *_):
        self.stop()


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def load(*args, timeout=900):
    """Runs bin/load and returns what it printed."""
    r = subprocess.run([str(LOAD), *map(str, args)], capture_output=True, text=True, timeout=timeout)
    try:
        return json.loads(r.stdout)
    except ValueError:
        return {"error": (r.stdout + r.stderr)[-400:]}


def record(path, **row):
    """Appends a result to the file of JSON lines."""
    with open(path, "a") as f:
        f.write(json.dumps(row) + "\n")


def settle():
    os.sync()
    time.sleep(0.3)
