/* profile.h – what pictures look like at every magnification, and how far one must be shifted to look like another.
 *
 * A profile holds, for magnifications a quarter octave apart, the mean of what the network makes of tiles before it decides anything (its last
 * features), and how much tiles of one magnification differ. What is the same picture twice as large has the same profile, four steps on; other
 * pictures of the same source nearly so. So the ratio of two scales is read off without asking what an object is.
 *
 * Rows of two profiles are compared as their tiles would be, each with each: by the mean cosine of pairs. In what directions tiles of one
 * magnification differ anyway says little, so features are whitened by that covariance (as in Fisher's discriminant), to which some of the
 * covariance of the rows is added, and a ridge, since tiles are few. Where the tiles of a row have little in common, their mean is short, and the
 * row counts little. */
#ifndef C5_IDENTIFY_PROFILE_H
#define C5_IDENTIFY_PROFILE_H

#include <stddef.h>

#define C5_PROFILE_LEVELS 29
#define C5_PROFILE_FIRST (-4)  /* quarter octaves: from twice as large to 64 times smaller */
#define C5_PROFILE_FEATURES 64
#define C5_PROFILE_PAIRS (C5_PROFILE_FEATURES * (C5_PROFILE_FEATURES + 1) / 2)
#define C5_PROFILE_NUMBERS ((size_t)C5_PROFILE_LEVELS * (2 + C5_PROFILE_FEATURES) + 1 + C5_PROFILE_PAIRS)

/* tiles 0: not seen at this magnification. spread: mean square of the distance of tiles from their mean. covariance: of tiles about the mean of their
 * magnification, all of these together, lower triangle by rows; freedom: tiles less magnifications, 0 where there was but one tile of each.
 * The struct is C5_PROFILE_NUMBERS floats, as models keep it. */
typedef struct c5_profile {
	struct { float tiles, spread, feature[C5_PROFILE_FEATURES]; } level[C5_PROFILE_LEVELS];
	float freedom, covariance[C5_PROFILE_PAIRS];
} c5_profile;

/* Tiles of one magnification: all zero, then each added; then they are that level of a profile, which was all zero before its first. */
typedef struct c5_profile_tiles { double n, sum[C5_PROFILE_FEATURES], product[C5_PROFILE_PAIRS]; } c5_profile_tiles;
void c5_profile_tile(c5_profile_tiles *t, const float feature[C5_PROFILE_FEATURES]);
void c5_profile_level(c5_profile *p, int level, const c5_profile_tiles *t);

/* Several as one: all zero, then each added, every one counting alike. tiles then is the number of profiles. */
void c5_profile_add(c5_profile *sum, const c5_profile *p);
/* How much larger things are in `p` than in `reference`, 1/16 to 16; NAN when they have too few magnifications in common, or show nothing. */
double c5_profile_ratio(const c5_profile *reference, const c5_profile *p);

#endif
