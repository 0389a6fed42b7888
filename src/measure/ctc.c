/* ctc.c – see ctc.h. */
#include "measure/ctc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/names.h"
#include "measure/picture.h"

#define MISSING_TOLD 5 /* gaps in the numbers named one by one */

/* Where rows and frames lie below the folder named, tried in this order. */
static const struct layout { const char *below, *rows, *prefix; } layouts[] = {
	{ NULL, "res_track.txt", "mask" },
	{ "TRA", "man_track.txt", "man_track" },
	{ NULL, "man_track.txt", "man_track" },
};

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

static int read_file(const c5_ctc *c, const char *folder, const char *name, uint32_t planes, uint32_t *labels)
{
	char *path = c5_format("%s/%s", folder, name);
	c5_picfile file = { 0 };
	int err = path ? c5_picfile_open(&file, path) : no_memory();
	if (err == C5_OK && (file.planes != planes || file.height != c->frames.height || file.width != c->frames.width))
		err = c5_fail(C5_EINPUT, "%s: %u x %u x %u pixels (planes, height, width), %u x %u x %u are expected as in the first frame", path, file.planes,
			file.height, file.width, planes, c->frames.height, c->frames.width);
	if (err == C5_OK) err = c5_picfile_labels(&file, labels);
	const size_t n = (size_t)planes * c->frames.height * c->frames.width;
	uint32_t bits = 0;
	for (size_t i = 0; err == C5_OK && i < n; i++) bits |= labels[i];
	if (err == C5_OK && bits > C5_CTC_LABEL_MAX)
		err = c5_fail(C5_EINPUT, "%s: a label above %d, the most the Cell Tracking Challenge's 16-bit masks can have", path, C5_CTC_LABEL_MAX);
	c5_picfile_close(&file);
	free(path);
	return err;
}

static int read_frame(void *self, uint32_t frame, uint32_t *labels)
{
	const c5_ctc *c = self;
	return read_file(c, c->folder, c->files[frame], c->frames.planes, labels);
}

static int read_part(void *self, size_t i, uint32_t *labels)
{
	const c5_ctc *c = self;
	return read_file(c, c->seg_folder, c->seg_files[i], c->seg.at[i].plane < 0 ? c->frames.planes : 1, labels);
}

/* ---- opening ---- */

static int find_layout(c5_ctc *c, const char *folder, const struct layout **found)
{
	for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
		char *below = layouts[i].below ? c5_format("%s/%s", folder, layouts[i].below) : c5_strdup(folder);
		char *rows = below ? c5_format("%s/%s", below, layouts[i].rows) : NULL;
		bool there = rows && !access(rows, F_OK);
		free(rows);
		if (!below || !rows) {
			free(below);
			return no_memory();
		}
		if (there) {
			*found = &layouts[i];
			c->folder = below;
			c->is_truth = i > 0;
			return C5_OK;
		}
		free(below);
	}
	if (access(folder, F_OK)) return c5_fail(C5_ENOTFOUND, "%s: %s", folder, strerror(errno));
	return c5_fail(C5_EINPUT, "%s: neither res_track.txt nor TRA/man_track.txt is in it; a folder of the Cell Tracking Challenge's layout is expected",
		folder);
}

static void check_numbers(const c5_ctc *c, const char *prefix, c5_breaches *breaches)
{
	for (size_t i = 1; i < c->n_files; i++) {
		uint64_t told = 0, gap = c->numbers[i] - c->numbers[i - 1];
		if (!gap)
			c5_breach(breaches, "%s: frame %llu has two files, %s and %s", c->folder, (unsigned long long)c->numbers[i], c->files[i - 1], c->files[i]);
		for (uint64_t k = 1; k < gap && told < MISSING_TOLD; k++, told++)
			c5_breach(breaches, "%s: frame %llu is missing: %s%03llu.tif", c->folder, (unsigned long long)(c->numbers[i - 1] + k), prefix,
				(unsigned long long)(c->numbers[i - 1] + k));
		if (gap > told + 1) c5_breach(breaches, "%s: and all frames up to %llu", c->folder, (unsigned long long)(c->numbers[i] - 1));
	}
}

/* "man_seg007.tif", "man_seg_007_004.tif". */
static bool part_numbers(const char *name, uint64_t *frame, int64_t *plane)
{
	const char *p = name + strlen("man_seg");
	char *end;
	bool sliced = strncmp(name, "man_seg", strlen("man_seg")) == 0 && *p == '_';
	if (strncmp(name, "man_seg", strlen("man_seg")) || !isdigit((unsigned char)p[sliced])) return false;
	errno = 0;
	*frame = strtoull(p + sliced, &end, 10);
	*plane = -1;
	if (sliced && *end == '_' && isdigit((unsigned char)end[1])) *plane = strtoll(end + 1, &end, 10);
	return !errno && *end == '.' && *frame < UINT32_MAX && *plane < UINT32_MAX;
}

static int find_parts(c5_ctc *c, const char *folder)
{
	char **names;
	uint64_t *numbers;
	size_t n;
	int err;
	if (!(c->seg_folder = c5_format("%s/SEG", folder))) return no_memory();
	if (access(c->seg_folder, F_OK)) return C5_OK;
	if ((err = c5_picfile_list(c->seg_folder, NULL, &names, &numbers, &n)) < 0) return err;
	if ((err = c5_alloc(&c->seg.at, n, sizeof *c->seg.at)) < 0 || (err = c5_alloc(&c->seg_files, n, sizeof *c->seg_files)) < 0) goto done;
	for (size_t i = 0; i < n; i++) { /* natural order: whole frames and planes apart, each by number */
		uint64_t frame;
		int64_t plane;
		if (!part_numbers(names[i], &frame, &plane)) continue;
		if (frame < c->first || frame - c->first >= c->frames.frames) {
			err = c5_fail(C5_EINPUT, "%s/%s: frame %llu is not among the tracked ones, %llu to %llu", c->seg_folder, names[i], (unsigned long long)frame,
				(unsigned long long)c->first, (unsigned long long)(c->first + c->frames.frames - 1));
			goto done;
		}
		size_t k = c->n_seg_files++; /* inserted by frame: both series are in order, so this is a merge of two */
		for (; k && c->seg.at[k - 1].frame > frame - c->first; k--) {
			c->seg.at[k] = c->seg.at[k - 1];
			c->seg_files[k] = c->seg_files[k - 1];
		}
		c->seg.at[k].frame = (uint32_t)(frame - c->first);
		c->seg.at[k].plane = plane;
		c->seg_files[k] = names[i];
		names[i] = NULL;
	}
	c->seg.n = c->n_seg_files;
	c->seg.name = c->seg_folder;
	c->seg.read = read_part;
	c->seg.self = c;
	c->has_seg = c->seg.n > 0;
done:
	c5_picfile_list_free(names, numbers, n);
	return err;
}

static int first_size(c5_ctc *c)
{
	char *path = c5_format("%s/%s", c->folder, c->files[0]);
	c5_picfile file = { 0 };
	int err = path ? c5_picfile_open(&file, path) : no_memory();
	c->frames.planes = file.planes;
	c->frames.height = file.height;
	c->frames.width = file.width;
	c5_picfile_close(&file);
	free(path);
	return err;
}

int c5_ctc_open(c5_ctc *c, const char *folder, c5_breaches *breaches)
{
	const struct layout *layout = NULL;
	char *rows = NULL;
	int err;
	memset(c, 0, sizeof *c);
	if ((err = find_layout(c, folder, &layout)) < 0) return err;
	if (!(c->name = c5_strdup(c->folder)) || !(rows = c5_format("%s/%s", c->folder, layout->rows))) {
		err = no_memory();
		goto done;
	}
	if ((err = c5_picfile_list(c->folder, layout->prefix, &c->files, &c->numbers, &c->n_files)) < 0) goto done;
	if (!c->n_files) {
		err = c5_fail(C5_EINPUT, "%s: no frame in it; files %sNNN.tif are expected", c->folder, layout->prefix);
		goto done;
	}
	check_numbers(c, layout->prefix, breaches);
	c->first = c->numbers[0];
	c->frames.name = c->name;
	c->frames.frames = (uint32_t)c->n_files;
	c->frames.read = read_frame;
	c->frames.self = c;
	if ((err = first_size(c)) < 0 || (err = c5_lives_read(&c->lives, &c->n_lives, rows, C5_CTC_LABEL_MAX, c->first, breaches)) < 0) goto done;
	err = find_parts(c, folder);
done:
	free(rows);
	return err;
}

void c5_ctc_close(c5_ctc *c)
{
	c5_picfile_list_free(c->files, c->numbers, c->n_files);
	for (size_t i = 0; i < c->n_seg_files; i++) free(c->seg_files[i]);
	free(c->seg_files);
	free(c->seg.at);
	free(c->lives);
	free(c->name);
	free(c->folder);
	free(c->seg_folder);
	memset(c, 0, sizeof *c);
}

int c5_ctc_measure(c5_tracking *out, const char *gt, const char *res, bool seg_from_tra, c5_breaches *breaches, bool *used_tra)
{
	c5_ctc g = { 0 }, r = { 0 };
	uint64_t before = breaches->n;
	int err;
	if ((err = c5_ctc_open(&g, gt, breaches)) < 0 || (err = c5_ctc_open(&r, res, breaches)) < 0) goto done;
	if (breaches->n == before && g.first != r.first)
		err = c5_fail(C5_EINPUT, "%s begins with frame %llu, %s with frame %llu; the same frames are expected", g.name, (unsigned long long)g.first, r.name,
			(unsigned long long)r.first);
	if (err == C5_OK && g.n_files != r.n_files)
		err = c5_fail(C5_EINPUT, "%s has %zu frames, %s has %zu; the same number is expected", g.name, g.n_files, r.name, r.n_files);
	if (err < 0) goto done;
	const c5_tracking_input in = { g.frames, r.frames, g.lives, r.lives, g.n_lives, r.n_lives, g.first,
		g.has_seg && !r.is_truth && !seg_from_tra ? &g.seg : NULL, breaches };
	if (used_tra) *used_tra = !in.seg;
	err = c5_tracking_measure(out, &in);
done:
	c5_ctc_close(&g);
	c5_ctc_close(&r);
	return err;
}
