/* unit_formats_lineage.c – lineages checked, cut at gaps and joined again; the changes between two of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "formats/changes.h"
#include "formats/lineage.h"

typedef struct row { uint32_t id, first, last, parent; } row;

/* Tracks seen in all their frames but those in `missed` (0-ended, from 1). Labels are the ids. */
static void make(c5_lineage *l, const row *rows, size_t n, const uint32_t *missed)
{
	memset(l, 0, sizeof *l);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(c5_lineage_add_track(l, rows[i].id, rows[i].first, rows[i].last, rows[i].parent), C5_OK);
		for (uint32_t t = rows[i].first; t <= rows[i].last; t++) {
			const uint32_t *m = missed;
			while (m && *m && *m != t) m++;
			if (m && *m) continue;
			assert_int_equal(c5_lineage_add_node(l, &(c5_lin_node){ .frame = t, .label = rows[i].id, .track = rows[i].id }), C5_OK);
		}
	}
}

static void refuses(const row *rows, size_t n, const char *why)
{
	c5_lineage l;
	make(&l, rows, n, NULL);
	assert_int_equal(c5_lineage_settle(&l, 10, "x.trk", 0), C5_EINPUT);
	if (!strstr(c5_error_last(), why)) fail_msg("expected '%s', got '%s'", why, c5_error_last());
	c5_lineage_free(&l);
}

static void refuses_lineages_that_cannot_be(void **state)
{
	(void)state;
	refuses((row[]){ { 1, 0, 4, 0 }, { 1, 6, 7, 0 } }, 2, "track 1 is listed twice");
	refuses((row[]){ { 1, 0, 4, 0 }, { 2, 5, 7, 9 } }, 2, "parent 9, which is no track");
	refuses((row[]){ { 1, 0, 5, 0 }, { 2, 5, 7, 1 } }, 2, "a parent ends before");
	refuses((row[]){ { 1, 5, 7, 2 }, { 2, 0, 3, 1 } }, 2, "descends from itself");
	refuses((row[]){ { 1, 0, 10, 0 } }, 1, "the movie ends before");
	refuses((row[]){ { 0, 0, 4, 0 } }, 1, "0");
	c5_lineage l;
	make(&l, (row[]){ { 1, 0, 4, 0 } }, 1, (uint32_t[]){ 4, 0 });
	assert_int_equal(c5_lineage_settle(&l, 10, "x", 0), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "listed from frame 0 to 4, the frames show it from 0 to 3"));
	c5_lineage_free(&l);
	make(&l, (row[]){ { 1, 0, 4, 0 } }, 1, NULL);
	assert_int_equal(c5_lineage_add_node(&l, &(c5_lin_node){ .frame = 2, .label = 7, .track = 1 }), C5_OK);
	assert_int_equal(c5_lineage_settle(&l, 10, "x", 0), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "two objects in frame 2"));
	c5_lineage_free(&l);
}

static void cuts_at_gaps_and_joins_again(void **state)
{
	static const row rows[] = { { 1, 0, 6, 0 }, { 2, 0, 3, 0 }, { 3, 5, 9, 2 }, { 4, 6, 9, 2 }, { 8, 7, 9, 1 } };
	c5_lineage l, whole;
	(void)state;
	make(&l, rows, 5, (uint32_t[]){ 2, 8, 0 });
	make(&whole, rows, 5, (uint32_t[]){ 2, 8, 0 });
	assert_int_equal(c5_lineage_settle(&l, 10, "x", 0), C5_OK);
	assert_int_equal(c5_lineage_settle(&whole, 10, "x", 0), C5_OK);
	assert_int_equal(c5_lineage_split(&l, "x"), C5_OK);
	assert_int_equal(l.n_tracks, 10);
	for (size_t i = 0; i < l.n_tracks; i++) assert_int_equal(l.tracks[i].n_nodes, l.tracks[i].last - l.tracks[i].first + 1);
	/* The daughters of 2 hang on its second part, the first new track of those that begin in frame 3. */
	uint32_t second = l.tracks[c5_lineage_find(&l, 3)].parent;
	assert_true(second > 8);
	assert_int_equal(l.tracks[c5_lineage_find(&l, second)].parent, 2);
	assert_int_equal(l.tracks[c5_lineage_find(&l, second)].first, 3);
	assert_int_equal(c5_lineage_join(&l, "x"), C5_OK);
	assert_int_equal(l.n_tracks, whole.n_tracks);
	assert_memory_equal(l.tracks, whole.tracks, whole.n_tracks * sizeof *whole.tracks);
	assert_memory_equal(l.nodes, whole.nodes, whole.n_nodes * sizeof *whole.nodes);
	c5_lineage_free(&whole);
	c5_lineage_free(&l);
}

static void tells_what_a_curator_changed(void **state)
{
	/* Two frames of 2 x 6 pixels. Frame 0: 1 stays, 2 loses a pixel of three, 3 goes, a new one comes. Frame 1: as it was. */
	static const uint32_t before[2][12] = { { 1, 1, 0, 2, 2, 2, 3, 0, 0, 0, 0, 0 }, { 1, 1, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0 } };
	static const uint32_t after[2][12] = { { 1, 1, 0, 2, 2, 0, 0, 0, 0, 3, 3, 0 }, { 2, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0 } };
	c5_changes c = { 0 };
	c5_lineage old, now;
	(void)state;
	for (uint32_t t = 0; t < 2; t++) assert_int_equal(c5_changes_frame(&c, t, before[t], after[t], t ? 2 : 3, 12), C5_OK);
	assert_int_equal(c.same, 3);
	assert_int_equal(c.counts[C5_OBJECT_CHANGED], 1);
	assert_int_equal(c.counts[C5_OBJECT_ADDED], 1);
	assert_int_equal(c.counts[C5_OBJECT_REMOVED], 1);
	assert_int_equal(c.frames_touched, 1);
	assert_int_equal(c.match[3], 2);
	assert_int_equal(c.match[4], 1);
	/* Before: 1 - 1, 2 - 2, 3 ends. After: 1 - 1 (old 2) is swapped, 3 ends. */
	make(&old, (row[]){ { 1, 0, 1, 0 }, { 2, 0, 1, 0 }, { 3, 0, 0, 0 } }, 3, NULL);
	make(&now, (row[]){ { 1, 0, 1, 0 }, { 2, 0, 1, 0 }, { 3, 0, 0, 0 } }, 3, NULL);
	assert_int_equal(c5_lineage_settle(&old, 2, "old", 0), C5_OK);
	assert_int_equal(c5_lineage_settle(&now, 2, "now", 0), C5_OK);
	assert_int_equal(c5_changes_links(&c, &old, &now), C5_OK);
	assert_int_equal(c.counts[C5_LINK_CHANGED], 2);
	assert_int_equal(c.counts[C5_LINK_ADDED] + c.counts[C5_LINK_REMOVED], 0);
	char *text = c5_changes_text(&c);
	assert_string_equal(text, "1 frame touched; objects: 3 same, 1 changed, 1 added, 1 removed; links: 2 changed, 0 added, 0 removed");
	free(text);
	c5_lineage_free(&now);
	c5_lineage_free(&old);
	c5_changes_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_lineages_that_cannot_be),
		cmocka_unit_test(cuts_at_gaps_and_joins_again),
		cmocka_unit_test(tells_what_a_curator_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
