/* field.h – the motion that neighbours share: drift of the stage, growth of a colony, streams in a sheet. The room's own. */
#ifndef C5_TRACK_FIELD_H
#define C5_TRACK_FIELD_H

#include <stddef.h>
#include <stdint.h>

/* Points of a frame with the displacements of those that are linked (moved[i] not 0). Fills (fy, fx) with what each point is expected to do
 * from the others: an affine motion of all, and on top of it the median of what its nearest linked neighbours do beyond, both only as
 * far as they explain the displacements seen. 0 where too few are linked. */
int c5_field_fit(double *fy, double *fx, uint32_t n, const double *y, const double *x, const double *dy, const double *dx, const uint8_t *moved,
	double neighbourhood);

#endif
