/* bench_write.c – writes a stack of 16-bit frames as the pipeline does: ranks take units from the shared counter, pack their frames, and put
 * them into the exchange; rank 0 owns the file; one commit. Compared by write.py with HDF5's own ways of doing it.
 *
 *     mpirun -n RANKS bench_write OUT.h5 FRAMES.raw HEIGHT WIDTH DISTINCT FRAMES
 *
 * FRAMES.raw holds DISTINCT frames, little-endian, read into memory before the clock starts; frame t is number t % DISTINCT of them.
 * The clock runs from before the dataset is made until everything is committed and synced. Rank 0 prints "seconds MB_per_s bytes_in_file". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "mpi/exchange.h"
#include "pipeline/steps.h"

#define STACK "/experiments/bench/raw/phase"

typedef struct size { uint64_t height, width, distinct, frames; } size;

static int load(const char *path, const size *s, uint16_t **pixels)
{
	size_t n = s->distinct * s->height * s->width;
	int err = c5_alloc(pixels, n, sizeof **pixels);
	FILE *f = err == C5_OK ? fopen(path, "rb") : NULL;
	if (err < 0) return err;
	if (!f || fread(*pixels, sizeof **pixels, n, f) != n)
		err = c5_fail(C5_EINPUT, "%s: cannot be read, or holds fewer than %" PRIu64 " frames", path, s->distinct);
	if (f) fclose(f);
	return err;
}

static int plan_stack(c5_plan *plan, const size *s)
{
	c5_job *job;
	c5_array_spec *stack;
	int err;
	if ((err = c5_plan_add_job(plan, &job)) < 0 || (err = c5_job_add_output(job, &stack)) < 0) return err;
	if ((err = c5_spec_stack(stack, STACK, C5_U16, s->frames, 0, s->height, s->width)) < 0) return err;
	if ((err = c5_plan_add_units(plan, s->frames, NULL, c5_frames_per_unit(s->height, s->width), 1)) < 0) return err;
	c5_plan_settle(plan);
	return C5_OK;
}

static int declare(c5_owner *owner, const size *s)
{
	c5_array_spec stack;
	uint32_t id;
	int err = c5_spec_stack(&stack, STACK, C5_U16, s->frames, 0, s->height, s->width);
	return err < 0 ? err : c5_owner_declare(owner, &stack, &id);
}

static int write_units(c5_comm *comm, c5_exchange *exchange, c5_worker *w, const c5_plan *plan, const size *s, const uint16_t *pixels)
{
	int err = C5_OK;
	for (;;) {
		if ((err = c5_worker_poll(w)) < 0) return err;
		uint64_t i = c5_comm_counter_next(comm);
		if (i >= plan->n_units) return c5_worker_hand_over(w);
		const c5_unit *unit = &plan->units[i];
		for (uint64_t t = unit->first; t < unit->first + unit->count; t++) {
			if ((err = c5_worker_poll(w)) < 0) return err;
			if ((err = c5_worker_put_frame(w, &plan->jobs[0], 0, t, 0, pixels + t % s->distinct * s->height * s->width)) < 0) return err;
		}
		if ((err = c5_exchange_unit_done(exchange, unit->job)) < 0) return err;
	}
}

int main(int argc, char **argv)
{
	c5_comm *comm = NULL;
	c5_file *file = NULL;
	c5_owner *owner = NULL;
	c5_exchange *exchange = NULL;
	c5_worker worker = { 0 };
	c5_plan plan = { 0 };
	size s = { 0 };
	uint16_t *pixels = NULL;
	double start, seconds;
	int err = c5_comm_open(&comm);
	if (err < 0) goto done;
	bool first = c5_comm_rank(comm) == 0;
	if (argc != 7) {
		err = c5_fail(C5_EUSAGE, "usage: bench_write OUT.h5 FRAMES.raw HEIGHT WIDTH DISTINCT FRAMES");
		goto done;
	}
	s = (size){ strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10) };
	err = load(argv[2], &s, &pixels);
	if (err == C5_OK && first && (err = c5_file_create(argv[1], "bench")) == C5_OK && (err = c5_file_open(&file, argv[1], C5_WRITE, "bench")) == C5_OK)
		err = c5_owner_open(&owner, file);
	if ((err = c5_comm_agree(comm, err)) < 0 || (err = c5_exchange_open(&exchange, comm, owner, argv[1], 60)) < 0) goto done;
	if ((err = c5_worker_open(&worker, argv[1], c5_exchange_sink(exchange))) < 0 || (err = plan_stack(&plan, &s)) < 0) goto done;

	c5_comm_barrier(comm);
	start = c5_clock_s();
	if (first) err = declare(owner, &s);
	if ((err = c5_comm_agree(comm, err)) < 0 || (err = c5_exchange_begin(exchange, plan.n_units, plan.n_jobs)) < 0) goto done;
	err = write_units(comm, exchange, &worker, &plan, &s, pixels);
	if ((err = c5_exchange_end(exchange, err)) < 0) goto done;
	c5_comm_barrier(comm);
	seconds = c5_clock_s() - start;
	if (first) printf("%.6f %.2f %" PRIu64 "\n", seconds, (double)(s.frames * s.height * s.width * 2) / 1e6 / seconds, c5_file_end(file));
done:
	c5_exchange_close(exchange);
	c5_owner_close(owner);
	int closed = c5_file_close(file);
	if (err == C5_OK) err = closed;
	if (err < 0) fprintf(stderr, "bench_write: %s\n", c5_error_last());
	c5_worker_close(&worker);
	c5_plan_free(&plan);
	free(pixels);
	c5_comm_close(comm);
	return err < 0;
}
