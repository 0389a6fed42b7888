# packages.sh – which Debian 12 packages cyto5 needs, and how to get them. To be sourced, by any POSIX sh:
#
#     . jobs/local/packages.sh
#     packages_need build test      # installs what is missing, or prints the one line to run and returns 1
#     packages_want cluster         # the same, but does without when it cannot
#
# Says nothing when nothing is missing. Installs by itself as root or with a sudo that asks no password; fetches package lists only when
# an install without them failed. Run as a program (sh jobs/local/packages.sh) it does `packages_need build test`.
# The tests' Python is /usr/bin/python3, Debian's own, with h5py and numpy from here: another python3 may stand before it on PATH.

# One line a dependency of CMakeLists.txt (cmake/Select*.cmake); libc6-dev is only recommended by gcc, so it must be named.
# g++: the GPU's code is tested on the processor too (tests/emulated).
packages_build="gcc libc6-dev cmake ninja-build pkg-config git
libhdf5-dev
libopenmpi-dev openmpi-bin
libtiff-dev libpng-dev libjpeg62-turbo-dev libxml2-dev libkissfft-dev
libyaml-dev libdeflate-dev libssl-dev
libarchive-dev libjson-c-dev
libdnnl-dev libnlopt-dev liblapacke-dev"
packages_test="g++ libcmocka-dev python3 python3-numpy python3-h5py python3-matplotlib"
packages_cluster="slurm-wlm munge iproute2"

# packages_missing GROUP...: prints the names not installed, on one line
packages_missing() {
	for group in "$@"; do
		case $group in
		build) names=$packages_build ;;
		test)  names=$packages_test ;;
		cluster) names=$packages_cluster ;;
		*)     echo "packages.sh: $group: expected build, test or cluster" >&2; return 2 ;;
		esac
		for name in $names; do
			case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
			installed) ;;
			*) printf '%s ' "$name" ;;
			esac
		done
	done
}

# packages_present GROUP...: whether nothing of them is missing; no where that cannot be told
packages_present() {
	command -v dpkg-query >/dev/null 2>&1 && [ -z "$(packages_missing "$@")" ]
}

# packages_install NAME...: quiet; on failure shows what apt-get said
packages_install() {
	as_root=
	if [ "$(id -u)" != 0 ]; then
		if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
			as_root="sudo -n"
		else
			return 1
		fi
	fi
	echo "installing: $*"
	said=$(mktemp) || return 1
	for try in first second; do
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >"$said" 2>&1 </dev/null && break
		if [ $try = first ]; then
			$as_root apt-get update -qq >>"$said" 2>&1 </dev/null
		else
			tail -n 20 "$said" >&2
			rm -f "$said"
			return 1
		fi
	done
	rm -f "$said"
}

packages_need() {
	if ! command -v dpkg-query >/dev/null 2>&1; then
		echo "this is no Debian: cmake will say by name what is missing; Debian calls it $packages_build $packages_test" | tr '\n' ' ' && echo
		return 0
	fi
	missing=$(packages_missing "$@") || return 1
	if [ -n "$missing" ] && ! packages_install $missing; then
		echo "packages are missing; run this as root and start again:" >&2
		echo "apt-get update && apt-get install -y --no-install-recommends $missing" >&2
		return 1
	fi
}

packages_want() {
	command -v dpkg-query >/dev/null 2>&1 || return 0
	missing=$(packages_missing "$@") || return 1
	if [ -n "$missing" ] && ! packages_install $missing; then
		echo "going on without: $missing"
	fi
}

case ${0##*/} in
packages.sh) packages_need build test ;;
esac
