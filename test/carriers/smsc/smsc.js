// A message centre for tests: SMPP 3.4 by the library smpp, on loopback. Events go to standard output, one JSON object
// a line; orders come by standard input in the same way, and its end ends the centre. SMSC_PASSWORD is what a bind must
// say; with SMSC_CERTIFICATE and SMSC_KEY it speaks TLS; SMSC_PORT fixes its port.
'use strict';

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const say = (event, more) => process.stdout.write(JSON.stringify({event, ...more}) + '\n');

// How it behaves; an order changes some of it.
let orders = {
  status: 0, // of submits, as long as `times` is not used up; then 0 again
  times: 0,
  reply: 'normal', // normal, silent, slow, lie, nack, bare, drop
  slow: 0, // milliseconds
  receipt: 'DELIVRD', // its stat, or '' for none
  style: 'text', // text, early, hex, tlv, odd
  enquire: true, // answers enquire_link
};

let last = 1000; // message ids
let most = 0; // submits that waited for their responses at once
let open = 0;
const sessions = new Set();
const parts = new Map();

// text undoes the alphabet: the library has done so where it knows the coding.
function textOf(pdu) {
  const message = pdu.short_message.message;
  if (Buffer.isBuffer(message)) {
    return pdu.data_coding === 8 ? Buffer.from(message).swap16().toString('utf16le') : message.toString('latin1');
  }
  return message;
}

function header(pdu) {
  const udh = pdu.short_message.udh;
  if (!udh || !udh.length) {
    return null;
  }
  const list = Array.isArray(udh) ? udh : [udh];
  for (const element of list) {
    const b = Buffer.from(element);
    // The library gives information elements with or without the length in front.
    const at = b.length === 6 ? 1 : 0;
    if (b[at] === 0 && b[at + 1] === 3) {
      return {reference: b[at + 2], of: b[at + 3], number: b[at + 4]};
    }
  }
  return null;
}

function received(pdu, id) {
  const udh = header(pdu);
  const text = textOf(pdu);
  const message = {
    id, from: pdu.source_addr, from_ton: pdu.source_addr_ton, from_npi: pdu.source_addr_npi,
    to: pdu.destination_addr, to_ton: pdu.dest_addr_ton, to_npi: pdu.dest_addr_npi,
    coding: pdu.data_coding, class: pdu.esm_class, receipt: pdu.registered_delivery,
    validity: pdu.validity_period ? String(pdu.validity_period instanceof Date ? pdu.validity_period.toISOString() : pdu.validity_period) : '',
  };
  if (!udh) {
    say('inbox', {...message, text, parts: 1});
    return;
  }
  const key = pdu.destination_addr + '/' + udh.reference;
  const whole = parts.get(key) || [];
  whole[udh.number - 1] = text;
  parts.set(key, whole);
  if (whole.filter((p) => p !== undefined).length === udh.of) {
    parts.delete(key);
    say('inbox', {...message, text: whole.join(''), parts: udh.of});
  }
}

function receipt(session, pdu, id) {
  const stat = orders.receipt;
  if (!stat || !pdu.registered_delivery) {
    return;
  }
  const more = {source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4};
  const states = {DELIVRD: 2, EXPIRED: 3, UNDELIV: 5, ACCEPTD: 6, REJECTD: 8};
  const told = orders.style === 'hex' ? String(parseInt(id, 16)) : id;
  let text = `id:${told} sub:001 dlvrd:001 submit date:2611252230 done date:2611252231 stat:${stat} err:${stat === 'DELIVRD' ? '000' : '027'} text:${'PINphrase: secret '}`;
  if (orders.style === 'odd') {
    text = `Id: 00${told}  Done Date:26112522  STAT: ${stat} ERR: 27 Text: id:999 stat:UNDELIV`;
  }
  if (orders.style === 'tlv') {
    session.deliver_sm({...more, receipted_message_id: told, message_state: states[stat], short_message: ''}, () => say('receipt', {id}));
    return;
  }
  session.deliver_sm({...more, short_message: text}, () => say('receipt', {id}));
}

function submit(session, pdu) {
  let status = 0;
  if (orders.times > 0) {
    orders.times--;
    status = orders.status;
  }
  say('submit', {sequence: pdu.sequence_number, status, reply: orders.reply});
  const id = orders.style === 'hex' ? (++last).toString(16).toUpperCase() : String(++last);
  const {reply} = orders;
  open++;
  most = Math.max(most, open);
  const answer = () => {
    open--;
    if (status !== 0) {
      session.send(pdu.response({command_status: status}));
      return;
    }
    received(pdu, id);
    if (orders.style === 'early') {
      receipt(session, pdu, id);
    }
    switch (reply) {
      case 'silent':
        return;
      case 'drop':
        session.destroy();
        return;
      case 'lie': // the right number, the wrong command; and the right command, the wrong number
        session.send(new smpp.PDU('enquire_link_resp', {sequence_number: pdu.sequence_number}));
        session.send(new smpp.PDU('query_sm_resp', {sequence_number: pdu.sequence_number}));
        session.send(new smpp.PDU('submit_sm_resp', {sequence_number: pdu.sequence_number + 100, message_id: id}));
        return;
      case 'nack':
        session.send(new smpp.PDU('generic_nack', {sequence_number: pdu.sequence_number, command_status: 3}));
        return;
      case 'bare': { // a success without a message id, not even an empty one
        const b = Buffer.alloc(16);
        b.writeUInt32BE(16, 0);
        b.writeUInt32BE(0x80000004, 4);
        b.writeUInt32BE(pdu.sequence_number, 12);
        session.socket.write(b);
        return;
      }
    }
    session.send(pdu.response({message_id: id}));
    if (orders.style !== 'early') {
      receipt(session, pdu, id);
    }
  };
  if (orders.slow > 0) {
    setTimeout(answer, orders.slow);
  } else {
    answer();
  }
}

function serve(session) {
  sessions.add(session);
  session.on('error', () => {});
  session.on('close', () => {
    sessions.delete(session);
    say('closed');
  });
  session.on('bind_transceiver', (pdu) => {
    const good = pdu.password === (process.env.SMSC_PASSWORD || 'geheim');
    session.send(pdu.response(good ? {system_id: 'smsc'} : {command_status: smpp.ESME_RINVPASWD}));
    say(good ? 'bound' : 'refused', {system_id: pdu.system_id, system_type: pdu.system_type, version: pdu.interface_version});
  });
  session.on('enquire_link', (pdu) => {
    say('enquire');
    if (orders.enquire) {
      session.send(pdu.response());
    }
  });
  session.on('unbind', (pdu) => {
    say('unbound');
    session.send(pdu.response(), () => session.close());
  });
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('generic_nack', (pdu) => say('nacked', {status: pdu.command_status}));
}

const options = {};
if (process.env.SMSC_CERTIFICATE) {
  options.cert = fs.readFileSync(process.env.SMSC_CERTIFICATE);
  options.key = fs.readFileSync(process.env.SMSC_KEY);
}
const server = smpp.createServer(options, serve);
server.listen(Number(process.env.SMSC_PORT || 0), '127.0.0.1', () => say('listening', {port: server.address().port}));

readline.createInterface({input: process.stdin}).on('line', (line) => {
  const {act, ...change} = JSON.parse(line);
  orders = {...orders, ...change};
  for (const session of sessions) {
    switch (act) {
      case 'kick':
        session.destroy();
        break;
      case 'unbind':
        session.unbind();
        break;
      case 'garbage':
        session.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
        break;
      case 'unknown': { // a command that nobody knows, and a deliver_sm that is none
        const b = Buffer.from('0000001000000fff0000000000000777' + '00000014000000050000000000000778ffffffff', 'hex');
        session.socket.write(b);
        break;
      }
      case 'person': // somebody answers an SMS
        session.deliver_sm({source_addr: '491711234567', destination_addr: 'Latchkey', short_message: 'id:1001 stat:UNDELIV err:1'}, () => say('heard'));
        break;
    }
  }
  if (act === 'most') {
    say('most', {count: most});
  }
  if (act === 'order') {
    say('ordered');
  }
}).on('close', () => process.exit(0));
