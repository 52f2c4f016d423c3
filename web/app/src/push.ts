// Web Push, the doorbell: it carries nothing but that somebody rang.
import { type Device, ProblemError, unbase64url } from "@latchkey/device-client";
import { bellOf } from "./workers.ts";

export const pushPossible = (): boolean => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** Asks the person, then the browser's push service, then tells the appliance. False: the person said no. */
export async function subscribe(device: Device): Promise<boolean> {
  if ((await Notification.requestPermission()) !== "granted") return false;
  const registration = await bellOf((await device.record()).origin);
  let subscription = await registration.pushManager.getSubscription();
  if (!subscription) {
    const { vapidKey } = await device.hello();
    if (!vapidKey) throw new ProblemError("subscription-refused", 0, "the appliance has no key for push messages");
    subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unbase64url(vapidKey) });
  }
  await device.push(subscription.toJSON());
  return true;
}
