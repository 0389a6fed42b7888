/* signal.h – being asked to stop. SIGTERM and SIGUSR1 (how SLURM warns before the time limit) and SIGINT only set a flag; the work
 * looks at it between experiments, commits, and returns C5_ESTOP. A second SIGINT kills at once: the container survives that too. */
#ifndef C5_BASE_SIGNAL_H
#define C5_BASE_SIGNAL_H

#include <stdbool.h>

int c5_stop_listen(void);        /* installs the handlers */
bool c5_stop_wanted(void);
const char *c5_stop_reason(void); /* "SIGTERM" ..., "another rank", or "" while nobody asked */
void c5_stop_want(void);         /* asks from inside: another rank got the signal */

#endif
