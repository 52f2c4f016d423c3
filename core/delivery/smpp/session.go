package smpp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/dial"
)

// ownError is what the other side did wrong, in words of ours.
type ownError struct{ text string }

func (e *ownError) Error() string { return e.text }

// session is one bound connection. It is used once.
type session struct {
	centre *Centre
	conn   net.Conn
	reader *bufio.Reader

	sequence atomic.Int32
	writing  sync.Mutex

	mu      sync.Mutex
	waiting map[int32]*request // submits without a response
	dead    error              // nil: it lives
}

// request is a submit that waits. done has room for one, so that the reader never waits.
type request struct {
	done chan response
	// taken is called by the reader at a response of success, before it reads what comes next: a receipt may be the
	// very next thing.
	taken func(id string)
}

// response is what the centre says to a submit; err: it will say no more.
type response struct {
	status data.CommandStatusType
	id     string
	err    error
}

func newSession(conn net.Conn, c *Centre) *session {
	return &session{centre: c, conn: conn, reader: bufio.NewReaderSize(conn, 4096), waiting: map[int32]*request{}}
}

// next is a sequence number, from 1 to 0x7fffffff (SMPP 3.4 section 3.2).
func (s *session) next() int32 {
	for {
		if n := s.sequence.Add(1) & 0x7fffffff; n != 0 {
			return n
		}
	}
}

// errIncomplete: the other side has not got the whole PDU, and so cannot have acted on it.
var errIncomplete = errors.New("the command was not written as a whole")

func (s *session) write(p pdu.PDU) error {
	buffer := pdu.NewBuffer(nil)
	p.Marshal(buffer)
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.centre.config.Timeout))
	if _, err := s.conn.Write(buffer.Bytes()); err != nil {
		return errors.Join(errIncomplete, err)
	}
	return nil
}

// submit writes a submit_sm and waits for its response.
func (s *session) submit(ctx context.Context, p *pdu.SubmitSM, taken func(id string)) (response, *core.CarrierError) {
	sequence := s.next()
	p.SetSequenceNumber(sequence)
	r := &request{make(chan response, 1), taken}
	s.mu.Lock()
	if s.dead != nil {
		s.mu.Unlock()
		return response{}, delivery.Fault(core.CarrierDown, "the connection to the centre has ended: %s", wordsOf(s.dead))
	}
	s.waiting[sequence] = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, sequence)
		s.mu.Unlock()
	}()
	if err := s.write(p); err != nil {
		s.kill(err)
		return response{}, delivery.Fault(core.CarrierDown, "the message was not written: %s", dial.Words(err))
	}
	var got response
	select {
	case got = <-r.done:
	case <-ctx.Done():
		select {
		case got = <-r.done: // it came at the last moment
		default:
			return response{}, delivery.Fault(core.CarrierUnknown, "the centre did not answer in time")
		}
	}
	if got.err != nil {
		return response{}, delivery.Fault(core.CarrierUnknown, "the response was lost: %s", wordsOf(got.err))
	}
	return got, nil
}

// run reads until the connection ends, and keeps it alive. After it nobody waits any more.
func (s *session) run(ctx context.Context) error {
	live, cancel := context.WithCancel(ctx)
	var enquiring sync.WaitGroup
	enquiring.Go(func() { s.enquire(live) })
	defer context.AfterFunc(ctx, s.unbind)()
	err := s.read()
	cancel()
	s.kill(err)
	enquiring.Wait()
	s.end()
	return err
}

// kill makes the session a dead one: whoever waits hears that no response will come.
func (s *session) kill(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.dead = err
	}
	for sequence, r := range s.waiting {
		delete(s.waiting, sequence)
		r.done <- response{err: err}
	}
	_ = s.conn.Close() // the reader ends
}

func (s *session) end() { _ = s.conn.Close() }

// unbindTime bounds how long an unbind waits for its response.
const unbindTime = time.Second

// unbind says goodbye; the reader ends at the response, or in a moment.
func (s *session) unbind() {
	p := pdu.NewUnbind()
	p.SetSequenceNumber(s.next())
	_ = s.write(p)
	time.AfterFunc(unbindTime, s.end)
}

// enquire asks at each interval. That no answer comes is seen by the reader, which waits no longer than for one.
func (s *session) enquire(ctx context.Context) {
	tick := time.NewTicker(s.centre.config.Enquire)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p := pdu.NewEnquireLink()
			p.SetSequenceNumber(s.next())
			if err := s.write(p); err != nil {
				s.kill(err)
				return
			}
		}
	}
}

// frame is a PDU as it came: its header, and all of its bytes.
type frame struct {
	header pdu.Header
	bytes  []byte
}

// readFrame reads by the length alone, so that what is inside may be anything and the next PDU is still found.
func (s *session) readFrame(within time.Duration) (frame, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(within))
	return readFrame(s.reader)
}

// maxFrame is far above what a centre needs to say.
const maxFrame = 64 << 10

func readFrame(r io.Reader) (f frame, err error) {
	var head [data.PDU_HEADER_SIZE]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < uint32(len(head)) || length > maxFrame {
		return f, &ownError{fmt.Sprintf("it does not speak SMPP (a command of %d bytes)", length)}
	}
	f.header = pdu.ParseHeader(head)
	f.bytes = make([]byte, length)
	copy(f.bytes, head[:])
	_, err = io.ReadFull(r, f.bytes[len(head):])
	return f, err
}

// parse reads the body. What it cannot be, the library may panic at.
func (f frame) parse() (p pdu.PDU, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, errors.New("malformed")
		}
	}()
	return pdu.Parse(bytes.NewReader(f.bytes))
}

// read takes what comes. The time that a PDU may take is that of the next enquire_link and its response.
func (s *session) read() error {
	for {
		s.mu.Lock()
		dead := s.dead
		s.mu.Unlock()
		if dead != nil {
			return dead
		}
		f, err := s.readFrame(s.centre.config.Enquire + s.centre.config.Timeout)
		if err != nil {
			return err
		}
		if err := s.take(f); err != nil {
			return err
		}
	}
}

// take acts on one PDU.
func (s *session) take(f frame) error {
	switch f.header.CommandID {
	case data.SUBMIT_SM_RESP, data.GENERIC_NACK:
		s.answered(f)
		return nil
	case data.ENQUIRE_LINK_RESP, data.ALERT_NOTIFICATION, data.OUTBIND:
		return nil
	case data.UNBIND_RESP:
		return &ownError{"it is unbound"}
	}
	if f.header.CommandID < 0 { // a response to what was never asked
		return nil
	}
	p, err := f.parse()
	if err != nil {
		// A receipt may be lost, the connection need not be.
		nack := pdu.NewGenericNack().(*pdu.GenericNack)
		nack.CommandStatus = data.ESME_RINVCMDID
		nack.SetSequenceNumber(f.header.SequenceNumber)
		return s.write(nack)
	}
	switch p := p.(type) {
	case *pdu.DeliverSM:
		s.centre.track.receipt(deliverReceipt(p))
	case *pdu.DataSM:
		s.centre.track.receipt(dataReceipt(p))
	case *pdu.Unbind:
		_ = s.write(p.GetResponse())
		return &ownError{"it has unbound"}
	}
	if !p.CanResponse() {
		return nil
	}
	return s.write(p.GetResponse())
}

// answered hands a response to whom it is for. A response of another kind that bears the number of a submit is none.
func (s *session) answered(f frame) {
	s.mu.Lock()
	r, ok := s.waiting[f.header.SequenceNumber]
	delete(s.waiting, f.header.SequenceNumber)
	s.mu.Unlock()
	if !ok {
		return
	}
	got := response{status: f.header.CommandStatus}
	if f.header.CommandID == data.GENERIC_NACK && got.status == data.ESME_ROK {
		got.status = data.ESME_RUNKNOWNERR // a refusal that does not say why
	}
	if got.status == data.ESME_ROK {
		// The status stands in the header, whatever is wrong with the rest.
		if p, err := f.parse(); err == nil {
			if p, ok := p.(*pdu.SubmitSMResp); ok {
				got.id = p.MessageID
			}
		}
		r.taken(got.id)
	}
	r.done <- got
}
