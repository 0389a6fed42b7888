/* unit_image_label.c – components, holes and the dropping of objects, against skimage and scipy and on shapes drawn as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden/image_label.h"
#include "image/label.h"

enum { N = LABEL_H * LABEL_W };

/* Labels a drawing ('#' object; rows of equal length, divided by '|') and compares with a drawing of digits. */
static void expect(const char *mask, const char *want, c5_label_rules rules)
{
	size_t width = strcspn(mask, "|"), height = (strlen(mask) + 1) / (width + 1);
	uint8_t *bytes = malloc(height * width);
	uint32_t *labels = malloc(height * width * sizeof *labels), most = 0;
	void *scratch = malloc(c5_label_bytes(height, width));
	for (size_t i = 0; i < height * width; i++) bytes[i] = mask[i / width * (width + 1) + i % width] == '#' ? 255 : 0;
	uint32_t n = c5_label_mask(labels, bytes, height, width, &rules, scratch);
	for (size_t i = 0; i < height * width; i++) {
		char c = want[i / width * (width + 1) + i % width];
		assert_int_equal(labels[i], c == '.' ? 0 : c - '0');
		most = labels[i] > most ? labels[i] : most;
	}
	assert_int_equal(n, most);
	free(bytes);
	free(labels);
	free(scratch);
}

static void labels_equal_skimage_for_both_connectivities_and_filled(void **state)
{
	(void)state;
	const struct { c5_label_rules rules; const uint32_t *want; } cases[] = {
		{ { 8, false, 0, 0, 0, -1 }, label_8 }, { { 0, false, 0, 0, 0, -1 }, label_8 }, { { 4, false, 0, 0, 0, -1 }, label_4 },
			{ { 8, true, 0, 0, 0, -1 }, label_filled } };
	uint32_t labels[N];
	void *scratch = malloc(c5_label_bytes(LABEL_H, LABEL_W));
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		uint32_t most = 0;
		for (size_t i = 0; i < N; i++) most = cases[c].want[i] > most ? cases[c].want[i] : most;
		assert_int_equal(c5_label_mask(labels, label_mask, LABEL_H, LABEL_W, &cases[c].rules, scratch), most);
		assert_memory_equal(labels, cases[c].want, sizeof labels);
	}
	free(scratch);
}

static void holes_are_filled_when_only_corners_lead_out(void **state)
{
	(void)state;
	const c5_label_rules fill = { 8, true, 0, 0, 0, -1 };
	expect(".#..|#.#.|.#.#|....", ".1..|111.|.1.1|....", fill);
	expect("####|#..#|#.##|#.##", "1111|1..1|1.11|1.11", fill);   /* open at the bottom */
	expect("#####|#...#|#.#.#|#...#|#####", "11111|11111|11111|11111|11111", fill); /* an island in a hole joins */
	expect("#####|#.#.#|###.#|#####", "11111|111.1|111.1|11111", (c5_label_rules){ 8, true, 1, 0, 0, -1 }); /* up to one pixel */
	expect("#####|#.#.#|###.#|#####", "11111|11111|11111|11111", (c5_label_rules){ 8, true, 2, 0, 0, -1 });
}

static void filling_a_mask_gives_the_labels_of_filling_while_labelling(void **state)
{
	(void)state;
	uint8_t mask[N];
	void *scratch = malloc(c5_label_bytes(LABEL_H, LABEL_W));
	memcpy(mask, label_mask, sizeof mask);
	c5_label_fill_holes(mask, LABEL_H, LABEL_W, 0, scratch);
	for (size_t i = 0; i < N; i++) assert_int_equal(mask[i], label_filled[i] != 0);
	free(scratch);
}

static void erosion_takes_the_radius_away_from_all_sides_but_the_frame(void **state)
{
	(void)state;
	enum { EH = 40, EW = 50 };
	for (size_t radius = 0; radius < 9; radius++) {
		uint8_t mask[EH * EW], want[EH * EW];
		void *scratch = malloc(c5_label_erode_bytes(EH, EW, radius));
		for (size_t i = 0; i < EH * EW; i++) mask[i] = i % 7919 % 83 != 0;
		for (ptrdiff_t y = 0; y < EH; y++)
			for (ptrdiff_t x = 0; x < EW; x++) {
				const ptrdiff_t r = (ptrdiff_t)radius;
				uint8_t all = 1;
				for (ptrdiff_t j = y - r; j <= y + r; j++)
					for (ptrdiff_t i = x - r; i <= x + r; i++)
						if (j >= 0 && i >= 0 && j < EH && i < EW) all &= mask[j * EW + i];
				want[y * EW + x] = all;
			}
		c5_label_erode(mask, EH, EW, radius, scratch);
		assert_memory_equal(mask, want, sizeof want);
		free(scratch);
	}
}

static void touching_corners_join_only_with_connectivity_8(void **state)
{
	(void)state;
	expect("#.#|.#.|#..", "1.1|.1.|1..", C5_LABEL_ALL);
	expect("#.#|.#.|#..", "1.2|.3.|4..", (c5_label_rules){ 4, false, 0, 0, 0, -1 });
}

static void late_joins_take_the_number_of_the_first_pixel(void **state)
{
	(void)state;
	expect("#.#.#.#|#.#.#.#|###.###|.......|..#....", "1.1.2.2|1.1.2.2|111.222|.......|..3....", C5_LABEL_ALL);
	expect("...#|.#.#|##.#|.###", "...1|.1.1|11.1|.111", C5_LABEL_ALL);
}

static void objects_are_dropped_by_area_and_the_rest_numbered_anew(void **state)
{
	(void)state;
	expect("#.##|....|####", "..11|....|....", (c5_label_rules){ 8, false, 0, 2, 3, -1 });
	expect("#.##|....|####", "1.22|....|3333", (c5_label_rules){ 8, false, 0, 1, 4, -1 });
	expect("#.#|###|###", "...|...|...", (c5_label_rules){ 8, false, 0, 0, 6, -1 });
}

static void objects_are_dropped_when_they_come_near_the_border(void **state)
{
	(void)state;
	const char *mask = "......#|.#.....|.......|...#...|.......|.......|.......";
	expect(mask, "......1|.2.....|.......|...3...|.......|.......|.......", C5_LABEL_ALL);
	expect(mask, ".......|.1.....|.......|...2...|.......|.......|.......", (c5_label_rules){ 8, false, 0, 0, 0, 0 });
	expect(mask, ".......|.......|.......|...1...|.......|.......|.......", (c5_label_rules){ 8, false, 0, 0, 0, 1 });
	expect(mask, ".......|.......|.......|.......|.......|.......|.......", (c5_label_rules){ 8, false, 0, 0, 0, 3 });
}

static void extreme_frames_are_labelled(void **state)
{
	(void)state;
	expect("#", "1", C5_LABEL_ALL);
	expect(".", ".", (c5_label_rules){ 8, true, 0, 0, 0, -1 });
	expect("####|####", "1111|1111", (c5_label_rules){ 8, true, 0, 0, 0, -1 });
	expect("#.#.#.#.#", "1.2.3.4.5", (c5_label_rules){ 4, true, 0, 0, 0, -1 });
	expect("#|.|#", "1|.|2", C5_LABEL_ALL);
	/* a chessboard fills the scratch memory to its end: one object with corners, 2016 without; filled, two corners stay alone */
	enum { H = 64, W = 63 };
	uint8_t mask[H * W];
	uint32_t labels[H * W];
	void *scratch = malloc(c5_label_bytes(H, W));
	for (size_t i = 0; i < H * W; i++) mask[i] = (i / W + i % W) % 2 == 0;
	assert_int_equal(c5_label_mask(labels, mask, H, W, &C5_LABEL_ALL, scratch), 1);
	assert_int_equal(c5_label_mask(labels, mask, H, W, &(c5_label_rules){ 4, false, 0, 0, 0, -1 }, scratch), 2016);
	assert_int_equal(c5_label_mask(labels, mask, H, W, &(c5_label_rules){ 4, true, 0, 0, 0, -1 }, scratch), 3);
	free(scratch);
}

static void filtering_labels_agrees_with_labelling_by_the_same_rules(void **state)
{
	(void)state;
	uint32_t direct[N], later[N], most = 0;
	void *scratch = malloc(c5_label_bytes(LABEL_H, LABEL_W));
	for (int64_t border = -1; border < 4; border++)
		for (int64_t area = 0; area < 60; area += 7) {
			const c5_label_rules rules = { 8, false, 0, area, area ? 3 * area : 0, border };
			most = c5_label_mask(later, label_mask, LABEL_H, LABEL_W, &C5_LABEL_ALL, scratch);
			uint32_t n = c5_label_mask(direct, label_mask, LABEL_H, LABEL_W, &rules, scratch);
			uint32_t *counts = malloc(8 * (most + 1));
			assert_int_equal(c5_label_filter(later, LABEL_H, LABEL_W, most, &rules, counts), n);
			assert_memory_equal(direct, later, sizeof direct);
			free(counts);
		}
	free(scratch);
}

static void filtering_clears_labels_beyond_the_stated_number(void **state)
{
	(void)state;
	uint32_t labels[] = { 9, 2, 0, 2, 1 }, scratch[6];
	const uint32_t want[] = { 0, 1, 0, 1, 2 };
	assert_int_equal(c5_label_filter(labels, 1, 5, 2, &C5_LABEL_ALL, scratch), 2);
	assert_memory_equal(labels, want, sizeof want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_equal_skimage_for_both_connectivities_and_filled),
		cmocka_unit_test(holes_are_filled_when_only_corners_lead_out),
		cmocka_unit_test(filling_a_mask_gives_the_labels_of_filling_while_labelling),
		cmocka_unit_test(erosion_takes_the_radius_away_from_all_sides_but_the_frame),
		cmocka_unit_test(touching_corners_join_only_with_connectivity_8),
		cmocka_unit_test(late_joins_take_the_number_of_the_first_pixel),
		cmocka_unit_test(objects_are_dropped_by_area_and_the_rest_numbered_anew),
		cmocka_unit_test(objects_are_dropped_when_they_come_near_the_border),
		cmocka_unit_test(extreme_frames_are_labelled),
		cmocka_unit_test(filtering_labels_agrees_with_labelling_by_the_same_rules),
		cmocka_unit_test(filtering_clears_labels_beyond_the_stated_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
