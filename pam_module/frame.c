#define _GNU_SOURCE
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_modules.h>

int lk_head(const uint8_t head[LK_HEAD])
{
	int size = head[2] << 8 | head[3];

	return head[0] != LK_MAGIC || size > LK_MAX ? -1 : size;
}

static long long now_ms(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_MONOTONIC, &t) ? 0 : t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Reads exactly size bytes before a moment of the monotonic clock. */
static int read_all(int fd, void *into, size_t size, long long until)
{
	char *at = into;

	while (size > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		long long left = until - now_ms();
		int ready = left <= 0 ? 0 : poll(&p, 1, (int)left);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return -1;
		n = recv(fd, at, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int lk_read(int fd, struct lk_frame *f, int timeout_ms)
{
	uint8_t head[LK_HEAD];
	long long until = now_ms() + timeout_ms;
	int size;

	memset(f, 0, sizeof *f);
	if (read_all(fd, head, sizeof head, until))
		return -1;
	size = lk_head(head);
	if (size < 0 || read_all(fd, f->text, (size_t)size, until))
		return -1;
	f->kind = head[1];
	f->size = (uint16_t)size;
	/* A text that ends before its end would be another one for PAM than for the helper. */
	if (f->kind != LK_KEEP && memchr(f->text, 0, f->size))
		return -1;
	return 0;
}

int lk_write(int fd, uint8_t kind, const char *text, size_t size)
{
	uint8_t raw[LK_HEAD + LK_MAX];
	size_t sent = 0;
	int failed = 0;

	if (size > LK_MAX)
		return -1;
	raw[0] = LK_MAGIC;
	raw[1] = kind;
	raw[2] = (uint8_t)(size >> 8);
	raw[3] = (uint8_t)size;
	if (size > 0)
		memcpy(raw + LK_HEAD, text, size);
	while (!failed && sent < LK_HEAD + size) {
		/* MSG_NOSIGNAL: a helper that has died must not kill the login program by SIGPIPE. */
		ssize_t n = send(fd, raw + sent, LK_HEAD + size - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			failed = -1;
	}
	explicit_bzero(raw, sizeof raw);
	return failed;
}

int lk_verdict(const struct lk_frame *f)
{
	static const struct {
		const char *word;
		int code;
	} words[] = {
		{"accept", PAM_SUCCESS},   {"ignore", PAM_IGNORE},        {"deny", PAM_AUTH_ERR},       {"max-tries", PAM_MAXTRIES},
		{"unknown", PAM_USER_UNKNOWN}, {"unavailable", PAM_AUTHINFO_UNAVAIL}, {"conversation", PAM_CONV_ERR}, {"mistaken", PAM_SERVICE_ERR},
	};

	for (size_t i = 0; f->kind == LK_VERDICT && i < sizeof words / sizeof *words; i++)
		if (f->size == strlen(words[i].word) && memcmp(f->text, words[i].word, f->size) == 0)
			return words[i].code;
	return PAM_AUTH_ERR;
}
