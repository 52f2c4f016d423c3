package radiusd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Listen makes the server listen at exactly these addresses. New ones are opened before old
// ones are closed; on an error nothing has changed. Requests in work at an address that goes
// away still get their replies from it.
func (s *Server) Listen(addresses []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if len(addresses) == 0 {
		return errors.New("radiusd: no address to listen at")
	}
	var stay, fresh []*socket
	for i, a := range addresses {
		if slices.Contains(addresses[:i], a) && !strings.HasSuffix(a, ":0") {
			closeAll(fresh)
			return fmt.Errorf("radiusd: %s is listed twice", a)
		}
		if k := s.listening(a, stay); k != nil {
			stay = append(stay, k)
			continue
		}
		s.opened++
		k, err := listen(a, s.opened)
		if err != nil {
			closeAll(fresh)
			return err
		}
		fresh = append(fresh, k)
	}
	for _, k := range s.sockets {
		if !slices.Contains(stay, k) {
			s.log.Info("radius no longer listens", "address", k.conn.LocalAddr().String())
			s.retire(k)
		}
	}
	s.sockets = append(stay, fresh...)
	if s.serving {
		s.startReading(fresh)
	}
	return nil
}

func (s *Server) startReading(sockets []*socket) {
	for _, k := range sockets {
		s.log.Info("radius listens", "address", k.conn.LocalAddr().String())
		s.readers.Go(func() { s.read(k) })
	}
}

// listening finds the socket of an address among those that are not in use yet for another.
func (s *Server) listening(address string, used []*socket) *socket {
	for _, k := range s.sockets {
		if k.address == address && !slices.Contains(used, k) {
			return k
		}
	}
	return nil
}

func closeAll(sockets []*socket) {
	for _, k := range sockets {
		k.release()
	}
}

// retire ends a socket's reader; the socket closes when its last request has been replied to.
func (s *Server) retire(k *socket) {
	if !s.serving {
		k.release()
		return
	}
	_ = k.conn.SetReadDeadline(time.Unix(1, 0))
}

// Addrs gives the addresses with the ports that the system has chosen.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []netip.AddrPort
	for _, k := range s.sockets {
		list = append(list, k.conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort())
	}
	return list
}
