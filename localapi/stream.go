package localapi

import (
	"encoding/json"
	"net/http"
	"sync"
)

// stream writes a reply of one JSON value a line (NDJSON).
type stream struct {
	mu      sync.Mutex // core may call back from several goroutines
	encoder *json.Encoder
	control *http.ResponseController
	err     error
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	return &stream{encoder: json.NewEncoder(w), control: http.NewResponseController(w)}
}

// write adds a line; it may stay in a buffer. The first error stays.
func (s *stream) write(e event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.encoder.Encode(e)
	}
	return s.err
}

// send adds a line and sends all so far.
func (s *stream) send(e event) error {
	_ = s.write(e)
	return s.flush()
}

func (s *stream) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.control.Flush()
	}
	return s.err
}
