"""survive.py – the full figures of what tests/mpi_kill.py and tests/mpi_readers.py do small in every test run: 300 SIGKILLs to a random rank, all
crash points at their first two times, and 1,000 reads by stock h5py beside running writers.

    survive.py [KILLS [READS]]

Fails as the tests do: on a single lost revision, torn read or run that does not go on."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
kills = sys.argv[1] if len(sys.argv) > 1 else "300"
reads = sys.argv[2] if len(sys.argv) > 2 else "1000"
env = {"CYTO5": os.path.join(ROOT, "build", "release", "cyto5"), "C5_SOURCE": ROOT, "OMPI_ALLOW_RUN_AS_ROOT": "1",
       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **os.environ}
code = 0
for test, arguments in (("mpi_kill.py", ["--times", kills, "--points", "2"]), ("mpi_readers.py", ["--reads", reads])):
    done = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests", test), *arguments], env=env, check=False)
    code = code or done.returncode
sys.exit(code)
