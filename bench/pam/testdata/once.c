/* once CONFDIR SERVICE USER [ANSWER]: one pam_authenticate in a fresh process, from pam_start to its end. It prints the
 * nanoseconds that it took, and what it gave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <security/pam_appl.h>

static int answer(int n, const struct pam_message **messages, struct pam_response **out, void *text)
{
	(void)messages;
	*out = calloc((size_t)n, sizeof **out);
	for (int i = 0; i < n && *out; i++)
		(*out)[i].resp = strdup(text);
	return *out ? PAM_SUCCESS : PAM_BUF_ERR;
}

int main(int argc, char **argv)
{
	struct pam_conv conv = {answer, argc > 4 ? argv[4] : ""};
	struct timespec from, to;
	pam_handle_t *pamh = NULL;
	int code;

	if (argc < 4)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &from);
	code = pam_start_confdir(argv[2], argv[3], &conv, argv[1], &pamh);
	if (code == PAM_SUCCESS)
		code = pam_authenticate(pamh, 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%lld %d\n", (to.tv_sec - from.tv_sec) * 1000000000LL + (to.tv_nsec - from.tv_nsec), code);
	pam_end(pamh, code);
	return 0;
}
