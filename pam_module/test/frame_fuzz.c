/* Fuzzes what the module reads from its helper: a stream of frames, as it comes through the socket. It runs under
 * clang's libFuzzer with ASAN and UBSAN; fuzz_test.go starts it. */
#include "../frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <security/pam_modules.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void holds(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lk_frame f;
	int pair[2];

	if (size > 3 * LK_MAX)
		return -1;
	holds(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	holds(size == 0 || send(pair[1], data, size, 0) == (ssize_t)size);
	close(pair[1]);
	while (lk_read(pair[0], &f, 1000) == 0) {
		int code = lk_verdict(&f);

		holds(f.size <= LK_MAX && f.text[f.size] == '\0');
		holds(f.kind == LK_KEEP || strlen(f.text) == f.size);
		/* No other bytes than these let anybody in, or pass. */
		holds(code != PAM_SUCCESS || (f.kind == LK_VERDICT && strcmp(f.text, "accept") == 0));
		holds(code != PAM_IGNORE || (f.kind == LK_VERDICT && strcmp(f.text, "ignore") == 0));
	}
	close(pair[0]);
	return 0;
}
