/* post.c – see post.h. Messages are padded to whole floats, so that their counts fit an int up to 8 GiB. */
#include "mpi/post.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm_mpi.h"

#define UNDER_WAY 4
#define TAG 100

struct c5_post {
	c5_comm *comm;
	MPI_Request request[UNDER_WAY];
	uint8_t *data[UNDER_WAY];
};

int c5_post_open(c5_post **out, c5_comm *comm)
{
	int err = c5_comm_agree(comm, c5_alloc(out, 1, sizeof **out));
	if (err < 0) return err;
	(*out)->comm = comm;
	for (int i = 0; i < UNDER_WAY; i++) (*out)->request[i] = MPI_REQUEST_NULL;
	return C5_OK;
}

static void settle(c5_post *p, int i)
{
	MPI_Wait(&p->request[i], MPI_STATUS_IGNORE);
	free(p->data[i]);
	p->data[i] = NULL;
}

void c5_post_close(c5_post *p)
{
	if (!p) return;
	for (int i = 0; i < UNDER_WAY; i++)
		if (p->data[i]) settle(p, i);
	free(p);
}

int c5_post_send(c5_post *p, int kind, c5_buf *message)
{
	int slot = -1, done;
	uint64_t zero = 0;
	size_t size = message->size;
	c5_buf_put(message, &zero, (8 - (size + 8) % 8) % 8);
	c5_buf_put_u64(message, size); /* the true size comes last */
	if (message->err < 0 || message->size / 4 > INT_MAX) {
		c5_buf_free(message);
		return c5_fail(C5_ENOMEM, "a message of %zu bytes to rank 0 cannot be sent", size);
	}
	for (int i = 0; i < UNDER_WAY; i++) {
		if (!p->data[i]) slot = i;
		else if (MPI_Test(&p->request[i], &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done) settle(p, slot = i);
	}
	if (slot < 0) settle(p, slot = 0);
	p->data[slot] = message->data;
	MPI_Isend(p->data[slot], (int)(message->size / 4), MPI_FLOAT, 0, TAG + kind, p->comm->talk, &p->request[slot]);
	*message = (c5_buf){ 0 };
	return C5_OK;
}

int c5_post_take(c5_post *p, bool wait, int *kind, c5_buf *message)
{
	MPI_Status status;
	int there = 1, count;
	*message = (c5_buf){ 0 };
	if (!p->comm->real) return 0;
	if (wait) MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, p->comm->talk, &status);
	else MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, p->comm->talk, &there, &status);
	if (!there) return 0;
	MPI_Get_count(&status, MPI_FLOAT, &count);
	int err = c5_grow(&message->data, &message->cap, (size_t)count * 4 + 4, 1);
	if (err < 0) return err;
	MPI_Recv(message->data, count, MPI_FLOAT, status.MPI_SOURCE, status.MPI_TAG, p->comm->talk, MPI_STATUS_IGNORE);
	uint64_t size;
	memcpy(&size, message->data + (size_t)count * 4 - 8, sizeof size);
	message->size = size;
	*kind = status.MPI_TAG - TAG;
	return 1;
}
