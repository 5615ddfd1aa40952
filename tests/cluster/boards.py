"""Network namespaces as boards: one each, joined by a bridge, 1 Gbit/s links. Needs root and iproute2."""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

NAME = "mufault"  # of everything made here
NET = "10.77.77"
LAUNCHER = Path(tempfile.gettempdir()) / f"{NAME}-{os.getpid()}.sh"


def _run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.DEVNULL,
                          stderr=None if check else subprocess.DEVNULL).returncode == 0


def unable():
    """Why namespaces can't be made; None if they can."""
    for tool in ("ip", "tc"):
        if not shutil.which(tool):
            return f"there is no {tool} (iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not _run("ip", "netns", "add", f"{NAME}try", check=False):
        return "this machine allows no network namespaces"
    _run("ip", "netns", "del", f"{NAME}try", check=False)
    return None


def rate(board, bits, burst="128kb"):
    for where in ([], ["-n", f"{NAME}{board}"]):
        device = "eth0" if where else f"{NAME}{board}"
        _run("tc", *where, "qdisc", "replace", "dev", device, "root", "tbf", "rate", bits, "burst", burst,
             "latency", "100ms")


def link(board, state):
    _run("ip", "link", "set", f"{NAME}{board}", state)


def kill(board):
    """All its processes, hydra's proxy among them."""
    for pid in pids(board):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def pids(board):
    said = subprocess.run(["ip", "netns", "pids", f"{NAME}{board}"], check=True, capture_output=True, text=True)
    return [int(pid) for pid in said.stdout.split()]


def remove(count):
    LAUNCHER.unlink(missing_ok=True)
    for board in range(count):
        _run("ip", "netns", "del", f"{NAME}{board}", check=False)
        _run("ip", "link", "del", f"{NAME}{board}", check=False)
    _run("ip", "link", "del", f"{NAME}br", check=False)


def make(count):
    remove(count)
    _run("ip", "link", "add", f"{NAME}br", "type", "bridge")
    _run("ip", "link", "set", f"{NAME}br", "up")
    for board in range(count):
        name = f"{NAME}{board}"
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "link", "set", name, "master", f"{NAME}br", "up")
        _run("ip", "-n", name, "addr", "add", f"{NET}.{board + 1}/24", "dev", "eth0")
        _run("ip", "-n", name, "link", "set", "eth0", "up")
        _run("ip", "-n", name, "link", "set", "lo", "up")
    mend(count)
    # As ssh is called: options, host, command. The last number of a host's address is its board + 1.
    LAUNCHER.write_text("#!/bin/sh\n"
                        'while [ "${1#-}" != "$1" ]; do shift; done\n'
                        "board=$((${1##*.} - 1)); shift\n"
                        f'exec ip netns exec "{NAME}$board" sh -c "$*"\n')
    LAUNCHER.chmod(0o755)


def mend(count):
    for board in range(count):
        link(board, "up")
        rate(board, "1gbit")


def hosts(count):
    return ["-launcher", "ssh", "-launcher-exec", str(LAUNCHER), "-localhost", f"{NET}.1",
            "-hosts", ",".join(f"{NET}.{board + 1}" for board in range(count))]


def on(board, command):
    return ["ip", "netns", "exec", f"{NAME}{board}", *command]
