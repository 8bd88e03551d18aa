"""Sets up .venv: checks what the machine has, installs the pinned packages, builds PyCUDA against our libcuda.so.1.

`make` runs it with the machine's own python3, whatever its age: hence no syntax newer than Python 3.0 here. Its
argument is the stamp file, written when everything is done. PyCUDA is built once: pip keeps the wheel in its cache.
"""

import glob
import os
import shutil
import socket
import subprocess
import sys

OLDEST = (3, 10)
VENV = ".venv"
PYTHON = os.path.join(VENV, "bin", "python")
LOG = os.path.join(VENV, "set-up.log")
LINK = os.path.abspath(os.path.join(VENV, "link"))  # what PyCUDA is linked with: libcuda.so, libcurand.so
CONSTRAINTS = os.path.abspath("constraints.txt")
TOOLKIT = "cuda-toolkit[nvcc,cudart,cccl,curand,profiler]"
CPU_TORCH = "https://download.pytorch.org/whl/cpu"  # without it, torch brings 3 GB of CUDA libraries
TRY_PYCUDA = (
    "import harness.vgpu; harness.vgpu.open(); import pycuda.driver as d; d.init(); d.Device(0).make_context().pop()"
)


class Stop(Exception):
    """Set-up cannot go on; the message is for people."""


def check():
    """Stop with one sentence where the machine lacks something."""
    if sys.version_info < OLDEST:
        found = "%d.%d" % sys.version_info[:2]
        raise Stop(
            "fuseproof needs Python 3.10 or newer, and %s is %s: run `make PYTHON=python3.12` with a newer one"
            % (sys.executable, found)
        )
    if not sys.platform.startswith("linux"):
        raise Stop("fuseproof runs on Linux, and this is %s" % sys.platform)
    version = "%d.%d" % sys.version_info[:2]
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise Stop("this Python cannot make virtual environments: install python%s-venv" % version)
    for variable, command in (("CXX", "g++"), ("CC", "gcc")):
        compiler = os.environ.get(variable, command).split()[0]
        if not shutil.which(compiler):
            raise Stop(
                "no C++ compiler: %s is not on PATH; install g++ (or build-essential), or set %s" % (compiler, variable)
            )
    import sysconfig

    include = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(include, "Python.h")):
        raise Stop(
            "Python.h is not in %s: install python%s-dev (Debian, Ubuntu) or python3-devel (Fedora)"
            % (include, version)
        )


def make_venv():
    """A virtual environment of this Python; one of another Python is replaced."""
    wanted = "%d.%d" % sys.version_info[:2]
    if os.path.exists(PYTHON):
        there = subprocess.run(
            [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE
        )
        if there.stdout.decode().strip() == wanted:
            return
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], stdout=subprocess.DEVNULL).returncode:
        raise Stop("`%s -m venv %s` failed: install python%s-venv" % (sys.executable, VENV, wanted))


def run(what, command, environment=None):
    """Run a command with its output in the log; stop, with the end of the log, where it fails."""
    with open(LOG, "ab") as log:
        log.write(("\n$ %s\n" % " ".join(command)).encode())
        log.flush()
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment or dict(os.environ))
    if done.returncode:
        with open(LOG, "rb") as log:
            end = log.read().decode("utf-8", "replace").splitlines()[-25:]
        raise Stop("%s failed; the end of %s:\n  %s" % (what, LOG, "\n  ".join(end)))


def pip(what, arguments, environment=None):
    """`pip install` with every version pinned, those of build dependencies included."""
    settings = dict(environment or os.environ, PIP_CONSTRAINT=CONSTRAINTS, PIP_BUILD_CONSTRAINT=CONSTRAINTS)
    settings["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    try:
        run(what, [PYTHON, "-m", "pip", "install", "--progress-bar", "off"] + arguments, settings)
    except Stop:
        if not reachable("pypi.org") and not os.environ.get("PIP_INDEX_URL"):
            raise Stop(
                "no network: pip cannot reach pypi.org to download %s; connect, or set PIP_INDEX_URL to a mirror" % what
            )
        raise


def reachable(host):
    try:
        socket.create_connection((host, 443), timeout=5).close()
        return True
    except OSError:
        return False


def toolkit():
    """The folder of the CUDA toolkit's wheels."""
    found = glob.glob(os.path.join(VENV, "lib", "python3*", "site-packages", "nvidia", "cu13"))
    if not found:
        raise Stop("the CUDA toolkit's wheels are not where they should be, site-packages/nvidia/cu13 of %s" % VENV)
    return os.path.abspath(found[0])


def make_link_folder():
    """What the linker needs to see: our libcuda, and the wheel's cuRAND under the name that -lcurand asks for."""
    run("building libcuda.so.1", [PYTHON, "-m", "harness.vgpu.library.build", "--into", LINK])
    curand = os.path.join(LINK, "libcurand.so")
    if os.path.lexists(curand):
        os.unlink(curand)
    os.symlink(os.path.relpath(os.path.join(toolkit(), "lib", "libcurand.so.10"), LINK), curand)


def pycuda_environment():
    """How PyCUDA's setup.py finds nvcc and headers, and its extension module the toolkit's libraries at run time."""

    def first(value, variable):
        return os.pathsep.join(part for part in (value, os.environ.get(variable)) if part)

    return dict(
        os.environ,
        PATH=first(os.path.join(toolkit(), "bin"), "PATH"),
        CPATH=first(os.path.join(toolkit(), "include"), "CPATH"),
        LIBRARY_PATH=first(LINK, "LIBRARY_PATH"),
        LDFLAGS="-Wl,-rpath,$ORIGIN/../nvidia/cu13/lib " + os.environ.get("LDFLAGS", ""),
        CFLAGS="-g0 -w " + os.environ.get("CFLAGS", ""),
        CXXFLAGS="-g0 -w " + os.environ.get("CXXFLAGS", ""),
    )


def install():
    say("CUDA compiler and headers")
    pip("the CUDA toolkit's wheels", [TOOLKIT, "cffi", "setuptools"])
    say("libcuda.so.1")
    make_link_folder()
    say("PyTorch")
    pip("PyTorch", ["torch"] + torch_index())
    say("PyCUDA (built from source the first time) and the rest")
    pip("PyCUDA and the other packages", ["--editable", ".[dev]"], pycuda_environment())
    if subprocess.run([PYTHON, "-c", TRY_PYCUDA], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        say("PyCUDA again: pip's cached build does not fit")
        pip("PyCUDA", ["--force-reinstall", "--no-deps", "--no-cache-dir", "pycuda"], pycuda_environment())
        run("trying PyCUDA on the vgpu", [PYTHON, "-c", TRY_PYCUDA])


def torch_index():
    """PyTorch's CPU builds, where there is no GPU."""
    if shutil.which("nvidia-smi") or not reachable("download.pytorch.org"):
        return []
    return ["--extra-index-url", CPU_TORCH]


def say(step):
    print("set-up: " + step)
    sys.stdout.flush()


def main(stamp):
    try:
        check()
        make_venv()
        open(LOG, "wb").close()
        install()
    except Stop as stop:
        sys.stderr.write("%s\n" % stop)
        return 1
    for old in glob.glob(os.path.join(VENV, "set-up-*")):
        os.unlink(old)
    open(stamp, "wb").close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
