/* comm.c – see comm.h. */
#include "mpi/comm.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "mpi/comm_mpi.h"
#include "nn/net.h"

/* What launchers leave in the environment of the processes they start. */
static bool launched(void)
{
	static const char *const marks[] = { "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS" };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (getenv(marks[i])) return true;
	return false;
}

/* How many ranks of this node may run on the same cores: all, where the launcher has bound none of them to cores of its own. */
static int sharing(MPI_Comm node)
{
	cpu_set_t mine, any, every;
	int ranks;
	CPU_ZERO(&mine);
	sched_getaffinity(0, sizeof mine, &mine);
	MPI_Allreduce(&mine, &any, sizeof mine, MPI_BYTE, MPI_BOR, node);
	MPI_Allreduce(&mine, &every, sizeof mine, MPI_BYTE, MPI_BAND, node);
	MPI_Comm_size(node, &ranks);
	return CPU_EQUAL(&any, &every) ? ranks : 1;
}

int c5_comm_open(c5_comm **out)
{
	c5_comm *c;
	int err = c5_alloc(&c, 1, sizeof *c), level;
	if (err < 0) return err;
	c->size = c->sharing = 1;
	c->window = MPI_WIN_NULL;
	*out = c;
	if (!launched()) return C5_OK;
	/* Open MPI 4.1's osc/rdma has no window between hosts that only TCP joins ("invalid window"); the other components do. */
	(void)setenv("OMPI_MCA_osc", "^rdma", 0);
	/* On one machine Open MPI would spend a fifth of a second on looking for networks. */
	const char *all = getenv("OMPI_COMM_WORLD_SIZE"), *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
	if (all && here && strcmp(all, here) == 0) (void)setenv("OMPI_MCA_pml", "ob1", 0);
	if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) {
		free(c);
		*out = NULL;
		return c5_fail(C5_EFAIL, "MPI cannot start; start with the mpirun of the MPI library that cyto5 was built with (cyto5 --version)");
	}
	c->real = true;
	MPI_Comm_dup(MPI_COMM_WORLD, &c->world);
	MPI_Comm_dup(MPI_COMM_WORLD, &c->talk);
	MPI_Comm_rank(c->world, &c->rank);
	MPI_Comm_size(c->world, &c->size);
	MPI_Comm node;
	MPI_Comm_split_type(c->world, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node);
	MPI_Comm_rank(node, &c->node_rank);
	c5_device_prefer(c->node_rank);
	c->sharing = sharing(node);
	MPI_Comm_free(&node);
	MPI_Win_allocate(c->rank == 0 ? (MPI_Aint)sizeof *c->slot : 0, sizeof *c->slot, MPI_INFO_NULL, c->world, &c->slot, &c->window);
	MPI_Win_lock_all(MPI_MODE_NOCHECK, c->window);
	return C5_OK;
}

void c5_comm_close(c5_comm *c)
{
	if (!c) return;
	if (c->real && c->part) MPI_Comm_free(&c->world);
	else if (c->real) {
		MPI_Win_unlock_all(c->window);
		MPI_Win_free(&c->window);
		MPI_Comm_free(&c->talk);
		MPI_Comm_free(&c->world);
		MPI_Finalize();
	}
	free(c);
}

int c5_comm_split(c5_comm **out, c5_comm *c, int colour)
{
	c5_comm *p;
	int err = c5_comm_agree(c, c5_alloc(&p, 1, sizeof *p));
	if (err < 0) return err;
	*p = (c5_comm){ .size = 1, .node_rank = c->node_rank, .sharing = c->sharing, .real = c->real, .part = true, .window = MPI_WIN_NULL };
	if (c->real) {
		MPI_Comm_split(c->world, colour, c->rank, &p->world);
		MPI_Comm_rank(p->world, &p->rank);
		MPI_Comm_size(p->world, &p->size);
	}
	*out = p;
	return C5_OK;
}

void c5_comm_abort(c5_comm *c, int status)
{
	if (c->real) MPI_Abort(c->world, status);
	_exit(status);
}

int c5_comm_rank(const c5_comm *c) { return c->rank; }
int c5_comm_size(const c5_comm *c) { return c->size; }

int c5_comm_sharing(const c5_comm *c) { return c->sharing; }

void c5_comm_barrier(c5_comm *c)
{
	if (c->real) MPI_Barrier(c->world);
}

int c5_comm_bcast(c5_comm *c, c5_buf *b)
{
	if (!c->real) return b->err;
	uint64_t n = b->size;
	int err = c5_comm_agree(c, b->err);
	if (err < 0) return err;
	MPI_Bcast(&n, 1, MPI_UINT64_T, 0, c->world);
	if (c->rank != 0) {
		b->size = b->at = 0;
		err = c5_grow(&b->data, &b->cap, n, 1);
		b->size = n;
	}
	if ((err = c5_comm_agree(c, err)) < 0) return err;
	for (uint64_t at = 0; at < n;) { /* counts are int: a plan of many experiments goes in pieces */
		int part = n - at > (1 << 30) ? 1 << 30 : (int)(n - at);
		MPI_Bcast(b->data + at, part, MPI_BYTE, 0, c->world);
		at += (uint64_t)part;
	}
	return C5_OK;
}

int c5_comm_agree(c5_comm *c, int code)
{
	if (!c->real) return code;
	struct { int code, rank; } mine = { code, c->rank }, worst;
	MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MINLOC, c->world);
	if (worst.code >= 0) return C5_OK;
	char text[1024] = "";
	if (c->rank == worst.rank) snprintf(text, sizeof text, "%s", c5_error_last());
	MPI_Bcast(text, sizeof text, MPI_CHAR, worst.rank, c->world);
	return c5_fail(worst.code, "%s", text);
}

int c5_comm_hosts(c5_comm *c, char **hosts)
{
	char mine[128] = "?";
	*hosts = NULL;
	gethostname(mine, sizeof mine - 1);
	if (!c->real) return (*hosts = c5_strdup(mine)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	char *all = NULL;
	int err = C5_OK;
	if (c->rank == 0) err = c5_alloc(&all, (size_t)c->size, sizeof mine);
	if ((err = c5_comm_agree(c, err)) < 0) return err;
	MPI_Gather(mine, sizeof mine, MPI_CHAR, all, sizeof mine, MPI_CHAR, 0, c->world);
	if (c->rank == 0) {
		c5_buf b = { 0 };
		for (int i = 0; i < c->size; i++) {
			const char *host = all + (size_t)i * sizeof mine;
			bool seen = false;
			for (int k = 0; k < i && !seen; k++) seen = strcmp(host, all + (size_t)k * sizeof mine) == 0;
			if (seen) continue;
			if (b.size) c5_buf_put(&b, ",", 1);
			c5_buf_put(&b, host, strlen(host));
		}
		c5_buf_put(&b, "", 1);
		err = b.err;
		*hosts = (char *)b.data;
	}
	free(all);
	return c5_comm_agree(c, err);
}

uint64_t c5_comm_max(c5_comm *c, uint64_t value)
{
	uint64_t most = value;
	if (c->real) MPI_Allreduce(&value, &most, 1, MPI_UINT64_T, MPI_MAX, c->world);
	return most;
}

int c5_comm_counter_reset(c5_comm *c)
{
	c->alone = 0;
	if (!c->real) return C5_OK;
	MPI_Barrier(c->world);
	if (c->rank == 0) {
		uint64_t zero = 0, old;
		MPI_Fetch_and_op(&zero, &old, MPI_UINT64_T, 0, 0, MPI_REPLACE, c->window);
		MPI_Win_flush(0, c->window);
	}
	MPI_Barrier(c->world);
	return C5_OK;
}

uint64_t c5_comm_counter_next(c5_comm *c)
{
	if (!c->real) return c->alone++;
	uint64_t one = 1, old = 0;
	MPI_Fetch_and_op(&one, &old, MPI_UINT64_T, 0, 0, MPI_SUM, c->window);
	MPI_Win_flush(0, c->window);
	return old;
}

bool c5_comm_met(void)
{
	int up = 0;
	MPI_Initialized(&up);
	return up;
}

