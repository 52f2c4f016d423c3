package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Listen makes the server listen at exactly these addresses. New ones are opened before old ones are
// closed; on an error nothing has changed. Connections to an address that goes away live on.
func (s *Server) Listen(addresses []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if len(addresses) == 0 {
		return errors.New("web: no address to listen at")
	}
	var stay, fresh []*socket
	for _, a := range addresses {
		if i := slices.IndexFunc(s.sockets, func(k *socket) bool { return k.address == a && !slices.Contains(stay, k) }); i >= 0 {
			stay = append(stay, s.sockets[i])
			continue
		}
		k, err := listen(a)
		if err != nil {
			for _, k := range fresh {
				_ = k.Close()
			}
			return err
		}
		fresh = append(fresh, k)
	}
	for _, k := range s.sockets {
		if !slices.Contains(stay, k) {
			s.log.Info("web no longer listens", "address", k.Addr().String())
			k.retired.Store(true)
			_ = k.Close()
		}
	}
	s.sockets = append(stay, fresh...)
	if s.serving {
		for _, k := range fresh {
			s.accept(k)
		}
	}
	return nil
}

func listen(address string) (*socket, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("web: %q is not an IP address with a port", address)
	}
	network := "tcp4"
	if a.Addr().Is6() {
		network = "tcp6" // [::] beside 0.0.0.0, as the RADIUS door has it
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return &socket{address: address, Listener: l}, nil
}
