/* talk.c – see talk.h. */
#include "mpi/talk.h"

#include "base/error.h"
#include "mpi/comm_mpi.h"

#define TAG 7 /* beside those of exchange.c */

int c5_talk_send(c5_comm *c, int to, const c5_buf *message)
{
	if (message->err < 0) return message->err;
	if (!c->real || c->part) return c5_fail(C5_EFAIL, "a message to rank %d of a program that is alone", to);
	if (message->size > C5_TALK_MOST) return c5_fail(C5_EFAIL, "a message of %zu bytes, expected at most %d", message->size, C5_TALK_MOST);
	return MPI_Send(message->data, (int)message->size, MPI_BYTE, to, TAG, c->talk) == MPI_SUCCESS ? C5_OK : c5_fail(C5_EFAIL,
		"rank %d cannot be reached", to);
}

bool c5_talk_take(c5_comm *c, int *from, c5_buf *message)
{
	MPI_Status status;
	int there = 0, n = 0;
	if (!c->real || c->part) return false;
	MPI_Iprobe(MPI_ANY_SOURCE, TAG, c->talk, &there, &status);
	if (!there) return false;
	MPI_Get_count(&status, MPI_BYTE, &n);
	message->size = message->at = 0;
	message->err = c5_grow(&message->data, &message->cap, (size_t)n + 1, 1);
	if (message->err < 0) return false;
	MPI_Recv(message->data, n, MPI_BYTE, status.MPI_SOURCE, TAG, c->talk, MPI_STATUS_IGNORE);
	message->size = (size_t)n;
	*from = status.MPI_SOURCE;
	return true;
}
