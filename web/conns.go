package web

import (
	"net"
	"sync"
)

// conns bounds connections in all and for each network, so that one outsider who opens many and says
// nothing takes only a part. Those above are closed at once, before anything is spent on them.
type conns struct {
	most, each int

	mu    sync.Mutex
	count int
	of    map[string]int
}

func newConns(most, each int) *conns {
	return &conns{most: most, each: each, of: map[string]int{}}
}

func (c *conns) enter(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count >= c.most || c.of[key] >= c.each {
		return false
	}
	c.count++
	c.of[key]++
	return true
}

func (c *conns) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count--
	if c.of[key]--; c.of[key] == 0 {
		delete(c.of, key)
	}
}

// listener is a listening socket whose connections are counted.
type listener struct {
	net.Listener
	conns *conns
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := network(peer(c.RemoteAddr().String()))
		if l.conns.enter(key) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { l.conns.leave(key) })}, nil
		}
		_ = c.Close()
	}
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
