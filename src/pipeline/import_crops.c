/* import_crops.c – see import_crops.h. */
#include "pipeline/import_crops.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/experiment.h"
#include "container/run.h"
#include "container/whole.h"
#include "image/folder.h"
#include "image/jpegin.h"
#include "image/names.h"
#include "image/pngin.h"
#include "image/probe.h"
#include "image/tiff.h"

#define CHUNK_BYTES (256u << 10)
#define FILE_BYTES 128 /* of a file name that are kept */

#define F(member) offsetof(c5_import_crops_params, member)
const c5_opt c5_import_crops_opts[] = {
	{ "field", C5_OPT_TEXT, F(field), "[-_]0*([0-9]+)", 0, 0, NULL, "REGEX",
		"what in a file's name says the field (or well, or donor): the first group; by default the first number behind a dash" },
	{ "channel", C5_OPT_TEXT, F(channel), "brightfield", 0, 0, NULL, "NAME", "what the images show" },
	{ "colour", C5_OPT_CHOICE, F(colour), "luminance", 0, 0, NULL, "luminance|red|green|blue", "what is taken of colour images" },
	{ "pixel-size", C5_OPT_REAL, F(pixel_size_um), "0", 0, 1e6, "um", NULL, "side of a pixel; 0: not known" },
	{ 0 },
};

typedef struct image { char *path, *name; uint32_t field; } image; /* field: index of its experiment */
typedef struct field { char *name, *class, *position; size_t n; } field;

struct c5_import_crops {
	const c5_import_crops_params *p;
	image *images;
	size_t n_images, cap_images, n_classes;
	field *fields;
	size_t n_fields, cap_fields;
};

void c5_import_crops_close(c5_import_crops *c)
{
	if (!c) return;
	for (size_t i = 0; i < c->n_images; i++) {
		free(c->images[i].path);
		free(c->images[i].name);
	}
	for (size_t i = 0; i < c->n_fields; i++) {
		free(c->fields[i].name);
		free(c->fields[i].class);
		free(c->fields[i].position);
	}
	free(c->images);
	free(c->fields);
	free(c);
}

size_t c5_import_crops_count(const c5_import_crops *c, size_t *experiments, size_t *classes)
{
	if (experiments) *experiments = c->n_fields;
	if (classes) *classes = c->n_classes;
	return c->n_images;
}

/* ---- what there is ---- */

static int field_of(c5_import_crops *c, const regex_t *regex, const char *class, const char *file, uint32_t *number)
{
	regmatch_t match[2];
	char *name = NULL, *position = NULL;
	int err = C5_OK;
	if (regexec(regex, file, 2, match, 0) != 0 || match[1].rm_so < 0 || match[1].rm_eo == match[1].rm_so)
		return c5_fail(C5_EINPUT, "%s/%s: its name tells no field by '%s'; say with --field what in it does", class, file, c->p->field);
	position = c5_format("%.*s", (int)(match[1].rm_eo - match[1].rm_so), file + match[1].rm_so);
	name = position ? c5_format("%s_%s", class, position) : NULL;
	if (!name) err = c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = c->n_fields; err == C5_OK && i-- > 0;) /* mostly the one added last */
		if (strcmp(c->fields[i].name, name) == 0) {
			*number = (uint32_t)i;
			c->fields[i].n++;
			goto done;
		}
	if (err < 0 || (err = c5_grow(&c->fields, &c->cap_fields, c->n_fields + 1, sizeof *c->fields)) < 0) goto done;
	*number = (uint32_t)c->n_fields;
	c->fields[c->n_fields] = (field){ name, c5_strdup(class), position, 1 };
	name = position = NULL;
	if (!c->fields[c->n_fields++].class) err = c5_fail(C5_ENOMEM, "out of memory");
done:
	free(name);
	free(position);
	return err;
}

static int add_class(c5_import_crops *c, const regex_t *regex, const char *folder, const char *class)
{
	c5_folder listing = { 0 };
	char *path = c5_format("%s/%s", folder, class);
	size_t before = c->n_images;
	int err = path ? c5_folder_read(&listing, path) : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; err == C5_OK && i < listing.n_files; i++) {
		image im = { 0 };
		if (!c5_name_is_image(listing.files[i])) continue;
		if ((err = c5_grow(&c->images, &c->cap_images, c->n_images + 1, sizeof im)) < 0 ||
		    (err = field_of(c, regex, class, listing.files[i], &im.field)) < 0) break;
		im.path = c5_format("%s/%s", path, listing.files[i]);
		im.name = c5_strdup(listing.files[i]);
		c->images[c->n_images++] = im;
		if (!im.path || !im.name) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	c->n_classes += c->n_images > before;
	c5_folder_free(&listing);
	free(path);
	return err;
}

int c5_import_crops_open(c5_import_crops **out, const char *folder, const c5_import_crops_params *p)
{
	c5_import_crops *c;
	c5_folder listing = { 0 };
	regex_t regex;
	int err = c5_alloc(&c, 1, sizeof *c), bad;
	*out = NULL;
	if (err < 0) return err;
	c->p = p;
	if ((bad = regcomp(&regex, p->field, REG_EXTENDED)) != 0 || regex.re_nsub < 1) {
		char why[128] = "it has no group ( )";
		if (bad) regerror(bad, &regex, why, sizeof why);
		else regfree(&regex);
		free(c);
		return c5_fail(C5_EUSAGE, "--field '%s': %s", p->field, why);
	}
	if ((err = c5_folder_read(&listing, folder)) == C5_OK)
		for (size_t i = 0; err == C5_OK && i < listing.n_folders; i++) err = add_class(c, &regex, folder, listing.folders[i]);
	if (err == C5_OK && !c->n_images)
		err = c5_fail(C5_ENOTFOUND,
			"%s: no class folder with images (TIFF, PNG or JPEG); a folder for each class is expected, the images of its cells in it", folder);
	c5_folder_free(&listing);
	regfree(&regex);
	if (err < 0) c5_import_crops_close(c);
	else *out = c;
	return err;
}

/* ---- pixels ---- */

static int read_image(const c5_import_crops *c, const char *path, c5_page *page, uint8_t **pixels)
{
	c5_probe probe;
	c5_tiff *tiff = NULL;
	int err = c5_probe_file(&probe, path);
	*pixels = NULL;
	if (err < 0) return err;
	if (!probe.n_pages) err = c5_fail(C5_EINPUT, "%s: no image in the file", path);
	else if (probe.pages[0].error) err = c5_fail(C5_EINPUT, "%s", probe.pages[0].error);
	else if (probe.pages[0].samples > 1 && !probe.pages[0].rgb)
		err = c5_fail(C5_EINPUT, "%s: %u channels a pixel, grey or RGB is expected", path, probe.pages[0].samples);
	if (err < 0) goto done;
	*page = probe.pages[0];
	c5_want want = { .width = page->width, .height = page->height, .dtype = page->dtype,
		.colour = page->rgb ? c5_colour_named(c->p->colour) : C5_COLOUR_NONE };
	if ((err = c5_alloc(pixels, c5_page_bytes(page) + 1, 1)) < 0) goto done;
	switch (probe.kind) {
	case C5_FILE_PNG: err = c5_png_read(path, &want, *pixels); break;
	case C5_FILE_JPEG: err = c5_jpeg_read(path, &want, *pixels); break;
	default:
		if ((err = c5_tiff_open(&tiff, path)) == C5_OK) err = c5_tiff_read(tiff, page->offset, page->data_offset, &want, *pixels);
		c5_tiff_close(tiff);
	}
done:
	c5_probe_free(&probe);
	if (err < 0) {
		free(*pixels);
		*pixels = NULL;
	}
	return err;
}

#pragma pack(push, 1)
typedef struct index_row { uint64_t object; uint32_t frame, label; double centroid_y, centroid_x; char file[FILE_BYTES]; } index_row;
#pragma pack(pop)

/* All crops of one field, one after another, and their rows. */
static int read_field(const c5_import_crops *c, uint32_t number, c5_page *first, uint8_t **pixels, index_row **rows)
{
	size_t n = 0, bytes = 0;
	int err = c5_alloc(rows, c->fields[number].n, sizeof **rows);
	const char *first_path = NULL;
	*pixels = NULL;
	for (size_t i = 0; i < c->n_images && err == C5_OK; i++) {
		c5_page page;
		uint8_t *one;
		if (c->images[i].field != number || (err = read_image(c, c->images[i].path, &page, &one)) < 0) continue;
		if (!first_path) {
			first_path = c->images[i].path;
			*first = page;
			bytes = c5_page_bytes(&page);
			err = c5_alloc(pixels, c->fields[number].n, bytes);
		} else if (page.width != first->width || page.height != first->height || page.dtype != first->dtype)
			err = c5_fail(C5_EINPUT, "%s: %ux%u %s, but %s is %ux%u %s; images of a field must be alike", c->images[i].path, page.width, page.height,
				c5_dtype_name(page.dtype), first_path, first->width, first->height, c5_dtype_name(first->dtype));
		if (err == C5_OK) {
			memcpy(*pixels + n * bytes, one, bytes);
			(*rows)[n] = (index_row){ .object = n, .label = (uint32_t)n + 1, .centroid_y = 0.5 * (page.height - 1), .centroid_x = 0.5 * (page.width - 1) };
			memcpy((*rows)[n].file, c->images[i].name, strlen(c->images[i].name) < FILE_BYTES ? strlen(c->images[i].name) : FILE_BYTES);
			n++;
		}
		free(one);
	}
	return err;
}

/* ---- into the container ---- */

static int write_images(const c5_import_crops *c, c5_file *f, const char *path, const c5_page *page, size_t n, const void *pixels)
{
	c5_array_spec s = { 0 };
	size_t per = CHUNK_BYTES / (c5_page_bytes(page) + 1);
	int err = c5_spec_crops(&s, path, page->dtype, n, 1, page->height, page->width, per < 1 ? 1 : per > n ? n : per);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "channels", c->p->channel);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "step", "import");
	if (err == C5_OK) err = c5_spec_attr_f64(&s, "pixel_size_um", c->p->pixel_size_um > 0 ? c->p->pixel_size_um : NAN);
	if (err == C5_OK) err = c5_whole_write(f, &s, pixels);
	c5_spec_free(&s);
	return err;
}

static int write_index(c5_file *f, const char *path, size_t n, const index_row *rows)
{
	c5_array_spec s = { 0 };
	int err = c5_spec_table(&s, path, n, n < 1024 ? n : 1024);
	if (err == C5_OK) err = c5_spec_column(&s, "object", C5_U64);
	if (err == C5_OK) err = c5_spec_column(&s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "label", C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "centroid_y", C5_F64);
	if (err == C5_OK) err = c5_spec_column(&s, "centroid_x", C5_F64);
	if (err == C5_OK) err = c5_spec_text_column(&s, "file", FILE_BYTES);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "step", "import");
	if (err == C5_OK) err = c5_whole_write(f, &s, rows);
	c5_spec_free(&s);
	return err;
}

static int make_experiment(const c5_import_crops *c, c5_file *f, const field *x)
{
	c5_experiment e = { .name = x->name, .pixel_size_um = c->p->pixel_size_um > 0 ? c->p->pixel_size_um : NAN, .z_step_um = NAN,
		.frame_interval_s = NAN };
	for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++) {
		if (strcmp(c5_experiment_texts[i], "condition") == 0) e.texts[i] = x->class;
		if (strcmp(c5_experiment_texts[i], "position") == 0) e.texts[i] = x->position;
	}
	return c5_experiment_make(f, &e);
}

static int write_field(const c5_import_crops *c, c5_file *f, uint32_t number, uint32_t run)
{
	const field *x = &c->fields[number];
	c5_page page = { 0 };
	uint8_t *pixels = NULL;
	index_row *rows = NULL;
	char *group = c5_format("/experiments/%s", x->name), *images = c5_format("/experiments/%s/crops/%s/images", x->name, c5_revision_name(run)),
	     *index = c5_format("/experiments/%s/crops/%s/index", x->name, c5_revision_name(run));
	int err = group && images && index ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && c5_exists(f, group)) err = c5_fail(C5_EINPUT, "%s: is in the container already; take the images into another", x->name);
	if (err == C5_OK && (err = read_field(c, number, &page, &pixels, &rows)) == C5_OK && (err = make_experiment(c, f, x)) == C5_OK &&
	    (err = write_images(c, f, images, &page, x->n, pixels)) == C5_OK && (err = write_index(f, index, x->n, rows)) == C5_OK)
		err = c5_revision_publish(f, x->name, "crops", run);
	free(pixels);
	free(rows);
	free(group);
	free(images);
	free(index);
	return err;
}

int c5_import_crops_write(c5_import_crops *c, c5_file *f, uint32_t run)
{
	int err = C5_OK;
	for (size_t i = 0; i < c->n_fields && err == C5_OK; i++) err = write_field(c, f, (uint32_t)i, run);
	return err;
}
