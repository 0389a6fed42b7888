/* signal.c – see signal.h. System calls are restarted, so no library meets an EINTR it did not expect. */
#include "base/signal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"

#define FROM_INSIDE (-1)

static volatile sig_atomic_t asked_by; /* 0, the signal's number, or FROM_INSIDE */

static void on_signal(int number)
{
	if (!asked_by) asked_by = number;
	if (number == SIGINT) signal(SIGINT, SIG_DFL);
}

int c5_stop_listen(void)
{
	static const int numbers[] = { SIGTERM, SIGUSR1, SIGINT };
	struct sigaction act;
	memset(&act, 0, sizeof act);
	act.sa_handler = on_signal;
	act.sa_flags = SA_RESTART;
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (sigaction(numbers[i], &act, NULL) < 0) return c5_fail(C5_EFAIL, "signal %d: no handler could be set: %s", numbers[i], strerror(errno));
	return C5_OK;
}

bool c5_stop_wanted(void) { return asked_by != 0; }

const char *c5_stop_reason(void)
{
	switch (asked_by) {
	case 0: return "";
	case SIGTERM: return "SIGTERM";
	case SIGUSR1: return "SIGUSR1";
	case SIGINT: return "SIGINT";
	default: return "another rank";
	}
}

void c5_stop_want(void)
{
	if (!asked_by) asked_by = FROM_INSIDE;
}
