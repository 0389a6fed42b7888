/* names.h – what file names say: natural order, frame and z numbers at the end, names fit for a container, paths. */
#ifndef C5_IMAGE_NAMES_H
#define C5_IMAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order a person expects: "t9" before "t10". Runs of digits compare as numbers, the rest as bytes; a total order. */
int c5_name_compare(const char *a, const char *b);

/* The name with every character but [A-Za-z0-9._+-] and space made '_', no leading '.', blanks at the ends cut; "_" if nothing is left.
 * Caller frees. */
char *c5_name_clean(const char *name);

/* Whether the ending is one of ours: tif tiff btf tf2 tf8 png, any case. Hidden files are none. */
bool c5_name_is_image(const char *name);

/* The part after the last '/'; a pointer into `path`. */
const char *c5_name_base(const char *path);
/* The base without its image endings (".ome.tif" and the like go as one). Caller frees. */
char *c5_name_stem(const char *path);
/* Everything before the last '/' ("/" for the root, "." for none). Caller frees. */
char *c5_name_folder(const char *path);
/* `path` if it is absolute or `folder` is NULL, else folder/path. Caller frees. */
char *c5_name_join(const char *folder, const char *path);
/* Absolute, without "//", "/./" and a slash at the end; symbolic links are kept, as they may carry the names, unless ".." is in it. */
int c5_name_absolute(char **out, const char *path);

/* Whether s[0..n) is a well: one or two letters and up to three digits. */
bool c5_name_is_well(const char *s, size_t n);

/* Where the digits at the end of `stem` begin (its length: there are none), and their value. */
size_t c5_name_number(const char *stem, int64_t *number);

/* Finds the number at the end of stem[0..length), marked as a frame ("t12", "T012", "frame_3", "time3" not within a word) or a z plane ("_z07",
 * "-Z1"). Returns the length of what stands before the mark, with the separators before it cut; SIZE_MAX when there is no such number. */
size_t c5_name_frame(const char *stem, size_t length, int64_t *frame);
size_t c5_name_z(const char *stem, size_t length, int64_t *z);

#endif
