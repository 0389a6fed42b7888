/* movie.c – see movie.h. */
#include "formats/movie.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"

#define INPUTS 4 /* links followed from a result to what it was made from */

static const struct { const char *product, *command; } made_by[] = {
	{ "masks", "segment" }, { "frames", "segment" }, { "tracks", "track" }, { "objects", "objects" }, { "crops", "crop" }, { NULL, NULL },
};

int c5_product_path(c5_file *f, const char *experiment, const char *product, const char *revision, char **path)
{
	uint32_t number;
	const char *command = "run";
	int err;
	*path = NULL;
	if (!revision || strcmp(revision, "latest") == 0) {
		if ((err = c5_revision_latest(f, experiment, product, &number)) < 0) return err;
		for (int i = 0; made_by[i].product; i++)
			if (strcmp(made_by[i].product, product) == 0) command = made_by[i].command;
		if (!number) return c5_fail(C5_ENOTFOUND, "%s: %s: no %s yet; `cyto5 %s` makes them", c5_file_path(f), experiment, product, command);
		revision = c5_revision_name(number);
	} else if (!c5_revision_number(revision)) return c5_fail(C5_EUSAGE, "--revision %s: expected rNNNNNN or latest", revision);
	if (!(*path = c5_format("/experiments/%s/%s/%s", experiment, product, revision))) return c5_fail(C5_ENOMEM, "out of memory");
	if (c5_exists(f, *path)) return C5_OK;
	free(*path);
	*path = NULL;
	return c5_fail(C5_ENOTFOUND, "%s: %s: no %s of revision %s", c5_file_path(f), experiment, product, revision);
}

/* The masks that tracks were made from: what their nodes say, else those of the same revision, else the newest. */
static int masks_of_tracks(c5_movie *m)
{
	const char *name = m->experiment.name, *revision = strrchr(m->tracks_path, '/') + 1;
	char *at = c5_format("%s/nodes", m->tracks_path), *same = c5_format("/experiments/%s/masks/%s", name, revision), *input = NULL;
	char *start = c5_format("/experiments/%s/masks/", name);
	int err = at && same && start ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (int k = 0; err == C5_OK && k < INPUTS && strncmp(at, start, strlen(start)) != 0; k++) { /* nodes from objects from masks */
		if ((err = c5_attr_get_str(m->file, at, "input", &input)) < 0) break;
		free(at);
		at = input, input = NULL;
		if (!c5_exists(m->file, at)) err = C5_ENOTFOUND;
	}
	if (err == C5_ENOTFOUND) err = C5_OK;
	if (err == C5_OK && strncmp(at, start, strlen(start)) == 0 && c5_exists(m->file, at)) m->masks_path = c5_strdup(at);
	else if (err == C5_OK && c5_exists(m->file, same)) m->masks_path = c5_strdup(same);
	else if (err == C5_OK) err = c5_product_path(m->file, name, "masks", NULL, &m->masks_path);
	if (err == C5_OK && !m->masks_path) err = c5_fail(C5_ENOMEM, "out of memory");
	free(start);
	free(same);
	free(at);
	return err;
}

int c5_movie_open(c5_movie *m, c5_file *f, const char *experiment, const char *revision, int want)
{
	size_t most = 0;
	const c5_channel *c;
	int err;
	memset(m, 0, sizeof *m);
	m->file = f;
	if ((err = c5_codec_open(&m->codec)) < 0 || (err = c5_experiment_read(f, experiment, &m->experiment)) < 0) goto done;
	if ((want & C5_WANT_TRACKS) == C5_WANT_TRACKS) {
		if ((err = c5_product_path(f, experiment, "tracks", revision, &m->tracks_path)) < 0 || (err = masks_of_tracks(m)) < 0) goto done;
	} else if (want && (err = c5_product_path(f, experiment, "masks", revision, &m->masks_path)) < 0) goto done;
	if (m->masks_path) {
		if ((err = c5_array_open(&m->masks, f, m->masks_path)) < 0) goto done;
		c5_array_must_be_whole(m->masks);
		const c5_array_spec *s = c5_array_spec_of(m->masks);
		if (s->rank != 3 || (s->dtype != C5_U8 && s->dtype != C5_U16 && s->dtype != C5_U32)) {
			err = c5_fail(C5_ESCHEMA, "%s: no (T, Y, X) labels", m->masks_path);
			goto done;
		}
		m->frames = s->dims[0], m->height = s->dims[1], m->width = s->dims[2];
		most = m->height * m->width * c5_dtype_size(s->dtype);
	} else if ((err = c5_experiment_channel(&m->experiment, NULL, &c)) < 0) goto done;
	else m->frames = c->frames, m->height = c->height, m->width = c->width;
	if (m->frames >= UINT32_MAX) { err = c5_fail(C5_ESCHEMA, "%s: %llu frames", experiment, (unsigned long long)m->frames); goto done; }
	if ((err = c5_alloc(&m->stored, most, 1)) < 0 || (err = c5_alloc(&m->raw, m->experiment.n_channels, sizeof *m->raw)) < 0) goto done;
	if (m->tracks_path) err = c5_lineage_read(&m->lineage, f, m->codec, m->tracks_path, (uint32_t)m->frames);
done:
	if (err < 0) c5_movie_close(m);
	return err;
}

void c5_movie_close(c5_movie *m)
{
	for (size_t i = 0; m->raw && i < m->experiment.n_channels; i++) c5_array_close(m->raw[i]);
	free(m->raw);
	c5_array_close(m->masks);
	c5_lineage_free(&m->lineage);
	c5_experiment_free(&m->experiment);
	c5_codec_close(m->codec);
	free(m->masks_path);
	free(m->tracks_path);
	free(m->stored);
	free(m->ids);
	free(m->seen);
	memset(m, 0, sizeof *m);
}

int c5_movie_labels(c5_movie *m, uint64_t t, uint32_t *labels)
{
	const c5_array_spec *s = c5_array_spec_of(m->masks);
	size_t n = m->height * m->width;
	if (s->dtype == C5_U32) return c5_array_read_frame(m->masks, m->codec, t, 0, labels);
	int err = c5_array_read_frame(m->masks, m->codec, t, 0, m->stored);
	if (err < 0) return err;
	if (s->dtype == C5_U16)
		for (size_t i = 0; i < n; i++) labels[i] = ((const uint16_t *)m->stored)[i];
	else
		for (size_t i = 0; i < n; i++) labels[i] = ((const uint8_t *)m->stored)[i];
	return C5_OK;
}

int c5_movie_track_ids(c5_movie *m, uint64_t t, uint32_t *labels)
{
	size_t n = m->height * m->width;
	uint32_t most = 0;
	int err = c5_movie_labels(m, t, labels);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++)
		if (labels[i] > most) most = labels[i];
	if ((err = c5_grow(&m->ids, &m->cap_ids, (size_t)most + 1, sizeof *m->ids)) < 0 || (err = c5_grow(&m->seen, &m->cap_seen, (size_t)most + 1, 1)) < 0)
		return err;
	c5_lineage_ids(&m->lineage, (uint32_t)t, most, m->ids);
	memset(m->seen, 0, (size_t)most + 1);
	for (size_t i = 0; i < n; i++) {
		if (!labels[i]) continue;
		if (!m->ids[labels[i]])
			return c5_fail(C5_ESCHEMA, "%s: object %u of frame %llu is in no track of %s; run `cyto5 track` again", m->masks_path, labels[i],
				(unsigned long long)t, m->tracks_path);
		m->seen[labels[i]] = 1;
		labels[i] = m->ids[labels[i]];
	}
	for (uint64_t i = m->lineage.start[t]; i < m->lineage.start[t + 1]; i++) {
		const c5_lin_node *node = &m->lineage.nodes[i];
		if (node->label > most || !m->seen[node->label])
			return c5_fail(C5_ESCHEMA, "%s: track %u has object %u in frame %llu, %s has none; run `cyto5 track` again", m->tracks_path, node->track,
				node->label, (unsigned long long)t, m->masks_path);
	}
	return C5_OK;
}

int c5_movie_raw(c5_movie *m, const c5_channel *channel, uint64_t t, uint64_t z, void *pixels)
{
	size_t i = (size_t)(channel - m->experiment.channels);
	int err = C5_OK;
	if (!m->raw[i]) {
		char *path = c5_format("/experiments/%s/raw/%s", m->experiment.name, channel->name);
		err = path ? c5_array_open(&m->raw[i], m->file, path) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
		if (err == C5_OK) c5_array_must_be_whole(m->raw[i]);
	}
	return err < 0 ? err : c5_array_read_frame(m->raw[i], m->codec, t, z, pixels);
}

int c5_movie_channel(c5_movie *m, const char *name, const c5_channel **channel)
{
	int err = c5_experiment_channel(&m->experiment, name, channel);
	if (err < 0) return err;
	const c5_channel *c = *channel;
	if (c->frames != m->frames || c->height != m->height || c->width != m->width)
		return c5_fail(C5_EINPUT, "%s: channel %s is (%llu, %llu, %llu), the masks (%llu, %llu, %llu); name another with --channel", m->experiment.name,
			c->name, (unsigned long long)c->frames, (unsigned long long)c->height, (unsigned long long)c->width, (unsigned long long)m->frames,
			(unsigned long long)m->height, (unsigned long long)m->width);
	return C5_OK;
}
