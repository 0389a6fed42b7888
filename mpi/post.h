/* post.h – messages of any rank to rank 0, which looks for them when it has time. Senders go on working. */
#ifndef C5_MPI_POST_H
#define C5_MPI_POST_H

#include <stdbool.h>

#include "base/mem.h"
#include "mpi/comm.h"

typedef struct c5_post c5_post;

int c5_post_open(c5_post **out, c5_comm *comm);
/* Waits for what was sent. */
void c5_post_close(c5_post *p);
/* From a rank that is not 0: `kind` (0 .. 7) is for the receiver to tell messages apart, the content is taken over. At most four messages are under
 * way; a fifth waits. */
int c5_post_send(c5_post *p, int kind, c5_buf *message);
/* On rank 0: the next message, if there is one; `wait`: when there is one. 1 taken (free it), 0 none. */
int c5_post_take(c5_post *p, bool wait, int *kind, c5_buf *message);

#endif
