/* schedule.c – see schedule.h. */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

int c5_schedule_find(const char *name)
{
	static const char *const names[C5_SCHEDULES] = { "constant", "step", "exponential", "cosine", "plateau" };
	for (int i = 0; name && i < C5_SCHEDULES; i++)
		if (strcmp(name, names[i]) == 0) return i;
	return -1;
}

double c5_schedule_rate(const c5_schedule *s, double epoch, int plateaus)
{
	double warm = s->warm_up > 0 && epoch < s->warm_up ? epoch / s->warm_up : 1, span = s->epochs - s->warm_up, at = epoch > s->warm_up
		? epoch - s->warm_up : 0;
	switch (s->kind) {
	case C5_RATE_STEP: return s->rate * warm * (s->every > 0 ? pow(s->factor, floor(epoch / s->every)) : 1);
	case C5_RATE_EXPONENTIAL: return s->rate * warm * pow(s->factor, epoch);
	case C5_RATE_COSINE: return s->rate * warm * (span > 0 ? s->last + (1 - s->last) * 0.5 * (1 + cos(PI * (at < span ? at / span : 1))) : 1);
	case C5_RATE_PLATEAU: return s->rate * warm * pow(s->factor, plateaus);
	default: return s->rate * warm;
	}
}
