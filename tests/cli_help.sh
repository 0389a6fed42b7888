# cli_help.sh – help, version, refused command lines: exit status, and what goes to which stream.
[ -n "$CYTO5" ] || { echo "CYTO5 is not set" >&2; exit 77; }
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
	echo "FAILED: $*" >&2
	failed=1
}

# runs STATUS ARGUMENTS: runs cyto5, keeps out and err, checks the exit status
runs() {
	want=$1
	shift
	"$CYTO5" "$@" >out 2>err </dev/null
	got=$?
	[ $got -eq "$want" ] || fail "cyto5 $*: exit status $got, expected $want: $(cat err)"
	what="cyto5 $*"
}
quiet_err() { [ ! -s err ] || fail "$what: standard error should be empty: $(cat err)"; }
quiet_out() { [ ! -s out ] || fail "$what: standard output should be empty: $(cat out)"; }
out_has() { grep -q -e "$1" out || fail "$what: standard output lacks '$1'"; }
err_is() { [ "$(cat err)" = "$1" ] || fail "$what: standard error is '$(cat err)', expected '$1'"; }
narrow() { awk 'length($0) > 100 { exit 1 }' out || fail "$what: a line is wider than 100 columns"; }

# the contents
for words in --help -h help; do
	runs 0 $words
	quiet_err
	narrow
	out_has '^usage: cyto5 COMMAND'
	out_has '^Exit status$'
	out_has '^  75  stopped by a signal'
	out_has '^  version  *tell version'
done
runs 0 help && cp out contents
runs 2
quiet_err
cmp -s out contents || fail "cyto5 without arguments does not print the contents"

# the version
runs 0 --version
quiet_err
cp out version
for name in cyto5 HDF5 MPI libtiff oneDNN CUDA cuDNN NLopt libdeflate compiler build; do out_has "^$name  *[^ ]"; done
out_has '^cyto5  *[0-9]*\.[0-9]*\.[0-9]* (commit [0-9a-f]*'
awk 'index($0, $2) != 13 { exit 1 }' out || fail "--version is not aligned"
runs 0 version
cmp -s out version || fail "version and --version differ"

# a verb's help, by both ways
runs 0 stain predict --help
quiet_err
cp out verb
runs 0 help stain predict
cmp -s out verb || fail "help stain predict and stain predict --help differ"

# every command in the contents has its own help, by both ways, with examples and the common options
commands=$(awk '/^Exit status/ { exit } /^  [a-z]/ { print $1 }' contents)
[ -n "$commands" ] || fail "no command in the contents"
for command in $commands; do
	runs 0 "$command" --help
	quiet_err
	narrow
	out_has "^cyto5 $command: "
	out_has "^usage: cyto5 $command"
	out_has '^  --threads N'
	out_has '^  --quiet '
	out_has '^Examples:$'
	cp out one
	runs 0 help "$command"
	cmp -s out one || fail "help $command and $command --help differ"
	runs 2 "$command" --no-such-option-at-all
	quiet_out
	err_is "cyto5 $command: --no-such-option-at-all: unknown option (see --help)"
	runs 2 "$command" --thraeds 2
	quiet_out
	err_is "cyto5 $command: --thraeds: unknown option; did you mean --threads? (see --help)"
	runs 2 "$command" --threads 5000
	quiet_out
	err_is "cyto5 $command: --threads: 5000 is out of range 0..4096"
done

# refusals
runs 2 versoin
quiet_out
err_is 'cyto5: versoin: unknown command; did you mean version? (see cyto5 --help)'
runs 2 zzzzzz
err_is 'cyto5: zzzzzz: unknown command (see cyto5 --help)'
runs 2 ''
err_is 'cyto5: : unknown command (see cyto5 --help)'
runs 2 --hlep
err_is 'cyto5: --hlep: unknown option; did you mean --help? (see cyto5 --help)'
runs 2 --quiet version
err_is 'cyto5: --quiet: a command is expected first, its options behind it (see cyto5 --help)'
runs 2 help versoin
err_is 'cyto5 help: versoin: unknown command; did you mean version? (see cyto5 --help)'
runs 2 version stray
err_is 'cyto5 version: no operand is expected, found 1; usage: cyto5 version (see --help)'
runs 2 version --quiet --verbose
err_is 'cyto5 version: --quiet: cannot go with --verbose; give one of them'
runs 1 version --json /nowhere/at/all.json
quiet_out
grep -q '^cyto5 version: /nowhere/at/all.json: ' err || fail "an event log that cannot be opened is not named: $(cat err)"

# under an MPI launcher one rank speaks for all
export PMIX_RANK=3
runs 2 version --nothing-like-it
quiet_out
quiet_err
runs 0 version --help
quiet_out
export PMIX_RANK=0
runs 2 version --nothing-like-it
err_is 'cyto5 version: --nothing-like-it: unknown option (see --help)'
unset PMIX_RANK

# a line of control characters stays one line and cannot steer the terminal
runs 2 "$(printf 'a\033[2J\nb')"
[ "$(wc -l <err)" -eq 1 ] || fail "an error is more than one line"
! grep -q "$(printf '\033')" err || fail "an escape reached the terminal"

# output that cannot be written is a failure
if [ -c /dev/full ]; then
	"$CYTO5" --version >/dev/full 2>err
	[ $? -eq 1 ] || fail "a full standard output is not a failure"
	grep -q '^cyto5 --version: standard output\|^cyto5 version: standard output' err || fail "a full standard output is not told: $(cat err)"
fi
exit $failed
