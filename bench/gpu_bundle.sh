# gpu_bundle.sh – what gpu.sh needs in one archive, for a machine with a GPU where nothing can be built or fetched:
#
#     sh bench/gpu_bundle.sh cyto5-gpu.tar.xz           here, with the CUDA toolkit but without a GPU
#     tar xf cyto5-gpu.tar.xz && sh cyto5-gpu/bench/gpu.sh   there
#
# Inside: the bench, two tests, the libraries they load save those of the C library (that of the other machine must not be older: the script says
# which), and the scripts. cuDNN, 1 GB and more, stays out, as does NVRTC, which its engines compile with: they are looked for there, in the toolkit's
# folder and beside the PyTorch of C5_NN_PEERS or python3. C5_WITH_CUDNN=1 puts both in.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
file=${1:?usage: sh bench/gpu_bundle.sh FILE.tar.xz}
case $file in /*) ;; *) file=$PWD/$file;; esac
cd "$root"
[ "${C5_BUILD:-}" ] || {
	generator=
	[ -f build/cuda/CMakeCache.txt ] || generator="-G Ninja"
	cmake --preset cuda $generator
	cmake --build --preset cuda -j "$(nproc)" --target bench_nn unit_nn_layers unit_nn_cuda
}
build=${C5_BUILD:-build/cuda}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
to=$scratch/cyto5-gpu
mkdir -p "$to/bench/peers" "$to/build/cuda/bench" "$to/build/cuda/tests" "$to/lib" "$to/bin"
cp bench/gpu.sh bench/nn.py bench/benchlib.py "$to/bench/"
cp bench/peers/nn_torch.py "$to/bench/peers/"
{ git rev-parse --short=12 HEAD 2>/dev/null || echo unknown; } > "$to/bundled"

# Each program is started by a script that says where its libraries are; others, such as PyTorch, are left their own.
for program in bench/bench_nn tests/unit_nn_layers tests/unit_nn_cuda; do
	name=$(basename "$program")
	strip -o "$to/bin/$name" "$build/$program"
	cat > "$to/build/cuda/$program" <<'END'
#!/bin/sh
here=$(cd "$(dirname "$0")/../../.." && pwd)
beside=$("${C5_NN_PEERS:-python3}" -c 'import glob, site, sysconfig
for f in {sysconfig.get_paths()["purelib"], *site.getsitepackages()}: print(*glob.glob(f + "/nvidia/*/lib"), sep=":", end=":")' 2>/dev/null)
LD_LIBRARY_PATH="$here/lib:${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64:/usr/local/nvidia/lib64:/usr/local/nvidia/lib:$beside"
export LD_LIBRARY_PATH
exec "$here/bin/$(basename "$0")" "$@"
END
	chmod +x "$to/build/cuda/$program"
	ldd "$build/$program" | while read -r so _ path _; do
		case $so in
		linux-vdso* | ld-linux* | */ld-linux* | libc.so* | libm.so* | libdl.so* | librt.so* | libpthread.so* | libcudnn*) ;;
		*) cp -Lf "$path" "$to/lib/$so" ;;
		esac
	done
done
if [ "${C5_WITH_CUDNN:-}" ]; then
	cudnn=$(dirname "$(ldd "$build/bench/bench_nn" | awk '/libcudnn/ { print $3 }')")
	cp -L "$cudnn"/libcudnn*.so.9 "$cudnn"/libnvrtc*.so.1? "$cudnn"/libnvrtc-builtins.so.1?.? "$to/lib/"
fi
tar -C "$scratch" -cf - cyto5-gpu | xz -T0 -6 > "$file"
echo "$file: $(wc -c < "$file") bytes; needs a C library of $(ldd --version | sed -n '1s/.* //p') or newer" >&2
