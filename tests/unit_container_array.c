/* unit_container_array.c – datasets: what is put in by chunks comes out by frames and rows, for us and for stock HDF5 alike. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <hdf5_hl.h>

#include "container/h5.h"
#include "container_sample.h"

static c5_file *fresh(const char *name)
{
	c5_file *f;
	unlink(scratch(name));
	MUST(c5_file_create(scratch(name), NULL));
	MUST(c5_file_open(&f, scratch(name), C5_WRITE, "test"));
	return f;
}

static c5_file *reopen(c5_file *f, const char *name)
{
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	MUST(c5_file_open(&f, scratch(name), C5_READ, NULL));
	return f;
}

/* Cuts an image stack (frames, H, W) of u16 into its chunks, edge chunks padded with zeros, and writes them. */
static void put_stack(c5_array *a, c5_codec *codec, uint64_t seed)
{
	const c5_array_spec *s = c5_array_spec_of(a);
	size_t bytes = c5_spec_chunk_bytes(s), size;
	uint64_t h = s->dims[s->rank - 2], w = s->dims[s->rank - 1], ch = s->chunk[s->rank - 2], cw = s->chunk[s->rank - 1], across = (w + cw - 1) / cw;
	uint16_t *chunk = malloc(bytes);
	uint8_t *packed = malloc(c5_chunk_bound(bytes));
	for (uint64_t k = 0; k < c5_spec_chunks(s); k++) {
		uint64_t plane = k / c5_spec_tiles(s), tile = k % c5_spec_tiles(s), y0 = tile / across * ch, x0 = tile % across * cw;
		memset(chunk, 0, bytes);
		for (uint64_t y = 0; y < ch && y0 + y < h; y++)
			for (uint64_t x = 0; x < cw && x0 + x < w; x++) chunk[y * cw + x] = sample_pixel(seed, plane, y0 + y, x0 + x);
		MUST(c5_chunk_encode(codec, chunk, bytes, 2, packed, &size));
		assert_false(c5_array_has_chunk(a, k));
		MUST(c5_array_write_chunk(a, k, packed, size));
		assert_true(c5_array_has_chunk(a, k));
	}
	free(chunk);
	free(packed);
}

static void check_stack(c5_file *f, c5_codec *codec, const char *path, uint64_t seed)
{
	c5_array *a;
	MUST(c5_array_open(&a, f, path));
	const c5_array_spec *s = c5_array_spec_of(a);
	uint64_t h = s->dims[s->rank - 2], w = s->dims[s->rank - 1], planes = s->rank == 4 ? s->dims[1] : 1;
	uint16_t *frame = malloc(h * w * 2), *all = malloc(s->dims[0] * planes * h * w * 2);
	for (uint64_t t = 0; t < s->dims[0]; t++)
		for (uint64_t z = 0; z < planes; z++) {
			memset(frame, 0xee, h * w * 2);
			MUST(c5_array_read_frame(a, codec, t, z, frame));
			for (uint64_t y = 0; y < h; y++)
				for (uint64_t x = 0; x < w; x++)
					if (frame[y * w + x] != sample_pixel(seed, t * planes + z, y, x)) fail_msg("frame %d, plane %d, %d %d", (int)t, (int)z, (int)y, (int)x);
		}
	assert_int_equal(c5_array_read_frame(a, codec, s->dims[0], 0, frame), C5_EINPUT);
	assert_int_equal(c5_array_read_frame(a, codec, 0, planes, frame), C5_EINPUT);
	hid_t d = H5Dopen2(f->id, path, H5P_DEFAULT);
	assert_true(H5Dread(d, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
	for (uint64_t i = 0; i < s->dims[0] * planes * h * w; i++) assert_int_equal(all[i], sample_pixel(seed, i / (h * w), i / w % h, i % w));
	H5Dclose(d);
	free(frame);
	free(all);
	c5_array_close(a);
}

static void stacks_come_back_frame_by_frame(void **state)
{
	c5_codec *codec = *state;
	static const struct { uint64_t t, z, h, w, ch, cw; } sizes[] = { { 3, 0, 20, 30, 20, 30 }, { 1, 0, 1, 1, 1, 1 }, { 3, 4, 5, 6, 5, 6 },
		{ 2, 0, 20, 30, 8, 8 },
		{ 2, 3, 17, 16, 8, 16 }, { 2, 0, 16, 24, 8, 8 }, { 1, 0, 9, 7, 4, 7 } };
	c5_file *f = fresh("stacks.h5");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		c5_array_spec s;
		c5_array *a;
		char path[64];
		snprintf(path, sizeof path, "/experiments/A%zu/raw/c", i);
		MUST(c5_spec_stack(&s, path, C5_U16, sizes[i].t, sizes[i].z, sizes[i].h, sizes[i].w));
		s.chunk[s.rank - 2] = sizes[i].ch, s.chunk[s.rank - 1] = sizes[i].cw;
		MUST(c5_array_create(f, &s));
		MUST(c5_array_open(&a, f, path));
		assert_int_equal(c5_array_spec_of(a)->rank, sizes[i].z ? 4 : 3);
		put_stack(a, codec, i);
		c5_array_close(a);
		c5_spec_free(&s);
		check_stack(f, codec, path, i); /* before the commit */
	}
	f = reopen(f, "stacks.h5");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char path[64];
		snprintf(path, sizeof path, "/experiments/A%zu/raw/c", i);
		check_stack(f, codec, path, i);
	}
	MUST(c5_file_close(f));
}

static void large_frames_are_tiled(void **state)
{
	c5_codec *codec = *state;
	c5_array_spec s;
	c5_array *a;
	c5_file *f = fresh("tiles.h5");
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 1, 0, 2048, 2048));
	assert_int_equal(c5_spec_tiles(&s), 1); /* 4 Mpixel: whole */
	c5_spec_free(&s);
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 1, 0, 2049, 2100));
	assert_int_equal(c5_spec_tiles(&s), 9);
	assert_int_equal(c5_spec_chunks(&s), 9);
	assert_int_equal(c5_spec_chunk_bytes(&s), 1024 * 1024 * 2);
	MUST(c5_array_create(f, &s));
	MUST(c5_array_open(&a, f, s.path));
	put_stack(a, codec, 4);
	c5_array_close(a);
	f = reopen(f, "tiles.h5");
	check_stack(f, codec, s.path, 4);
	c5_spec_free(&s);
	MUST(c5_file_close(f));
}

typedef struct __attribute__((packed)) row { uint32_t n; char name[7]; double v; int8_t i; } row;

static void set_row(row *r, uint64_t k)
{
	memset(r, 0, sizeof *r);
	r->n = (uint32_t)k, r->v = 0.25 * (double)k, r->i = (int8_t)-k;
	snprintf(r->name, sizeof r->name, "n%d", (int)(k % 1000));
}

static void row_table(c5_array_spec *s, const char *path, uint64_t n, uint64_t per_chunk)
{
	MUST(c5_spec_table(s, path, n, per_chunk));
	MUST(c5_spec_column(s, "n", C5_U32));
	MUST(c5_spec_text_column(s, "name", 7));
	MUST(c5_spec_column(s, "v", C5_F64));
	MUST(c5_spec_column(s, "i", C5_I8));
	assert_int_equal(s->row_size, sizeof(row));
}

static void tables_come_back_row_by_row(void **state)
{
	c5_codec *codec = *state;
	static const struct { uint64_t n, per_chunk; } sizes[] = { { 1, 10 }, { 10, 10 }, { 11, 10 }, { 1000, 64 }, { 0, 10 } };
	c5_file *f = fresh("tables.h5");
	char path[64];
	for (size_t i = 0; i < 5; i++) {
		c5_array_spec s;
		snprintf(path, sizeof path, "/experiments/A/objects/r%06zu", i + 1);
		row_table(&s, path, sizes[i].n, sizes[i].per_chunk);
		uint64_t room = c5_spec_chunks(&s) * s.chunk[0];
		row *rows = calloc(room ? room : 1, sizeof *rows);
		for (uint64_t k = 0; k < sizes[i].n; k++) set_row(&rows[k], k);
		assert_int_equal(c5_spec_chunks(&s), sizes[i].n ? (sizes[i].n - 1) / s.chunk[0] + 1 : 0);
		sample_array(f, &s, rows);
		free(rows);
	}
	f = reopen(f, "tables.h5");
	for (size_t i = 0; i < 5; i++) {
		c5_array *a;
		const c5_column *c;
		snprintf(path, sizeof path, "/experiments/A/objects/r%06zu", i + 1);
		MUST(c5_array_open(&a, f, path));
		const c5_array_spec *s = c5_array_spec_of(a);
		assert_int_equal(s->dims[0], sizes[i].n);
		assert_int_equal(s->n_columns, 4);
		MUST(c5_spec_find_column(s, "v", &c));
		assert_int_equal(c->offset, offsetof(row, v));
		assert_int_equal(c->dtype, C5_F64);
		MUST(c5_spec_find_column(s, "name", &c));
		assert_int_equal(c->text, 7);
		assert_int_equal(c5_spec_find_column(s, "none", &c), C5_ENOTFOUND);
		row *rows = calloc(sizes[i].n + 1, sizeof *rows), *stock = calloc(sizes[i].n + 1, sizeof *rows), want;
		for (uint64_t first = 0; first < sizes[i].n;) { /* in pieces that straddle chunks */
			uint64_t n = 7 < sizes[i].n - first ? 7 : sizes[i].n - first;
			MUST(c5_array_read_rows(a, codec, first, n, rows + first));
			first += n;
		}
		hid_t d = H5Dopen2(f->id, path, H5P_DEFAULT), type = H5Dget_type(d);
		assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, stock) >= 0);
		H5Tclose(type);
		H5Dclose(d);
		for (uint64_t k = 0; k < sizes[i].n; k++) {
			set_row(&want, k);
			assert_memory_equal(&rows[k], &want, sizeof want);
			assert_memory_equal(&stock[k], &want, sizeof want);
		}
		MUST(c5_array_read_rows(a, codec, sizes[i].n, 0, rows));
		assert_int_equal(c5_array_read_rows(a, codec, 0, sizes[i].n + 1, rows), C5_EINPUT);
		assert_int_equal(c5_array_read_rows(a, codec, UINT64_MAX, 2, rows), C5_EINPUT);
		free(rows);
		free(stock);
		c5_array_close(a);
	}
	MUST(c5_file_close(f));
}

static void every_dtype_is_made_and_known_again(void **state)
{
	(void)state;
	c5_file *f = fresh("dtypes.h5");
	for (int t = C5_U8; t <= C5_F64; t++) {
		c5_array_spec s;
		c5_array *a;
		char path[64];
		snprintf(path, sizeof path, "/experiments/A/raw/c%d", t);
		MUST(c5_spec_stack(&s, path, t, 2, 0, 3, 4));
		MUST(c5_array_create(f, &s));
		MUST(c5_array_open(&a, f, path));
		assert_int_equal(c5_array_spec_of(a)->dtype, t);
		assert_int_equal(c5_spec_element(c5_array_spec_of(a)), c5_dtype_size(t));
		c5_array_close(a);
		c5_spec_free(&s);
	}
	MUST(c5_file_close(f));
}

static void chunks_never_written_read_as_zero(void **state)
{
	c5_file *f = fresh("zeros.h5");
	c5_array_spec s;
	c5_array *a;
	uint16_t frame[12];
	const void *packed;
	size_t size;
	uint32_t mask;
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 4, 0, 3, 4));
	MUST(c5_array_create(f, &s));
	MUST(c5_array_open(&a, f, s.path));
	c5_spec_free(&s);
	memset(frame, 0xee, sizeof frame);
	MUST(c5_array_read_frame(a, *state, 2, 0, frame));
	for (int i = 0; i < 12; i++) assert_int_equal(frame[i], 0);
	MUST(c5_array_read_packed(a, 2, &packed, &size, &mask));
	assert_int_equal(size, 0);
	assert_null(packed);
	assert_false(c5_array_has_chunk(a, 0));
	assert_false(c5_array_has_chunk(a, 400));
	c5_array_close(a);
	MUST(c5_file_close(f));
}

/* Under a name that we know, anybody's file may have what is no stack and no table, while buffers are as large as rows and frames should be. */
static void other_shapes_and_missing_chunks_are_refused(void **state)
{
	c5_file *f = fresh("shapes.h5");
	c5_array_spec s;
	c5_array *a;
	uint64_t there;
	uint16_t frame[12];
	uint8_t crop[12];
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 4, 0, 3, 4));
	s.chunk[0] = 2;
	MUST(c5_array_create(f, &s));
	MUST(c5_array_open(&a, f, s.path));
	assert_int_equal(c5_array_read_frame(a, *state, 0, 0, frame), C5_EINPUT);
	assert_int_equal(c5_spec_is_masks(c5_array_spec_of(a)), C5_OK);
	assert_int_equal(c5_spec_is_crops(c5_array_spec_of(a)), C5_ESCHEMA);
	c5_array_close(a);
	c5_spec_free(&s);
	assert_int_equal(c5_table_open(&a, f, "/experiments/A/raw/c"), C5_ESCHEMA);
	MUST(c5_spec_crops(&s, "/experiments/A/crops/c", C5_U8, 4, 1, 3, 4, 2));
	s.chunk[2] = 2;
	MUST(c5_array_create(f, &s));
	MUST(c5_array_open(&a, f, s.path));
	assert_int_equal(c5_array_read_rows(a, *state, 0, 1, crop), C5_EINPUT);
	assert_int_equal(c5_spec_is_masks(c5_array_spec_of(a)), C5_ESCHEMA);
	c5_array_close(a);
	c5_spec_free(&s);
	/* A table of two dimensions, and one that claims rows of which none is there: neither is walked. */
	for (int flat = 0; flat < 2; flat++) {
		MUST(c5_spec_table(&s, flat ? "/experiments/A/flat" : "/experiments/A/deep", UINT64_C(1) << 40, 16));
		MUST(c5_spec_column(&s, "v", C5_U32));
		if (!flat) s.rank = 2, s.dims[1] = 3, s.chunk[1] = 3;
		MUST(c5_array_create(f, &s));
		assert_int_equal(c5_table_open(&a, f, s.path), flat ? C5_EINPUT : C5_ESCHEMA);
		MUST(c5_array_open(&a, f, s.path));
		MUST(c5_array_count_chunks(a, &there));
		assert_int_equal(there, 0);
		c5_array_must_be_whole(a);
		assert_int_equal(c5_array_read_rows(a, *state, 5, 1, crop), C5_EINPUT);
		c5_array_close(a);
		c5_spec_free(&s);
	}
	MUST(c5_file_close(f));
}

/* As ranks do it: addresses from the owner, bytes put there by others, in any order, over several commits. */
static void placed_chunks_are_where_they_were_promised(void **state)
{
	c5_codec *codec = *state;
	const char *path = scratch("placed.h5");
	c5_file *f = fresh("placed.h5");
	c5_array_spec s;
	c5_array *a;
	uint16_t pixels[64 * 64], got[64 * 64];
	uint8_t *packed = malloc(c5_chunk_bound(sizeof pixels));
	size_t size;
	enum { N = 60 };
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, N, 0, 64, 64));
	MUST(c5_array_create(f, &s));
	for (uint64_t round = 0; round < 3; round++) {
		MUST(c5_array_open(&a, f, s.path));
		uint64_t base = c5_overlay_base_end(f->overlay), places[N][2] = { { 0 } };
		for (uint64_t i = 0; i < N / 3; i++) {
			uint64_t k = (i * 7 + 3) % (N / 3) * 3 + round;
			for (uint64_t p = 0; p < 64 * 64; p++) pixels[p] = sample_pixel(8, k, p / 64, p % 64);
			MUST(c5_chunk_encode(codec, pixels, sizeof pixels, 2, packed, &size));
			MUST(c5_array_place_chunk(a, k, size, &places[k][0]));
			places[k][1] = size;
			assert_true(places[k][0] >= base); /* never over what is committed */
			for (uint64_t j = 0; j < N; j++) /* and never over one another */
				assert_true(j == k || !places[j][1] || places[j][0] + places[j][1] <= places[k][0] || places[k][0] + size <= places[j][0]);
			if (i % 2) MUST(c5_overlay_write_data(f->overlay, places[k][0], packed, size));
			else {
				int fd = open(path, O_WRONLY);
				assert_int_equal(pwrite(fd, packed, size, (off_t)places[k][0]), size);
				close(fd);
			}
		}
		c5_array_close(a);
		if (round == 1) MUST(c5_text_set(f, "/runs/text", "this text is made and replaced, so that the end of the file may shrink"));
		MUST(c5_file_commit(f, round < 2));
		if (round == 1) MUST(c5_text_set(f, "/runs/text", "another"));
	}
	MUST(c5_file_close(f));
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_array_open(&a, f, s.path));
	for (uint64_t k = 0; k < N; k++) {
		assert_true(c5_array_has_chunk(a, k));
		MUST(c5_array_read_frame(a, codec, k, 0, got));
		for (uint64_t p = 0; p < 64 * 64; p++) assert_int_equal(got[p], sample_pixel(8, k, p / 64, p % 64));
	}
	c5_array_close(a);
	MUST(c5_file_close(f));
	c5_spec_free(&s);
	free(packed);
}

static void tables_grow_row_by_row(void **state)
{
	(void)state;
	const char *path = scratch("grow.h5");
	c5_file *f = fresh("grow.h5");
	c5_array_spec s;
	c5_array *a;
	c5_codec *codec;
	MUST(c5_codec_open(&codec));
	MUST(c5_spec_table(&s, "/searches/A/r000001/trials", 8, 8));
	s.dims[0] = 0;
	s.growing = true;
	MUST(c5_spec_column(&s, "n", C5_U32));
	MUST(c5_spec_column(&s, "v", C5_F64));
#pragma pack(push, 1)
	struct row { uint32_t n; double v; } rows[3], got[60];
#pragma pack(pop)
	MUST(c5_array_create(f, &s));
	for (uint32_t i = 0; i < 20; i++) { /* three rows at a time, over the ends of chunks, with a commit after each; then some rows again */
		for (uint32_t k = 0; k < 3; k++) rows[k] = (struct row){ 3 * i + k, 0.5 * i };
		MUST(c5_array_open(&a, f, s.path));
		MUST(c5_array_put_rows(a, codec, 3 * i, 3, rows));
		if (i > 4) rows[0].v = -1;
		if (i > 4) MUST(c5_array_put_rows(a, codec, 3 * i - 3, 1, rows));
		c5_array_close(a);
		MUST(c5_file_commit(f, i < 19));
	}
	MUST(c5_file_close(f));
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_array_open(&a, f, s.path));
	assert_int_equal(c5_array_spec_of(a)->dims[0], 60);
	MUST(c5_array_read_rows(a, codec, 0, 60, got));
	for (uint32_t i = 0; i < 20; i++)
		for (uint32_t k = 0; k < 3; k++) {
			bool again = k == 0 && i >= 4 && i < 19;
			assert_int_equal(got[3 * i + k].n, again ? 3 * i + 3 : 3 * i + k);
			assert_true(got[3 * i + k].v == (again ? -1 : 0.5 * i));
		}
	c5_array_close(a);
	MUST(c5_file_close(f));
	c5_spec_free(&s);
	c5_codec_close(codec);
}

/* HDF5 gives space at the end of the file back; an address below the committed end must never come of it. */
static void space_freed_at_the_end_is_not_handed_out(void **state)
{
	c5_file *f = fresh("shrink.h5");
	c5_array_spec s;
	c5_array *a;
	uint64_t at;
	(void)state;
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 4, 0, 64, 64));
	MUST(c5_array_create(f, &s));
	MUST(c5_file_commit(f, true));
	char *big = calloc(200001, 1);
	memset(big, 'z', 200000);
	MUST(c5_text_set(f, "/runs/big", big));
	free(big);
	MUST(c5_file_commit(f, true));
	uint64_t base = c5_overlay_base_end(f->overlay);
	MUST(c5_unlink(f, "/runs/big"));
	MUST(c5_array_open(&a, f, s.path));
	MUST(c5_array_place_chunk(a, 0, 1000, &at));
	assert_true(at >= base);
	c5_array_close(a);
	c5_spec_free(&s);
	MUST(c5_file_close(f));
}

static void an_array_that_is_there_is_taken_if_it_is_the_same(void **state)
{
	c5_file *f = fresh("resume.h5");
	c5_array_spec s;
	(void)state;
	for (int i = 0; i < 2; i++) {
		MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 4, 0, 16, 16));
		MUST(c5_array_create(f, &s));
		c5_spec_free(&s);
	}
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U16, 5, 0, 16, 16));
	assert_int_equal(c5_array_create(f, &s), C5_ESCHEMA);
	c5_spec_free(&s);
	MUST(c5_spec_stack(&s, "/experiments/A/raw/c", C5_U8, 4, 0, 16, 16));
	assert_int_equal(c5_array_create(f, &s), C5_ESCHEMA);
	c5_spec_free(&s);
	MUST(c5_file_close(f));
}

static void scales_and_plot_marks_are_for_viewers(void **state)
{
	(void)state;
	const char *path = scratch("plot.h5");
	c5_file *f;
	char *text;
	double v[FRAMES] = { 0 };
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_attr_get_str(f, "/experiments/A01/raw", "signal", &text));
	assert_string_equal(text, "phase");
	free(text);
	MUST(c5_attr_get_str(f, "/experiments/A01/raw", "NX_class", &text));
	assert_string_equal(text, "NXdata");
	free(text);
	MUST(c5_file_close(f));
	hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), d = H5Dopen2(h, "/experiments/A01/raw/gfp", H5P_DEFAULT),
		s = H5Dopen2(h, "/experiments/A01/raw/time", H5P_DEFAULT);
	assert_int_equal(H5DSis_attached(d, s, 0), 1);
	assert_int_equal(H5DSis_scale(s), 1);
	assert_true(H5Dread(s, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
	assert_true(v[FRAMES - 1] == 600.0 * (FRAMES - 1));
	H5Dclose(s);
	H5Dclose(d);
	H5Fclose(h);
}

static void specs_travel_between_ranks(void **state)
{
	(void)state;
	c5_array_spec s, t;
	c5_buf b = { 0 };
	row_table(&s, "/experiments/A/objects/r000001", 100, 10);
	MUST(c5_spec_attr_str(&s, "folder", "/x"));
	MUST(c5_spec_attr_f64(&s, "wavelength_nm", 500));
	MUST(c5_spec_attr_str(&s, "unset", NULL));
	c5_spec_pack(&s, &b);
	assert_int_equal(c5_spec_unpack(&t, &b), C5_OK);
	assert_int_equal(t.n_columns, s.n_columns);
	assert_memory_equal(t.columns, s.columns, s.n_columns * sizeof *s.columns);
	assert_int_equal(t.row_size, s.row_size);
	assert_int_equal(t.n_attrs, 2);
	assert_string_equal(t.attrs[0].text, "/x");
	assert_true(t.attrs[1].is_number && t.attrs[1].number == 500);
	assert_string_equal(t.path, s.path);
	c5_spec_free(&t);
	for (size_t n = 0; n < b.size; n += 11) { /* cut short, it is refused and leaks nothing */
		c5_buf cut = { .data = b.data, .size = n };
		assert_true(c5_spec_unpack(&t, &cut) < 0);
		c5_spec_free(&t);
	}
	c5_spec_free(&s);
	c5_buf_free(&b);
}

/* What cyto5 does not write is named as that, not misread. */
static void foreign_datasets_are_refused(void **state)
{
	(void)state;
	c5_file *f;
	c5_array *a;
	const char *path = scratch("foreign-arrays.h5");
	hsize_t dims[2] = { 4, 4 };
	MUST(c5_file_create(path, NULL));
	hid_t h = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(2, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
	H5Dclose(H5Dcreate2(h, "/models/plain", H5T_STD_U16LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Pset_chunk(list, 2, dims);
	H5Dclose(H5Dcreate2(h, "/models/unfiltered", H5T_STD_U16LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
	H5Pset_shuffle(list);
	H5Pset_deflate(list, 1);
	H5Pset_fletcher32(list);
	H5Dclose(H5Dcreate2(h, "/models/big-endian", H5T_STD_U16BE, space, H5P_DEFAULT, list, H5P_DEFAULT));
	H5Sclose(space);
	/* a text column wider than 16 bits tell */
	hid_t text = H5Tcopy(H5T_C_S1), wide = H5Tcreate(H5T_COMPOUND, 65536 + 8);
	H5Tset_size(text, 65536 + 8);
	H5Tinsert(wide, "text", 0, text);
	space = H5Screate_simple(1, dims, NULL);
	H5Pset_chunk(list, 1, dims);
	H5Dclose(H5Dcreate2(h, "/models/wide", wide, space, H5P_DEFAULT, list, H5P_DEFAULT));
	H5Tclose(wide);
	H5Tclose(text);
	H5Sclose(space);
	H5Pclose(list);
	H5Fclose(h);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	static const char *const names[] = { "/models/plain", "/models/unfiltered", "/models/big-endian", "/models/wide" };
	for (int i = 0; i < 4; i++) {
		assert_int_equal(c5_array_open(&a, f, names[i]), C5_EINPUT);
		assert_non_null(strstr(c5_error_last(), names[i]));
	}
	assert_int_equal(c5_array_open(&a, f, "/models"), C5_EINPUT);
	assert_int_equal(c5_array_open(&a, f, "/models/none"), C5_ENOTFOUND);
	MUST(c5_file_close(f));
}

static int open_codec(void **state)
{
	c5_h5_quiet();
	return c5_codec_open((c5_codec **)state);
}

static int close_codec(void **state)
{
	c5_codec_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_come_back_frame_by_frame),
		cmocka_unit_test(large_frames_are_tiled),
		cmocka_unit_test(tables_come_back_row_by_row),
		cmocka_unit_test(every_dtype_is_made_and_known_again),
		cmocka_unit_test(chunks_never_written_read_as_zero),
		cmocka_unit_test(other_shapes_and_missing_chunks_are_refused),
		cmocka_unit_test(placed_chunks_are_where_they_were_promised),
		cmocka_unit_test(space_freed_at_the_end_is_not_handed_out),
		cmocka_unit_test(tables_grow_row_by_row),
		cmocka_unit_test(an_array_that_is_there_is_taken_if_it_is_the_same),
		cmocka_unit_test(scales_and_plot_marks_are_for_viewers),
		cmocka_unit_test(specs_travel_between_ranks),
		cmocka_unit_test(foreign_datasets_are_refused),
	};
	return cmocka_run_group_tests(tests, open_codec, close_codec);
}
