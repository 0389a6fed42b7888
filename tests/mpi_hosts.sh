# mpi_hosts.sh – two hosts instead of one: a rank on each of two network namespaces with a cable between, names and shared memory of their own,
# so that nothing but TCP joins the ranks. The content must be that of a run alone. Needs root and iproute2, otherwise skipped.
set -u
skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*"; exit 1; }
: "${CYTO5:?the built program}" "${C5_SOURCE:?the source tree}"
[ "$(id -u)" = 0 ] || skip "hosts of one's own need root"
for tool in ip unshare mpirun /usr/bin/python3; do
	command -v $tool >/dev/null || skip "$tool is missing (Debian: iproute2, util-linux, openmpi-bin, python3)"
done

a=c5a$$ b=c5b$$
dir=$(mktemp -d) || exit 1
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
ip netns add $a 2>/dev/null && ip netns add $b 2>/dev/null || skip "network namespaces cannot be made here"
ip link add c5cable netns $a type veth peer name c5cable netns $b 2>/dev/null || skip "a cable between namespaces cannot be made here"
ip -n $a addr add 10.77.0.1/24 dev c5cable
ip -n $b addr add 10.77.0.2/24 dev c5cable
for host in $a $b; do
	ip -n $host link set lo up
	ip -n $host link set c5cable up
done

# on HOST COMMAND...: what a login there would do; mpirun calls it in place of ssh
cat >"$dir/on" <<END
#!/bin/sh
case \$1 in
10.77.0.2) netns=$b ;;
*)         netns=$a ;;
esac
export TMPDIR=$dir/tmp.\$netns
mkdir -p "\$TMPDIR"
shift
exec ip netns exec \$netns unshare --mount --uts sh -c 'hostname '\$netns'; mount -t tmpfs tmpfs /dev/shm; cd '$dir'; exec sh -c "\$0"' "\$*"
END
chmod +x "$dir/on"
"$dir/on" 10.77.0.2 true 2>/dev/null || skip "a host of one's own cannot be made here"

mkdir "$dir/in"
for k in 1 2; do
	ln -s "$C5_SOURCE/tests/data/t98g-phase-timelapse/01" "$dir/in/p$k"
done
printf 'steps: [ingest, segment, objects, crop]\n' >"$dir/p.yml"
cd "$dir" || exit 1
"$CYTO5" run p.yml one.h5 in/p1 in/p2 --quiet || fail "the run alone ended with exit $?"

# What the tests set for one machine (self and shared memory only) does not hold between two. Leaks are looked for elsewhere.
unset OMPI_MCA_btl OMPI_MCA_btl_vader_single_copy_mechanism
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
"$dir/on" 10.77.0.1 timeout 120 mpirun --mca plm_rsh_agent "$dir/on" --mca orte_keep_fqdn_hostnames 1 \
	-x ASAN_OPTIONS --host 10.77.0.1:1,10.77.0.2:1 -n 2 --bind-to none "$CYTO5" run p.yml two.h5 in/p1 in/p2 --commit-every 0.2 >two.log 2>&1
code=$?
[ $code -eq 0 ] || { cat two.log; fail "the run on two hosts ended with exit $code"; }

PYTHONPATH="$C5_SOURCE/tests" PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - $a $b <<'END' || exit 1
from support import *
same(content("one.h5"), content("two.h5"), "one process and two hosts")
clean("two.h5")
with h5py.File("two.h5", "r") as f:
    hosts = f["runs/r000001"].attrs["hosts"]
    print("hosts:", hosts.decode() if isinstance(hosts, bytes) else hosts)
    check(all(name in str(hosts) for name in sys.argv[1:]), f"hosts recorded are {hosts}, expected {sys.argv[1:]}")
done()
END
echo "two hosts made the content of one process"
