package radiusd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// socket is one UDP address that the door listens at. On a wildcard address it asks the
// kernel where each packet was sent to, so that the reply comes from there: a NAS discards
// a reply from another address.
type socket struct {
	conn     *net.UDPConn
	address  string // as configured
	number   uint32
	wildcard bool
	ipv6     bool
	users    atomic.Int32 // the reader and each request in work; the last one closes

	// sources maps the control message that came with a packet to the one that sends the
	// reply. There are as many as the machine has addresses. Only the reader touches it.
	sources map[string][]byte
}

const (
	// receiveBuffer is asked of the kernel, which may grant less: room for a burst while
	// the reader works.
	receiveBuffer = 4 << 20
	// oobSize holds either packet info with its header.
	oobSize = 64
	// maxSources bounds the map; a machine with more addresses only loses some speed.
	maxSources = 256
)

// listen opens address, "HOST:PORT" with HOST an IP address. "[::]" is IPv6 only, so that
// it stands beside "0.0.0.0" with the same port.
func listen(address string, number uint32) (*socket, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("radiusd: listen: %q is not an IP address with a port, such as 0.0.0.0:1812 or [::]:1812", address)
	}
	s := &socket{address: address, number: number, wildcard: at.Addr().IsUnspecified(), ipv6: at.Addr().Is6()}
	network := "udp4"
	if s.ipv6 {
		network = "udp6"
	}
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), network, address)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("radiusd: %w (which program has the port says ss -lunp)", err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return nil, fmt.Errorf("radiusd: %w (no address of this machine: see radius.listen)", err)
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("radiusd: %w (ports below 1024 are for root; 1812 is RADIUS's own)", err)
	case err != nil:
		return nil, fmt.Errorf("radiusd: %w", err)
	}
	s.conn = conn.(*net.UDPConn)
	s.users.Store(1)
	_ = s.conn.SetReadBuffer(receiveBuffer) // best effort: the default works, with smaller bursts
	if s.wildcard {
		s.sources = make(map[string][]byte)
		if s.ipv6 {
			err = ipv6.NewPacketConn(s.conn).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
		} else {
			err = ipv4.NewPacketConn(s.conn).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		}
		if err != nil {
			s.conn.Close()
			return nil, fmt.Errorf("radiusd: %s: this system does not tell where a packet was sent to (%w); list each address instead", address, err)
		}
	}
	return s, nil
}

// read waits for a datagram. local is the control message that a reply has to be sent with, or nil.
func (s *socket) read(b, oob []byte) (n int, from netip.AddrPort, local []byte, err error) {
	n, control, _, from, err := s.conn.ReadMsgUDPAddrPort(b, oob)
	if err != nil || !s.wildcard {
		return n, from, nil, err
	}
	local, known := s.sources[string(oob[:control])]
	if !known {
		local = source(oob[:control], s.ipv6)
		if len(s.sources) >= maxSources {
			clear(s.sources)
		}
		s.sources[string(oob[:control])] = local
	}
	return n, from, local, nil
}

// source turns the control message of a packet into that of its reply. The interface is
// named only for a link-local address, which means nothing without; elsewhere the routing
// table decides, which may well send replies another way than requests came.
func source(oob []byte, v6 bool) []byte {
	if v6 {
		var cm ipv6.ControlMessage
		if cm.Parse(oob) != nil || cm.Dst == nil || cm.Dst.IsMulticast() {
			return nil
		}
		reply := ipv6.ControlMessage{Src: cm.Dst}
		if cm.Dst.IsLinkLocalUnicast() {
			reply.IfIndex = cm.IfIndex
		}
		return reply.Marshal()
	}
	var cm ipv4.ControlMessage
	if cm.Parse(oob) != nil || cm.Dst == nil || cm.Dst.IsMulticast() || cm.Dst.Equal(net.IPv4bcast) {
		return nil
	}
	return (&ipv4.ControlMessage{Src: cm.Dst}).Marshal()
}

func (s *socket) write(b []byte, to netip.AddrPort, local []byte) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, local, to)
	return err
}

// hold and release count who still needs the socket: a socket that a reload took away stays
// open until the last reply has left.
func (s *socket) hold() { s.users.Add(1) }

func (s *socket) release() {
	if s.users.Add(-1) == 0 {
		s.conn.Close()
	}
}
