/* folder.h – what is in a folder, in natural order, and whether it is a Cell Tracking Challenge data set. */
#ifndef C5_IMAGE_FOLDER_H
#define C5_IMAGE_FOLDER_H

#include <stddef.h>

typedef struct c5_folder {
	char **files, **folders; /* names without the folder; hidden ones left out */
	size_t n_files, n_folders, files_cap, folders_cap;
} c5_folder;

int c5_folder_read(c5_folder *out, const char *path);
void c5_folder_free(c5_folder *folder);

/* Sequences of a Cell Tracking Challenge data set: folders of two digits or more with tNNN.tif in them; 01_GT, 01_RES and loose files are left out.
 * `path` is the data set, or one sequence. Names are DATASET_01. n = 0 when it is neither. */
typedef struct c5_ctc { char *folder, *name; } c5_ctc;
int c5_ctc_find(const char *path, const c5_folder *listing, c5_ctc **out, size_t *n);
void c5_ctc_free(c5_ctc *sequences, size_t n);
/* "t" digits ".tif" or ".tiff". */
_Bool c5_ctc_is_frame(const char *name);

#endif
