/* ctc.h – folders as the Cell Tracking Challenge lays them out, read frame by frame:
 *     01_GT/TRA/man_trackNNN.tif, man_track.txt    tracking truth
 *     01_GT/SEG/man_segNNN.tif, man_seg_NNN_ZZZ.tif    segmentation truth, maybe of some frames or planes only
 *     01_RES/maskNNN.tif, res_track.txt    a result
 * Either kind may stand on either side, so that truth can be measured against truth. Frames may begin with any number. */
#ifndef C5_MEASURE_CTC_H
#define C5_MEASURE_CTC_H

#include <stdbool.h>

#include "measure/tracking.h"

typedef struct c5_ctc {
	c5_label_frames frames;
	uint64_t first;         /* number of the first file */
	c5_life *lives;
	size_t n_lives;
	bool has_seg, is_truth; /* is_truth: laid out as one, so that its masks may be mere markers */
	c5_label_parts seg;
	/* inside */
	char *name, *folder, *seg_folder;
	char **files, **seg_files;
	uint64_t *numbers;
	size_t n_files, n_seg_files;
} c5_ctc;

/* Looks at a folder, reads its rows and the header of its first frame. Missing frames and bad rows are breaches.
 * c5_ctc_close is due in any case; the struct must stay where it is. */
int c5_ctc_open(c5_ctc *c, const char *folder, c5_breaches *breaches);
void c5_ctc_close(c5_ctc *c);

/* Two folders from opening to measures. seg_from_tra: SEG is measured on the tracking truth even if there is segmentation truth;
 * without any, or with a truth in the place of a result, it is in any case. `used_tra` (may be NULL) tells. */
int c5_ctc_measure(c5_tracking *out, const char *gt, const char *res, bool seg_from_tra, c5_breaches *breaches, bool *used_tra);

#endif
