// The service workers: one for the app's files and the doorbell of its own appliance, and one for the doorbell of each
// other appliance. A browser keeps one subscription a worker, under the key of one appliance.
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let named: string | undefined;

/** The one script that the app ever names, said to the browser in the one place where it asks. */
function workerUrl(): string {
  if (named !== undefined) return named;
  const types = (window as { trustedTypes?: TrustedTypes }).trustedTypes;
  const only = (url: string) => {
    if (url !== "sw.js") throw new TypeError("no such script");
    return url;
  };
  return (named = types ? types.createPolicy("latchkey", { createScriptURL: only }).createScriptURL("sw.js") : only("sw.js"));
}

const register = (scope: string) => navigator.serviceWorker.register(workerUrl(), { scope, updateViaCache: "none" });

/** No page stands below it: this worker hears nothing but the bell. */
const scopeOf = (origin: string): string => (origin === location.origin ? "./" : `bell/${new URL(origin).host.replace(":", "-")}/`);

/** Starts the app's own worker, and lets the others look whether they are still the newest. */
export async function startWorkers(): Promise<void> {
  if (!navigator.serviceWorker) return;
  await register("./");
  for (const one of await navigator.serviceWorker.getRegistrations()) await one.update().catch(() => undefined);
}

/** The worker that the appliance at an origin rings, once it runs. */
export async function bellOf(origin: string): Promise<ServiceWorkerRegistration> {
  const made = await register(scopeOf(origin));
  const worker = made.active ?? made.waiting ?? made.installing;
  if (worker && worker.state !== "activated") {
    await new Promise<void>((done, fail) => worker.addEventListener("statechange", () => {
      if (worker.state === "activated") done();
      if (worker.state === "redundant") fail(new Error("the worker did not start"));
    }));
  }
  return made;
}

/** Takes the bell of an appliance away. */
export async function silence(origin: string): Promise<void> {
  const made = await navigator.serviceWorker?.getRegistration(scopeOf(origin));
  // What is found may be the app's own worker, whose scope is above all others.
  if (!made || new URL(scopeOf(origin), location.href).href !== made.scope) return;
  await (await made.pushManager?.getSubscription())?.unsubscribe();
  if (origin !== location.origin) await made.unregister();
}
