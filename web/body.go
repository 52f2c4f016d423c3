package web

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// maxBody is the largest body of a call (docs/mobile-protocol.md).
const maxBody = 16 << 10

// readBody reads the body of a call: JSON by its media type, and not too large. What it means is
// core's business: the bytes are what the device has signed.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if len(r.Header["Content-Type"]) != 1 || !isJSON(r.Header.Get("Content-Type")) {
		return nil, refuse(core.CodeBadRequest, "the media type is to be application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, refuse(core.CodeBadRequest, "the body is to be sent as it is, without Content-Encoding")
	}
	if r.ContentLength > maxBody {
		return nil, refuse(codeTooLarge, "at most 16 KiB")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(codeTooLarge, "at most 16 KiB")
	case err != nil:
		return nil, refuse(core.CodeBadRequest, "the body did not arrive as a whole")
	}
	return body, nil
}

func isJSON(contentType string) bool {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := parameters["charset"]
	return len(parameters) == 0 || len(parameters) == 1 && given && (charset == "utf-8" || charset == "UTF-8")
}
