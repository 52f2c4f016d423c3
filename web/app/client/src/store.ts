// What a device remembers, and the promises that its storage must keep.
import type { Bytes } from "./bytes.ts";
import type { WrappedKey } from "./pin.ts";

/** One ID: a user at an appliance. Holds no public key, and nothing that tells a right PIN without the appliance. */
export interface DeviceRecord {
  /** 24 hexadecimal digits. */
  id: string;
  /** The appliance's origin. */
  origin: string;
  user: string;
  appliance: string;
  /** The name of this device at the appliance. */
  name: string;
  /** A new PIN has so many digits at least, or is a passphrase. */
  pinDigits: number;
  deviceKey: CryptoKey;
  /** The device key's public half, for the check code; forgotten once the PIN is set up. */
  deviceSpki?: Bytes;
  /** The last counter that was used. */
  counter: number;
  /** `setup`: no PIN yet; `inert`: waits to be confirmed. */
  state: "setup" | "inert" | "active";
  /** Shown while inert, forgotten afterwards. */
  checkCode?: string;
  wrapped?: WrappedKey;
  /** A renewed key, as long as it is not known whether the appliance took it. */
  next?: WrappedKey;
}

export type RecordChange = Partial<Omit<DeviceRecord, "id" | "counter" | "deviceKey">>;

/**
 * The storage. All changes are durable once their promise resolves; a counter that went backwards looks to the
 * appliance like a copied phone, and locks the device.
 */
export interface DeviceStore {
  list(): Promise<DeviceRecord[]>;
  get(id: string): Promise<DeviceRecord | undefined>;
  add(record: DeviceRecord): Promise<void>;
  /** Changes the named fields and leaves the others alone; a field set to undefined is taken away. */
  update(id: string, change: RecordChange): Promise<void>;
  /** Raises the counter by one and returns it. */
  advance(id: string): Promise<number>;
  remove(id: string): Promise<void>;
  /** Runs fn while nobody else does for this id, neither in this context nor in another tab or worker. */
  exclusive<T>(id: string, fn: () => Promise<T>): Promise<T>;
}

/** Keeps devices as long as the process lives: for tests and for hosts that save records in their own way. */
export class MemoryStore implements DeviceStore {
  readonly records = new Map<string, DeviceRecord>();
  readonly #queues = new Map<string, Promise<unknown>>();

  async list() {
    return [...this.records.values()].map((r) => ({ ...r }));
  }
  async get(id: string) {
    const record = this.records.get(id);
    return record && { ...record };
  }
  async add(record: DeviceRecord) {
    this.records.set(record.id, { ...record });
  }
  async update(id: string, change: RecordChange) {
    this.records.set(id, changed(this.#need(id), change));
  }
  async advance(id: string) {
    return ++this.#need(id).counter;
  }
  async remove(id: string) {
    this.records.delete(id);
  }
  async exclusive<T>(id: string, fn: () => Promise<T>): Promise<T> {
    const run = (this.#queues.get(id) ?? Promise.resolve()).then(fn, fn);
    this.#queues.set(id, run.catch(() => undefined));
    return run;
  }
  #need(id: string): DeviceRecord {
    const record = this.records.get(id);
    if (!record) throw new Error("no such device here");
    return record;
  }
}

/** A record with a change applied. */
export function changed(record: DeviceRecord, change: RecordChange): DeviceRecord {
  const all: Record<string, unknown> = { ...record, ...change };
  for (const [field, value] of Object.entries(all)) if (value === undefined) delete all[field];
  return all as unknown as DeviceRecord;
}
