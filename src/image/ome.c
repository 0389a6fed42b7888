/* ome.c – OME-TIFF: the XML in the first directory's description says which page is which plane.
 *
 * TiffData elements name runs of pages, here or in other files of a set (UUID FileName), as positions in the Image's DimensionOrder. Left out,
 * IFD and First* are 0; PlaneCount is 1 when IFD is given and all pages of the file otherwise; no TiffData at all means all pages of this file in
 * order. Pages nobody names are passed over. A file with BinaryOnly hands over to the companion file it names. Each Image is a view; with plates
 * it knows its plate, well and position. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/names.h"

struct ome {
	c5_layout *out;
	c5_files *files;
	uint32_t file;        /* that has the XML */
	char *folder;
	char *uuid;           /* of the file itself; NULL not stated */
	uint32_t *set;        /* (n_set) files the XML names */
	size_t n_set, set_cap;
	char *lost;           /* name of the first file that is not there */
	char *alias;          /* name this file had once */
	char *last;           /* name looked up last, and what it was */
	uint32_t last_file;
	char **ids;           /* (views) Image IDs, by libxml2 */
	size_t ids_cap;
};

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

static bool is(const xmlNode *node, const char *name) { return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name); }

static xmlNode *child(const xmlNode *node, const char *name)
{
	xmlNode *at = node->children;
	while (at && !is(at, name)) at = at->next;
	return at;
}

/* Attribute text; freed by xmlFree. */
static char *text_of(const xmlNode *node, const char *name) { return (char *)xmlGetNoNsProp(node, (const xmlChar *)name); }

static int copy_of(const xmlNode *node, const char *name, char **out)
{
	char *text = text_of(node, name);
	*out = text && *text ? c5_strdup(text) : NULL;
	bool lost = text && *text && !*out;
	xmlFree(text);
	return lost ? no_memory() : C5_OK;
}

static bool has(const xmlNode *node, const char *name) { return xmlHasProp(node, (const xmlChar *)name) != NULL; }

/* A count; `none` when it is not stated, 0 when it is nonsense. */
static uint64_t count_of(const xmlNode *node, const char *name, uint64_t none)
{
	char *text = text_of(node, name), *end;
	uint64_t v = none;
	if (text) {
		while (*text == ' ') memmove(text, text + 1, strlen(text));
		v = strtoull(text, &end, 10);
		if (end == text || *text == '-' || v > UINT32_MAX) v = 0;
	}
	xmlFree(text);
	return v;
}

/* A length or time with the unit in its own attribute. */
static double measure_of(const xmlNode *node, const char *name, const char *unit_name, double (*factor_of)(const char *), double standard)
{
	char *text = text_of(node, name), *unit = text_of(node, unit_name), *end;
	double v = NAN;
	if (text) {
		v = strtod(text, &end);
		v = end != text && isfinite(v) && v > 0 ? v * (unit ? factor_of(unit) : standard) : NAN;
	}
	xmlFree(text);
	xmlFree(unit);
	return v;
}

static const char *modality_of(const xmlNode *channel)
{
	static const struct { const char *attribute, *value, *modality; } known[] = {
		{ "ContrastMethod", "Phase", "phase" }, { "ContrastMethod", "Brightfield", "brightfield" }, { "ContrastMethod", "DIC", "dic" },
			{ "ContrastMethod", "Fluorescence", "fluorescence" },
		{ "IlluminationType", "Epifluorescence", "fluorescence" }, { "AcquisitionMode", "MultiPhotonMicroscopy", "tpef" } };
	const char *found = NULL;
	for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++) {
		char *text = text_of(channel, known[i].attribute);
		if (text && !strcmp(text, known[i].value)) found = known[i].modality;
		xmlFree(text);
	}
	return found;
}

/* The file called `name`, with the identifier `id` or NULL; *file UINT32_MAX when it is not there. */
static int look_up(struct ome *o, const char *name, const char *id, uint32_t *file)
{
	char *path;
	int err = C5_OK;
	if ((o->alias && !strcmp(name, o->alias)) || !strcmp(name, c5_name_base(o->files->at[o->file].path))) {
		*file = o->file;
		return C5_OK;
	}
	if (o->last && !strcmp(name, o->last)) {
		*file = o->last_file;
		return C5_OK;
	}
	if (!(path = c5_name_join(o->folder, name))) return no_memory();
	*file = UINT32_MAX;
	if (!access(path, F_OK)) err = c5_files_add(o->files, path, file);
	else if (o->uuid && id && strstr(id, o->uuid) && o->files->at[o->file].probe.kind == C5_FILE_TIFF) *file = o->file; /* renamed since */
	else if (!o->lost && !(o->lost = c5_strdup(name))) err = no_memory();
	free(path);
	free(o->last);
	o->last_file = *file;
	return (o->last = c5_strdup(name)) ? err : no_memory();
}

/* The file a TiffData lies in. */
static int file_of(struct ome *o, const xmlNode *data, uint32_t *file)
{
	xmlNode *uuid = child(data, "UUID");
	char *name = uuid ? text_of(uuid, "FileName") : NULL, *id = uuid ? (char *)xmlNodeGetContent(uuid) : NULL;
	int err = C5_OK;
	*file = o->file;
	if (name && *name) err = look_up(o, name, id, file);
	xmlFree(name);
	xmlFree(id);
	return err;
}

static int remember(struct ome *o, uint32_t file)
{
	for (size_t i = o->n_set; i-- > 0;)
		if (o->set[i] == file) return C5_OK;
	int err = c5_grow(&o->set, &o->set_cap, o->n_set + 1, sizeof *o->set);
	if (!err) o->set[o->n_set++] = file;
	return err;
}

/* First walk: which files there are, so that their headers are read together. */
static int find_files(struct ome *o, const xmlNode *root)
{
	int err = C5_OK;
	for (xmlNode *image = root->children; image && !err; image = image->next) {
		xmlNode *pixels = is(image, "Image") ? child(image, "Pixels") : NULL;
		for (xmlNode *data = pixels ? pixels->children : NULL; data && !err; data = data->next) {
			uint32_t file;
			if (!is(data, "TiffData") || (err = file_of(o, data, &file)) < 0 || file == UINT32_MAX) continue;
			err = remember(o, file);
		}
	}
	if (!err && !o->n_set && o->lost && o->files->at[o->file].probe.kind == C5_FILE_TIFF) { /* it names only itself, as it was called once */
		o->alias = o->lost;
		o->lost = NULL;
		err = remember(o, o->file);
	}
	return err ? err : c5_files_probe(o->files);
}

/* The position in the plane table of the k-th plane of an order such as XYZCT. */
struct order { char dim[3]; uint64_t size[3], stride[3]; };

static int read_order(const struct ome *o, const xmlNode *pixels, const c5_view *view, struct order *order)
{
	char *text = text_of(pixels, "DimensionOrder");
	const char *dims = text ? text : "XYZCT";
	int err = C5_OK;
	if (strlen(dims) != 5 || strncmp(dims, "XY", 2) || !strchr(dims + 2, 'Z') || !strchr(dims + 2, 'C') || !strchr(dims + 2, 'T'))
		err = c5_fail(C5_EINPUT, "%s: OME DimensionOrder '%s', one of XYZCT XYZTC XYCTZ XYCZT XYTCZ XYTZC expected", o->files->at[o->file].path, dims);
	for (int i = 0; i < 3 && !err; i++) {
		char d = dims[2 + i];
		order->dim[i] = d;
		order->size[i] = d == 'Z' ? view->z : d == 'T' ? view->t : view->c;
		order->stride[i] = d == 'Z' ? 1 : d == 'T' ? view->z : (uint64_t)view->t * view->z;
	}
	xmlFree(text);
	return err;
}

/* Puts up to `planes` pages of `file`, from page `ifd` on, at the places from `at` on in the order. */
static void place(const struct ome *o, c5_view *view, const struct order *order, uint32_t file, uint64_t ifd, uint64_t planes, uint64_t at)
{
	const c5_probe *probe = &o->files->at[file].probe;
	uint64_t total = (uint64_t)view->c * view->t * view->z;
	for (uint64_t i = 0; i < planes && at < total && ifd < probe->n_pages; i++, at++, ifd++) {
		uint64_t rest = at, where = 0;
		for (int d = 0; d < 3; d++) {
			where += rest % order->size[d] * order->stride[d];
			rest /= order->size[d];
		}
		view->planes[where] = (c5_plane){ .file = file, .ifd = (uint32_t)ifd, .ifd_offset = probe->pages[ifd].offset };
	}
}

static int place_data(struct ome *o, c5_view *view, const struct order *order, const xmlNode *pixels)
{
	bool any = false;
	int err = C5_OK;
	for (xmlNode *data = pixels->children; data && !err; data = data->next) {
		uint32_t file;
		if (!is(data, "TiffData")) continue;
		any = true;
		if ((err = file_of(o, data, &file)) < 0 || file == UINT32_MAX) continue;
		if (o->files->at[file].probed < 0) {
			const char *why = o->files->at[file].error;
			if (!view->gap && !(view->gap = c5_format("it needs %s", why ? why : "a file that cannot be read"))) err = no_memory();
			continue;
		}
		uint64_t first[3], at = 0, step = 1;
		for (int d = 0; d < 3; d++) {
			first[d] = count_of(data, order->dim[d] == 'Z' ? "FirstZ" : order->dim[d] == 'T' ? "FirstT" : "FirstC", 0);
			at += first[d] * step;
			step *= order->size[d];
			if (first[d] >= order->size[d]) at = UINT64_MAX / 4; /* out of the image: nothing is placed */
		}
		uint64_t planes = count_of(data, "PlaneCount", has(data, "IFD") ? 1 : UINT32_MAX);
		place(o, view, order, file, count_of(data, "IFD", 0), planes, at);
	}
	if (!any && o->files->at[o->file].probe.kind == C5_FILE_TIFF) place(o, view, order, o->file, 0, UINT32_MAX, 0);
	return err;
}

static int read_channels(c5_view *view, const xmlNode *pixels)
{
	uint32_t k = 0;
	for (xmlNode *node = pixels->children; node && k < view->c; node = node->next) {
		if (!is(node, "Channel")) continue;
		c5_view_channel *channel = &view->channels[k++];
		int err = copy_of(node, "Name", &channel->name);
		if (err < 0) return err;
		channel->modality = modality_of(node);
		channel->wavelength_nm = 1e3 * measure_of(node, "EmissionWavelength", "EmissionWavelengthUnit", c5_unit_um, 1e-3);
		if (isnan(channel->wavelength_nm))
			channel->wavelength_nm = 1e3 * measure_of(node, "ExcitationWavelength", "ExcitationWavelengthUnit", c5_unit_um, 1e-3);
	}
	return C5_OK;
}

/* Interleaved samples count as channels in SizeC, but share one page. */
static uint64_t count_channels(const xmlNode *pixels, uint64_t size_c)
{
	uint64_t elements = 0, samples = 0;
	for (xmlNode *node = pixels->children; node; node = node->next)
		if (is(node, "Channel")) {
			elements++;
			samples += count_of(node, "SamplesPerPixel", 1);
		}
	return elements && samples == size_c ? elements : size_c;
}

/* Pages of several grey samples hold several channels each: they are taken apart. */
static int split_samples(const struct ome *o, c5_view *view, uint64_t size_c)
{
	size_t n = (size_t)view->t * view->z, first = 0, total = n * view->c;
	c5_view whole;
	while (first < total && view->planes[first].file == UINT32_MAX) first++;
	if (first == total) return C5_OK;
	const c5_page *page = &o->files->at[view->planes[first].file].probe.pages[view->planes[first].ifd];
	uint32_t samples = page->error || page->rgb ? 1 : page->samples;
	if (samples < 2 || (uint64_t)view->c * samples != size_c) return C5_OK;
	int err = c5_view_make(&whole, o->files->at[o->file].path, size_c, view->t, view->z);
	for (size_t c = 0; c < size_c && !err; c++) {
		whole.channels[c].modality = view->channels[c / samples].modality;
		for (size_t i = 0; i < n; i++) {
			whole.planes[c * n + i] = view->planes[c / samples * n + i];
			whole.planes[c * n + i].sample = (uint32_t)(c % samples);
		}
	}
	if (err < 0) {
		c5_view_free(&whole);
		return err;
	}
	for (uint32_t c = 0; c < view->c; c++) free(view->channels[c].name);
	free(view->channels);
	free(view->planes);
	view->channels = whole.channels;
	view->planes = whole.planes;
	view->c = whole.c;
	return C5_OK;
}

static int read_image(struct ome *o, const xmlNode *image, const xmlNode *pixels, c5_view *view)
{
	const char *path = o->files->at[o->file].path;
	struct order order;
	uint64_t c = count_of(pixels, "SizeC", 1), t = count_of(pixels, "SizeT", 1), z = count_of(pixels, "SizeZ", 1), pages = UINT64_C(1) << 20, n;
	int err;
	for (size_t i = 0; i < o->n_set; i++) pages += o->files->at[o->set[i]].probe.n_pages;
	if (__builtin_mul_overflow(c, t, &n) || __builtin_mul_overflow(n, z, &n) || n > 4 * pages)
		return c5_fail(C5_EINPUT, "%s: OME metadata tell of %llu channels x %llu frames x %llu planes: the file is damaged", path, (unsigned long long)c,
			(unsigned long long)t, (unsigned long long)z);
	if ((err = c5_view_make(view, path, count_channels(pixels, c), t, z)) < 0) return err;
	view->pixel_um = measure_of(pixels, "PhysicalSizeX", "PhysicalSizeXUnit", c5_unit_um, 1);
	view->z_step_um = measure_of(pixels, "PhysicalSizeZ", "PhysicalSizeZUnit", c5_unit_um, 1);
	view->dt_s = measure_of(pixels, "TimeIncrement", "TimeIncrementUnit", c5_unit_s, 1);
	if ((err = copy_of(image, "Name", &view->name)) < 0 || (err = read_channels(view, pixels)) < 0) return err;
	if ((err = read_order(o, pixels, view, &order)) < 0 || (err = place_data(o, view, &order, pixels)) < 0) return err;
	if ((err = split_samples(o, view, c)) < 0) return err;
	if (!view->gap && o->lost && !(view->gap = c5_format("it needs %s, which is not beside it", o->lost))) err = no_memory();
	return err;
}

/* Row 0, column 0 is A01; rows after Z go on with AA. */
static char *well_name(uint64_t row, uint64_t column)
{
	if (row > 701) return c5_format("R%lluC%llu", (unsigned long long)row + 1, (unsigned long long)column + 1);
	if (row > 25) return c5_format("%c%c%02llu", (char)('A' + row / 26 - 1), (char)('A' + row % 26), (unsigned long long)column + 1);
	return c5_format("%c%02llu", (char)('A' + row), (unsigned long long)column + 1);
}

/* The view of the Image called `id`; numbered IDs ("Image:12") are tried at their number first. */
static c5_view *view_called(const struct ome *o, const char *id)
{
	const char *colon = strrchr(id, ':');
	size_t guess = colon ? strtoul(colon + 1, NULL, 10) : 0;
	if (guess < o->out->n_views && o->ids[guess] && !strcmp(o->ids[guess], id)) return &o->out->views[guess];
	for (size_t i = 0; i < o->out->n_views; i++)
		if (o->ids[i] && !strcmp(o->ids[i], id)) return &o->out->views[i];
	return NULL;
}

static int read_well(struct ome *o, const xmlNode *plate, const xmlNode *well)
{
	uint64_t number = 0;
	int err = C5_OK;
	for (xmlNode *sample = well->children; sample && !err; sample = sample->next) {
		if (!is(sample, "WellSample")) continue;
		xmlNode *ref = child(sample, "ImageRef");
		char *id = ref ? text_of(ref, "ID") : NULL;
		c5_view *view = id ? view_called(o, id) : NULL;
		xmlFree(id);
		if (view && !view->well) {
			err = copy_of(plate, has(plate, "Name") ? "Name" : "ID", &view->plate);
			view->well = well_name(count_of(well, "Row", 0), count_of(well, "Column", 0));
			view->position = c5_format("%llu", (unsigned long long)number);
			if (!err && (!view->well || !view->position)) err = no_memory();
		}
		number++;
	}
	return err;
}

static int read_plates(struct ome *o, const xmlNode *root)
{
	int err = C5_OK;
	for (xmlNode *plate = root->children; plate; plate = plate->next)
		for (xmlNode *well = is(plate, "Plate") ? plate->children : NULL; well && !err; well = well->next)
			if (is(well, "Well")) err = read_well(o, plate, well);
	return err;
}

/* Views of one file need names of their own: plate, well and position, else the Image's Name if it is unique, else its number. */
static int name_views(c5_layout *out)
{
	for (size_t i = 0; i < out->n_views; i++) {
		c5_view *v = &out->views[i];
		char *name;
		bool unique = v->name != NULL;
		if (out->n_views == 1) {
			free(v->name);
			v->name = NULL;
			return C5_OK;
		}
		for (size_t k = 0; k < out->n_views && unique; k++)
			unique = k == i || !out->views[k].name || strcmp(out->views[k].name, v->name);
		if (v->well) name = c5_format("%s_%s_%s", v->plate ? v->plate : "plate", v->well, v->position);
		else if (unique) continue;
		else name = v->name ? c5_format("%s_%zu", v->name, i) : c5_format("%zu", i);
		if (!name) return no_memory();
		free(v->name);
		v->name = name;
	}
	return C5_OK;
}

/* The set is called by what the names of its files begin with. */
static int name_set(struct ome *o)
{
	char *name = NULL;
	size_t n = SIZE_MAX;
	if (o->n_set < 2 || o->files->at[o->file].probe.kind == C5_FILE_OME_XML) return C5_OK;
	for (size_t i = 0; i < o->n_set; i++) {
		char *stem = c5_name_stem(o->files->at[o->set[i]].path);
		if (!stem) {
			free(name);
			return no_memory();
		}
		if (!name) {
			name = stem;
			n = strlen(stem);
			continue;
		}
		size_t k = 0;
		while (k < n && stem[k] == name[k]) k++;
		n = k;
		free(stem);
	}
	while (n && strchr("0123456789", name[n - 1])) n--;
	while (n && strchr("_-. ", name[n - 1])) n--;
	if (n) {
		name[n] = '\0';
		o->out->name = name;
	} else {
		free(name);
	}
	return C5_OK;
}

static int read_images(struct ome *o, const xmlNode *root)
{
	size_t cap = 0;
	int err = find_files(o, root);
	for (xmlNode *image = root->children; image && !err; image = image->next) {
		xmlNode *pixels = is(image, "Image") ? child(image, "Pixels") : NULL;
		if (!pixels) continue;
		if ((err = c5_grow(&o->out->views, &cap, o->out->n_views + 1, sizeof *o->out->views)) < 0) break;
		c5_view *view = &o->out->views[o->out->n_views++];
		memset(view, 0, sizeof *view);
		if ((err = c5_grow(&o->ids, &o->ids_cap, o->out->n_views, sizeof *o->ids)) < 0) break;
		o->ids[o->out->n_views - 1] = text_of(image, "ID");
		err = read_image(o, image, pixels, view);
	}
	if (!err) err = read_plates(o, root);
	if (!err && !o->out->n_views) err = c5_fail(C5_EINPUT, "%s: its OME metadata name no image; export it again", o->files->at[o->file].path);
	if (!err) err = name_views(o->out);
	if (!err) err = name_set(o);
	for (size_t i = 0; i < o->n_set && !err; i++)
		if (o->files->at[o->set[i]].owner == o->set[i]) o->files->at[o->set[i]].owner = o->file;
	return err;
}

static int hand_over(struct ome *o, const xmlNode *binary)
{
	const char *path = o->files->at[o->file].path;
	char *name = text_of(binary, "MetadataFile"), *whole = name ? c5_name_join(o->folder, name) : NULL;
	uint32_t companion = UINT32_MAX;
	int err = C5_OK;
	if (!name) err = c5_fail(C5_EINPUT, "%s: its OME metadata are elsewhere, but it does not say where; export it again", path);
	else if (!whole) err = no_memory();
	else if (access(whole, F_OK)) err = c5_fail(C5_EINPUT, "%s: its OME metadata are in %s, which is not beside it; copy it there", path, name);
	else if ((err = c5_files_add(o->files, whole, &companion)) == C5_OK && (err = c5_files_probe(o->files)) == C5_OK) {
		if (o->files->at[companion].probed < 0) err = c5_fail(o->files->at[companion].probed, "%s", o->files->at[companion].error);
		else if (companion == o->file || o->files->at[companion].probe.kind != C5_FILE_OME_XML)
			err = c5_fail(C5_EINPUT, "%s: its OME metadata are said to be in %s, which is no OME-XML; copy the companion file there", path, name);
		else o->files->at[o->file].owner = companion;
	}
	xmlFree(name);
	free(whole);
	return err;
}

static once_flag parser_once = ONCE_FLAG_INIT;

int c5_layout_ome(c5_layout *out, c5_files *files, uint32_t file, bool *mine)
{
	const c5_file *f = &files->at[file];
	const char *path = f->path, *text = f->probe.description;
	struct ome o = { .out = out, .files = files, .file = file };
	xmlDoc *doc = NULL;
	int err = C5_OK;
	*mine = false;
	bool companion = f->probe.kind == C5_FILE_OME_XML;
	if (!companion && (!text || !strstr(text, "<OME"))) return C5_OK;
	while (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n') text++;
	if (!companion && *text != '<' && strncmp(text, "\xef\xbb\xbf", 3)) return C5_OK;
	call_once(&parser_once, xmlInitParser);
	size_t length = strlen(text);
	doc = length < INT_MAX ? xmlReadMemory(text, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING) : NULL;
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (doc && doc->intSubset) err = c5_fail(C5_EINPUT, "%s: its OME-XML has a document type of its own, which is not taken; export it again", path);
	else if (!root) err = c5_fail(C5_EINPUT, "%s: its OME-XML is not well formed; export it again", path);
	else if (!is(root, "OME") && companion) err = c5_fail(C5_EINPUT, "%s: no OME-XML; name the image file instead", path);
	else if (!is(root, "OME")) goto done;
	*mine = true;
	if (err < 0) goto done;
	if (!(o.folder = c5_name_folder(path)) || (err = copy_of(root, "UUID", &o.uuid)) < 0) {
		err = no_memory();
		goto done;
	}
	xmlNode *binary = child(root, "BinaryOnly");
	err = binary ? hand_over(&o, binary) : read_images(&o, root);
done:
	if (doc) xmlFreeDoc(doc);
	free(o.folder);
	free(o.uuid);
	free(o.set);
	free(o.lost);
	free(o.alias);
	free(o.last);
	for (size_t i = 0; o.ids && i < o.ids_cap && i < out->n_views; i++) xmlFree(o.ids[i]);
	free(o.ids);
	return err;
}
