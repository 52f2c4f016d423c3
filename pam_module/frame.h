/* The language of pam_latchkey.so and its helper, over one socket: frames of a kind, a length and that many bytes.
 * pam_module/latchkey-pam/frames.go speaks it too. Change both, and the number that LK_HELLO carries. */
#ifndef LATCHKEY_FRAME_H
#define LATCHKEY_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define LK_VERSION "1"
#define LK_MAX 4096 /* bytes of a frame's payload; PAM_MAX_MSG_SIZE and PAM_MAX_RESP_SIZE are 512 */
#define LK_HEAD 4   /* magic, kind, length (big-endian) */
#define LK_MAGIC 0xA7

/* Module to helper. */
enum {
	LK_HELLO = 'H',    /* LK_VERSION */
	LK_ARGUMENT = 'A', /* one argument of the module's line */
	LK_ITEM = 'I',     /* name=value: user, service, rhost, ruser, tty, uid, euid, silent, locale */
	LK_STATE = 'S',    /* what an earlier call on this handle has kept */
	LK_GO = 'G',       /* all is said */
	LK_TYPED = 'T',    /* what the person typed, or the AUTHTOK asked for */
	LK_NOTHING = 'N',  /* there is none */
};

/* Helper to module. */
enum {
	LK_ASK_HIDDEN = 'h', /* text: prompt without echo */
	LK_ASK = 'e',        /* text: prompt with echo */
	LK_INFO = 'i',       /* text */
	LK_ERROR = 'x',      /* text */
	LK_AUTHTOK = 'q',    /* give the password that an earlier module has asked for */
	LK_FORWARD = 'f',    /* keep this password for later modules */
	LK_KEEP = 'k',       /* keep these bytes for the next call on this handle */
	LK_VERDICT = 'v',    /* one of the words below */
};

/* A frame as it was read. text has a NUL behind it, and none inside unless the kind is LK_KEEP. */
struct lk_frame {
	uint8_t kind;
	uint16_t size;
	char text[LK_MAX + 1];
};

/* Reads one frame; 0, or -1 when the other side is gone, is late, or has sent what is no frame. */
int lk_read(int fd, struct lk_frame *f, int timeout_ms);
/* Sends one; 0, or -1. */
int lk_write(int fd, uint8_t kind, const char *text, size_t size);
/* The size that a head announces, or -1. */
int lk_head(const uint8_t head[LK_HEAD]);
/* The PAM code of a verdict, and PAM_AUTH_ERR for whatever is none. */
int lk_verdict(const struct lk_frame *f);

#endif
