# gpu.sh – everything about the GPU backend in one go, on a machine that has a GPU, the CUDA toolkit and cuDNN:
#
#     sh bench/gpu.sh
#
# Builds the preset `cuda`; runs the layers' tests on the GPU and the two backends against each other; runs the latter again under
# compute-sanitizer, where there is one (memcheck, racecheck, initcheck, synccheck); then resnet18 and unet in bfloat16, training and inference,
# beside PyTorch on the same GPU (channels last, autocast, cudnn.benchmark): needs a Python with torch for CUDA, named by C5_NN_PEERS.
# C5_QUICK=1 leaves out the sanitizer. Exits 1 when anything failed or a bar was missed, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cd "$root" || exit 1
code=0
generator=
[ -f build/cuda/CMakeCache.txt ] || generator="-G Ninja"
cmake --preset cuda $generator || exit 1
cmake --build --preset cuda -j "$(nproc)" --target cyto5 bench_nn unit_nn_layers unit_nn_cuda || exit 1
tests=build/cuda/tests
if "$tests/unit_nn_cuda" 2>&1 | grep -q "the rest is skipped"; then
	"$tests/unit_nn_cuda" | tail -n 1
	exit 77
fi
for name in unit_nn_layers unit_nn_cuda; do
	echo "## $name" >&2
	"$tests/$name" || code=1
done
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -z "$sanitizer" ] || [ "${C5_QUICK:-}" ]; then
	echo "# compute-sanitizer: skipped"
else
	for tool in memcheck racecheck initcheck synccheck; do
		echo "## compute-sanitizer $tool" >&2
		"$sanitizer" --tool $tool --error-exitcode 9 "$tests/unit_nn_cuda" || code=1
	done
fi
echo "## bench" >&2
C5_BUILD="$root/build/cuda" C5_NN_DEVICE=cuda /usr/bin/python3 "$here/nn.py" \
	resnet18:train:bf16 resnet18:infer:bf16 unet:train:bf16 unet:infer:bf16 || code=1
exit $code
