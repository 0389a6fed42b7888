# demo.sh – cyto5 from nothing to pictures: installs what is missing, builds, analyses two real movies with two MPI ranks, shows what it made.
#
#     sh jobs/local/demo.sh
#
# Works from any folder, in a fresh clone; writes demo-out/ and build/ only. A second run starts fresh.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
fi
say()   { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
# Shows a command as one would type it, then runs it, what it says indented.
shown() {
	printf '%s$ %s%s\n' "$dim" "$*" "$plain"
	code=0
	"$@" >"$out/said.txt" 2>&1 || code=$?
	sed 's/^/  /' "$out/said.txt"
	if [ $code -ne 0 ]; then
		echo "demo.sh: that command ended with exit $code" >&2
		exit 1
	fi
}

# Likewise, but of what it says only the lines that match.
picked() {
	lines=$1
	shift
	printf '%s$ %s%s\n' "$dim" "$*" "$plain"
	"$@" >"$out/said.txt" 2>&1 || { cat "$out/said.txt"; exit 1; }
	grep -E "$lines" "$out/said.txt" | sed 's/^/  /'
	echo "    ..."
}

out=demo-out
rm -rf "$out"
mkdir "$out"

say "1. Build"
. jobs/local/packages.sh
packages_need build || exit 1
generator=
[ -f build/release/CMakeCache.txt ] || generator="-G Ninja"
tests="-DC5_TESTS=OFF"
packages_present test && tests=
if ! { cmake --preset release $generator $tests && cmake --build --preset release --target cyto5 -j "$(nproc)"; } >"$out/build.log" 2>&1; then
	tail -n 40 "$out/build.log" >&2
	echo "demo.sh: cyto5 does not build; the whole log is $out/build.log" >&2
	exit 1
fi
PATH=$root/build/release:$PATH
echo "  $(cyto5 --version | head -n 1 | tr -s " "), in build/release"

# Root inside a container, and a machine with fewer than two cores, are both welcome here.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks="mpirun -n 2 --oversubscribe"

say "2. Two movies, two MPI ranks, one container: take in, outline every cell, measure it, crop it, follow it"
shown $ranks cyto5 run jobs/local/demo.yml "$out/demo.h5"

say "3. The bacteria again, with settings of their own: a second run adds a revision, the first one stays"
shown $ranks cyto5 run jobs/local/demo-colony.yml "$out/demo.h5" --experiments ecoli

say "4. The colony as people outlined and followed it comes in as a corrected revision; cyto5 follows the same outlines, and both steps are measured"
shown cyto5 import "$out/demo.h5" ecoli tests/data/ecoli-phase-lineage/01_GT/TRA
shown $ranks cyto5 track "$out/demo.h5" --experiments ecoli
picked 'AP@0.50|SEG|Dice' cyto5 measure segmentation "$out/demo.h5" --experiment ecoli --gt r000003 --res r000002
picked 'TRA|AOGM  |divisions_true|division_F1_strict.0' cyto5 measure tracking "$out/demo.h5" --experiment ecoli --gt r000003 --res r000004

say "5. Which settings would have outlined the colony best? Trials on both ranks, each held against people's outlines; a model chooses the next"
shown $ranks cyto5 search jobs/local/demo-search.yml "$out/demo.h5" --quiet --plots "$out/search" --best-config "$out/best.yml"

say "6. A stain nobody put on: from transmitted light of living neurons, both ranks learn where MAP2 is; the right quarter is kept to check with"
shown cyto5 ingest "$out/stain.h5" --sheet tests/data/neurons-transmitted-fluorescence/sheet.csv
shown $ranks cyto5 stain train "$out/stain.h5" --marker map2 --method dense --keep-back 0.25 --gap 8 --patch 64 --width 0.25 --epochs 15 \
	--per-epoch 96 --batch 8 --micro 2 --rate 0.003 --averaging 0.98 --watch pearson
shown cyto5 stain predict "$out/stain.h5" --model map2
picked 'pixel_|lies|registration' cyto5 stain evaluate "$out/stain.h5" --region 240:320 --pictures "$out"
mv "$out/neurons_map2_t000.png" "$out/stain.png"

say "7. What is in the container, and how it came to be"
shown cyto5 show "$out/demo.h5"
shown cyto5 log "$out/demo.h5"
shown cyto5 check "$out/demo.h5"

say "8. Pictures"
shown cyto5 preview "$out/demo.h5" t98g --frame 0 --out "$out/t98g.png"
shown cyto5 preview "$out/demo.h5" ecoli --frame 5 --revision r000002 --out "$out/ecoli.png"
shown cyto5 preview "$out/demo.h5" t98g --crops --most 64 --out "$out/t98g-crops.png"
shown cyto5 lineage "$out/demo.h5" ecoli --out "$out/ecoli-lineage.svg"

say "9. Learning: two cell lines told apart by a small ensemble, a member a rank, that starts from photographs; whole fields kept back to judge by"
shown cyto5 import crops "$out/cells.h5" tests/data/hek293a-vs-ht1080
picked 'crops by|layers taken|epoch (1|10|20)/|validation,|  (balanced_acc|auc|  member)' $ranks \
	cyto5 train "$out/cells.h5" --config jobs/local/demo-train.yml
picked 'crops in|  (accuracy|ROC_AUC|293A|HT1080) ' cyto5 validate "$out/cells.h5:cell-line-*" "$out/cells.h5" --kept-back --resize
shown $ranks cyto5 score "$out/cells.h5" --model 'cell-line-*' --no-screen
shown $ranks cyto5 explain "$out/cells.h5" --model 'cell-line-*' --layer Conv2d_11_pointwise --together --out "$out" --quiet

say "10. Notebooks that read what was made, to look further in Jupyter"
for each in demo stain cells; do shown cyto5 export "$out/$each.h5" --as notebooks --out "$out/notebooks/$each" --quiet; done
rm -f "$out/said.txt"

say "Made, in $root/$out:"
cat <<END
  demo.h5          everything: both recordings, masks, a table of all cells, crops, tracks, and how they were made ($(du -h "$out/demo.h5" | cut -f1))
  t98g.png         glioblastoma cells, first frame, outlined; cells that touch share an outline
  ecoli.png        a growing colony of bacteria, last frame, outlined
  t98g-crops.png   64 of the outlined cells, cut out
  ecoli-lineage.svg  the colony's family trees
  stain.png        neurons in transmitted light; the stain foretold from it; the fluorescence that was recorded (all in stain.h5)
  explain.png      single cells, and beside them what spoke for the class they were taken for (orange HT1080, blue 293A), in percent
  cells.h5         the single cells, the two networks with their history, every cell's score and map
  search/          how the settings of step 5 were found: history.svg, parallel.svg, slices.svg, importance.svg; best.yml is the best of them
  notebooks/       Jupyter notebooks of the three containers: frames, checks, tracks, scores, stains, curves of training, the search

  Open demo.h5 in h5py, MATLAB, H5Web or silx: masks are experiments/NAME/masks/latest, tables experiments/NAME/objects/latest.
  Next: your own recordings. Copy jobs/local/demo.yml, or ask: cyto5 --help
END
