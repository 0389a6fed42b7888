/* threads.h – how many threads one rank computes with. No result of our own loops depends on the number; what
 * networks compute does in the last digits, where the library cuts its sums by it. */
#ifndef C5_BASE_THREADS_H
#define C5_BASE_THREADS_H

#include <stdint.h>

/* 0 leaves the choice to OMP_NUM_THREADS or, without it, to the cores this process may use. C5_EUSAGE out of 0..4096. */
int c5_threads_set(int64_t n);
/* Takes this process's part of its threads where several processes run on the same cores; one at least. */
void c5_threads_share(int processes);
int c5_threads(void);

#endif
