/* cmd_lineage.c – `cyto5 lineage FILE.h5 [EXPERIMENT]`: the family trees of an experiment's cells as an SVG picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/pick.h"
#include "container/array.h"
#include "container/experiment.h"
#include "track/plot.h"

typedef struct lineage { char *revision, *out, *colour; bool sideways; int64_t least; } lineage;

static const c5_opt lineage_opts[] = {
	{ "revision", C5_OPT_TEXT, offsetof(lineage, revision), "latest", 0, 0, NULL, "rNNNNNN", "which tracks" },
	{ "colour", C5_OPT_CHOICE, offsetof(lineage, colour), "founder", 0, 0, NULL, "founder|generation", "what colours tell apart" },
	{ "sideways", C5_OPT_BOOL, offsetof(lineage, sideways), NULL, 0, 0, NULL, NULL, "time runs to the right instead of downwards" },
	{ "least", C5_OPT_INT, offsetof(lineage, least), "0", 0, 1e9, "frames", "N", "leave out families seen in fewer frames" },
	{ "out", C5_OPT_TEXT, offsetof(lineage, out), NULL, 0, 0, NULL, "FILE.svg", "where to; unset: EXPERIMENT_lineage.svg here" },
	{ 0 },
};

/* The tracks table of a revision as the plot wants it: what a picture needs, by column name, so that any writer's table will do. */
static int read_tracks(c5_file *f, c5_codec *codec, const char *path, c5_tracks *out)
{
	static const struct { const char *name; size_t field; bool must; } want[] = {
		{ "track", offsetof(c5_track, id), true },           { "first", offsetof(c5_track, first), true },
		{ "last", offsetof(c5_track, last), true },          { "parent", offsetof(c5_track, parent), true },
		{ "generation", offsetof(c5_track, generation), false }, { "founder", offsetof(c5_track, founder), false },
		{ "daughters", offsetof(c5_track, daughters), false }, { "seen", offsetof(c5_track, n_nodes), false },
	};
	c5_array *a;
	uint8_t *rows = NULL;
	int err = c5_table_open(&a, f, path);
	if (err < 0) return err;
	const c5_array_spec *s = c5_array_spec_of(a);
	size_t n = s->dims[0];
	if ((err = c5_alloc(&rows, n, s->row_size)) < 0 || (err = c5_alloc(&out->tracks, n, sizeof *out->tracks)) < 0 ||
	    (err = c5_array_read_rows(a, codec, 0, n, rows)) < 0) goto done;
	for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
		const c5_column *c;
		if ((err = c5_spec_find_column(s, want[k].name, &c)) < 0 && want[k].must) goto done;
		if (err == C5_OK && c->dtype != C5_U32) {
			err = c5_fail(C5_ESCHEMA, "%s: column %s is %s, expected uint32", path, c->name, c5_dtype_name(c->dtype));
			goto done;
		}
		for (size_t i = 0; err == C5_OK && i < n; i++)
			memcpy((char *)&out->tracks[i] + want[k].field, rows + i * s->row_size + c->offset, sizeof(uint32_t));
		err = C5_OK;
	}
	out->n_tracks = n;
	for (size_t i = 0; i < n; i++) { /* what the table did not say follows from the parents, which come first */
		c5_track *t = &out->tracks[i];
		if (t->id != i + 1 || t->parent > i) {
			err = c5_fail(C5_EINPUT, "%s: row %zu: tracks are not numbered 1, 2, ... with parents first", path, i);
			goto done;
		}
		c5_track *mother = t->parent ? &out->tracks[t->parent - 1] : NULL;
		t->generation = mother ? mother->generation + 1 : 0;
		t->founder = mother ? mother->founder : t->id;
		if (!t->n_nodes) t->n_nodes = t->last - t->first + 1;
		if (t->last > out->last_frame) out->last_frame = t->last;
		out->divisions += mother != NULL;
	}
	for (size_t i = 0; i < n; i++) {
		out->tracks[i].daughters = 0;
		if (out->tracks[i].parent) out->tracks[out->tracks[i].parent - 1].daughters++;
	}
	out->divisions /= 2;
done:
	free(rows);
	c5_array_close(a);
	return err;
}

static int run(int argc, char **argv)
{
	lineage set = { 0 };
	const c5_opt_group groups[] = { { "Picture", lineage_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	c5_experiment e = { 0 };
	c5_tracks tracks = { 0 };
	c5_buf svg = { 0 };
	char *path = NULL, *out = NULL, *name = NULL;
	int err = c5_cli_open(&cli, &c5_cmd_lineage, groups, argc, argv, 1, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_codec_open(&codec)) < 0) goto done;
	if ((err = c5_cli_pick_experiment(f, cli.n > 1 ? cli.words[1] : NULL, &name)) < 0 || (err = c5_experiment_read(f, name, &e)) < 0) goto done;
	path = c5_format("/experiments/%s/tracks/%s/tracks", name, set.revision);
	out = set.out ? c5_strdup(set.out) : c5_format("%s_lineage.svg", name);
	if (!path || !out) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if (!c5_exists(f, path)) { err = c5_fail(C5_ENOTFOUND, "%s: no tracks %s; make them with `cyto5 track`", name, set.revision); goto done; }
	if ((err = read_tracks(f, codec, path, &tracks)) < 0) goto done;
	c5_lineage_plot plot = { .title = name, .minutes = isnan(e.frame_interval_s) ? 0 : e.frame_interval_s / 60, .sideways = set.sideways,
		.colour = strcmp(set.colour, "generation") == 0 ? C5_LINEAGE_GENERATION : C5_LINEAGE_FOUNDER, .least = (uint32_t)set.least };
	if ((err = c5_lineage_svg(&svg, &tracks, &plot)) < 0 || (err = svg.err) < 0 || (err = c5_disk_write(out, svg.data, svg.size)) < 0) goto done;
	c5_log(C5_LOG_INFO, "%s: %zu tracks, %u divisions", name, tracks.n_tracks, tracks.divisions);
	printf("%s\n", out);
done:
	c5_buf_free(&svg);
	free(tracks.tracks);
	c5_experiment_free(&e);
	c5_codec_close(codec);
	c5_file_close(f);
	free(path);
	free(out);
	free(name);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_lineage = {
	"lineage", C5_LOOK, "draw the family trees of an experiment's cells", "FILE.h5 [EXPERIMENT]",
	"cyto5 lineage out.h5 plate1_A01 --out a01.svg\n"
	"cyto5 lineage out.h5 --sideways --colour generation\n",
	run,
};
