// Reads the body of a GET to its end although connections break: what is missing is asked for by Range, and If-Match
// makes sure that it belongs to the same object. The SDK does not do this: it gives up on a body cut half-way.
import type { Readable } from 'node:stream';
import { DataError, TransientError } from '../../schemas/errors.js';
import type { StoreCall } from './store-errors.js';

/** The answer to a GET of all, or of the rest, of what is wanted. */
export interface BodyPart {
  readonly body: Readable;
  /** Bytes that the answer announces; undefined where it does not. */
  readonly bytes: number | undefined;
  readonly etag: string | undefined;
}

export interface BodyRequest {
  /** Asks for the wanted bytes from `from` on (0 = all of them), of the object with that tag. */
  readonly open: (from: number, etag: string | undefined, signal: AbortSignal) => Promise<BodyPart | 'replaced' | null>;
  readonly call: StoreCall;
  readonly stallMs: number;
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

/** The wanted bytes, or null where there is no object. @throws TransientError when the body breaks off time and again */
export async function readBody(request: BodyRequest): Promise<Uint8Array | null> {
  let content: Buffer | null = null;
  let filled = 0;
  let etag: string | undefined;
  let failures = 0;
  for (;;) {
    const before = filled;
    const abort = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, abort.signal]) : abort.signal;
    const part = await request.open(filled, etag, signal);
    if (part === null) return filled === 0 ? null : gone(request.call);
    if (part === 'replaced') {
      // There it is, as another: read that, unless half of the first one is read.
      if (filled > 0) gone(request.call);
      etag = undefined;
      content = null;
      continue;
    }
    etag ??= part.etag;
    content ??= Buffer.allocUnsafe(part.bytes ?? 0);
    try {
      for await (const chunk of watched(part.body, abort, request.stallMs)) {
        content = withRoom(content, filled + chunk.length);
        content.set(chunk, filled);
        filled += chunk.length;
      }
      if (filled >= content.length || part.bytes === undefined) return content.subarray(0, filled);
      throw new TransientError(`The body ended after ${filled} of ${content.length} bytes.`);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (isDamage(error)) filled = 0;
      failures = filled > before ? 1 : failures + 1;
      if (failures >= request.attempts) throw brokenOff(request, filled, error);
      await pause(failures, request.signal);
    }
  }
}

/** The chunks of a body; ends the request when none comes for a while. */
async function* watched(body: Readable, abort: AbortController, stallMs: number): AsyncIterable<Buffer> {
  const stalled = new TransientError(`No byte for ${stallMs} ms.`, { stallMs });
  const timer = setTimeout(() => {
    abort.abort(stalled);
    body.destroy(stalled);
  }, stallMs);
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk as Buffer;
    }
  } finally {
    clearTimeout(timer);
  }
}

function withRoom(content: Buffer, bytes: number): Buffer {
  if (content.length >= bytes) return content;
  const larger = Buffer.allocUnsafe(Math.max(bytes, content.length * 2));
  larger.set(content);
  return larger;
}

/** The SDK's check of the whole body against the stored checksum failed: start over rather than go on. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && /checksum mismatch/i.test(error.message);
}

function brokenOff(request: BodyRequest, filled: number, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const where = `(operation: ${request.call.operation}, key: ${request.call.key}, store: ${request.call.url})`;
  const details = { ...request.call, received: filled };
  if (isDamage(error)) {
    return new DataError(
      `Expected the object's bytes to match the store's checksum, they did not, ${request.attempts} times over: ${reason} ${where}; run \`assay verify\` on the dataset.`,
      details,
      { cause: error },
    );
  }
  return new TransientError(
    `Expected the whole body, the connection broke off after ${filled} bytes, ${request.attempts} times over: ${reason} ${where}; check the network, then try again.`,
    details,
    { cause: error },
  );
}

function gone(call: StoreCall): never {
  throw new DataError(
    `Expected ${call.key} in ${call.url} to stay as it was while it was read, it was removed or replaced (operation: ${call.operation}); read it again.`,
    { ...call },
  );
}

/** Waits a little longer after each failure; ends early when the signal aborts. */
export async function pause(failures: number, signal: AbortSignal | undefined): Promise<void> {
  const ms = Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new TransientError('Stopped.'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}
