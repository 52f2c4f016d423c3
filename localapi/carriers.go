package localapi

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey/latchkey/core"
)

// CarrierStatus is how a carrier is.
type CarrierStatus struct {
	Name        string           `json:"name"`
	Kind        string           `json:"kind"` // smpp, http, kannel, mail or push
	Address     core.AddressKind `json:"address"`
	Up          bool             `json:"up"`
	State       string           `json:"state,omitempty"` // of a standing connection, in words
	Sent        uint64           `json:"sent"`            // messages taken over since the start
	Failed      uint64           `json:"failed"`          // tries that failed since the start
	LastError   string           `json:"last_error,omitempty"`
	LastErrorAt *time.Time       `json:"last_error_at,omitempty"`
}

// CarrierTest is what came of a test message.
type CarrierTest struct {
	Name   string `json:"name"`
	Taken  bool   `json:"taken"`
	Fault  string `json:"fault,omitempty"`  // down, busy, refused or unknown
	Error  string `json:"error,omitempty"`  // in words
	Answer string `json:"answer,omitempty"` // what the other side said, as it said it
	TookMS int64  `json:"took_ms"`
}

type carrierTestRequest struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Carriers is what the admin socket needs of the daemon's carriers.
type Carriers interface {
	// Test sends one harmless message. Errors for the person are *core.Problem; that the message was not taken over is none.
	Test(ctx context.Context, actor core.Actor, name, address string) (CarrierTest, error)
}

// testTime is longer than any carrier tries.
const testTime = 3 * time.Minute

func (s *Server) testCarrier(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[carrierTestRequest](w, r)
	if err != nil {
		return err
	}
	if s.carriers == nil {
		return refuse(http.StatusConflict, "there are no carriers", "`carriers` in latchkey.yaml")
	}
	ctx, cancel := context.WithTimeout(r.Context(), testTime)
	defer cancel()
	result, err := s.carriers.Test(ctx, actor, in.Name, in.Address)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, result)
	return nil
}

// TestCarrier lets a carrier send one harmless message, and tells what came of it.
func (c *Client) TestCarrier(ctx context.Context, name, address string) (result CarrierTest, err error) {
	return result, c.post(ctx, "/v1/carrier/test", carrierTestRequest{name, address}, &result)
}
