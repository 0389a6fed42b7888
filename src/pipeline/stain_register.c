/* stain_register.c – see stain_register.h. */
#include "pipeline/stain_register.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#define FRAMES_MOST 4 /* looked at, of an experiment: its shift is one and the same */

/* The label-free planes recorded with a field's marker: its own, or another frame's, read into *spare. */
static int beside_of(const c5_field *field, c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, float **spare, const float **out)
{
	*out = field->input;
	if (field->input && field->beside == field->frame) return C5_OK;
	int err = *spare ? C5_OK : c5_alloc_aligned(spare, (size_t)field->channels * field->height * field->width, sizeof **spare);
	*out = *spare;
	return err < 0 ? err : c5_stain_read_input(f, codec, &s->recipe, e, field->beside, *spare);
}

static int look(c5_align *found, const c5_align *about, c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, size_t first,
	int marker)
{
	c5_align_sums *sums = NULL;
	float *spare = NULL;
	uint64_t last = UINT64_MAX;
	size_t n = s->n - first, step = (n + FRAMES_MOST - 1) / FRAMES_MOST;
	int err = c5_align_open(&sums, about);
	for (size_t i = first; i < s->n && err == C5_OK; i += step) {
		const c5_field *field = &s->fields[i];
		const float *input;
		if (field->beside == last) continue; /* one marker for many frames */
		last = field->beside;
		if ((err = beside_of(field, s, f, codec, e, &spare, &input)) == C5_OK)
			err = c5_align_add(sums, input, field->channels, field->level + (size_t)marker * field->height * field->width, field->height, field->width);
	}
	if (err == C5_OK) c5_align_find(found, sums);
	free(spare);
	c5_align_close(sums);
	return err;
}

static int add_place(c5_stain_set *s, const char *experiment, int marker, const c5_align *found, bool moved)
{
	int err = c5_grow(&s->places, &s->cap_places, s->n_places + 1, sizeof *s->places);
	if (err < 0) return err;
	s->places[s->n_places] = (c5_stain_place){ c5_strdup(experiment), marker, moved, *found };
	return s->places[s->n_places++].experiment ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

int c5_stain_register(c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, size_t first, const char *how)
{
	int err = C5_OK;
	if (!how || !strcmp(how, "off") || first == s->n) return C5_OK;
	const bool moves = !strcmp(how, "auto");
	for (int m = 0; m < s->recipe.markers && err == C5_OK; m++) {
		c5_align found, rough;
		if ((err = look(&found, NULL, s, f, codec, e, first, m)) < 0) break;
		rough = found;
		if (rough.verdict >= C5_ALIGN_OFF && (err = look(&found, &rough, s, f, codec, e, first, m)) < 0) break;
		const bool moved = moves && found.verdict == C5_ALIGN_OFF;
		if (moves && found.verdict == C5_ALIGN_FAR)
			err = c5_fail(C5_EINPUT,
				"%s: %s lies %.1f px down and %.1f px to the right of where %s has it: is it of the same field? --register off takes it as it is", e->name,
				s->recipe.marker[m], -found.y, -found.x, s->recipe.channel[0]);
		for (size_t i = first; moved && i < s->n && err == C5_OK; i++) err = c5_field_move(&s->fields[i], m, found.y, found.x);
		if (err == C5_OK) err = add_place(s, e->name, m, &found, moved);
		if (err == C5_OK && found.verdict >= C5_ALIGN_OFF)
			c5_log(moved ? C5_LOG_INFO : C5_LOG_WARN, "%s: %s lies %.2f px down and %.2f px to the right of where %s has it (error %.2f px)%s", e->name,
				s->recipe.marker[m], -found.y, -found.x, s->recipe.channel[0], found.error, moved ? "; moved" : "");
	}
	return err;
}

void c5_stain_places_text(c5_buf *to, const c5_stain_set *s)
{
	if (s->n_places) c5_text_add(to, "registration:\n");
	for (size_t i = 0; i < s->n_places; i++) {
		const c5_stain_place *p = &s->places[i];
		c5_text_addf(to, "  - %s %s: %s", p->experiment, s->recipe.marker[p->marker], c5_align_word(p->found.verdict));
		if (p->found.error > 0) c5_text_addf(to, ", %.2f px down, %.2f px to the right, error %.2f px", 0.0 - p->found.y, 0.0 - p->found.x, p->found.error);
		c5_text_add(to, p->moved ? ", moved\n" : "\n");
	}
}

void c5_stain_places_tell(const c5_stain_set *s)
{
	size_t verdicts[C5_ALIGN_FAR + 1] = { 0 }, moved = 0;
	if (!s->n_places) return;
	for (size_t i = 0; i < s->n_places; i++) verdicts[s->places[i].found.verdict]++, moved += s->places[i].moved;
	c5_log(C5_LOG_INFO, "registration of %zu: %zu in place to %.1f px, %zu off (%zu moved), %zu about which nothing certain can be said", s->n_places,
		verdicts[C5_ALIGN_FINE], C5_ALIGN_LEAST, verdicts[C5_ALIGN_OFF] + verdicts[C5_ALIGN_FAR], moved, verdicts[C5_ALIGN_UNSURE]);
}
