/* follow.h – scores of single objects summed up over frames and along tracks. */
#ifndef C5_CLASSIFY_FOLLOW_H
#define C5_CLASSIFY_FOLLOW_H

#include <stddef.h>
#include <stdint.h>

/* One scored object. track 0: on none. */
typedef struct c5_scored_object { uint32_t frame, track; float score; } c5_scored_object;

/* One frame; a frame without objects has NAN for what it lacks. */
typedef struct c5_score_frame { uint32_t frame, objects, positive; double mean, sd, median, share; } c5_score_frame;

/* One track: its scores in the order of frames, one an object. slope: least squares, per frame, 0 for one frame; changes: times the call (positive or
 * not) changed from one frame to the next it was seen in; onset: first frame from which it was called positive to its end, -1: never. */
typedef struct c5_score_track {
	uint32_t track, objects, first, last;
	double mean, sd, median, least, most, at_first, at_last, slope, share;
	uint32_t changes;
	int32_t onset;
} c5_score_track;

/* frames: (n_frames), all set. */
int c5_score_frames(c5_score_frame *frames, size_t n_frames, const c5_scored_object *objects, size_t n, double threshold);
/* tracks: (n_tracks), entry k - 1 for track k; a track that no object is on has objects 0. Objects of tracks above n_tracks are C5_EINPUT. */
int c5_score_tracks(c5_score_track *tracks, size_t n_tracks, const c5_scored_object *objects, size_t n, double threshold);

#endif
