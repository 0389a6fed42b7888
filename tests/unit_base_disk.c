/* unit_base_disk.c – files written whole or not at all, and read whole within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/disk.h"
#include "base/error.h"

static char folder[] = "/tmp/cyto5-disk-XXXXXX", path[64], part[72];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder)) return -1;
	snprintf(path, sizeof path, "%s/text", folder);
	snprintf(part, sizeof part, "%s.part", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* nothing else was left */
}

static void what_was_written_is_read(void **state)
{
	(void)state;
	char *text = NULL, *many = malloc(200000);
	size_t size = 0;
	assert_non_null(many);
	memset(many, 'x', 200000); /* more than one piece */
	assert_int_equal(c5_disk_write(path, many, 200000), C5_OK);
	assert_int_equal(c5_disk_read(&text, &size, path, 1 << 20, "anything"), C5_OK);
	assert_true(size == 200000 && memcmp(text, many, size) == 0 && text[size] == '\0');
	free(text);
	assert_int_equal(c5_disk_write(path, "", 0), C5_OK); /* in place of what was there */
	assert_int_equal(c5_disk_read(&text, &size, path, 1 << 20, "anything"), C5_OK);
	assert_true(size == 0 && text[0] == '\0');
	assert_int_not_equal(access(part, F_OK), 0);
	free(text);
	free(many);
}

static void what_cannot_be_written_leaves_nothing_and_what_was_there(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(c5_disk_write(path, "first", 5), C5_OK);
	assert_int_equal(c5_disk_write("/tmp/no/such/folder/file", "text", 4), C5_EIO);
	assert_non_null(strstr(c5_error_last(), "/tmp/no/such/folder/file: cannot be written: "));
	assert_int_equal(mkdir(part, 0700), 0); /* in the way */
	assert_int_equal(c5_disk_write(path, "second", 6), C5_EIO);
	assert_int_equal(rmdir(part), 0);
	assert_true(stat(path, &st) == 0 && st.st_size == 5);
	assert_int_equal(c5_disk_name(part, path), C5_EIO); /* no such part */
	assert_true(stat(path, &st) == 0 && st.st_size == 5);
	FILE *to = fopen(part, "w");
	assert_true(to && fputs("named", to) >= 0 && fclose(to) == 0);
	assert_int_equal(c5_disk_name(part, folder), C5_EIO); /* a folder is no place for it */
	assert_int_not_equal(access(part, F_OK), 0);
}

static void what_is_too_long_or_not_there_is_refused(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 1;
	assert_int_equal(c5_disk_write(path, "twelve bytes", 12), C5_OK);
	assert_int_equal(c5_disk_read(&text, &size, path, 11, "a short text"), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "a short text is expected"));
	assert_true(text == NULL && size == 0);
	assert_int_equal(c5_disk_read(&text, &size, path, 12, "a short text"), C5_OK);
	assert_int_equal(size, 12);
	free(text);
	assert_int_equal(c5_disk_read(&text, &size, part, 12, "a short text"), C5_ENOTFOUND);
	assert_int_equal(c5_disk_read(&text, &size, folder, 12, "a short text"), C5_EIO);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(what_cannot_be_written_leaves_nothing_and_what_was_there),
		cmocka_unit_test(what_is_too_long_or_not_there_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
