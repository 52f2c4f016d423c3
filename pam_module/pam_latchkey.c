/* pam_latchkey.so starts a helper and carries between it and PAM: items and arguments there, prompts back, answers
 * there, a verdict back. It decides nothing. Whatever goes wrong here, or with the helper, is a denial.
 *
 * It lives in other people's login programs (sshd, sudo, su, login): it keeps no global state, no descriptor, no
 * signal handler and no thread, and the helper is a process of its own, out of reach of the user's environment,
 * limits and signals. helper.c starts and ends it, frame.h is the language between the two. */
#define _GNU_SOURCE
#include "frame.h"
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define LK_EXPORT __attribute__((visibility("default")))
#ifndef LK_HELPER
#define LK_HELPER "/usr/libexec/latchkey/latchkey-pam"
#endif
#define LK_KEPT "latchkey_state" /* of pam_set_data */

/* The helper bounds its own waits, below a minute; one that says nothing for longer is stuck. */
enum { SILENCE_MS = 90 * 1000, FRAMES = 200 };

struct kept {
	size_t size;
	char bytes[LK_MAX];
};

static int send_item(int fd, const char *name, const char *value)
{
	char text[LK_MAX];
	int n = snprintf(text, sizeof text, "%s=%s", name, value ? value : "");

	return n < 0 || (size_t)n >= sizeof text ? -1 : lk_write(fd, LK_ITEM, text, (size_t)n);
}

static int send_number(int fd, const char *name, unsigned long n)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%lu", n);
	return send_item(fd, name, text);
}

/* What the program's locale says, as far as it is told: it picks words and signs, nothing else. */
static const char *locale(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value && *value && strlen(value) < 64)
			return value;
	}
	return "";
}

static int tell_all(pam_handle_t *pamh, int fd, int flags, int argc, const char **argv)
{
	static const struct {
		const char *name;
		int item;
	} items[] = {{"service", PAM_SERVICE}, {"rhost", PAM_RHOST}, {"ruser", PAM_RUSER}, {"tty", PAM_TTY}};
	const struct kept *kept = NULL;
	const char *user = NULL;

	if (lk_write(fd, LK_HELLO, LK_VERSION, strlen(LK_VERSION)))
		return -1;
	for (int i = 0; i < argc; i++)
		if (lk_write(fd, LK_ARGUMENT, argv[i], strlen(argv[i])))
			return -1;
	/* It may ask for the name, as login does. */
	if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS || !user || send_item(fd, "user", user))
		return -1;
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		const void *value = NULL;

		if (pam_get_item(pamh, items[i].item, &value) == PAM_SUCCESS && value && send_item(fd, items[i].name, value))
			return -1;
	}
	/* The kernel's word on the socket is the effective uid; who called su is the real one. */
	if (send_number(fd, "uid", getuid()) || send_number(fd, "euid", geteuid()) || send_item(fd, "silent", flags & PAM_SILENT ? "1" : "") ||
	    send_item(fd, "locale", locale()))
		return -1;
	if (pam_get_data(pamh, LK_KEPT, (const void **)&kept) == PAM_SUCCESS && kept && lk_write(fd, LK_STATE, kept->bytes, kept->size))
		return -1;
	return lk_write(fd, LK_GO, "", 0);
}

static void forget(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	explicit_bzero(data, sizeof(struct kept));
	free(data);
}

static int keep(pam_handle_t *pamh, const struct lk_frame *f)
{
	struct kept *k = calloc(1, sizeof *k);

	if (!k)
		return -1;
	k->size = f->size;
	memcpy(k->bytes, f->text, f->size);
	if (pam_set_data(pamh, LK_KEPT, k, forget) == PAM_SUCCESS)
		return 0;
	forget(pamh, k, 0);
	return -1;
}

static int say(pam_handle_t *pamh, int style, const char *text)
{
	return pam_prompt(pamh, style, NULL, "%s", text) == PAM_SUCCESS ? 0 : -1;
}

static int ask(pam_handle_t *pamh, int fd, int style, const char *text)
{
	char *typed = NULL;
	int failed = pam_prompt(pamh, style, &typed, "%s", text) != PAM_SUCCESS || !typed;

	if (!failed) {
		size_t size = strlen(typed);

		/* Longer than a frame is no answer to anything. */
		failed = size > LK_MAX ? lk_write(fd, LK_TYPED, "", 0) : lk_write(fd, LK_TYPED, typed, size);
		explicit_bzero(typed, size);
	} else {
		(void)lk_write(fd, LK_NOTHING, "", 0);
	}
	free(typed);
	return failed ? -1 : 0;
}

static int give_authtok(pam_handle_t *pamh, int fd)
{
	const void *token = NULL;

	if (pam_get_item(pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS && token && strlen(token) <= LK_MAX)
		return lk_write(fd, LK_TYPED, token, strlen(token));
	return lk_write(fd, LK_NOTHING, "", 0);
}

/* Does what the helper asks for until it has given its verdict. */
static int relay(pam_handle_t *pamh, int fd)
{
	struct lk_frame f;
	int code = PAM_AUTH_ERR;

	for (int n = 0;; n++) {
		int failed;

		if (n == FRAMES || lk_read(fd, &f, SILENCE_MS)) {
			pam_syslog(pamh, LOG_CRIT, "the helper ended, was late, or spoke garbage: denied");
			break;
		}
		switch (f.kind) {
		case LK_ASK_HIDDEN: failed = ask(pamh, fd, PAM_PROMPT_ECHO_OFF, f.text); break;
		case LK_ASK: failed = ask(pamh, fd, PAM_PROMPT_ECHO_ON, f.text); break;
		case LK_INFO: failed = say(pamh, PAM_TEXT_INFO, f.text); break;
		case LK_ERROR: failed = say(pamh, PAM_ERROR_MSG, f.text); break;
		case LK_AUTHTOK: failed = give_authtok(pamh, fd); break;
		case LK_FORWARD: failed = pam_set_item(pamh, PAM_AUTHTOK, f.text) != PAM_SUCCESS; break;
		case LK_KEEP: failed = keep(pamh, &f); break;
		default: failed = 1; code = lk_verdict(&f); break;
		}
		if (failed) {
			if (f.kind != LK_VERDICT)
				code = PAM_CONV_ERR;
			break;
		}
	}
	explicit_bzero(&f, sizeof f);
	return code;
}

LK_EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const char *path = LK_HELPER;
	int code = PAM_AUTH_ERR, fd;
	pid_t pid = -1;

	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "helper=", 7) == 0)
			path = argv[i] + 7;
	fd = lk_start(pamh, path, &pid);
	if (fd < 0)
		return PAM_AUTH_ERR;
	if (tell_all(pamh, fd, flags, argc, argv))
		pam_syslog(pamh, LOG_CRIT, "the helper does not listen, or there is no user: denied");
	else
		code = relay(pamh, fd);
	lk_end(pid, fd);
	return code;
}

LK_EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

/* Nothing is enforced here: other modules decide on accounts. */
LK_EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}
