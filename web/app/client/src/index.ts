// The device protocol of Latchkey, version 1 (docs/mobile-protocol.md). Needs fetch and WebCrypto, no DOM.
export { Approval, type Approved, type ApprovedByCode } from "./approval.ts";
export { base64url, type Bytes, unbase64url } from "./bytes.ts";
export { Device, type Hello, type Message, type PastLogin } from "./device.ts";
export { enrol } from "./enrol.ts";
export type { DeviceEvent, EventHandler } from "./events.ts";
export { type Invitation, invitationCode, InvitationError, parseInvitationCode, parseInvitationLink } from "./invitation.ts";
export { type NewKey, newDeviceKey } from "./keys.ts";
export type { Pending } from "./messages.ts";
export type { WrappedKey } from "./pin.ts";
export { pinBounds, type PinFault, pinFault } from "./pinrules.ts";
export { NetworkError, type ProblemCode, problemCodes, ProblemError, ProtocolError, WrongPinError } from "./problem.ts";
export { changed, type DeviceRecord, type DeviceStore, MemoryStore, type RecordChange } from "./store.ts";
export { isSymbol, type SymbolName, symbolNames } from "./symbols.ts";
export { Transport, type TransportOptions } from "./transport.ts";
