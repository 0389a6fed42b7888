# cli_preview.sh – settings tried on one frame: of an image file and of a container, without storing anything.
set -eu
[ -n "${CYTO5:-}" ] && [ -n "${C5_SOURCE:-}" ] || { echo "CYTO5 or C5_SOURCE is not set" >&2; exit 77; }
data=$C5_SOURCE/tests/data
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

fail() { echo "cli_preview: $*" >&2; exit 1; }
is_png() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] || fail "$1 is no PNG"; }

"$CYTO5" preview "$data/ecoli-phase-lineage/01/t027.tif" --segment --method rods --sigma 1.5 --min-area 150 --out rods.png 2>said
is_png rods.png
grep -Eq 'rods: (2[0-9]|3[0-9]) objects' said || fail "27 rods, some 20 to 39 expected: $(cat said)"
"$CYTO5" preview "$data/t98g-phase-timelapse/01/t000.tif" --segment --method phase --radius 3 --low 1.4 2>said >name
is_png "$(cat name)"

"$CYTO5" ingest out.h5 "$data/ecoli-phase-lineage/01" 2>said || fail "$(cat said)"
before=$(sha256sum <out.h5)
"$CYTO5" preview out.h5 --segment --method rods --frame 1 --out frame.png 2>said || fail "$(cat said)"
is_png frame.png
[ "$before" = "$(sha256sum <out.h5)" ] || fail "the container was changed"

"$CYTO5" preview "$data/ecoli-phase-lineage/01/t027.tif" --segment --method rots 2>said && fail "an unknown method is taken"
grep -q rods said || fail "no nearest method named: $(cat said)"
"$CYTO5" preview "$data/ecoli-phase-lineage/01/t027.tif" --segment --frame 9 2>said && fail "a frame that is not there is drawn"
grep -q 'no frame 9' said || fail "$(cat said)"
"$CYTO5" preview nowhere.tif --segment 2>said && fail "a file that is not there is drawn"
exit 0
