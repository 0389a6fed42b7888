/* record.h – what every run record says of the program and who started it. */
#ifndef C5_MPI_RECORD_H
#define C5_MPI_RECORD_H

#include "container/run.h"

/* Sets software, libraries, user and the SLURM job. What cannot be had stays out. */
void c5_record_describe(c5_run_info *i);

#endif
