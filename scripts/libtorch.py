"""Puts libtorch into a cache outside the clone and points a link in the clone at it.

libtorch comes out of the PyPI wheel of PyTorch, fetched by pip. It appears in the cache whole or not at all: it is
unpacked beside its final place, loaded once as a check, and renamed under a lock.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

VERSION = "2.11.0"  # the one that the tch crate is written for
WHEEL = f"torch=={VERSION}"
# libtorch_cpu.so of this wheel does not load without these two, on a machine without a GPU either.
CPU_WHEELS = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"]

WANTED = ["torch/lib/*", "torch/include/*", "torch/share/*", "nvidia/*/lib/*.so*"]
UNWANTED = ["*/libtorch_python.so"]
CUDA_ONLY = ["*/libtorch_cuda*", "*/libtorch_nvshmem*", "*/libc10_cuda*", "*/libcaffe2_nvrtc*"]
CPU_NEEDS_OF_NVIDIA = ["*/libcudart.so.*", "*/libcupti.so.*"]

CLONE = Path(__file__).resolve().parent.parent
LINK = CLONE / ".libtorch-by-make-setup"  # named in .cargo/config.toml


def say(line):
    print(f"setup: {line}", flush=True)


def cache_folder():
    if "EXPLAINBENCH_CACHE" in os.environ:
        return Path(os.environ["EXPLAINBENCH_CACHE"]).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "explainbench"


def wants_cuda():
    """EXPLAINBENCH_CUDA=1 or 0 decides, for a machine that builds for another; otherwise a working NVIDIA GPU does."""
    asked = os.environ.get("EXPLAINBENCH_CUDA")
    if asked:
        return asked != "0"
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0
    except OSError:
        return False


def download(requirements, into, lock, *options):
    """Fetches wheels by name for any Python: only the libraries inside matter. pip matches a platform tag exactly."""
    tags = ["manylinux2014_x86_64"] + [f"manylinux_2_{minor}_x86_64" for minor in range(17, 29)]
    command = [sys.executable, "-m", "pip", "download", "--no-cache-dir", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--python-version", "3.11", "--dest", str(into), *options]
    for tag in tags:
        command += ["--platform", tag]
    # pip holds the lock too: should this script alone be killed, nobody clears the folder under a living pip.
    result = subprocess.run(command + requirements, env={**os.environ, "TMPDIR": str(into)}, pass_fds=[lock])
    if result.returncode != 0:
        sys.exit("setup: the download failed (see above); `make setup` starts it anew")


def requirements_of_cuda(wheel):
    """The NVIDIA libraries that the wheel itself asks for, at its versions."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"torch-{VERSION}.dist-info/METADATA").decode()
    field = "Requires-Dist: "
    requirements = [line[len(field) :].split(";")[0] for line in metadata.splitlines() if line.startswith(field)]
    return [requirement for requirement in requirements if requirement.startswith(("cuda-toolkit[", "nvidia-"))]


def unpack(wheel, into, cuda):
    def matches(name, patterns):
        return any(fnmatch(name, pattern) for pattern in patterns)

    def wanted(name):
        if name.endswith("/") or not matches(name, WANTED) or matches(name, UNWANTED):
            return False
        if cuda:
            return True
        return matches(name, CPU_NEEDS_OF_NVIDIA) if name.startswith("nvidia/") else not matches(name, CUDA_ONLY)

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into, [name for name in archive.namelist() if wanted(name)])


def check_that_it_loads(library):
    """In a process of its own, which also finds a system library that is missing or too old."""
    program = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    result = subprocess.run([sys.executable, "-c", program, str(library)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"setup: {library.name} does not load on this machine:\n{result.stderr.strip().splitlines()[-1]}")


def make(place, cuda, lock):
    """Everything happens in one folder beside `place`, so that what a kill leaves there is found and removed here."""
    partial = place.with_name(place.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    wheels, root = partial / "wheels", partial / "root"
    wheels.mkdir(parents=True)
    try:
        size = "with CUDA (2.5 GB, unpacked 3.6 GB)" if cuda else "(540 MB, unpacked 500 MB)"
        say(f"fetching libtorch {VERSION} {size} into {place}")
        download([WHEEL] if cuda else [WHEEL, *CPU_WHEELS], wheels, lock, "--no-deps")
        if cuda:
            download(requirements_of_cuda(next(wheels.glob("torch-*.whl"))), wheels, lock)
        say("unpacking")
        for wheel in wheels.glob("*.whl"):
            unpack(wheel, root, cuda)
        for name in ["libtorch_cpu.so"] + ["libtorch_cuda.so"] * cuda:
            check_that_it_loads(root / "torch/lib" / name)
        # torch-sys compares this file with the version it is written for.
        (root / "torch/build-version").write_text(f"{VERSION}\n")
        os.sync()
        root.rename(place)
    finally:
        shutil.rmtree(partial)


def point_clone_at(place):
    """An absolute link outlives a move of the clone."""
    before = os.readlink(LINK) if LINK.is_symlink() else None
    if before == str(place):
        return
    if before is not None:
        # cargo sees only that LIBTORCH is the same path as before: what is linked to the other libtorch has to go.
        for profile in ["dev", "release"]:
            clean = ["cargo", "clean", "--quiet", "--profile", profile, "-p", "torch-sys", "-p", "explainbench"]
            if subprocess.run(clean, cwd=CLONE).returncode != 0:
                sys.exit(f"setup: cannot remove what was built with {before} (see above)")
    fresh = LINK.with_name(f"{LINK.name}.{os.getpid()}")
    fresh.symlink_to(place)
    fresh.replace(LINK)


def main():
    if os.environ.get("LIBTORCH"):
        library = Path(os.environ["LIBTORCH"]) / "lib/libtorch_cpu.so"
        if not library.exists():
            sys.exit(f"setup: LIBTORCH is set, but there is no {library}; unset it to have libtorch {VERSION} fetched")
        return say(f"using the libtorch that LIBTORCH names: {library.parent.parent}")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit(f"setup: libtorch is fetched for Linux on x86-64 only; set LIBTORCH to a libtorch {VERSION} of your own")

    cuda = wants_cuda()
    place = cache_folder() / f"libtorch-{VERSION}-{'cuda' if cuda else 'cpu'}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another set-up that is filling {place}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            make(place, cuda, lock.fileno())
    point_clone_at(place)
    say(f"libtorch {VERSION} is in {place}")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; `make setup` starts anew")
