/* profile.h – what pictures look like at every magnification, and how far one must be shifted to look like another.
 *
 * A profile holds, for magnifications a quarter octave apart, the mean of what the network makes of tiles before it decides anything (its last
 * features). What is the same picture twice as large has the same profile, four steps on; other pictures of the same source nearly so. So the ratio
 * of two scales is read off without asking what an object is. Features that vary together are weighed as one: both profiles are whitened by the
 * covariance of their rows, with a ridge, since rows are few. */
#ifndef C5_IDENTIFY_PROFILE_H
#define C5_IDENTIFY_PROFILE_H

#include <stddef.h>

#define C5_PROFILE_LEVELS 29
#define C5_PROFILE_FIRST (-4)  /* quarter octaves: from twice as large to 64 times smaller */
#define C5_PROFILE_FEATURES 64
#define C5_PROFILE_NUMBERS ((size_t)C5_PROFILE_LEVELS * (1 + C5_PROFILE_FEATURES))

/* tiles 0: not seen at this magnification. The struct is C5_PROFILE_NUMBERS floats, as models keep it. */
typedef struct c5_profile { struct { float tiles, feature[C5_PROFILE_FEATURES]; } level[C5_PROFILE_LEVELS]; } c5_profile;

/* Mean of several: all zero, then each added, every one counting alike. */
void c5_profile_add(c5_profile *sum, const c5_profile *p);
/* How much larger things are in `p` than in `reference`, 1/16 to 16; NAN when they have too few magnifications in common. alike: 0 to 1, how alike
 * they look at that ratio; may be NULL. */
double c5_profile_ratio(const c5_profile *reference, const c5_profile *p, double *alike);

#endif
