# gpu.sh – everything about the GPU backend in one go, on a machine that has a GPU:
#
#     sh bench/gpu.sh
#
# With the CUDA toolkit, cuDNN and what else docs/gpu.md names it builds the preset `cuda`; in an unpacked bundle (gpu_bundle.sh) nothing is built and
# nothing is needed but the driver, a Python with numpy and h5py, and cuDNN 9, which is looked for in the toolkit and beside PyTorch. In this order:
# the layers' tests on the GPU and the two backends against each other; resnet18 and unet in bfloat16, training and inference, beside PyTorch on the
# same GPU (channels last, autocast, cudnn.benchmark; a Python with torch for CUDA, C5_NN_PEERS, else python3); the same with our engines timed, too;
# the same beside torch.compile; the backends' test under compute-sanitizer, where there is one (memcheck, racecheck, initcheck, synccheck).
# C5_LIMIT_S: seconds for all of it; what no time is left for is left out and said. C5_QUICK=1 ends before torch.compile. Exits 1 when anything
# failed or a bar was missed, 77 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cd "$root" || exit 1
code=0
begun=$(date +%s)
limit=${C5_LIMIT_S:-7200}
python=${C5_NN_PEERS:-python3}
export C5_NN_PEERS="$python"

left() { echo $((limit - ($(date +%s) - begun))); }

# step NAME SECONDS COMMAND...: in no more than SECONDS, nor than are left.
step()
{
	name=$1 most=$2
	shift 2
	rest=$(left)
	if [ "$rest" -lt 20 ]; then
		echo "# $name: left out, the time is over" >&2
		return
	fi
	[ "$rest" -lt "$most" ] && most=$rest
	echo "## $name" >&2
	timeout "$most" "$@"
	status=$?
	[ $status -eq 0 ] && return
	code=1
	[ $status -eq 124 ] && echo "# $name: not ended after $most s" >&2
	[ $status -ne 124 ] && echo "# $name: exit status $status" >&2
}

if [ -f bundled ]; then
	echo "# bundle of commit $(cat bundled)" >&2
else
	generator=
	[ -f build/cuda/CMakeCache.txt ] || generator="-G Ninja"
	cmake --preset cuda $generator || exit 1
	cmake --build --preset cuda -j "$(nproc)" --target bench_nn unit_nn_layers unit_nn_cuda || exit 1
fi
tests=build/cuda/tests
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | sed 's/^/# /' >&2
opened=$(C5_OPEN_ONLY=1 "$tests/unit_nn_cuda" 2>&1)
case $opened in
*"the rest is skipped"*)
	echo "$opened" | grep "the rest is skipped"
	exit 77;;
*"on cuda:"*) ;;
*)
	echo "$opened" >&2
	echo "gpu.sh: $tests/unit_nn_cuda does not start here" >&2
	exit 1;;
esac
step "unit_nn_cuda" 180 "$tests/unit_nn_cuda"
step "unit_nn_layers" 180 "$tests/unit_nn_layers"
benches="resnet18:train:bf16 resnet18:infer:bf16 unet:train:bf16 unet:infer:bf16"
export C5_BUILD="$root/build/cuda" C5_NN_DEVICE=cuda
for what in $benches; do step "bench $what" 150 env C5_NN_COMPILE=0 "$python" "$here/nn.py" "$what"; done
for what in $benches; do
	step "bench $what, engines timed (C5_CUDNN_TUNE)" 150 env C5_CUDNN_TUNE=1 C5_NN_COMPILE=0 "$python" "$here/nn.py" "$what"
done
if [ "${C5_QUICK:-}" ]; then exit $code; fi
for what in $benches; do step "bench $what, torch.compile too" 400 env C5_NN_COMPILE=1 "$python" "$here/nn.py" "$what"; done
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
[ -n "$sanitizer" ] || echo "# compute-sanitizer: there is none" >&2
for tool in memcheck racecheck initcheck synccheck; do
	[ -z "$sanitizer" ] || step "compute-sanitizer $tool" 900 "$sanitizer" --target-processes all --tool $tool --error-exitcode 9 "$tests/unit_nn_cuda"
done
exit $code
