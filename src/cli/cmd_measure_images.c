/* cmd_measure_images.c – `cyto5 measure segmentation` and `maps`: pairs of image files, and masks in a container. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/measure.h"
#include "container/array.h"
#include "container/file.h"
#include "image/names.h"
#include "measure/maps.h"
#include "measure/objects.h"
#include "measure/picture.h"

/* ---- pairs of files ---- */

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

/* Paths of the images in a folder, in natural order; a truth of the Cell Tracking Challenge's layout stands for its SEG or TRA folder. */
static int images_in(char ***paths, size_t *n, bool *partial, const char *folder)
{
	static const char *const below[] = { "/SEG", "/TRA", "" };
	uint64_t *numbers;
	int err = C5_OK;
	*partial = false;
	for (size_t k = 0; k < 3; k++) {
		char *path = c5_format("%s%s", folder, below[k]);
		struct stat st;
		if (!path) return no_memory();
		if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
			free(path);
			continue;
		}
		if ((err = c5_picfile_list(path, NULL, paths, &numbers, n)) == C5_OK) {
			for (size_t i = 0; i < *n && err == C5_OK; i++) {
				char *whole = c5_format("%s/%s", path, (*paths)[i]);
				if (!whole) err = no_memory();
				else {
					free((*paths)[i]);
					(*paths)[i] = whole;
				}
			}
			free(numbers);
			if (err == C5_OK && !*n) err = c5_fail(C5_EINPUT, "%s: no image in it; TIFF or PNG files are expected", path);
			*partial = k == 0;
		}
		free(path);
		return err;
	}
	return c5_fail(C5_ENOTFOUND, "%s: %s", folder, strerror(ENOENT));
}

/* The number at the end of a file's name; false if there is none. */
static bool last_number(const char *path, uint64_t *number)
{
	const char *base = c5_name_base(path), *dot = strchr(base, '.'), *p = dot ? dot : base + strlen(base);
	while (p > base && isdigit((unsigned char)p[-1])) p--;
	if (!isdigit((unsigned char)*p)) return false;
	*number = strtoull(p, NULL, 10);
	return true;
}

static bool goes_with(const char *a, const char *b, bool by_number)
{
	uint64_t x = 0, y = 0;
	if (by_number) return last_number(a, &x) && last_number(b, &y) && x == y;
	char *s = c5_name_stem(a), *t = c5_name_stem(b);
	bool same = s && t && !strcmp(s, t);
	free(s);
	free(t);
	return same;
}

void c5_image_pairs_free(c5_image_pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->a[i]);
		free(p->b[i]);
	}
	free(p->a);
	free(p->b);
	memset(p, 0, sizeof *p);
}

/* Each of a gets its partner; from the place of the last one on, as both are in natural order. */
static int pair_up(c5_image_pairs *out, char **a, size_t n_a, char **b, size_t n_b, bool by_number)
{
	int err;
	if ((err = c5_alloc(&out->a, n_a, sizeof *out->a)) < 0 || (err = c5_alloc(&out->b, n_a, sizeof *out->b)) < 0) return err;
	for (size_t i = 0, at = 0; i < n_a; i++) {
		size_t k = 0;
		while (k < n_b && !goes_with(a[i], b[(at + k) % n_b], by_number)) k++;
		if (k == n_b) return c5_fail(C5_EINPUT, "%s: no image of the result goes with it, by number or by name", a[i]);
		at = (at + k) % n_b;
		out->a[i] = c5_strdup(a[i]);
		out->b[i] = c5_strdup(b[at++]);
		out->n++;
		if (!out->a[i] || !out->b[i]) return no_memory();
	}
	return C5_OK;
}

static int pair_folders(c5_image_pairs *out, const char *a, const char *b)
{
	char **list_a = NULL, **list_b = NULL;
	size_t n_a = 0, n_b = 0;
	bool partial, ignored, by_number = true;
	int err;
	if ((err = images_in(&list_a, &n_a, &partial, a)) < 0 || (err = images_in(&list_b, &n_b, &ignored, b)) < 0) goto done;
	if (n_a != n_b && !(partial && n_a < n_b)) {
		err = c5_fail(C5_EINPUT, "%s has %zu images, %s has %zu; the same number is expected", a, n_a, b, n_b);
		goto done;
	}
	uint64_t number, last = 0;
	for (size_t i = 0; i < n_a && by_number; last = number, i++) by_number = last_number(list_a[i], &number) && (!i || number > last);
	for (size_t i = 0; i < n_b && by_number; last = number, i++) by_number = last_number(list_b[i], &number) && (!i || number > last);
	err = pair_up(out, list_a, n_a, list_b, n_b, by_number);
done:
	c5_picfile_list_free(list_a, NULL, n_a);
	c5_picfile_list_free(list_b, NULL, n_b);
	return err;
}

int c5_image_pairs_find(c5_image_pairs *out, const char *a, const char *b)
{
	struct stat sa, sb;
	memset(out, 0, sizeof *out);
	if (stat(a, &sa)) return c5_fail(C5_ENOTFOUND, "%s: %s", a, strerror(errno));
	if (stat(b, &sb)) return c5_fail(C5_ENOTFOUND, "%s: %s", b, strerror(errno));
	if (S_ISDIR(sa.st_mode) != S_ISDIR(sb.st_mode)) return c5_fail(C5_EINPUT, "%s, %s: two files or two folders are expected", a, b);
	if (S_ISDIR(sa.st_mode)) return pair_folders(out, a, b);
	int err;
	if ((err = c5_alloc(&out->a, 1, sizeof *out->a)) < 0 || (err = c5_alloc(&out->b, 1, sizeof *out->b)) < 0) return err;
	out->a[0] = c5_strdup(a);
	out->b[0] = c5_strdup(b);
	out->n = 1;
	return out->a[0] && out->b[0] ? C5_OK : no_memory();
}

/* Opens both files of a pair, which must be of one size. */
static int open_pair(c5_picfile *a, c5_picfile *b, const c5_image_pairs *p, size_t i)
{
	int err;
	if ((err = c5_picfile_open(a, p->a[i])) < 0 || (err = c5_picfile_open(b, p->b[i])) < 0) return err;
	if (a->planes != b->planes || a->height != b->height || a->width != b->width)
		return c5_fail(C5_EINPUT, "%s has %u x %u x %u pixels (planes, height, width), %s has %u x %u x %u; the same size is expected", p->a[i], a->planes,
			a->height, a->width, p->b[i], b->planes, b->height, b->width);
	return C5_OK;
}

/* ---- segmentation ---- */

static int segment_files(c5_objects *o, const char *gt, const char *res)
{
	c5_image_pairs pairs;
	uint32_t *x = NULL, *y = NULL;
	size_t cap_x = 0, cap_y = 0;
	int err = c5_image_pairs_find(&pairs, gt, res);
	for (size_t i = 0; err == C5_OK && i < pairs.n; i++) {
		c5_picfile a = { 0 }, b = { 0 };
		if ((err = open_pair(&a, &b, &pairs, i)) == C5_OK) {
			const size_t plane = (size_t)a.height * a.width, n = plane * a.planes;
			if ((err = c5_grow(&x, &cap_x, n, sizeof *x)) == C5_OK && (err = c5_grow(&y, &cap_y, n, sizeof *y)) == C5_OK &&
			    (err = c5_picfile_labels(&a, x)) == C5_OK && (err = c5_picfile_labels(&b, y)) == C5_OK)
				for (uint32_t z = 0; err == C5_OK && z < a.planes; z++) err = c5_objects_add(o, x + z * plane, y + z * plane, plane);
		}
		c5_picfile_close(&a);
		c5_picfile_close(&b);
	}
	c5_image_pairs_free(&pairs);
	free(x);
	free(y);
	return err;
}

static int read_masks(c5_array *a, c5_codec *codec, uint64_t t, uint32_t *labels, size_t n)
{
	const bool narrow = c5_array_spec_of(a)->dtype == C5_U16;
	uint16_t *end = (uint16_t *)labels + n; /* 16-bit labels are read into the upper half and widened from the front */
	int err = c5_array_read_frame(a, codec, t, 0, narrow ? (void *)end : labels);
	for (size_t i = 0; err == C5_OK && narrow && i < n; i++) {
		uint16_t v;
		memcpy(&v, end + i, sizeof v);
		labels[i] = v;
	}
	return err;
}

static int segment_experiment(c5_objects *o, c5_file *f, c5_codec *codec, const char *gt, const char *res)
{
	c5_array *a = NULL, *b = NULL;
	uint32_t *x = NULL, *y = NULL;
	int err;
	if ((err = c5_array_open(&a, f, gt)) < 0 || (err = c5_array_open(&b, f, res)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a), *t = c5_array_spec_of(b);
	if (s->rank != 3 || t->rank != 3 || (s->dtype != C5_U16 && s->dtype != C5_U32) || (t->dtype != C5_U16 && t->dtype != C5_U32)) {
		err = c5_fail(C5_ESCHEMA, "%s, %s: masks (T, Y, X) of whole numbers are expected", gt, res);
		goto done;
	}
	if (s->dims[0] != t->dims[0] || s->dims[1] != t->dims[1] || s->dims[2] != t->dims[2]) {
		err = c5_fail(C5_EINPUT, "%s and %s differ in size; the same frames are expected", gt, res);
		goto done;
	}
	const size_t n = s->dims[1] * s->dims[2];
	if ((err = c5_alloc(&x, n, sizeof *x)) < 0 || (err = c5_alloc(&y, n, sizeof *y)) < 0) goto done;
	for (uint64_t k = 0; err == C5_OK && k < s->dims[0]; k++)
		if ((err = read_masks(a, codec, k, x, n)) == C5_OK && (err = read_masks(b, codec, k, y, n)) == C5_OK) err = c5_objects_add(o, x, y, n);
done:
	c5_array_close(a);
	c5_array_close(b);
	free(x);
	free(y);
	return err;
}

static int segment_container(c5_objects *o, const char *file, const c5_measure_set *set)
{
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	char **names = NULL;
	size_t n = 0, measured = 0;
	int err;
	if ((err = c5_file_open(&f, file, C5_READ, NULL)) < 0 || (err = c5_codec_open(&codec)) < 0 || (err = c5_list(f, "/experiments", &names, &n)) < 0)
		goto done;
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (set->experiment && strcmp(names[i], set->experiment)) continue;
		char *gt = c5_format("/experiments/%s/masks/%s", names[i], set->gt), *res = c5_format("/experiments/%s/masks/%s", names[i], set->res);
		if (!gt || !res) err = no_memory();
		else if (c5_exists(f, gt) && c5_exists(f, res)) {
			measured++;
			err = segment_experiment(o, f, codec, gt, res);
		}
		free(gt);
		free(res);
	}
	if (err == C5_OK && !measured)
		err = c5_fail(C5_ENOTFOUND, "%s: %s has both masks %s and masks %s; `cyto5 show` tells what there is", file,
			set->experiment ? "that experiment is not there, or not one that" : "no experiment", set->gt, set->res);
done:
	c5_names_free(names, n);
	c5_codec_close(codec);
	c5_file_close(f);
	return err;
}

int c5_measure_segmentation_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file)
{
	c5_objects o = { 0 };
	int err;
	(void)notes;
	if ((err = c5_measure_need("segmentation", "gt", set->gt, "the truth")) < 0 ||
	    (err = c5_measure_need("segmentation", "res", set->res, "the result")) < 0)
		return err;
	err = file ? segment_container(&o, file, set) : segment_files(&o, set->gt, set->res);
	if (err == C5_OK) c5_objects_figures(to, &o);
	c5_objects_free(&o);
	return err;
}

/* ---- maps ---- */

/* What the type can hold for whole numbers; what the truth does hold for floats. */
static double range_of(const c5_picfile *file, const double *v, size_t n)
{
	if (file->dtype != C5_F32 && file->dtype != C5_F64) return ldexp(1, 8 * (int)c5_dtype_size(file->dtype)) - 1;
	double low = INFINITY, high = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		low = fmin(low, v[i]);
		high = fmax(high, v[i]);
	}
	return high - low;
}

enum { PEARSON, SPEARMAN, SSIM, SSIM_WANG, PSNR, MAE, RMSE, MAP_FIGURES };
static const struct { const char *name, *explain; } map_figures[MAP_FIGURES] = {
	[PEARSON] = { "Pearson", "correlation of pixel values; undefined for a constant image" },
	[SPEARMAN] = { "Spearman", "correlation of their ranks" },
	[SSIM] = { "SSIM", "structural similarity, Gaussian window of 11 px, sigma 1.5, sample covariance" },
	[SSIM_WANG] = { "SSIM_population", "the same with the population's covariance, as first published" },
	[PSNR] = { "PSNR", "peak signal to noise ratio, dB; undefined for equal images" },
	[MAE] = { "MAE", "mean absolute difference" },
	[RMSE] = { "RMSE", "root of the mean squared difference" },
};

static int compare_pair(double sum[MAP_FIGURES], uint64_t count[MAP_FIGURES], uint64_t *images, const c5_image_pairs *pairs, size_t i, double range)
{
	c5_picfile a = { 0 }, b = { 0 };
	double *x = NULL, *y = NULL;
	int err = open_pair(&a, &b, pairs, i);
	const size_t plane = (size_t)a.height * a.width, n = plane * a.planes;
	if (err < 0 || (err = c5_alloc_aligned(&x, n, sizeof *x)) < 0 || (err = c5_alloc_aligned(&y, n, sizeof *y)) < 0 ||
	    (err = c5_picfile_reals(&a, x)) < 0 || (err = c5_picfile_reals(&b, y)) < 0)
		goto done;
	for (uint32_t z = 0; z < a.planes; z++) {
		c5_map_agreement g;
		if ((err = c5_map_compare(&g, x + z * plane, y + z * plane, a.height, a.width, range > 0 ? range : range_of(&a, x + z * plane, plane))) < 0)
			goto done;
		const double values[MAP_FIGURES] = { g.pearson, g.spearman, g.ssim, g.ssim_wang, g.psnr, g.mae, g.rmse };
		++*images;
		for (int k = 0; k < MAP_FIGURES; k++)
			if (isfinite(values[k])) {
				sum[k] += values[k];
				count[k]++;
			}
	}
done:
	c5_picfile_close(&a);
	c5_picfile_close(&b);
	free(x);
	free(y);
	return err;
}

int c5_measure_maps_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file)
{
	c5_image_pairs pairs = { 0 };
	double sum[MAP_FIGURES] = { 0 };
	uint64_t count[MAP_FIGURES] = { 0 }, images = 0;
	int err;
	(void)notes;
	if (file) return c5_fail(C5_EUSAGE, "maps: %s: one operand is expected, images go to --gt and --res (see --help)", file);
	if ((err = c5_measure_need("maps", "gt", set->gt, "the measured images")) < 0 ||
	    (err = c5_measure_need("maps", "res", set->res, "the computed ones")) < 0 || (err = c5_image_pairs_find(&pairs, set->gt, set->res)) < 0)
		goto done;
	for (size_t i = 0; i < pairs.n; i++)
		if ((err = compare_pair(sum, count, &images, &pairs, i, set->range)) < 0) goto done;
	for (int k = 0; k < MAP_FIGURES; k++)
		c5_figures_add(to, "Images, mean of those where it is defined", map_figures[k].name, c5_ratio(sum[k], (double)count[k]), map_figures[k].explain);
	c5_figures_count(to, "What was compared", "images", images, NULL);
done:
	c5_image_pairs_free(&pairs);
	return err;
}
