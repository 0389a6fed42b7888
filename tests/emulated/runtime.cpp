/* runtime.cpp – see cuda_runtime_api.h and emulate.h. Threads of a block are coroutines: each runs to the next __syncthreads, then the next one does;
 * a block whose threads do not all meet there is an error, as is one that leaves early. Memory is exact, so that address sanitizers see every
 * overrun. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <map>
#include <vector>

#include "emulate.h"

c5_dim threadIdx, blockIdx, blockDim, gridDim;
size_t c5_emulated_memory = (size_t)1 << 40, c5_emulated_held;
int c5_emulated_launches, c5_emulated_recording = 1;
float c5_emulated_ms;

struct CUstream_st { bool capturing = false, spoiled = false; std::vector<std::function<void()>> kept; };
struct CUevent_st { float ms; };
struct CUgraph_st { std::vector<std::function<void()>> kept; };
struct CUgraphExec_st { std::vector<std::function<void()>> kept; };

static cudaError_t last;
static std::vector<CUstream_st *> streams;
static std::map<void *, size_t> held, locked;

static cudaError_t told(cudaError_t e)
{
	if (e != cudaSuccess) last = e;
	return e;
}

/* What may not happen while anything is recorded: it spoils the recording. */
static bool forbidden()
{
	for (CUstream_st *s : streams)
		if (s->capturing) {
			s->spoiled = true;
			return true;
		}
	return false;
}

/* ---- coroutines ---- */

#define STACK ((size_t)96 << 10)

/* Address sanitizers are told of every change of stack. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define LEAVE(fake, bottom, size) __sanitizer_start_switch_fiber(fake, bottom, size)
#define ARRIVE(fake, bottom, size) __sanitizer_finish_switch_fiber(fake, bottom, size)
#else
#define LEAVE(fake, bottom, size) ((void)(fake), (void)(bottom), (void)(size))
#define ARRIVE(fake, bottom, size) LEAVE(fake, bottom, size)
#endif

struct fiber { ucontext_t at; bool done; void *fake; };
static ucontext_t scheduler;
static const void *main_bottom;
static size_t main_size;
static std::vector<fiber> fibers;
static std::vector<char> stacks;
static unsigned current;
static const std::function<void()> *body;

static void back(fiber &f)
{
	LEAVE(f.done ? NULL : &f.fake, main_bottom, main_size);
	swapcontext(&f.at, &scheduler);
	ARRIVE(f.fake, &main_bottom, &main_size);
}

static void enter()
{
	ARRIVE(NULL, &main_bottom, &main_size);
	(*body)();
	fibers[current].done = true;
	back(fibers[current]);
}

void __syncthreads() { back(fibers[current]); }

static void go_on(unsigned t)
{
	void *fake = NULL;
	current = t;
	threadIdx.x = t;
	LEAVE(&fake, &stacks[t * STACK], STACK);
	swapcontext(&scheduler, &fibers[t].at);
	ARRIVE(fake, NULL, NULL);
}

/* By itself, as getcontext returns twice for all the compiler knows, and would spoil a loop's counter. */
static void __attribute__((noinline)) prepare(fiber *f, char *stack)
{
	f->done = false;
	f->fake = NULL;
	getcontext(&f->at);
	f->at.uc_stack.ss_sp = stack;
	f->at.uc_stack.ss_size = STACK;
	f->at.uc_link = NULL;
	makecontext(&f->at, enter, 0);
}

static void block(unsigned threads)
{
	for (unsigned t = 0; t < threads; t++) prepare(&fibers[t], &stacks[t * STACK]);
	for (unsigned left = threads; left > 0;) {
		unsigned ended = 0;
		for (unsigned t = 0; t < threads; t++) {
			if (!fibers[t].done) go_on(t);
			ended += fibers[t].done;
		}
		if (ended && ended != threads) {
			fprintf(stderr, "emulated: %u of %u threads of a block left before the others met\n", ended, threads);
			abort();
		}
		left = threads - ended;
	}
}

void c5_emulated_run(bool meet, unsigned blocks, unsigned threads, const std::function<void()> &thread)
{
	if (!blocks || !threads || threads > 1024) {
		told(cudaErrorInvalidValue);
		return;
	}
	if (meet && fibers.size() < threads) fibers.resize(threads);
	if (meet && stacks.size() < threads * STACK) stacks.resize(threads * STACK);
	body = &thread;
	gridDim.x = blocks;
	blockDim.x = threads;
	for (unsigned b = 0; b < blocks; b++) {
		blockIdx.x = b;
		if (meet) block(threads);
		else
			for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) thread();
	}
}

bool c5_emulated_capturing(cudaStream_t s) { return s->capturing; }

void c5_emulated_do(cudaStream_t s, std::function<void()> work)
{
	if (s->capturing) s->kept.push_back(work);
	else work();
}

/* ---- the runtime ---- */

extern "C" {

cudaError_t cudaGetDeviceCount(int *count)
{
	*count = 1;
	return cudaSuccess;
}

cudaError_t cudaSetDevice(int index) { return told(index == 0 ? cudaSuccess : cudaErrorInvalidDevice); }

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int)
{
	memset(prop, 0, sizeof *prop);
	strcpy(prop->name, "emulated");
	prop->major = 9;
	prop->minor = 0;
	prop->totalGlobalMem = c5_emulated_memory;
	prop->multiProcessorCount = 4;
	return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
	*version = 0;
	return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
	cudaError_t e = last;
	last = cudaSuccess;
	return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? "out of memory" : e == cudaSuccess ? "no error" : "emulated failure";
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
	*p = NULL;
	if (forbidden()) return told(cudaErrorStreamCaptureUnsupported);
	if (bytes > c5_emulated_memory || c5_emulated_held > c5_emulated_memory - bytes) return told(cudaErrorMemoryAllocation);
	*p = aligned_alloc(256, (bytes + 255) / 256 * 256);
	if (!*p) return told(cudaErrorMemoryAllocation);
	memset(*p, 0xa5, (bytes + 255) / 256 * 256); /* nobody may count on zeros */
	held[*p] = bytes;
	c5_emulated_held += bytes;
	return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
	if (forbidden()) return told(cudaErrorStreamCaptureUnsupported);
	if (!p) return cudaSuccess;
	if (!held.count(p)) return told(cudaErrorInvalidValue);
	c5_emulated_held -= held[p];
	held.erase(p);
	free(p);
	return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
	*p = malloc(bytes);
	if (*p) locked[*p] = bytes;
	return told(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *p)
{
	auto after = locked.upper_bound((void *)p);
	bool in = after != locked.begin() && (const char *)p < (const char *)std::prev(after)->first + std::prev(after)->second;
	a->type = in ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
	return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
	locked.erase(p);
	free(p);
	return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
	*all = c5_emulated_memory;
	*left = c5_emulated_memory - c5_emulated_held;
	return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s)
{
	if (s->capturing && kind != cudaMemcpyDeviceToDevice) {
		s->spoiled = true;
		return told(cudaErrorStreamCaptureUnsupported);
	}
	c5_emulated_do(s, [=]() { memcpy(to, from, bytes); });
	return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s)
{
	c5_emulated_do(s, [=]() { memset(p, value, bytes); });
	return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
	*s = new CUstream_st;
	streams.push_back(*s);
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
	if (!s->capturing) return cudaSuccess;
	s->spoiled = true;
	return told(cudaErrorStreamCaptureUnsupported);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	for (size_t i = 0; i < streams.size(); i++)
		if (streams[i] == s) streams.erase(streams.begin() + (long)i);
	delete s;
	return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
	*e = new CUevent_st;
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t)
{
	e->ms = c5_emulated_ms;
	return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
	*ms = to->ms - from->ms;
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) { return told(forbidden() ? cudaErrorStreamCaptureUnsupported : cudaSuccess); }

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
	delete e;
	return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode)
{
	if (s->capturing) return told(cudaErrorInvalidValue);
	s->capturing = true;
	s->spoiled = false;
	s->kept.clear();
	return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
	*graph = NULL;
	if (!s->capturing) return told(cudaErrorInvalidValue);
	s->capturing = false;
	if (s->spoiled) return told(cudaErrorStreamCaptureInvalidated);
	*graph = new CUgraph_st;
	(*graph)->kept.swap(s->kept);
	return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
	if (!c5_emulated_recording) return told(cudaErrorStreamCaptureUnsupported);
	*exec = new CUgraphExec_st;
	(*exec)->kept = graph->kept;
	return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
	for (auto &work : exec->kept) work();
	c5_emulated_launches++;
	return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	delete graph;
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	delete exec;
	return cudaSuccess;
}

}
