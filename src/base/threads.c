/* threads.c – see threads.h. */
#include "base/threads.h"

#include <omp.h>

#include "base/error.h"

int c5_threads_set(int64_t n)
{
	if (n < 0 || n > 4096) return c5_fail(C5_EUSAGE, "%lld threads are out of range 0..4096", (long long)n);
	if (n > 0) omp_set_num_threads((int)n);
	return C5_OK;
}

void c5_threads_share(int processes)
{
	int n = omp_get_max_threads() / (processes > 0 ? processes : 1);
	omp_set_num_threads(n > 0 ? n : 1);
}

int c5_threads(void) { return omp_get_max_threads(); }
