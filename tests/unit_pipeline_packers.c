/* Chunks packed by threads reach the sink in their order, packed as by one thread, whatever the number of threads and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/chunk.h"
#include "pipeline/packers.h"

#define CHUNKS 60
#define MOST 40000

/* Unpacks what comes and compares. */
typedef struct checker { c5_sink sink; c5_codec *codec; uint64_t come; uint64_t fail_at; } checker;

static size_t bytes_of(uint64_t chunk) { return chunk % 7 == 3 ? MOST : 64 + chunk * 10; }

static void fill(uint64_t chunk, uint8_t *raw)
{
	for (size_t i = 0; i < bytes_of(chunk); i++) raw[i] = (uint8_t)(chunk + i % (3 + chunk) * i);
}

static int take(c5_sink *s, uint32_t array, uint64_t chunk, const void *packed, size_t size)
{
	checker *c = (checker *)s;
	static uint8_t got[MOST], want[MOST];
	assert_int_equal(chunk, c->come);
	assert_int_equal(array, chunk % 5);
	if (c->come == c->fail_at) return c5_fail(C5_EIO, "the disk is full");
	c->come++;
	fill(chunk, want);
	assert_int_equal(c5_chunk_decode(c->codec, packed, size, 0, got, bytes_of(chunk), 2), C5_OK);
	assert_memory_equal(got, want, bytes_of(chunk));
	return C5_OK;
}

static void begin(checker *c, c5_packers **p, int threads)
{
	*c = (checker){ .sink = { .put_chunk = take }, .fail_at = UINT64_MAX };
	assert_int_equal(c5_codec_open(&c->codec), C5_OK);
	assert_int_equal(c5_packers_open(p, &c->sink, threads), C5_OK);
}

static void end(checker *c, c5_packers *p)
{
	c5_packers_close(p);
	c5_codec_close(c->codec);
}

static int put(c5_packers *p, uint64_t chunk)
{
	static uint8_t raw[MOST];
	fill(chunk, raw);
	return c5_packers_put(p, chunk % 5, chunk, raw, bytes_of(chunk), 2);
}

static void chunks_come_in_order(void **state)
{
	(void)state;
	for (int threads = 1; threads <= 5; threads++) {
		checker c;
		c5_packers *p;
		begin(&c, &p, threads);
		for (uint64_t k = 0; k < CHUNKS; k++) {
			assert_int_equal(put(p, k), C5_OK);
			if (threads == 1) assert_int_equal(c.come, k + 1);
			if (k % 9 == 4) assert_int_equal(c5_packers_hand_over(p, false), C5_OK);
			if (k % 17 == 11) {
				assert_int_equal(c5_packers_hand_over(p, true), C5_OK);
				assert_int_equal(c.come, k + 1);
			}
		}
		assert_int_equal(c5_packers_hand_over(p, true), C5_OK);
		assert_int_equal(c.come, CHUNKS);
		assert_int_equal(c5_packers_hand_over(p, true), C5_OK);
		end(&c, p);
	}
}

static void what_was_not_handed_over_is_dropped(void **state)
{
	(void)state;
	checker c;
	c5_packers *p;
	begin(&c, &p, 4);
	for (uint64_t k = 0; k < 3; k++) assert_int_equal(put(p, k), C5_OK);
	end(&c, p);
	assert_true(c.come == 0);
}

static void a_sink_that_fails_is_told_of(void **state)
{
	(void)state;
	for (int threads = 1; threads <= 3; threads++) {
		checker c;
		c5_packers *p;
		int err = C5_OK;
		begin(&c, &p, threads);
		c.fail_at = 10;
		for (uint64_t k = 0; k < CHUNKS && err == C5_OK; k++) err = put(p, k);
		assert_int_equal(err, C5_EIO);
		assert_string_equal(c5_error_last(), "the disk is full");
		assert_int_equal(c.come, 10);
		end(&c, p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_come_in_order),
		cmocka_unit_test(what_was_not_handed_over_is_dropped),
		cmocka_unit_test(a_sink_that_fails_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
