# house_layers.sh – the house rules a compiler does not check, read off the sources and the room list in CMakeLists.txt:
# a room includes only itself and the rooms it USES; a library's header only where the room's LIBS name it; no file above 700 lines and no line
# above 150 columns, a tab counting one (goldens are data); no note to self left behind; recordings of 12 MB at most. Prints every breach as
# FILE:LINE: what, and fails if there was one.
set -u
cd "${C5_SOURCE:-$(dirname "$0")/..}" || exit 1
/usr/bin/python3 - <<'END'
import os, re, sys

LONGEST, WIDEST = 700, 150
CODE = (".c", ".h", ".cu", ".cuh", ".cpp", ".sh", ".py", ".sbatch")
RECORDINGS = 12_000_000 # bytes of tests/data
# A library's headers are at home in the rooms whose LIBS name it.
HEADERS = {"hdf5": r"hdf5(_hl)?\.h|H5.*\.h", "mpi": r"mpi\.h", "nlopt": r"nlopt\.h", "lapack": r"lapacke?(_.*)?\.h|cblas.*\.h",
           "tiff": r"tiff(io|conf|vers)?\.h", "png": r"png(conf)?\.h", "jpeg": r"j(peglib|morecfg|config|error)\.h",
           "xml": r"libxml/.*", "fft": r"kissfft/.*", "yaml": r"yaml\.h", "deflate": r"libdeflate\.h", "crypto": r"openssl/.*",
           "onednn": r"(oneapi/dnnl/)?dnnl.*\.h",
           "archive": r"archive(_entry)?\.h", "json": r"json-c/.*",
           "cuda": r"(cuda|cudnn|cublas|curand).*\.h"}
rooms, folder_of, home_of = {}, {}, {library: [] for library in HEADERS}
for name, folder, rest in re.findall(r"^c5_room\(\s*(\S+)\s+(\S+)([^)]*)\)", open("CMakeLists.txt").read(), re.M):
    uses = re.search(r"\bUSES\s+(.*?)(?:\bLIBS\b|$)", rest, re.S)
    rooms[name] = (uses.group(1).split() if uses else [])
    folder_of[folder] = name
    for library in re.findall(r"\bc5::(\w+)", rest):
        home_of.setdefault(library, []).append(name)
breaches, files = [], 0
def breach(path, line, what):
    breaches.append(f"{path}:{line}: {what}")

if len(rooms) < 5:
    breach("CMakeLists.txt", 1, f"found {len(rooms)} c5_room lines, expected the room list")
seen = []
for name, uses in rooms.items():
    for use in uses:
        if use not in seen:
            breach("CMakeLists.txt", 1, f"room {name} uses {use}, which is not listed above it")
    seen.append(name)

def room(path):
    """The room of a path below the root, or None: src/image/x.h and, as included, image/x.h."""
    for folder, name in folder_of.items():
        if path.startswith(folder + "/") or ("src/" + path).startswith(folder + "/"):
            return name

SOURCE = (".c", ".h", ".cu", ".cuh", ".cpp", ".sh", ".py", ".cmake", ".sbatch", ".yml", ".txt")
NOTE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
for top, dirs, names in os.walk("."):
    dirs[:] = sorted(d for d in dirs if not d.startswith(".") and d not in ("build", "data", "demo-out", "__pycache__"))
    for file in sorted(names):
        path = os.path.join(top, file)[2:]
        if not file.endswith(SOURCE):
            continue
        files += 1
        lines = open(path, encoding="utf-8", errors="replace").read().splitlines()
        golden = path.startswith("tests/golden/") and path.endswith(".h")
        if len(lines) > LONGEST and path.endswith(CODE) and not path.startswith("tests/golden/"):
            breach(path, len(lines), f"{len(lines)} lines, expected at most {LONGEST}")
        home = room(path)
        for number, text in enumerate(lines, 1):
            if len(text) > WIDEST and path.endswith(CODE) and not golden:
                breach(path, number, f"{len(text)} columns, expected at most {WIDEST}")
            if NOTE.search(text):
                breach(path, number, "a note to self; do it, or open it where plans are kept")
            include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', text)
            if not include or not path.endswith((".c", ".h", ".cu", ".cuh")) or path.startswith(("tests/", "bench/")):
                continue
            header = include.group(2)
            for library, pattern in HEADERS.items():
                if re.fullmatch(pattern, header) and home not in home_of[library]:
                    breach(path, number, f"includes {header}, which belongs to {' and '.join(home_of[library]) or 'no room yet'}")
            if include.group(1) == '"' and home:
                other = room(header)
                if other is None and "/" not in header and header.startswith(("version_", "schema_", "notebooks.")):
                    continue  # made by the build
                if other is None:
                    folder = path.removeprefix("src/").rsplit("/", 1)[0]
                    breach(path, number, f'includes "{header}", expected a path from the root: "{folder}/{header}"')
                elif other != home and other not in rooms[home]:
                    breach(path, number, f"room {home} includes {header}, but its room list names only {' '.join(rooms[home]) or 'none'}")
size = sum(os.path.getsize(os.path.join(top, file)) for top, dirs, names in os.walk("tests/data") for file in names)
if size > RECORDINGS:
    breach("tests/data", 1, f"{size} bytes, expected at most {RECORDINGS}")
for line in breaches:
    print(line)
print(f"{files} files, {len(rooms)} rooms, {len(breaches)} breaches")
sys.exit(bool(breaches) or files < 20)
END
