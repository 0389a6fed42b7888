/* tables.c – exports that are tables: CSV of any table of a container (RFC 4180), and napari's tracks: rows id, t, y, x with a graph of who
 * came from whom. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/export.h"
#include "formats/movie.h"
#include "formats/out.h"

/* ---- CSV ---- */

/* Names people use for tables, and where these are. */
static const struct { const char *name, *product, *table; } tables[] = {
	{ "objects", "objects", "" }, { "frames", "frames", "" },  { "tracks", "tracks", "/tracks" }, { "nodes", "tracks", "/nodes" },
	{ "links", "tracks", "/links" }, { "candidates", "tracks", "/candidates" }, { "crops", "crops", "/index" }, { "changes", "changes", "" },
		{ "scores", "scores", "" },
	{ "score_frames", "score_frames", "" }, { "score_tracks", "score_tracks", "" }, { "explain", "explain", "/index" },
};

static int table_path(c5_export *x, const char *experiment, char **path)
{
	const char *name = x->params->table, *slash = strchr(name, '/'), *inside = slash ? slash : "";
	char *product = slash ? c5_format("%.*s", (int)(slash - name), name) : c5_strdup(name), *revision = NULL;
	int err;
	for (size_t i = 0; product && i < sizeof tables / sizeof *tables; i++)
		if (strcmp(tables[i].name, name) == 0) {
			free(product);
			product = c5_strdup(tables[i].product);
			inside = tables[i].table;
		}
	if (!product) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_product_path(x->file, experiment, product, x->params->revision, &revision)) == C5_OK && !(*path = c5_format("%s%s", revision, inside)))
		err = c5_fail(C5_ENOMEM, "out of memory");
	free(revision);
	free(product);
	return err;
}

/* The columns of all experiments' tables, in order of first sight. */
typedef struct header { struct { char name[48], unit[24]; } *at; size_t n, cap; } header;

/* The unit of a column as the table's `units` says it, "NAME: UNIT, ...". */
static void find_unit(const char *units, const char *name, char *unit, size_t size)
{
	size_t n = strlen(name);
	unit[0] = '\0';
	for (const char *p = units; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		p += strspn(p, " ");
		if (strncmp(p, name, n) != 0 || p[n] != ':') continue;
		p += n + 1;
		p += strspn(p, " ");
		snprintf(unit, size, "%.*s", (int)strcspn(p, ","), p);
	}
}

static int take_columns(header *h, c5_file *f, const c5_array_spec *s, const char *path)
{
	char *units = NULL;
	int err = c5_attr_get_str(f, path, "units", &units);
	if (err == C5_ENOTFOUND) err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < s->n_columns; i++) {
		size_t k = 0;
		while (k < h->n && strcmp(h->at[k].name, s->columns[i].name) != 0) k++;
		if (k < h->n) continue;
		if ((err = c5_grow(&h->at, &h->cap, h->n + 1, sizeof *h->at)) < 0) break;
		snprintf(h->at[h->n].name, sizeof h->at[h->n].name, "%s", s->columns[i].name);
		find_unit(units, s->columns[i].name, h->at[h->n].unit, sizeof h->at[h->n].unit);
		h->n++;
	}
	free(units);
	return err;
}

static void put_text(FILE *to, const char *s, size_t n)
{
	if (!memchr(s, '"', n) && !memchr(s, ',', n) && !memchr(s, '\n', n) && !memchr(s, '\r', n)) {
		fwrite(s, 1, n, to);
		return;
	}
	fputc('"', to);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"') fputc('"', to);
		fputc(s[i], to);
	}
	fputc('"', to);
}

static void put_value(FILE *to, const c5_column *c, const uint8_t *row)
{
	char text[C5_REAL_TEXT];
	const uint8_t *at = row + c->offset;
	if (c->text) {
		put_text(to, (const char *)at, strnlen((const char *)at, c->text));
	} else if (c->dtype == C5_U64) {
		uint64_t v;
		memcpy(&v, at, sizeof v);
		fprintf(to, "%llu", (unsigned long long)v);
	} else if (c->dtype == C5_I64) {
		int64_t v;
		memcpy(&v, at, sizeof v);
		fprintf(to, "%lld", (long long)v);
	} else if (c->dtype == C5_F32) { /* the shortest text that reads back to the same 32 bits */
		float v;
		memcpy(&v, at, sizeof v);
		for (int digits = 6; digits <= 9; digits++) {
			snprintf(text, sizeof text, "%.*g", digits, (double)v);
			if (strtof(text, NULL) == v) break;
		}
		fputs(isnan(v) ? "nan" : text, to);
	} else {
		double v = c5_column_value(c, row);
		fputs(isnan(v) ? "nan" : c5_text_real(text, v), to);
	}
}

static int put_rows(FILE *to, c5_codec *codec, c5_array *a, const header *h, const char *experiment)
{
	const c5_array_spec *s = c5_array_spec_of(a);
	const c5_column **columns = NULL;
	c5_array_must_be_whole(a);
	uint8_t *rows = NULL;
	int err;
	if ((err = c5_alloc(&columns, h->n, sizeof *columns)) < 0 || (err = c5_alloc(&rows, s->chunk[0], s->row_size)) < 0) goto done;
	for (size_t k = 0; k < h->n; k++)
		for (size_t i = 0; i < s->n_columns; i++)
			if (strcmp(s->columns[i].name, h->at[k].name) == 0) columns[k] = &s->columns[i];
	for (uint64_t first = 0; first < s->dims[0]; first += s->chunk[0]) {
		uint64_t n = s->dims[0] - first < s->chunk[0] ? s->dims[0] - first : s->chunk[0];
		if ((err = c5_export_tick()) < 0 || (err = c5_array_read_rows(a, codec, first, n, rows)) < 0) goto done;
		for (uint64_t i = 0; i < n; i++) {
			put_text(to, experiment, strlen(experiment));
			for (size_t k = 0; k < h->n; k++) {
				fputc(',', to);
				if (columns[k]) put_value(to, columns[k], rows + i * s->row_size);
			}
			fputs("\r\n", to);
		}
	}
done:
	free(rows);
	free(columns);
	return err;
}

static int close_text(FILE *to, const char *path, int err)
{
	if (!to) return err;
	bool bad = ferror(to) != 0;
	bad |= fclose(to) != 0;
	return err == C5_OK && bad ? c5_fail(C5_EIO, "%s: %s", path, strerror(errno)) : err;
}

/* Twice over the experiments: for the columns, then for the rows. */
int c5_export_csv(c5_export *x, const char *path)
{
	header h = { 0 };
	FILE *to = NULL;
	c5_codec *codec = NULL;
	int err = c5_codec_open(&codec);
	for (int pass = 0; err == C5_OK && pass < 2; pass++) {
		if (pass == 1) {
			if (!(to = fopen(path, "wb"))) { err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno)); break; }
			fputs("experiment", to);
			for (size_t k = 0; k < h.n; k++) {
				char name[96];
				bool unit = x->params->units && h.at[k].unit[0] && strcmp(h.at[k].unit, "1") != 0;
				snprintf(name, sizeof name, "%s%s%s%s", h.at[k].name, unit ? " (" : "", unit ? h.at[k].unit : "", unit ? ")" : "");
				fputc(',', to);
				put_text(to, name, strlen(name));
			}
			fputs("\r\n", to);
		}
		for (size_t i = 0; err == C5_OK && i < x->n_names; i++) {
			c5_array *a = NULL;
			char *at = NULL;
			if ((err = table_path(x, x->names[i], &at)) == C5_OK) err = c5_array_open(&a, x->file, at);
			if (err == C5_OK && !c5_array_spec_of(a)->n_columns) err = c5_fail(C5_EUSAGE, "%s: no table; CSV takes tables only", at);
			if (err == C5_OK) err = pass ? put_rows(to, codec, a, &h, x->names[i]) : take_columns(&h, x->file, c5_array_spec_of(a), at);
			c5_array_close(a);
			free(at);
		}
	}
	err = close_text(to, path, err);
	c5_codec_close(codec);
	free(h.at);
	return err;
}

/* ---- napari ---- */

static int by_track(const void *a, const void *b)
{
	const c5_lin_node *p = a, *q = b;
	if (p->track != q->track) return p->track < q->track ? -1 : 1;
	return p->frame < q->frame ? -1 : p->frame > q->frame;
}

/* Places of nodes whose table has none: the means of their pixels' coordinates. */
static int place_nodes(c5_movie *m)
{
	uint32_t *labels = NULL, *of = NULL;
	size_t cap = 0;
	double *sums = NULL; /* (nodes of the frame, 3): y, x, pixels */
	int err = c5_alloc(&labels, m->height * m->width, sizeof *labels);
	for (uint64_t t = 0; err == C5_OK && t < m->frames; t++) {
		c5_lin_node *nodes = m->lineage.nodes + m->lineage.start[t];
		size_t n = m->lineage.start[t + 1] - m->lineage.start[t];
		if (!n || !isnan(nodes[0].y)) continue;
		if ((err = c5_movie_labels(m, t, labels)) < 0 || (err = c5_grow(&of, &cap, (size_t)nodes[n - 1].label + 1, sizeof *of)) < 0 ||
		    (err = c5_alloc(&sums, n, 3 * sizeof *sums)) < 0) break;
		memset(of, 0, ((size_t)nodes[n - 1].label + 1) * sizeof *of);
		for (size_t k = 0; k < n; k++) of[nodes[k].label] = (uint32_t)k + 1;
		for (size_t i = 0; i < m->height * m->width; i++) {
			if (!labels[i] || labels[i] > nodes[n - 1].label || !of[labels[i]]) continue;
			double *s = sums + 3 * (of[labels[i]] - 1);
			s[0] += (double)(i / m->width), s[1] += (double)(i % m->width), s[2]++;
		}
		for (size_t k = 0; k < n; k++) nodes[k].y = (float)(sums[3 * k] / sums[3 * k + 2]), nodes[k].x = (float)(sums[3 * k + 1] / sums[3 * k + 2]);
		free(sums);
		sums = NULL;
	}
	free(sums);
	free(of);
	free(labels);
	return err;
}

static int put_points(const c5_movie *m, const char *path)
{
	c5_lin_node *nodes = NULL;
	FILE *to = NULL;
	int err = c5_alloc(&nodes, m->lineage.n_nodes, sizeof *nodes);
	if (err < 0) return err;
	if (m->lineage.n_nodes) {
		memcpy(nodes, m->lineage.nodes, m->lineage.n_nodes * sizeof *nodes);
		qsort(nodes, m->lineage.n_nodes, sizeof *nodes, by_track);
	}
	if (!(to = fopen(path, "wb"))) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	if (to) fputs("id,t,y,x\n", to);
	for (size_t i = 0; to && i < m->lineage.n_nodes; i++)
		fprintf(to, "%u,%u,%.9g,%.9g\n", nodes[i].track, nodes[i].frame, (double)nodes[i].y, (double)nodes[i].x);
	free(nodes);
	return close_text(to, path, err);
}

static int put_graph(const c5_movie *m, const char *path)
{
	c5_buf b = { 0 };
	bool first = true;
	c5_text_add(&b, "{");
	for (size_t i = 0; i < m->lineage.n_tracks; i++) {
		const c5_lin_track *t = &m->lineage.tracks[i];
		if (!t->parent) continue;
		c5_text_addf(&b, "%s\"%u\": [%u]", first ? "" : ", ", t->id, t->parent);
		first = false;
	}
	c5_text_add(&b, "}\n");
	char *text = c5_text_take(&b);
	int err = text ? c5_out_text(path, text) : C5_ENOMEM;
	free(text);
	return err;
}

int c5_export_napari(c5_export *x, const char *path)
{
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < x->n_names; i++) {
		c5_movie m = { 0 };
		char *points = c5_export_name(path, x->names[i], "tracks.csv"), *graph = c5_export_name(path, x->names[i], "graph.json");
		err = points && graph ? c5_movie_open(&m, x->file, x->names[i], x->params->revision, C5_WANT_TRACKS) : c5_fail(C5_ENOMEM, "out of memory");
		if (err == C5_OK) err = place_nodes(&m);
		if (err == C5_OK) err = put_points(&m, points);
		if (err == C5_OK) err = put_graph(&m, graph);
		c5_movie_close(&m);
		free(graph);
		free(points);
	}
	return err;
}
