# slurm_run.sh – the sbatch scripts on a real SLURM of one node, started here in a private folder and torn down again.
#
# (a) two ranks by mpirun complete; (b) two ranks by srun --mpi=pmix write the same; (c) a job warned in mid-run (USR1) commits,
# exits 75, requeues itself, goes on with --resume and ends with the same content, and so does one told TERM as at preemption;
# (d) an array element writes its own container; (e) a search whose trials start ranks of their own;
# (f) a training on two ranks that is warned, requeued and goes on to the same weights.
# Needs root (munged and slurmd), slurm-wlm and munge; touches no SLURM of the machine: own configuration, key, sockets and ports.
set -u
skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "a private SLURM needs root"
for tool in munged slurmctld slurmd; do
	[ -x /usr/sbin/$tool ] || skip "/usr/sbin/$tool is missing (Debian: slurm-wlm, munge)"
done
for tool in sbatch scontrol scancel squeue mpirun /usr/bin/python3; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
: "${CYTO5:?the built program}" "${C5_SOURCE:?the source tree}"

dir=$(mktemp -d /tmp/c5slurm.XXXXXX) || exit 1
daemons=
# Jobs first, so that no slurmstepd outlives its slurmd; then the daemons, last started first.
teardown() {
	code=$?
	trap '' EXIT INT TERM
	scancel --signal=KILL --full --user=root 2>/dev/null
	scancel --user=root 2>/dev/null
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "$(squeue --noheader 2>/dev/null)" ] || break
		sleep 0.5
	done
	for pid in $daemons; do
		kill "$pid" 2>/dev/null
	done
	for pid in $daemons; do
		wait "$pid" 2>/dev/null
	done
	if [ $code -ne 0 ]; then
		for log in "$dir"/*.log "$dir"/work/*.log; do
			[ -s "$log" ] && echo "--- ${log#"$dir"/}" && tail -n 40 "$log"
		done
	fi
	rm -rf "$dir"
	exit $code
}
trap teardown EXIT
trap 'exit 1' INT TERM
fail() { echo "FAILED: $*"; exit 1; }

# --- the cluster ------------------------------------------------------------------------------------------------------------------
host=$(hostname -s)
set -- $(/usr/bin/python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])')
mkdir -p "$dir/state" "$dir/spool" "$dir/work"
chmod 755 "$dir"
dd if=/dev/urandom of="$dir/munge.key" bs=1k count=1 2>/dev/null
chmod 400 "$dir/munge.key"
cat >"$dir/slurm.conf" <<END
ClusterName=c5test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmdPort=$2
SlurmUser=root
AuthType=auth/munge
# A requeued job waits until its old credential has expired; 5 s is the least SLURM takes.
AuthInfo=socket=$dir/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
PlugStackConfig=$dir/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=pmix
ReturnToService=2
KillWait=5
JobRequeue=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
: >"$dir/plugstack.conf"
export SLURM_CONF="$dir/slurm.conf"

/usr/sbin/munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" \
	--log-file="$dir/munged.log" --seed-file="$dir/munged.seed" >"$dir/munged.out.log" 2>&1 &
daemons="$!"
/usr/sbin/slurmctld -D -c >"$dir/slurmctld.out.log" 2>&1 &
daemons="$! $daemons"
/usr/sbin/slurmd -D -c >"$dir/slurmd.out.log" 2>&1 &
daemons="$! $daemons"
# within SECONDS CONDITION...: tries four times a second
within() {
	left=$(($1 * 4))
	shift
	until "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.25
	done
}
node_is_up() { [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; }
within 60 node_is_up || fail "the node did not come up: $(sinfo --noheader 2>&1)"
echo "a SLURM of one node is up: $(sinfo --version), $(nproc) cores"

# --- the work ---------------------------------------------------------------------------------------------------------------------
cd "$dir/work" || exit 1
# Little data, much arithmetic: 8 experiments of 2 frames, all the same files of 2048 x 2048 bright discs, under a very wide filter.
export PYTHONPATH="$C5_SOURCE/tests" PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 - <<'END' || fail "the recordings could not be made"
from support import *
y, x = np.mgrid[:2048, :2048]
for t in range(2):
    image = np.full((2048, 2048), 20, np.uint8)
    for k in range(40):
        cy, cx, r = 131 * k * k % 1900 + 70, 717 * k % 1900 + 70 + 5 * t, 25 + k % 3 * 10
        image[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = 200
    tiff(f"t{t}.tif", image)
    for e in range(8):
        os.makedirs(f"in/p{e:02}", exist_ok=True)
        os.link(f"t{t}.tif", f"in/p{e:02}/t{t}.tif")
END
cat >work.yml <<END
commit-every-s: 0.5
steps: [ingest, segment: {method: otsu, sigma: 100}, objects]
END
export INPUTS="in/p*"
run="$C5_SOURCE/jobs/slurm/run.sbatch"
export CYTO5 PIPELINE=work.yml OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

field() { scontrol show job --oneliner "$1" 2>/dev/null | tr ' ' '\n' | sed -n "s/^$2=//p"; }
# "finished": ended for good; a requeued job is PENDING or COMPLETING before it runs again
finished() {
	case $(field "$1" JobState) in
	COMPLETED|FAILED|TIMEOUT|CANCELLED|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL) return 0 ;;
	*) return 1 ;;
	esac
}
completes() { # SECONDS JOB NAME
	within "$1" finished "$2" || fail "$3: job $2 is $(field "$2" JobState) after $1 s"
	[ "$(field "$2" JobState)" = COMPLETED ] || fail "$3: job $2 is $(field "$2" JobState), exit $(field "$2" ExitCode)"
	echo "$3: completed"
}
same() { # A.h5 B.h5 NAME [EXPERIMENT]: one content (of that experiment only), and B sound
	/usr/bin/python3 - "$@" <<-'END' || exit 1
	from support import *
	a, b, what, one = (sys.argv[1:] + [""])[:4]
	of_a = content(a, f"/experiments/{one}")
	tables = len([k for k in of_a if k.endswith("/objects/r000001")])
	check(tables == (1 if one else 8), f"{what}: {a} holds {tables} tables of objects")
	same(of_a, content(b, f"/experiments/{one}"), what)
	clean(b)
	r = run("diff", a, b, *(["--experiments", one] if one else []))
	check(r.code == 0, f"{what}: diff {a} {b}: {r} {r.out[-1500:]}")
	done()
	END
}
submit() { sbatch --parsable --output="$@" || fail "sbatch refused $*"; }

a=$(CONTAINER=a.h5 LAUNCH=mpirun submit a.log "$run") || exit 1
b=$(CONTAINER=b.h5 LAUNCH=srun   submit b.log "$run") || exit 1
completes 150 "$a" "(a) mpirun"
completes 150 "$b" "(b) srun --mpi=pmix"
grep -q ' 2 ranks' a.log || fail "(a): the log does not say 2 ranks"
grep -q 'srun --mpi=pmix' b.log || fail "(b): not launched by srun"
same a.h5 b.h5 "(b)"

for launch in mpirun srun; do
	[ $launch = mpirun ] && signal=USR1 || signal=TERM
	rm -f c.h5
	c=$(CONTAINER=c.h5 LAUNCH=$launch submit c-$launch.log "$run") || exit 1
	within 60 grep -qs "cyto5: segment: 8 experiments" c-$launch.log || fail "(c) $launch: no progress"
	sleep 1
	scancel --batch --signal=$signal "$c"
	was_requeued() { [ "$(field "$c" Restarts)" = 1 ]; }
	within 60 was_requeued || fail "(c) $launch: job $c was not requeued"
	completes 150 "$c" "(c) $launch, told $signal, requeued, resumed"
	grep -q "run.sbatch: got $signal" c-$launch.log || fail "(c) $launch: the warning was not seen"
	grep -q 'start 2,' c-$launch.log || fail "(c) $launch: the log lost one of the two starts"
	grep -q 'cyto5.* run .*--resume' c-$launch.log || fail "(c) $launch: the second start did not resume"
	grep -q 'resumed' c-$launch.log || fail "(c) $launch: the second start began anew"
	same a.h5 c.h5 "(c) $launch"
done

echo "plate1=in/p0[3]" >plates.txt
d=$(PLATES=plates.txt OUTDIR=plates JOBS="$C5_SOURCE/jobs/slurm" submit d.log --array=1 "$C5_SOURCE/jobs/slurm/array.sbatch") || exit 1
completes 150 "$d" "(d) array"
same a.h5 plates/plate1.h5 "(d)" p03
# Two groups of two ranks; each trial starts ranks of its own, as steps do.
cat >space.yml <<END
goal: maximise
trials: 4
algorithm: sobol
space: {sigma: {type: continuous, min: 0.5, max: 3}}
objective:
  work: sim.h5
  steps: ["segment {work} {parameters} --quiet"]
  measure: segmentation {work} --gt r000001 --res latest
  key: SEG
  launch: mpirun --oversubscribe -n {ranks} {hosts}
END
"$CYTO5" simulate sim.h5 --frames 2 --height 64 --width 64 --cells 4 --quiet || fail "(e): no simulated data"
e=$(SPACE=space.yml CONTAINER=e.h5 JOBS="$C5_SOURCE/jobs/slurm" submit e.log "$C5_SOURCE/jobs/slurm/search.sbatch" --ranks-per-trial 2) || exit 1
completes 150 "$e" "(e) search"
"$CYTO5" search show space e.h5 --json >e.json && /usr/bin/python3 - <<'END' || fail "(e): $(cat e.json)"
import json
trials = json.load(open("e.json"))["trials"]
assert len(trials) == 4 and {t["state"] for t in trials} == {"complete"} and {t["group"] for t in trials} == {0, 1}, trials
END
# A training on two ranks, warned in its midst.
printf '%s\n' 'steps:' '  - simulate: {fields: 2, frames: 1, height: 96, width: 96, cells: 6, cycle: 0, conditions: "control=0,senescent=1"}' \
	'  - objects' '  - crop: {size: 24}' >crops.yml
printf 'label: condition\nmodel: lenet\nsize: 32\nname: m\nepochs: 400\nbatch: 8\nsave-every: 0.01\ndevice: cpu\n' >train.yml
"$CYTO5" run crops.yml f.h5 --quiet && cp f.h5 g.h5 && "$CYTO5" train g.h5 --config train.yml --threads 1 --quiet >g.log || fail "(f): $(cat g.log)"
f=$(CONFIG=train.yml CONTAINER=f.h5 JOBS="$C5_SOURCE/jobs/slurm" submit f.log --ntasks-per-node=2 "$C5_SOURCE/jobs/slurm/train.sbatch") || exit 1
within 60 grep -qs "epoch 3/" f.log || fail "(f): no progress"
scancel --batch --signal=USR1 "$f"
completes 150 "$f" "(f) a training"
grep -q 'cyto5.* train .*--resume' f.log && grep -q 'resumed' f.log || fail "(f): the second start did not resume"
/usr/bin/python3 - <<'END' || fail "(f): other weights than one rank without a stop trains"
import h5py
with h5py.File("f.h5") as f, h5py.File("g.h5") as g:
    assert f["models/m/r000002"].attrs["sha256"] == g["models/m/r000002"].attrs["sha256"]
END
echo "all of (a) to (f) hold"
