// Enrolment: an invitation becomes a device with a device key. Its PIN and its approval key follow in device.ts.
import { base64url } from "./bytes.ts";
import type { Invitation } from "./invitation.ts";
import { type NewKey, newDeviceKey, signCall } from "./keys.ts";
import { enrolMessage } from "./messages.ts";
import { ProtocolError } from "./problem.ts";
import type { DeviceRecord } from "./store.ts";
import type { Transport } from "./transport.ts";

/**
 * name: what the user calls this device. Spends the invitation; the record is stored in state `setup`. After a
 * NetworkError try again with the same deviceKey: another one would be a second use of the invitation.
 */
export async function enrol(
  transport: Transport, origin: string, invitation: Invitation, name: string, deviceKey?: NewKey,
): Promise<DeviceRecord> {
  const { key, spki } = deviceKey ?? (await newDeviceKey());
  const proof = await signCall(key, enrolMessage(invitation.id, invitation.secret, spki));
  const reply = await transport.bare(origin, "/api/v1/enrolments", {
    invitation: base64url(invitation.id), secret: base64url(invitation.secret), device_key: base64url(spki), name, proof: base64url(proof),
  });
  const id = reply.text("device");
  if (!/^[0-9a-f]{24}$/.test(id)) throw new ProtocolError("reply: device is no id");
  const record: DeviceRecord = {
    id, origin, name, user: reply.text("user"), appliance: reply.text("appliance"),
    pinDigits: reply.count("pin_digits"), deviceKey: key, deviceSpki: spki, counter: reply.count("counter"), state: "setup",
  };
  await transport.store.add(record);
  return record;
}
