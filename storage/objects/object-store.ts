// The one interface through which the project reads and writes stored objects. Drivers: folder, S3, memory.

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** Last modification, milliseconds since the epoch, by the store's clock. */
  readonly modifiedMs: number;
  /** Where the driver knows it: which file this is. Keys with the same one are one object, by links in the folder. */
  readonly file?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions extends CallOptions {
  /** What must be told also when the store is full (events, the mark of a collection): it may use the room that the driver keeps back, where it keeps some. */
  readonly urgent?: boolean | undefined;
}

/**
 * A flat space of objects named by `/`-separated keys (no leading slash, no empty, `.` or `..` segment: `InputError`).
 * All methods throw `TransientError` when the store cannot be reached after retries, `ResourceError` when it is full
 * or refuses access; both name operation and key.
 */
export interface ObjectStore {
  /** Canonical URL, e.g. `file:///data/x`, `s3://bucket/prefix`, `memory://n`. */
  readonly url: string;
  /** 16 hex digits of this address; the store itself, which may have several, has an id of its own (records/identity.ts). */
  readonly addressId: string;
  /** The folder on this machine that holds the store (driver `file` only). */
  readonly folder?: string;
  /** Whether nothing that a process asked of the store can still take effect once all of its threads have ended. */
  readonly requestsEndWithProcess?: boolean;
  /** The whole object, or null where there is none. */
  get(key: string, options?: CallOptions): Promise<Uint8Array | null>;
  /** `length` bytes from `offset`; shorter only at the object's end. @throws DataError where there is no such object. */
  getRange(key: string, offset: number, length: number, options?: CallOptions): Promise<Uint8Array>;
  head(key: string, options?: CallOptions): Promise<ObjectInfo | null>;
  /** Creates the object unless one exists; atomic among all writers; durable when it returns. */
  putIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<'created' | 'exists'>;
  /** Creates or replaces; only for records that are not evidence (beats). */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<void>;
  /** Objects under a key prefix (a plain string prefix), in key order. */
  list(prefix: string, options?: CallOptions & { readonly startAfter?: string }): AsyncIterable<ObjectInfo>;
  /** Sets the modification time to now, so that garbage collection spares an adopted object. */
  touch(key: string, options?: CallOptions): Promise<void>;
  /** Removes the object; nothing happens where there is none. */
  delete(key: string, options?: CallOptions): Promise<void>;
  close(): Promise<void>;
  /** Path of the file that holds the object, for readers on the same machine (driver `file` only); never write to it. */
  localPath?(key: string): string;
  /** What only this driver can check of its store (driver `file`: hard links; `s3`: damaged uploads); never throws. */
  driverChecks?(scratchKey: string): Promise<StoreCheck[]>;
}

/** One line of a probe's table. */
export interface StoreCheck {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}
