// The service worker: the app's own files without a network, and the doorbell. It never touches the API's replies.
import { Device, type DeviceRecord, Transport } from "@latchkey/device-client";
import { BrowserStore } from "./idb.ts";
import { type Language, preferredLanguage, translator } from "./texts.ts";

/** Set by the build: the app's files, and a hash of them all. */
declare const SHELL: string[];
declare const VERSION: string;

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ClickEvent extends WorkerEvent {
  notification: Notification;
}
interface WindowClient {
  url: string;
  visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
interface Worker {
  registration: ServiceWorkerRegistration;
  clients: { claim(): Promise<void>; matchAll(how: object): Promise<WindowClient[]>; openWindow(url: string): Promise<unknown> };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, handler: (event: never) => void): void;
}
const worker = self as unknown as Worker;
const cacheName = `latchkey-${VERSION}`;
const base = new URL("./", self.location.href);
/** This one serves the app's files; others are bells of other appliances, see workers.ts. */
const serves = worker.registration.scope === base.href;

worker.addEventListener("install", (event: WorkerEvent) => {
  if (!serves) return event.waitUntil(worker.skipWaiting());
  const all = SHELL.map((name) => new Request(new URL(name, base), { cache: "reload" }));
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(all)).then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event: WorkerEvent) => {
  if (!serves) return;
  const old = (names: string[]) => names.filter((n) => n.startsWith("latchkey-") && n !== cacheName);
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((n) => caches.delete(n)))).then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event: FetchEvent) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== base.origin || !url.pathname.startsWith(base.pathname)) return;
  const name = url.pathname.slice(base.pathname.length) || "index.html";
  if (!SHELL.includes(name)) return;
  // All files of one version come from one cache, so that an update is taken as a whole or not at all.
  event.respondWith(caches.open(cacheName).then((cache) => cache.match(new URL(name, base))).then((hit) => hit ?? fetch(event.request)));
});

async function waitingAt(store: BrowserStore, record: DeviceRecord): Promise<number> {
  if (record.state !== "active") return 0;
  const device = new Device(new Transport(store, { repeats: [500] }), record.id);
  return (await device.pendings()).length + (await device.messages()).length;
}

async function ring(): Promise<void> {
  const store = new BrowserStore();
  const t = translator((await store.setting<Language>("language")) ?? preferredLanguage(navigator.languages));
  const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const open of windows) open.postMessage("push");
  const counts = await Promise.all((await store.list()).map((r) => waitingAt(store, r).catch(() => 1)));
  const any = counts.some((n) => n > 0);
  // A browser demands a notification for each push; it tells nothing that a locked screen should not show.
  await worker.registration.showNotification(any ? t("pushTitle") : t("pushNone"), {
    body: any ? t("pushBody") : "", tag: "latchkey-login", icon: "icons/icon-192.png", badge: "icons/badge-96.png",
    requireInteraction: false,
  });
}

worker.addEventListener("push", (event: WorkerEvent) => event.waitUntil(ring()));

worker.addEventListener("notificationclick", (event: ClickEvent) => {
  event.notification.close();
  event.waitUntil((async () => {
    const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const ours = windows.find((w) => w.url.startsWith(base.href));
    if (ours) {
      ours.postMessage("push");
      await ours.focus();
    } else {
      await worker.clients.openWindow(base.href);
    }
  })());
});
