// The app's memory: IndexedDB for devices and settings, Web Locks for what must happen one after the other.
import { changed, type DeviceRecord, type DeviceStore, type RecordChange } from "@latchkey/device-client";

function wait<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open("latchkey", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("devices", { keyPath: "id" });
    request.result.createObjectStore("settings");
  };
  return wait(request);
}

export class BrowserStore implements DeviceStore {
  #db: Promise<IDBDatabase> | undefined;

  async #run<T>(name: "devices" | "settings", mode: IDBTransactionMode, work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const db = await (this.#db ??= open());
    db.onclose = () => (this.#db = undefined);
    // Strict: the counter must not go backwards when the phone loses power.
    const transaction = db.transaction(name, mode, { durability: "strict" });
    const done = new Promise<void>((finish, fail) => {
      transaction.oncomplete = () => finish();
      transaction.onabort = () => fail(transaction.error);
    });
    const [result] = await Promise.all([work(transaction.objectStore(name)), done]);
    return result;
  }

  list(): Promise<DeviceRecord[]> {
    return this.#run("devices", "readonly", (s) => wait<DeviceRecord[]>(s.getAll()));
  }
  get(id: string): Promise<DeviceRecord | undefined> {
    return this.#run("devices", "readonly", (s) => wait<DeviceRecord | undefined>(s.get(id)));
  }
  async add(record: DeviceRecord): Promise<void> {
    await this.#run("devices", "readwrite", (s) => wait(s.add(record)));
  }
  async update(id: string, change: RecordChange): Promise<void> {
    await this.#change(id, (record) => changed(record, change));
  }
  async advance(id: string): Promise<number> {
    return (await this.#change(id, (record) => ({ ...record, counter: record.counter + 1 }))).counter;
  }
  async remove(id: string): Promise<void> {
    await this.#run("devices", "readwrite", (s) => wait(s.delete(id)));
  }
  exclusive<T>(id: string, fn: () => Promise<T>): Promise<T> {
    return navigator.locks.request(`latchkey-device-${id}`, fn) as Promise<T>;
  }

  setting<T>(name: string): Promise<T | undefined> {
    return this.#run("settings", "readonly", (s) => wait<T | undefined>(s.get(name)));
  }
  async set(name: string, value: unknown): Promise<void> {
    await this.#run("settings", "readwrite", (s) => wait(s.put(value, name)));
  }

  #change(id: string, change: (record: DeviceRecord) => DeviceRecord): Promise<DeviceRecord> {
    return this.#run("devices", "readwrite", async (s) => {
      const record = await wait<DeviceRecord | undefined>(s.get(id));
      if (!record) throw new Error("no such device here");
      const next = change(record);
      await wait(s.put(next));
      return next;
    });
  }
}
