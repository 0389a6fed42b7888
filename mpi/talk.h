/* talk.h – short messages from rank to rank, sent and looked for without waiting: how a search hands out trials and hears of them.
 * For messages of a few kilobytes, which MPI takes in at once. Not on parts of a communicator (c5_comm_split). */
#ifndef C5_MPI_TALK_H
#define C5_MPI_TALK_H

#include "mpi/comm.h"

#define C5_TALK_MOST 3500 /* bytes */

/* C5_EFAIL for a message that is too long, or in which something went wrong. */
int c5_talk_send(c5_comm *c, int to, const c5_buf *message);
/* The next message that has come, from any rank; the buffer's content is replaced. False when there is none. */
bool c5_talk_take(c5_comm *c, int *from, c5_buf *message);

#endif
