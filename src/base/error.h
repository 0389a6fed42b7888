/* error.h – errors are values: every fallible function returns C5_OK (0) or a negative code, and leaves
 * one line of text for the user, kept per thread. Only main() turns a code into an exit status.
 *
 * A message names the object, what was expected, what was found and what to do, on one line:
 *     plate.h5:/experiments/A01/raw: axis order TYXC, expected TYX; name the plane with --plane */
#ifndef C5_BASE_ERROR_H
#define C5_BASE_ERROR_H

enum c5_status {
	C5_OK = 0,
	C5_EFAIL = -1,     /* something went wrong that is nobody's input: a bug, a library that refused */
	C5_EUSAGE = -2,    /* the command line or a configuration is wrong */
	C5_EINPUT = -3,    /* an input file is wrong: damaged, of an unknown kind, inconsistent */
	C5_ESCHEMA = -4,   /* a container breaks its schema, or is of a version we cannot read */
	C5_ENOTFOUND = -5, /* a named thing does not exist */
	C5_EIO = -6,       /* the operating system refused to read or write: disk full, permission ... */
	C5_ENOMEM = -7,    /* out of memory */
	C5_EBUSY = -8,     /* another writer holds the container */
	C5_EPARTIAL = -9,  /* the work is done, but some experiments failed and are recorded as failed */
	C5_ESTOP = -10     /* asked to stop by a signal: all is committed, go on with --resume */
};

/* Documented exit statuses of the program. */
enum c5_exit { C5_EXIT_OK = 0, C5_EXIT_FAILURE = 1, C5_EXIT_USAGE = 2, C5_EXIT_INPUT = 3, C5_EXIT_PARTIAL = 4, C5_EXIT_RESUME = 75 };

/* Sets this thread's error text and returns `code`: `return c5_fail(C5_EIO, "%s: %s", path, strerror(errno));` */
int c5_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the present text and returns `code`: for callers that know the object's name. */
int c5_fail_in(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For texts that a file holds rather than the user wrote: C5_EUSAGE becomes C5_ESCHEMA; all else stays. */
int c5_fail_stored(int code);

/* The text of the last error of this thread; "" if none. Valid until the next c5_fail of the thread. */
const char *c5_error_last(void);
void c5_error_clear(void);

/* Exit status for a code: C5_ESCHEMA, C5_EINPUT, C5_ENOTFOUND -> 3; C5_EUSAGE -> 2; C5_EPARTIAL -> 4; C5_ESTOP -> 75; else 1. */
int c5_exit_status(int code);

#endif
